/* Charts by lightweight-charts: the account with its drawdown, and the candles of one pair with what was done on them. */

const chartsDrawn = [];

function chartOptions() {
  return {
    autoSize: true,
    layout: {
      background: {type: "solid", color: colour("panel")}, textColor: colour("faint"), fontSize: 12,
      fontFamily: getComputedStyle(document.body).fontFamily, attributionLogo: true,
      panes: {separatorColor: colour("line"), enableResize: false},
    },
    grid: {vertLines: {visible: false}, horzLines: {color: colour("grid")}},
    rightPriceScale: {borderVisible: false},
    timeScale: {borderColor: colour("line"), timeVisible: true, secondsVisible: false, minBarSpacing: .05},
    crosshair: {mode: 0, vertLine: {color: colour("faint"), labelBackgroundColor: colour("faint")}, horzLine: {color: colour("faint"), labelBackgroundColor: colour("faint")}},
    handleScroll: {mouseWheel: false, vertTouchDrag: false},
    handleScale: {mouseWheel: false},
    localization: {locale: document.documentElement.lang},
  };
}

/* Return the line of a time series; what is null is left out. */
const series = (times, values) => times.map((time, place) => ({time, value: values[place]}));

/* The account, marked to market. */
class EquityChart {
  constructor({time, value, held, currency}) {
    this.time = time;
    this.box = document.getElementById("equity-chart");
    this.chart = LightweightCharts.createChart(this.box, chartOptions());
    this.lines = [];
    if (held) this.lines.push(["faint", this.line(LightweightCharts.LineSeries, held, {lineWidth: 1, lineStyle: 2})]);
    this.lines.push(["accent", this.line(LightweightCharts.LineSeries, value, {lineWidth: 2})]);
    this.below = this.chart.addSeries(LightweightCharts.BaselineSeries, {
      baseValue: {type: "price", price: 0}, lineWidth: 1, priceLineVisible: false, lastValueVisible: false,
      priceFormat: {type: "custom", minMove: .01, formatter: value => numbered(value, 1) + " %"},
    }, 1);
    this.below.setData(series(time, drawdown(value)));
    const [upper, lower] = this.chart.panes();
    upper.setStretchFactor(3);
    lower.setStretchFactor(1);
    this.tint();
    this.chart.timeScale().fitContent();
    keyboard(this.box, this.chart);
    legend("equity-legend", [["accent", say("js.equity", {currency})], held && ["faint", say("js.held")], ["down", say("js.drawdown")]]);
    chartsDrawn.push(this);
  }

  line(kind, values, options) {
    const made = this.chart.addSeries(kind, {priceLineVisible: false, lastValueVisible: true, priceFormat: {type: "custom", minMove: .01, formatter: value => numbered(value, 0)}, ...options});
    made.setData(series(this.time, values));
    return made;
  }

  paint() {
    this.chart.applyOptions(chartOptions());
    this.tint();
  }

  tint() {
    for (const [name, line] of this.lines) line.applyOptions({color: colour(name)});
    const red = colour("down");
    this.below.applyOptions({bottomLineColor: red, bottomFillColor1: clear(red, .05), bottomFillColor2: clear(red, .3), topLineColor: red, topFillColor1: "transparent", topFillColor2: "transparent"});
  }
}

function drawdown(values) {
  let peak = -Infinity;
  return values.map(value => { peak = Math.max(peak, value); return peak > 0 ? 100 * (value / peak - 1) : 0; });
}

function clear(rgb, share) {
  return rgb.replace(/^rgb\((.*)\)$/, (_, parts) => `rgba(${parts}, ${share})`);
}

function legend(name, entries) {
  const box = document.getElementById(name);
  box.replaceChildren(...entries.filter(Boolean).map(([shade, label]) => el("span", {}, el("i", {style: `background: var(--${shade})`}), label)));
}

/* What can be laid over the candles. */
const LAYERS = ["orders", "changes", "stops", "levels", "unfilled"];

/* The candles of one pair. */
class PairChart {
  constructor(pairs, trades, decisions) {
    Object.assign(this, {pairs, trades, decisions, layers: new Set(LAYERS), current: null});
    this.box = document.getElementById("pair-chart");
    this.chart = LightweightCharts.createChart(this.box, chartOptions());
    this.plan = new PlanLines(this);
    this.chart.subscribeClick(click => this.clicked(click));
    this.zoomButtons();
    this.tabs();
    this.checks();
    keyboard(this.box, this.chart);
    chartsDrawn.push(this);
    this.choose(this.busiest());
  }

