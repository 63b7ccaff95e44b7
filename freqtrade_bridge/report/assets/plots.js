/* Small plots, drawn as SVG: they print, scale, and follow the theme. */

const SVG = "http://www.w3.org/2000/svg";
const BOX = {width: 400, height: 180, left: 40, right: 8, top: 10, bottom: 24};

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/* Return a plot of `lines`: {points: [[x, y]], colour, dots}; x are plain numbers, named by `tick`. */
function plot(label, lines, {tick, unit = v => v, zero = false, low = null, high = null} = {}) {
  const points = lines.flatMap(line => line.points);
  const xs = extent(points.map(one => one[0])), ys = extent(points.map(one => one[1]).concat(zero ? [0] : []));
  if (low !== null) ys[0] = low;
  if (high !== null) ys[1] = high;
  const inner = [BOX.width - BOX.left - BOX.right, BOX.height - BOX.top - BOX.bottom];
  const x = value => BOX.left + inner[0] * (value - xs[0]) / (xs[1] - xs[0] || 1);
  const y = value => BOX.top + inner[1] * (1 - (value - ys[0]) / (ys[1] - ys[0] || 1));
  const made = svg("svg", {class: "plot", viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img", "aria-label": label});
  for (const value of [ys[0], (ys[0] + ys[1]) / 2, ys[1]]) {
    made.append(svg("line", {class: "axis", x1: BOX.left, x2: BOX.width - BOX.right, y1: y(value), y2: y(value)}));
    made.append(svg("text", {x: BOX.left - 6, y: y(value) + 4, "text-anchor": "end"}, unit(value)));
  }
  made.append(svg("text", {x: BOX.left, y: BOX.height - 6}, tick(xs[0])));
  made.append(svg("text", {x: BOX.width - BOX.right, y: BOX.height - 6, "text-anchor": "end"}, tick(xs[1])));
  for (const line of lines) made.append(...drawn(line, x, y));
  return made;
}

function drawn(line, x, y) {
  const style = `var(--${line.colour})`;
  if (line.dots) return line.points.map(([a, b]) => svg("circle", {cx: x(a), cy: y(b), r: 2.4, style: `fill: ${style}`, opacity: .65}));
  const path = line.points.map(([a, b], place) => {
    const to = `${x(a).toFixed(1)} ${y(b).toFixed(1)}`;
    return place === 0 ? `M${to}` : line.steps ? `H${x(a).toFixed(1)}V${y(b).toFixed(1)}` : `L${to}`;
  });
  return [svg("path", {class: "line", d: path.join(""), style: `stroke: ${style}`})];
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
  return [low, high];
}

/* Return a small table: `columns` are [title, row => text, class or row => class]. */
function smallTable(columns, rows) {
  return el("table", {class: "small"},
    el("thead", {}, el("tr", {}, columns.map(([title, , kind]) => el("th", {scope: "col", class: typeof kind === "string" ? kind : null}, title)))),
    el("tbody", {}, rows.map(row => el("tr", {}, columns.map(([, shown, kind]) => el("td", {class: typeof kind === "function" ? kind(row) : kind}, shown(row)))))));
}
