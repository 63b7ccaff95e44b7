/* Trades: sums by what people ask for, then every trade; an opened one tells its plan, orders, decisions and lesson. */

class Trades {
  constructor({rows, sums}, currency) {
    Object.assign(this, {rows, currency});
    document.getElementById("trade-sums").append(...Object.entries(sums).map(([by, found]) => this.sum(by, found)));
    this.table = new OpeningTable("trade", [
      ["trade.opened", ""], ["trade.pair", ""], ["trade.side", ""], ["trade.held", "num minor"], ["trade.stake", "num minor"],
      ["trade.profit", "num"], ["trade.ratio", "num minor"], ["trade.exit", "minor"], ["trade.regime", "minor"], ["trade.score", "num minor"],
    ], {anchor: "trade", shown: index => this.shown(index), opened: index => this.opened(index), step: 25});
    this.table.show(rows.map((_, index) => index));
  }

  sum(by, rows) {
    if (!rows.length) return null;
    const named = {pair: base, side: key => known("side", key), exit: key => known("exit", key), regime: key => known("regime", key)}[by] ?? (key => key);
    return el("div", {}, el("h3", {}, say(`sum.${by}`)), smallTable([
      ["", row => named(row.key)],
      [say("sum.trades"), row => row.trades],
      [say("sum.won"), row => percent(row.won / row.trades, 0, false)],
      [say("sum.mean"), row => percent(row.mean)],
      [say("sum.profit", {currency: this.currency}), row => numbered(row.profit, 2, true), row => tone(row.profit)],
    ], rows));
  }

  shown(index) {
    const trade = this.rows[index];
    return [
      `${index + 1} · ${minute(trade.opened)}`, base(trade.pair), `${known("side", trade.side)} ${trade.leverage}×`,
      trade.closed === null ? say("trade.open") : lasted(trade.closed - trade.opened), numbered(trade.stake, 0),
      el("span", {class: tone(trade.profit)}, numbered(trade.profit, 2, true)), el("span", {class: tone(trade.ratio)}, percent(trade.ratio)),
      trade.closed === null ? "" : known("exit", trade.reason), trade.regime ? known("regime", trade.regime) : NONE,
      trade.score === null ? NONE : `${Math.round(trade.score)} ${trade.grade}`,
    ];
  }

  async opened(index) {
    const trade = this.rows[index], {decisions} = report;
    const outcome = trade.closed === null ? say("trade.story.open") : say(trade.profit > 0 ? "trade.story.won" : "trade.story.lost", {
      ratio: percent(Math.abs(trade.ratio), 2, false), held: lasted(trade.closed - trade.opened), reason: known("exit", trade.reason),
    });
    const chart = el("a", {href: "#charts", onclick: event => { event.preventDefault(); report.pairs?.focus(trade); document.getElementById("charts").scrollIntoView(); }}, say("trade.chart"));
    return [
      el("p", {class: "story"}, outcome, " ", chart),
      el("div", {class: "pieces"},
        piece(say("trade.plan"), pairsOf([
          [say("trade.entry"), price(trade.entry)],
          [say("trade.exit.price"), price(trade.exit)],
          trade.stops.length && [say("trade.stops"), trade.stops.map(([, stop]) => price(stop)).join(" → ")],
          trade.target && [say("trade.target"), price(trade.target)],
          trade.levels.length && [say("trade.levels"), trade.levels.map(price).join(", ")],
          trade.confidence && [say("trade.confidence"), trade.confidence],
          [say("trade.costs"), say("trade.costs.value", {fees: numbered(trade.fees), funding: numbered(trade.funding, 2, true), currency: this.currency})],
        ])),
        piece(say("trade.orders"), smallTable([
          ["", row => minute(row[0])], [say("trade.order"), row => known("exit", row[4]), "word"], [say("trade.price"), row => price(row[1])], [say("trade.amount"), row => `${row[3] === (trade.side === "long") ? "+" : "−"}${price(row[2])}`],
        ], trade.orders)),
        piece(say("trade.decisions"), decisions ? this.decided(trade, decisions) : null, "wide"),
        piece(say("trade.lesson"), trade.lesson ? el("p", {}, trade.lesson) : null, "wide"),
        piece(say("trade.cited"), this.cited(trade), "wide"),
      ),
    ];
  }

  /* The decisions of a trade that did something, each a link; those that held are counted. */
  decided(trade, decisions) {
    const acting = trade.decisions.filter(index => decisions.acts(index));
    const links = acting.map(index => [el("a", {href: `#decision-${index}`}, `${minute(decisions.columns.time[index])} ${decisions.action(index)}`), ` · ${decisions.columns.reason[index]}`]);
    const held = trade.decisions.filter(index => !decisions.acts(index));
    if (held.length) links.push([say("trade.holds", {n: held.length}), " ", el("a", {href: `#decision-${held[0]}`}, say("trade.holds.first"))]);
    return listed(links);
  }

  cited(trade) {
    return trade.case === null ? null : el("p", {}, say("trade.case", {id: trade.case}));
  }
}
