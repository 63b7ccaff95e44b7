/* The page: the parts in the order a reader meets them; a link opens the row that it names. */

const report = {};

/* #trade-3 and #decision-17 open their rows, so that back and forward walk the same way. */
async function follow() {
  const [, kind, index] = location.hash.match(/^#(trade|decision)-(\d+)$/) ?? [];
  if (kind === "trade") await report.trades?.table.reveal(Number(index));
  if (kind === "decision") await report.decisions?.reveal(Number(index));
}

const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));

async function begin() {
  themed();
  await charted();
  const equity = await data("equity");
  if (equity.time.length) new EquityChart(equity);
  await painted();
  performance.mark("first-chart");
  const [candles, trades, columns] = await Promise.all([data("candles"), data("trades"), data("decisions")]);
  if (candles.length) report.pairs = new PairChart(candles, trades.rows, columns);
  await painted();
  report.trades = new Trades(trades, equity.currency);
  report.decisions = new Decisions(columns);
  const costs = await data("costs");
  showFates(costs);
  showLearning(await data("learning"), trades.rows, document.querySelector('[data-key="return"] .value').textContent);
  showCosts(costs);
  addEventListener("hashchange", follow);
  await follow();
  performance.mark("ready");
  document.documentElement.dataset.ready = "";
}

begin();
