/* Two accounts in one chart, in % of what each began with. */

const SHADES = ["accent", "warn"];

class AccountsChart {
  constructor(accounts) {
    this.box = document.getElementById("equity-chart");
    this.chart = LightweightCharts.createChart(this.box, chartOptions());
    this.lines = accounts.map(({time, value}, place) => {
      const line = this.chart.addSeries(LightweightCharts.LineSeries, {lineWidth: 2, priceLineVisible: false, priceFormat: {type: "custom", minMove: .01, formatter: one => numbered(one, 1, true) + " %"}});
      line.setData(series(time, value));
      return [SHADES[place], line];
    });
    legend("equity-legend", accounts.map(({name}, place) => [SHADES[place], name]));
    this.paint();
    this.chart.timeScale().fitContent();
    keyboard(this.box, this.chart);
    chartsDrawn.push(this);
  }

  paint() {
    this.chart.applyOptions(chartOptions());
    for (const [shade, line] of this.lines) line.applyOptions({color: colour(shade)});
  }
}

async function begin() {
  themed();
  await charted();
  new AccountsChart(await data("accounts"));
  document.documentElement.dataset.ready = "";
}

begin();
