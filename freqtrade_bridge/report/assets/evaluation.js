/* The accounts of an evaluation in one chart, in % of what each began with, over the cone of the random agents. */

const LINE_SHADES = ["accent", "warn", "up", "down"];

class EvaluationChart {
  constructor({days, lines, cone}) {
    this.days = days;
    this.box = document.getElementById("equity-chart");
    this.chart = LightweightCharts.createChart(this.box, chartOptions());
    const agents = (cone ?? []).map((values, place) => ["faint", this.line(values, {lineWidth: 1, lineStyle: place === 1 ? 1 : 2, lastValueVisible: false})]);
    const accounts = lines.map(({values, shade}) => [shade, this.line(values, {lineWidth: 2})]);
    this.lines = [...agents, ...accounts];
    legend("equity-legend", [...lines.map(({name, shade}) => [shade, name]), cone && ["faint", say("js.cone")]]);
    this.paint();
    this.chart.timeScale().fitContent();
    keyboard(this.box, this.chart);
    chartsDrawn.push(this);
  }

  line(values, options) {
    const made = this.chart.addSeries(LightweightCharts.LineSeries, {priceLineVisible: false, priceFormat: {type: "custom", minMove: .01, formatter: one => numbered(one, 1, true) + " %"}, ...options});
    made.setData(series(this.days, values));
    return made;
  }

  paint() {
    this.chart.applyOptions(chartOptions());
    for (const [shade, line] of this.lines) line.applyOptions({color: colour(shade)});
  }
}

async function begin() {
  themed();
  await charted();
  const found = await data("accounts");
  found.lines.forEach((line, place) => { line.shade = LINE_SHADES[place % LINE_SHADES.length]; });
  new EvaluationChart(found);
  document.documentElement.dataset.ready = "";
}

begin();
