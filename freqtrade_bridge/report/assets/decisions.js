/* Decisions: filters, and every decision; an opened one tells what was seen, said, changed, and what became of it. */

class Decisions {
  constructor(columns) {
    this.columns = columns;
    this.length = columns.time.length;
    this.table = new OpeningTable("decision", [
      ["decision.time", ""], ["decision.pair", ""], ["decision.action", "word"], ["decision.confidence", "num minor"],
      ["decision.source", "minor"], ["decision.fate", "minor"], ["decision.reason", "why"],
    ], {anchor: "decision", shown: index => this.shown(index), opened: index => this.opened(index)});
    this.fields = this.filters();
    this.apply();
  }

  acts(index) { return this.columns.fate[index] !== ""; }

  action(index) {
    const share = this.columns.share[index], word = known("action", this.columns.action[index]);
    return share === null ? word : `${known("action", share > 0 ? "add" : "reduce")} ${numbered(Math.abs(share), 0)} %`;
  }

  filters() {
    const form = document.getElementById("filters"), apply = () => this.apply();
    const search = el("input", {type: "search", "aria-label": say("filter.text"), placeholder: say("filter.text.hint"), oninput: apply});
    const all = el("input", {type: "checkbox", onchange: apply});
    const fields = {search, all};
    form.append(el("label", {class: "wide"}, say("filter.text"), search));
    for (const [name, prefix] of [["action", "action"], ["source", "source"], ["fate", "fate"], ["pair", "pair"]]) {
      const values = [...new Set(this.columns[name])].filter(Boolean).sort();
      fields[name] = el("select", {"aria-label": say(`filter.${name}`), onchange: apply}, el("option", {value: ""}, say("filter.any")),
        values.map(value => el("option", {value}, name === "pair" ? base(value) : name === "fate" ? fated(value) : known(prefix, value))));
      form.append(el("label", {}, say(`filter.${name}`), fields[name]));
    }
    form.append(el("label", {class: "check"}, all, say("filter.quiet")));
    form.addEventListener("submit", event => event.preventDefault());
    return fields;
  }

  apply() {
    const {search, all, ...selects} = this.fields, {columns} = this;
    const words = search.value.trim().toLowerCase();
    const chosen = Object.entries(selects).filter(([, one]) => one.value).map(([name, one]) => [columns[name], one.value]);
    const isQuiet = !all.checked && !words && !chosen.some(([column]) => column !== columns.pair);
    const found = [];
    for (let i = 0; i < this.length; i++) {
      if (isQuiet && !this.acts(i) && columns.source[i] === "model") continue;
      if (chosen.some(([column, value]) => column[i] !== value)) continue;
      if (words && !`${columns.reason[i]} ${columns.pair[i]} ${columns.id[i]} ${columns.fate[i]} ${columns.action[i]} ${minute(columns.time[i])}`.toLowerCase().includes(words)) continue;
      found.push(i);
    }
    this.table.show(found);
    document.getElementById("decision-count").textContent = say(isQuiet ? "filter.count.quiet" : "filter.count", {n: numbered(found.length, 0), all: numbered(this.length, 0)});
  }

  /* Show a decision whatever the filters say: they are cleared where they hide it. */
  async reveal(index) {
    if (this.table.found.includes(index)) return this.table.reveal(index);
    for (const [name, field] of Object.entries(this.fields)) name === "all" ? field.checked = true : field.value = "";
    this.apply();
    return this.table.reveal(index);
  }

  shown(index) {
    const c = this.columns, action = c.action[index];
    const shade = action === "enter_long" ? "up" : action === "enter_short" ? "down" : "";
    const cells = [
      minute(c.time[index]), base(c.pair[index]), el("span", {class: shade}, this.action(index)), c.confidence[index] || NONE,
      known("source", c.source[index]), c.fate[index] ? fated(c.fate[index]) : NONE, el("span", {}, c.reason[index]),
    ];
    if (!this.acts(index)) cells.quiet = "quiet-row";
    return cells;
  }

