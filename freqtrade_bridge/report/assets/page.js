/* The page: theme, then the parts in the order a reader meets them; a link opens the row that it names. */

const report = {};
const root = document.documentElement;

function themed() {
  const button = document.getElementById("theme");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const named = () => { button.textContent = say(isDark() ? "js.light" : "js.dark"); };
  const repaint = () => { named(); chartsDrawn.forEach(one => one.paint()); };
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; repaint(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  named();
}

/* #trade-3 and #decision-17 open their rows, so that back and forward walk the same way. */
async function follow() {
  const [, kind, index] = location.hash.match(/^#(trade|decision)-(\d+)$/) ?? [];
  if (kind === "trade") await report.trades?.table.reveal(Number(index));
  if (kind === "decision") await report.decisions?.reveal(Number(index));
}

const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));

async function begin() {
  themed();
  const library = document.createElement("script");
  library.textContent = await text("library");
  document.head.append(library);
  const found = await data("charts");
  if (found.equity.time.length) new EquityChart(found);
  await painted();
  performance.mark("first-chart");
  const [trades, columns] = await Promise.all([data("trades"), data("decisions")]);
  if (found.pairs.length) report.pairs = new PairChart(found, trades.rows, columns);
  report.trades = new Trades(trades, found.currency);
  report.decisions = new Decisions(columns);
  const costs = await data("costs");
  showFates(costs);
  showLearning(await data("learning"), trades.rows);
  showCosts(costs);
  addEventListener("hashchange", follow);
  await follow();
  performance.mark("ready");
  root.dataset.ready = "";
}

begin();
