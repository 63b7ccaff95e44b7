/* What was learnt, and what the calls cost. */

function showLearning({curve, growth, confidence, self, with_cases}, trades, made) {
  const body = document.getElementById("learning-body");
  if (!curve.length) {
    body.append(el("p", {class: "hint"}, say("learn.none")));
    return;
  }
  const count = {tick: value => say("learn.trade", {n: value})};
  const scores = curve.map(([, score], place) => [place + 1, score]).filter(one => one[1] !== null);
  const rewards = running(curve.map(one => one[2] ?? 0));
  body.append(
    el("div", {class: "two"},
      el("div", {}, el("h3", {}, say("learn.score")), plot(say("learn.score"), [{points: scores, colour: "faint", dots: true}, {points: smoothed(scores), colour: "accent"}], {...count, low: 0, high: 100, unit: value => numbered(value, 0)})),
      el("div", {}, el("h3", {}, say("learn.reward", {made})), plot(say("learn.reward", {made}), [{points: rewards.map((value, place) => [place + 1, value]), colour: "warn"}], {...count, zero: true, unit: value => numbered(value, 2)})),
      el("div", {}, el("h3", {}, say("learn.growth")), plot(say("learn.growth"), Object.entries(growth).map(([kind, times]) => ({points: times.map((time, place) => [time, place + 1]), colour: GROWN[kind] ?? "faint", steps: true})), {tick: value => stamp(value).slice(0, 10), low: 0, unit: value => numbered(value, 0)}),
        el("div", {class: "legend"}, Object.entries(growth).map(([kind, times]) => el("span", {}, el("i", {style: `background: var(--${GROWN[kind] ?? "faint"})`}), `${known("kind", kind)} ${times.length}`))),
        el("p", {class: "hint"}, say("learn.cases", {n: numbered(with_cases, 0)})))),
    el("div", {class: "two"}, calibrated("confidence", confidence), calibrated("self", self)),
    lessons(trades));
}

const GROWN = {trade: "accent", decision: "up", lesson: "warn"};

function running(values) {
  let sum = 0;
  return values.map(value => sum += value);
}

/* The mean of the last ten. */
function smoothed(points) {
  return points.map(([x], place) => {
    const last = points.slice(Math.max(0, place - 9), place + 1);
    return [x, last.reduce((sum, one) => sum + one[1], 0) / last.length];
  });
}

function calibrated(kind, rows) {
  const box = el("div", {}, el("h3", {}, say(`learn.${kind}`)));
  if (!rows.length) box.append(el("p", {class: "hint"}, say(`learn.${kind}.none`)));
  else box.append(smallTable([
    [say("learn.said"), row => `${row.low}–${row.high}`], [say("sum.trades"), row => row.trades], [say("sum.won"), row => percent(row.won, 0, false)],
    [say("sum.mean"), row => numbered(row.profit_pct, 2, true) + " %", row => tone(row.profit_pct)],
    ...(kind === "self" ? [[say("learn.scored"), row => numbered(row.score, 0)]] : []),
  ], rows));
  return box;
}

/* The newest lessons, each with the trade that it comes from. */
function lessons(trades) {
  const found = trades.map((trade, number) => ({...trade, number})).filter(trade => trade.lesson).reverse();
  if (!found.length) return null;
  const told = found.map(trade => el("li", {}, el("a", {href: `#trade-${trade.number}`}, say("decision.trade", {n: trade.number + 1})), " ", el("span", {class: tone(trade.ratio)}, percent(trade.ratio)), ` · ${trade.lesson}`));
  const first = told.slice(0, 5), rest = told.slice(5);
  return el("div", {class: "piece"}, el("h3", {}, say("learn.lessons")), el("ul", {class: "lessons"}, first),
    rest.length ? el("details", {}, el("summary", {}, say("js.more", {n: rest.length})), el("ul", {class: "lessons"}, rest)) : null);
}

/* Money by day and role. */
function showCosts({rows}) {
  const body = document.getElementById("costs-body");
  if (!rows.length) {
    body.append(el("p", {class: "hint"}, say("cost.none")));
    return;
  }
  const roles = summedBy(rows, row => known("role", row[1])), days = summedBy(rows, row => row[0]);
  const columns = [
    ["", row => row.key], [say("cost.calls"), row => numbered(row.calls, 0)], [say("cost.in"), row => numbered(row.in, 0)], [say("cost.out"), row => numbered(row.out, 0)],
    [say("cost.money"), row => row.unknown === row.calls ? say("cost.unknown") : numbered(row.money, 4)],
  ];
  body.append(el("div", {class: "two"},
    el("div", {}, el("h3", {}, say("cost.by.role")), smallTable(columns, roles)),
    el("details", {open: days.length <= 14}, el("summary", {}, say("cost.by.day", {n: days.length})), smallTable(columns, days))));
}

function summedBy(rows, key) {
  const sums = new Map();
  for (const row of rows) {
    const own = sums.get(key(row)) ?? {key: key(row), calls: 0, in: 0, out: 0, money: 0, unknown: 0};
    ["calls", "in", "out", "money", "unknown"].forEach((name, place) => own[name] += row[place + 2]);
    sums.set(own.key, own);
  }
  return [...sums.values()];
}

/* What became of the calls that act, as bars. */
function showFates({fates}) {
  const most = Math.max(...fates.map(one => one[1]));
  document.getElementById("fates").append(...fates.flatMap(([fate, count]) => [
    el("span", {}, fated(fate)), el("span", {class: `track ${fate.startsWith("refused") ? "refused" : ""}`}, el("i", {style: `width: ${100 * count / most}%`})), el("span", {}, count)]));
}
