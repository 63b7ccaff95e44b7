/* Facts of decisions whose briefing is not in the page: a table of a pair is read when the first of its rows opens. */

const factTables = new Map();
const FRAME = /^(\d+[a-zA-Z]+)\.(.*)$/;

/* Return the facts of a decision by their names, null where it has none here. */
async function factsAt(pair, index) {
  const number = (await data("facts"))[pair];
  if (number === undefined) return null;
  if (!factTables.has(number)) factTables.set(number, data(`facts-${number}`).then(readFacts));
  const {rows, columns} = await factTables.get(number), row = rows.get(index);
  return row === undefined ? null : new Map(columns.map(([name, values]) => [name, values[row]]).filter(([, value]) => value !== "none"));
}

/* A column is one text: values behind one another, nothing where one is as before. */
function readFacts({steps, columns}) {
  const rows = new Map(summed(steps).map((place, row) => [place, row]));
  return {rows, columns: Object.entries(columns).map(([name, text]) => {
    let before = "";
    return [name, text.split(";").map(value => before = value || before)];
  })};
}

/* What of them stands in the line of a decision: stop, profit, account, RSI and ADX of the main timeframe. */
function seenIn(facts) {
  const main = [...facts.keys()].find(name => FRAME.test(name))?.match(FRAME)[1];
  const names = ["position.stop", "position.profit_pct", "account.equity", `${main}.rsi`, `${main}.adx`];
  return names.map(name => facts.has(name) ? Number(facts.get(name)) : null);
}

/* A line for each fact of a timeframe and a column for each timeframe; what is of none stands above. */
function factLists(facts) {
  const frames = new Set(), lines = new Map(), others = [];
  for (const [name, value] of facts) {
    const [, frame, what] = name.match(FRAME) ?? [];
    if (!frame) { others.push([name.replace(/[._]/g, " "), value]); continue; }
    frames.add(frame);
    if (!lines.has(what)) lines.set(what, new Map());
    lines.get(what).set(frame, value);
  }
  const columns = [...frames].map(frame => [frame, ([, values]) => values.get(frame) ?? NONE]);
  const table = smallTable([["", ([what]) => what.replaceAll("_", " ")], ...columns], [...lines]);
  return el("div", {class: "facts-of"}, table, el("p", {class: "hint"}, say("decision.facts.unit")), pairsOf(others));
}