  busiest() {
    const counts = new Map(this.pairs.map(({pair}) => [pair, 0]));
    for (const {pair} of this.trades) counts.set(pair, (counts.get(pair) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  }

  choose(pair) {
    this.current = this.pairs.find(one => one.pair === pair);
    if (!this.current) return;
    if (this.candles) this.chart.removeSeries(this.candles);
    const {steps} = this.current, times = summed(steps), isLine = !this.current.open;
    this.times = times;
    this.candles = this.chart.addSeries(isLine ? LightweightCharts.LineSeries : LightweightCharts.CandlestickSeries, {priceLineVisible: false, lastValueVisible: false, priceFormat: precision(this.current.close)});
    this.candles.setData(times.map((time, i) => isLine ? {time, value: this.current.close[i]}
      : {time, open: this.current.open[i], high: this.current.high[i], low: this.current.low[i], close: this.current.close[i]}));
    this.candles.attachPrimitive(this.plan);
    this.markers = LightweightCharts.createSeriesMarkers(this.candles, []);
    this.own = this.trades.map((trade, number) => ({...trade, number})).filter(trade => trade.pair === pair);
    for (const tab of document.querySelectorAll("#pair-tabs button")) {
      const isChosen = tab.dataset.pair === pair;
      tab.setAttribute("aria-selected", isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
    }
    this.paint();
    this.opening();
  }

  /* All candles where they are wide enough to be seen, else the newest. */
  opening() {
    const room = Math.round(1.3 * this.box.clientWidth), count = this.times.length;
    if (count <= room) this.chart.timeScale().fitContent();
    else this.chart.timeScale().setVisibleLogicalRange({from: count - room, to: count});
  }

  /* The candle that a moment falls into; a chart knows no other times. */
  snapped(seconds) {
    let low = 0, high = this.times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= seconds) low = middle; else high = middle - 1;
    }
    return this.times[low];
  }

  paint() {
    this.chart.applyOptions(chartOptions());
    const up = colour("candle-up"), down = colour("candle-down");
    this.candles.applyOptions(this.current.open ? {upColor: up, downColor: down, borderVisible: false, wickUpColor: up, wickDownColor: down} : {color: colour("faint"), lineWidth: 1});
    this.mark();
  }

  mark() {
    const made = [];
    for (const trade of this.own) made.push(...this.orderMarks(trade));
    if (this.layers.has("unfilled")) made.push(...this.unfilledMarks());
    this.markers.setMarkers(made.sort((a, b) => a.time - b.time));
    this.plan.changed();
  }

  orderMarks(trade) {
    const isLong = trade.side === "long", last = trade.orders.length - 1;
    return trade.orders.flatMap(([time, , , isEntry], place) => {
      const layer = place === 0 || (place === last && trade.closed !== null) ? "orders" : "changes";
      if (!this.layers.has(layer)) return [];
      const isExit = place === last && trade.closed !== null;
      const mark = {time: this.snapped(time), id: `trade-${trade.number}`};
      if (place === 0) return {...mark, shape: isLong ? "arrowUp" : "arrowDown", position: isLong ? "belowBar" : "aboveBar", color: colour("accent"), text: String(trade.number + 1)};
      if (isExit) return {...mark, shape: "circle", position: isLong ? "aboveBar" : "belowBar", color: colour(trade.profit > 0 ? "up" : "down"), size: .8};
      return {...mark, shape: "square", position: isEntry === isLong ? "belowBar" : "aboveBar", color: colour("accent"), size: .5};
    });
  }

  /* Entries that were called and never filled: refused at a door, or without an order. */
  unfilledMarks() {
    const {time, pair, action, fate} = this.decisions, made = [];
    for (let i = 0; i < time.length; i++) {
      if (pair[i] !== this.current.pair || !action[i].startsWith("enter_") || /filled/.test(fate[i])) continue;
      const isLong = action[i] === "enter_long";
      made.push({time: this.snapped(time[i]), id: `decision-${i}`, shape: isLong ? "arrowUp" : "arrowDown", position: isLong ? "belowBar" : "aboveBar", color: colour("warn"), size: .7});
    }
    return made;
  }

  clicked({hoveredObjectId, time}) {
    if (hoveredObjectId) { location.hash = hoveredObjectId; return; }
    const trade = time && this.own.find(one => one.opened <= time && time <= (one.closed ?? Infinity));
    if (trade) location.hash = `trade-${trade.number}`;
  }

  /* Show a trade with its surroundings. */
  focus(trade) {
    if (this.current?.pair !== trade.pair) this.choose(trade.pair);
    const first = this.times.indexOf(this.snapped(trade.opened)), last = this.times.indexOf(this.snapped(trade.closed ?? Infinity));
    const around = Math.max(20, last - first);
    this.chart.timeScale().setVisibleLogicalRange({from: first - around, to: last + around});
  }

  tabs() {
    const box = document.getElementById("pair-tabs");
    box.replaceChildren(...this.pairs.map(({pair}) => el("button", {type: "button", role: "tab", "data-pair": pair, "aria-controls": "pair-chart", onclick: () => this.choose(pair)}, base(pair))));
    box.addEventListener("keydown", event => {
      const way = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (!way) return;
      const all = [...box.children], next = all[(all.indexOf(document.activeElement) + way + all.length) % all.length];
      next.click();
      next.focus();
    });
  }

  checks() {
    const signs = {orders: ["accent", "▲●"], changes: ["accent", "■"], stops: ["down", "╌"], levels: ["up", "╌┈"], unfilled: ["warn", "▲"]};
    document.getElementById("pair-layers").append(...LAYERS.map(layer => {
      const box = el("input", {type: "checkbox", checked: true, onchange: () => { box.checked ? this.layers.add(layer) : this.layers.delete(layer); this.mark(); }});
      const [shade, sign] = signs[layer];
      return el("label", {}, box, el("span", {class: "sign", style: `color: var(--${shade})`, "aria-hidden": "true"}, sign), say(`js.layer.${layer}`));
    }));
  }

  zoomButtons() {
    const scale = factor => zoom(this.chart, factor);
    document.getElementById("pair-zoom").append(
      el("button", {type: "button", class: "quiet", "aria-label": say("js.zoom.in"), onclick: () => scale(.5)}, "+"),
      el("button", {type: "button", class: "quiet", "aria-label": say("js.zoom.out"), onclick: () => scale(2)}, "−"),
      el("button", {type: "button", class: "quiet", onclick: () => this.chart.timeScale().fitContent()}, say("js.zoom.all")));
  }
}

function summed(steps) {
  let time = 0;
  return steps.map(step => time += step);
}

function precision(closes) {
  const digits = Math.max(...closes.slice(0, 200).map(value => (String(value).split(".")[1] ?? "").length));
  return {type: "price", precision: digits, minMove: 10 ** -digits};
}

function zoom(chart, factor) {
  const range = chart.timeScale().getVisibleLogicalRange();
  if (!range) return;
  const middle = (range.from + range.to) / 2, half = factor * (range.to - range.from) / 2;
  chart.timeScale().setVisibleLogicalRange({from: middle - half, to: middle + half});
}

/* Arrows move a chart, + and - scale it, 0 shows all. */
function keyboard(box, chart) {
  box.addEventListener("keydown", event => {
    const range = chart.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const by = .1 * (range.to - range.from);
    const moves = {ArrowLeft: -by, ArrowRight: by};
    if (event.key in moves) chart.timeScale().setVisibleLogicalRange({from: range.from + moves[event.key], to: range.to + moves[event.key]});
    else if (event.key === "+" || event.key === "=") zoom(chart, .7);
    else if (event.key === "-") zoom(chart, 1.4);
    else if (event.key === "0") chart.timeScale().fitContent();
    else return;
    event.preventDefault();
  });
}

/* Draws over the candles what a trade planned and did: its way from entry to exit, its stops as they moved, its target,
   and the levels that the model named. */
class PlanLines {
  constructor(owner) {
    this.owner = owner;
    this.views = [{renderer: () => ({draw: target => target.useMediaCoordinateSpace(({context}) => this.draw(context))}), zOrder: () => "normal"}];
  }

