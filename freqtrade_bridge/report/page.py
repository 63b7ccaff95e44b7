"""One self-contained HTML page per run: no request leaves it, every text from outside is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd
from plotly.offline import get_plotlyjs

from candlegraph.freqtrade_bridge.report.charts import equity_chart, pair_chart
from candlegraph.freqtrade_bridge.report.result import RunResult, TradeRow
from candlegraph.freqtrade_bridge.report.summary import Summary, summary_rows
from candlegraph.graph.schema.market import utc_minute
from candlegraph.memory.books.ledger import DecisionRow

MOST_DECISIONS = 20_000


def write_page(
    path: Path,
    result: RunResult,
    decisions: Sequence[DecisionRow],
    candles: Mapping[str, pd.DataFrame],
    summary: Summary,
) -> Path:
    """Write the page to `path`; `candles` holds the main timeframe of the run by pair."""
    figures = [equity_chart(result, candles)]
    figures += [pair_chart(pair, frame, result.trades) for pair, frame in candles.items()]
    page = _template("page.html").substitute(
        title=escape(f"{result.strategy}, {', '.join(result.pairs)}"),
        style=_text("page.css"),
        plotly=get_plotlyjs(),
        summary="".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in summary_rows(summary)),
        charts="".join(f'<div class="chart" id="chart{i}"></div>' for i in range(len(figures))),
        figures=safe_json([json.loads(figure.to_json()) for figure in figures]),
        trades="".join(_trade_row(trade) for trade in result.trades),
        decisions=safe_json([_decision(row) for row in decisions[-MOST_DECISIONS:]]),
        script=_text("page_script.html"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def safe_json(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _trade_row(trade: TradeRow) -> str:
    sign = "up" if trade.profit_abs > 0 else "down"
    cells = [
        (escape(trade.pair), ""),
        (trade.side, trade.side),
        (f"{trade.leverage:g}x", "number"),
        (utc_minute(trade.opened_at), "time"),
        (utc_minute(trade.closed_at), "time"),
        (f"{trade.stake:,.2f}", "number"),
        (f"{trade.entry_price:g}", "number"),
        (f"{trade.exit_price:g}", "number"),
        ("" if trade.stop is None else f"{trade.stop:g}", "number"),
        (f"{trade.profit_abs:+,.2f}", f"number {sign}"),
        (f"{trade.profit_ratio:+.2%}", f"number {sign}"),
        (", ".join(escape(order.tag or "") for order in trade.adjustments), ""),
        (escape(trade.exit_reason), ""),
    ]
    return "<tr>" + "".join(f'<td class="{kind}">{text}</td>' for text, kind in cells) + "</tr>"


def _decision(row: DecisionRow) -> list[Any]:
    """Return time, pair, state, action, confidence, source, reason, cases, clamps, stop and fate, as plain text."""
    signal = row.signal
    pairs = zip(row.case_ids, row.similarities, strict=True)
    return [
        utc_minute(row.as_of),
        row.pair,
        row.state,
        signal.action,
        round(signal.confidence),
        signal.source,
        signal.reason,
        ", ".join(f"{case} ({similarity:.2f})" for case, similarity in pairs),
        "; ".join(f"{clamp.key}: {_short(clamp.before)} → {_short(clamp.after)}" for clamp in signal.clamps),
        _short(signal.stop),
        f"{signal.wanted.name}: {row.fate_line}" if row.acts else "",
    ]


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _text(name: str) -> str:
    return files("candlegraph.freqtrade_bridge.report").joinpath(name).read_text(encoding="utf-8")


def _template(name: str) -> Template:
    return Template(_text(name))
