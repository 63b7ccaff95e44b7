"""One self-contained HTML page per run: no request leaves it, every text from outside is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from candlegraph.freqtrade_bridge.report.document import RunEvidence, documents
from candlegraph.freqtrade_bridge.report.packing import element, packed
from candlegraph.freqtrade_bridge.report.verdict import FirstScreen, Tile, origin_of, verdict_of
from candlegraph.freqtrade_bridge.report.words import ReportWords

SCRIPTS = ("core", "plots", "charts", "trades", "facts", "decisions", "learning", "theme", "page")
"""In the order of their use; each is a section of one script."""
LIBRARY = "vendor/lightweight-charts.js"


def write_page(path: Path, evidence: RunEvidence) -> Path:
    """Write the page of a run to `path`."""
    words, curve = ReportWords(evidence.language), evidence.curve
    verdict = verdict_of(evidence.result, evidence.decisions, curve, evidence.notes, words)
    values = {
        "title": escape(evidence.name or evidence.result.strategy),
        "origin": escape(origin_of(evidence.name, evidence.result, evidence.decisions, words)),
        "verdict": verdict_html(verdict, words),
    }
    return framed(path, "page.html", words, SCRIPTS, documents(evidence, curve), values)


def framed(
    path: Path,
    template: str,
    words: ReportWords,
    scripts: Sequence[str],
    data: Mapping[str, object],
    values: Mapping[str, str],
) -> Path:
    """Write a page whose body is the template: its values are HTML, its data is read by the scripts."""
    said = {f"w_{key.replace('.', '_')}": escape(text) for key, text in words.table.items() if key.startswith("page.")}
    page = Template(asset("frame.html")).substitute(
        said,
        title=values["title"],
        body=Template(asset(template)).substitute(said, **values),
        language="zh-CN" if words.language == "zh" else "en",
        style=asset("page.css"),
        notice=escape(asset("vendor/NOTICE").strip()),
        data="".join(packed(name, value) for name, value in data.items()),
        words=safe_json(words.table),
        library=element("library", asset(LIBRARY)),
        script="\n".join(asset(f"{name}.js") for name in scripts),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def verdict_html(verdict: FirstScreen, words: ReportWords) -> str:
    """Return the first screen: it is there before any script runs, and in print."""
    notes = f'<p class="note">{escape(" ".join(verdict.notes))}</p>' if verdict.notes else ""
    tiles = "".join(_tile(tile, words) for tile in verdict.tiles)
    return (
        f'<h1 class="sentence">{escape(verdict.sentence)}</h1>{notes}'
        f'<dl class="tiles" aria-label="{escape(words("page.verdict"))}">{tiles}</dl>'
        f'<dl class="facts">{_facts(verdict.facts)}</dl>'
    )


def _tile(tile: Tile, words: ReportWords) -> str:
    raw = "" if tile.raw is None else repr(tile.raw)
    return (
        f'<div class="tile {tile.tone}" data-key="{tile.key}" data-raw="{raw}">'
        f"<dt>{escape(words(f'tile.{tile.key}'))}</dt>"
        f'<dd class="value">{escape(tile.value)}</dd><dd class="detail">{escape(tile.detail)}</dd></div>'
    )


def _facts(facts: Iterable[Sequence[str]]) -> str:
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)


def safe_json(value: object) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def asset(name: str) -> str:
    """Return the text of a file of the page."""
    return files("candlegraph.freqtrade_bridge.report").joinpath("assets", name).read_text(encoding="utf-8")