  attached({series: candles, chart, requestUpdate}) {
    Object.assign(this, {candles, chart, requestUpdate});
  }

  changed() { this.requestUpdate?.(); }

  paneViews() { return this.views; }

  draw(context) {
    const {owner} = this, scale = this.chart.timeScale();
    const x = seconds => scale.timeToCoordinate(owner.snapped(seconds));
    const y = value => this.candles.priceToCoordinate(value);
    const end = owner.times[owner.times.length - 1];
    const line = (points, shade, width, dash) => {
      context.beginPath();
      points.forEach(([a, b], place) => place ? context.lineTo(a, b) : context.moveTo(a, b));
      Object.assign(context, {strokeStyle: colour(shade), lineWidth: width});
      context.setLineDash(dash);
      context.stroke();
    };
    for (const trade of owner.own) {
      const from = x(trade.opened), to = x(trade.closed ?? end);
      if (owner.layers.has("orders") && trade.exit !== null) line([[from, y(trade.entry)], [to, y(trade.exit)]], trade.profit > 0 ? "up" : "down", 1.5, []);
      if (owner.layers.has("stops")) line(stopSteps(trade, end).map(([time, stop]) => [x(time), y(stop)]), "down", 1.2, [4, 3]);
      if (!owner.layers.has("levels")) continue;
      if (trade.target) line([[from, y(trade.target)], [to, y(trade.target)]], "up", 1.2, [4, 3]);
      for (const level of trade.levels) line([[from, y(level)], [to, y(level)]], "faint", 1, [1, 3]);
    }
    context.setLineDash([]);
  }
}

/* The corners of a stop that holds until it is moved. */
function stopSteps(trade, end) {
  const until = trade.closed ?? end, corners = [];
  trade.stops.forEach(([time, stop], place) => {
    if (place) corners.push([time, trade.stops[place - 1][1]]);
    corners.push([time, stop]);
  });
  if (trade.stops.length) corners.push([until, trade.stops[trade.stops.length - 1][1]]);
  return corners;
}
