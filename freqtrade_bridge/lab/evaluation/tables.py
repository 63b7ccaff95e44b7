"""The tables of an evaluation's page as HTML: one line a strategy or baseline."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from candlegraph.freqtrade_bridge.lab.evaluation.result import EvaluatedLine, TradeSums
from candlegraph.freqtrade_bridge.report.words import NONE, ReportWords, number, percent
from candlegraph.freqtrade_bridge.truth.ratios import Ratios

Cells = Sequence[str]
"""HTML of one row."""
RATIOS = ("drawdown", "sharpe", "sortino", "calmar")
SUMS = ("trades", "win_rate", "profit_factor", "exposure", "turnover", "fees", "funding", "liquidations", "spent",
        "spent_per_trade", "tokens_per_trade")  # fmt: skip
SHARES = {"win_rate": 0, "exposure": 0, "fees": 2, "funding": 2}
"""Shown in %, with so many digits."""
COUNTS = ("trades", "liquidations", "tokens_per_trade")


def named(line: EvaluatedLine, words: ReportWords) -> str:
    """Return what a reader calls the line: a strategy by its name, a baseline in words."""
    return words(f"eval.{line.name}") if line.kind == "baseline" else line.name


def table(head: Sequence[str], rows: Sequence[Cells], kind: str = "compare") -> str:
    """Return a table; the head is text, the cells are HTML."""
    titles = "".join(f'<th scope="col">{escape(one)}</th>' for one in head)
    body = "".join(f"<tr>{_row(cells)}</tr>" for cells in rows)
    top = f"<thead><tr>{titles}</tr></thead>" if head else ""
    return f'<table class="compare {kind}">{top}<tbody>{body}</tbody></table>'


def _row(cells: Cells) -> str:
    first, *others = cells
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{one}</td>" for one in others)


def ratios_table(lines: Sequence[EvaluatedLine], words: ReportWords) -> str:
    """Return what both libraries say of each account."""
    head = ["", words("eval.return"), *(words(f"eval.{name}") for name in RATIOS)]
    rows = [[*_first_cells(line, words), *(_both(line, name) for name in RATIOS)] for line in lines]
    return table(head, rows)


def _first_cells(line: EvaluatedLine, words: ReportWords) -> list[str]:
    noise = "" if line.noise is None else f"<br><small>{escape(words('eval.noise', noise=percent(line.noise)))}</small>"
    return [escape(named(line, words)), percent(line.returned, signed=True) + noise]


def _both(line: EvaluatedLine, name: str) -> str:
    if line.ratios is None:
        return NONE
    return " / ".join(_ratio(one, name) for one in (line.ratios.freqtrade, line.ratios.ffn))


def _ratio(one: Ratios, name: str) -> str:
    value: float | None = getattr(one, name)
    if value is None:
        return NONE
    return percent(value) if name == "drawdown" else number(value)


def costs_table(lines: Sequence[EvaluatedLine], words: ReportWords) -> str:
    """Return how each traded and what it paid; a column a line, since there are more numbers than lines."""
    shown = [line for line in lines if line.sums is not None]
    head = ["", *(named(line, words) for line in shown)]
    rows = [[escape(words(f"eval.{name}")), *(_sum(line.sums, name) for line in shown)] for name in SUMS]
    return table(head, rows)


def _sum(sums: TradeSums | None, name: str) -> str:
    value: float | None = getattr(sums, name)
    if value is None:
        return NONE
    if name in SHARES:
        return percent(value, SHARES[name], signed=name == "funding")
    return number(value, 0 if name in COUNTS else 2)
