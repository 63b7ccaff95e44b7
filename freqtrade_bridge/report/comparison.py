"""Two runs side by side: their numbers in two columns, both accounts in one chart, as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from candlegraph.freqtrade_bridge.report.document import RunEvidence
from candlegraph.freqtrade_bridge.report.equity import EquityCurve
from candlegraph.freqtrade_bridge.report.page import framed
from candlegraph.freqtrade_bridge.report.verdict import FirstScreen, Tile, verdict_of
from candlegraph.freqtrade_bridge.report.words import ReportWords, number

SCRIPTS = ("core", "charts", "theme", "comparison")


def write_comparison(path: Path, first: RunEvidence, second: RunEvidence) -> Path:
    """Write the page to `path`, in the language of the first run."""
    words = ReportWords(first.language)
    runs = [first, second]
    curves = [one.curve for one in runs]
    verdicts = [
        verdict_of(one.result, one.decisions, curve, one.notes, words) for one, curve in zip(runs, curves, strict=True)
    ]
    values = {
        "title": " / ".join(escape(one.name) for one in runs),
        "sentences": "".join(_sentence(one, verdict) for one, verdict in zip(runs, verdicts, strict=True)),
        "table": table_html(runs, verdicts, words),
    }
    data = {"accounts": [account(one, curve) for one, curve in zip(runs, curves, strict=True)]}
    return framed(path, "comparison.html", words, SCRIPTS, data, values)


def _sentence(run: RunEvidence, verdict: FirstScreen) -> str:
    notes = f'<p class="note">{escape(" ".join(verdict.notes))}</p>' if verdict.notes else ""
    told = f'<p class="eyebrow">{escape(run.name)}</p><p class="story">{escape(verdict.sentence)}</p>'
    return f"<div>{told}{notes}</div>"


def table_html(runs: Sequence[RunEvidence], verdicts: Sequence[FirstScreen], words: ReportWords) -> str:
    """Return one line for each number: of both runs, and the second less the first."""
    first, second = verdicts
    head = "".join(f'<th scope="col">{escape(one.name)}</th>' for one in runs)
    rows = "".join(_row(*tiles, words) for tiles in zip(first.tiles, second.tiles, strict=True))
    facts = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td><td>{escape(other)}</td><td></td></tr>'
        for (name, value), (_, other) in zip(first.facts, second.facts, strict=True)
    )
    difference = escape(words("compare.difference"))
    return f"<thead><tr><th></th>{head}<th scope=col>{difference}</th></tr></thead><tbody>{rows}{facts}</tbody>"


def _row(one: Tile, other: Tile, words: ReportWords) -> str:
    cells = "".join(
        f'<td data-raw="{"" if tile.raw is None else repr(tile.raw)}"><b>{escape(tile.value)}</b><br>'
        f"<small>{escape(tile.detail)}</small></td>"
        for tile in (one, other)
    )
    name = escape(words(f"tile.{one.key}"))
    return f'<tr data-key="{one.key}"><th scope="row">{name}</th>{cells}<td>{_difference(one, other)}</td></tr>'


def _difference(one: Tile, other: Tile) -> str:
    if one.raw is None or other.raw is None:
        return ""
    scale = 100 if one.value.endswith("%") else 1
    return number(scale * (other.raw - one.raw), signed=True)


def account(run: RunEvidence, curve: EquityCurve) -> dict[str, Any]:
    """Return the account in % of its first balance: two runs may have begun with different ones."""
    start = run.result.starting_balance or 1.0
    return {
        "name": run.name,
        "time": [int(time) for time in curve.times],
        "value": [round(100 * (float(value) / start - 1), 3) for value in curve.values],
    }