  async opened(index) {
    const c = this.columns, found = await fromGroup("details", index), trade = c.trade[index];
    const facts = await factsAt(c.pair[index], index);
    if (facts) found.seen = seenIn(facts);
    const link = trade === null ? null : el("a", {href: `#trade-${trade}`}, say("decision.trade", {n: trade + 1}));
    return [
      el("p", {class: "story"}, c.reason[index]),
      el("p", {class: "verdict-line"}, found.fate ? el("span", {}, say("decision.fate"), " ", el("b", {}, found.fate)) : null, link,
        el("span", {}, say("decision.id"), " ", el("b", {}, c.id[index]))),
      el("div", {class: "pieces"},
        piece(say("decision.facts"), this.facts(index, found)),
        piece(say("decision.plan"), this.plan(found)),
        piece(say("decision.cases"), this.cases(found), "wide"),
        piece(say("decision.opinions"), listed(Object.entries(found.opinions ?? {}).map(([who, said]) => [el("b", {}, known("role", who)), ` ${opinion(said)}`])), "wide"),
        piece(say("decision.thoughts"), found.thoughts ? el("p", {class: "prompt"}, found.thoughts) : null, "wide"),
        piece(say("decision.functions"), listed(found.functions?.map(called)), "wide"),
        piece(say("decision.clamps"), listed(found.clamps), "wide"),
        piece(say("decision.warnings"), listed(found.warnings), "wide"),
        piece(say("decision.faults"), this.faults(found), "wide"),
        piece(say("decision.calls"), found.calls ? calls(found.calls) : null, "wide"),
        this.briefing(index, facts),
      ),
    ];
  }

  facts(index, found) {
    const c = this.columns, [stop, profit, equity, rsi, adx] = found.seen ?? [];
    return pairsOf([
      [say("decision.price"), price(c.price[index])],
      c.regime[index] && [say("decision.regime"), known("regime", c.regime[index])],
      [say("decision.state"), known("state", c.state[index])],
      profit !== null && profit !== undefined && [say("decision.profit"), el("span", {class: tone(profit)}, numbered(profit, 2, true) + " %")],
      stop && [say("decision.stop.now"), price(stop)],
      equity && [say("decision.equity"), numbered(equity)],
      rsi !== null && rsi !== undefined && [say("decision.rsi"), `${numbered(rsi, 1)}, ADX ${numbered(adx, 1)}`],
    ]);
  }

  plan({plan}) {
    if (!plan) return null;
    const [leverage, stake, stop, target] = plan;
    return pairsOf([
      leverage && [say("decision.leverage"), `${leverage}×`], stake && [say("decision.stake"), numbered(stake)],
      stop && [say("decision.stop"), price(stop)], target && [say("decision.target"), price(target)],
    ]);
  }

  /* Past cases, each a link to its trade where that is one of this run. */
  cases({cases}) {
    return listed(cases?.map(([id, similarity, trade]) => {
      const told = say("decision.case", {id, similarity: numbered(similarity)});
      if (trade === null) return told;
      const row = report.trades.rows[trade];
      return [el("a", {href: `#trade-${trade}`, class: "case"}, say("decision.case.trade", {n: trade + 1, pair: base(row.pair), side: known("side", row.side)})), " ", el("span", {class: tone(row.ratio)}, percent(row.ratio)), ` · ${told}`];
    }));
  }

  faults({faults, repairs, error}) {
    const found = Object.entries(faults ?? {}).map(([kind, count]) => `${known("fault", kind)}: ${count}`);
    if (repairs) found.push(say("decision.repairs", {n: repairs}));
    if (error) found.push(error);
    return listed(found);
  }

  briefing(index, facts) {
    const place = this.columns.briefing[index];
    if (place === null) {
      const all = facts && el("details", {class: "briefing"}, el("summary", {}, say("decision.facts.all")), factLists(facts));
      return piece(say("decision.briefing"), [all, el("p", {class: "hint"}, coded(say("decision.briefing.none", {id: this.columns.id[index]})))].filter(Boolean), "wide");
    }
    const box = el("details", {class: "briefing"}, el("summary", {}, say("decision.briefing.open")));
    box.addEventListener("toggle", async () => {
      if (!box.open || box.childElementCount > 1) return;
      for (const [who, said] of await fromGroup("briefings", place)) box.append(el("p", {class: "who"}, known("message", who)), el("pre", {class: "prompt", tabindex: 0}, said));
    });
    return piece(say("decision.briefing"), box, "wide");
  }
}

/* An opinion is JSON of a role; a reader wants its words. */
function opinion(said) {
  let value;
  try { value = JSON.parse(said); } catch { return said; }
  if (typeof value !== "object" || value === null) return said;
  return Object.entries(value).map(([name, one]) => `${name.replaceAll("_", " ")}: ${typeof one === "object" ? JSON.stringify(one) : one}`).join("; ");
}

function called([name, given, accepted]) {
  const told = Object.entries(given).filter(([key]) => key !== "reason").map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ");
  return [el("b", {}, name), accepted ? "" : ` (${say("decision.refused")})`, `: ${told}`];
}

function calls(found) {
  return smallTable([
    [say("cost.role"), row => known("role", row[0])], [say("fact.model"), row => row[1], "word"], [say("cost.in"), row => numbered(row[2], 0)],
    [say("cost.out"), row => numbered(row[3], 0)], [say("cost.money"), row => row[4] === null ? say("cost.unknown") : numbered(row[4], 4)],
    [say("cost.seconds"), row => numbered(row[5], 2)], [say("cost.tries"), row => row[6]],
  ], found);
}
