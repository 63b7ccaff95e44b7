"""The page of an evaluation: verdict, accounts in the cone of chance, differences, windows, ratios, trials, costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from candlegraph.freqtrade_bridge.lab.evaluation.result import DailyDifference, EvaluatedLine, Evaluation
from candlegraph.freqtrade_bridge.lab.evaluation.tables import Cells, costs_table, named, ratios_table, table
from candlegraph.freqtrade_bridge.report.page import framed, verdict_html
from candlegraph.freqtrade_bridge.report.verdict import FirstScreen, Tile
from candlegraph.freqtrade_bridge.report.words import NONE, ReportWords, number, percent
from candlegraph.graph.settings.context import Language

SCRIPTS = ("core", "charts", "theme", "evaluation")


def write_evaluation(path: Path, found: Evaluation, language: Language = "en") -> Path:
    """Write the page of an evaluation to `path`."""
    words = ReportWords(language)
    values = {
        "title": escape(found.name),
        "origin": escape(_origin(found, words)),
        "verdict": verdict_html(first_screen(found, words), words),
        "against": _against(found, words),
        "windows": _windows(found, words),
        "ratios": ratios_table(found.lines, words),
        "chosen": _chosen(found, words),
        "costs": costs_table(found.lines, words),
    }
    return framed(path, "evaluation.html", words, SCRIPTS, {"accounts": _accounts(found, words)}, values)


def _origin(found: Evaluation, words: ReportWords) -> str:
    pairs = ", ".join(pair.split(":")[0] for pair in found.plan["pairs"])
    begin, end = found.windows[0][0], found.windows[-1][1]
    return words("eval.origin", name=found.name, pairs=pairs, windows=len(found.windows), begin=begin, end=end)


def first_screen(found: Evaluation, words: ReportWords) -> FirstScreen:
    """Return the verdict, what takes from it, and the numbers of the strategy that would be chosen."""
    line = next((one for one in found.tested if found.selection and one.name == found.selection.best), found.tested[0])
    sentence = " ".join(judged(one, words) for one in found.tested)
    return FirstScreen(sentence, found.doubts, tuple(_tiles(found, line, words)), ())


def judged(line: EvaluatedLine, words: ReportWords) -> str:
    """Return the judgement of one strategy."""
    edge = line.edge
    if edge is None:
        return words("eval.idle", name=line.name)
    told = words(f"eval.{edge.judgement}", name=line.name, trades=f"{edge.trades:,}")
    if edge.judgement == "too little data to tell" and edge.needed is not None and edge.needed > edge.trades:
        return f"{told} {words('eval.needed', n=f'{edge.needed:,}')}"
    return told


def _tiles(found: Evaluation, line: EvaluatedLine, words: ReportWords) -> Iterator[Tile]:
    held = next((one.returned for one in found.lines if one.name == "hold"), None)
    beside = NONE if held is None else words("tile.returned.detail", held=percent(held, signed=True))
    yield Tile(
        "return", percent(line.returned, signed=True), beside, line.returned, "up" if line.returned > 0 else "down"
    )
    if (edge := line.edge) is not None:
        yield Tile("mean_r", f"{number(edge.mean_r, signed=True)} R", _between(edge.interval, words), edge.mean_r)
        money = NONE if line.luck is None else percent(line.luck.as_good, 0)
        yield Tile("as_good", percent(edge.as_good, 0), words("tile.as_good.detail", money=money), edge.as_good)
        power = words("tile.smallest_r.detail", n=f"{edge.trades:,}")
        yield Tile("smallest_r", f"{number(edge.smallest_r, signed=True)} R", power, edge.smallest_r)
    if (chosen := found.selection) is not None and chosen.deflated is not None:
        many = words("tile.deflated.detail", n=chosen.trials)
        yield Tile("deflated", number(chosen.deflated), many, chosen.deflated)
    elif line.sums is not None:
        liquidated = f"{words('eval.liquidations')} {line.sums.liquidations}"
        yield Tile("trades", f"{line.sums.trades:,}", liquidated, float(line.sums.trades))


def _between(interval: tuple[float, float] | None, words: ReportWords) -> str:
    if interval is None:
        return words("tile.mean_r.none")
    low, high = (number(one, signed=True) for one in interval)
    return words("tile.mean_r.detail", low=low, high=high)


def _accounts(found: Evaluation, words: ReportWords) -> dict[str, Any]:
    """Return the lines of the chart in % of their beginning; of baselines those that move."""
    shown = [line for line in found.lines if line.kind == "tested" or line.name != "wait"]
    cone = found.tested[0].cone
    return {
        "days": list(found.days),
        "lines": [{"name": named(line, words), "values": _percents(line.equity)} for line in shown],
        "cone": None if cone is None else [_percents(one) for one in cone],
    }


def _percents(values: Sequence[float]) -> list[float]:
    return [round(100 * (one - 1), 2) for one in values]


def _against(found: Evaluation, words: ReportWords) -> str:
    rows: list[Cells] = []
    widest = max(
        (abs(end) for line in found.tested for one in line.against.values() for end in one.interval), default=1
    )
    for line in found.tested:
        for name, one in line.against.items():
            low, high = (percent(end, signed=True) for end in one.interval)
            told = [percent(one.mean, signed=True), f"{low} … {high}"]
            rows.append([escape(f"{line.name} − {words(f'eval.{name}')}"), *map(escape, told), _bar(one, widest)])
    if not rows:
        return f"<p>{escape(words('eval.few_days'))}</p>"
    return table(["", words("eval.difference"), words("eval.interval"), ""], rows)


def _bar(one: DailyDifference, widest: float) -> str:
    """Return the interval as a bar around a middle line."""
    left, right, middle = (50 + 48 * end / (widest or 1) for end in (*one.interval, one.mean))
    return (
        f'<div class="interval" aria-hidden="true"><i style="left:{left:.1f}%;width:{right - left:.1f}%"></i>'
        f'<b style="left:{middle:.1f}%"></b></div>'
    )


def _windows(found: Evaluation, words: ReportWords) -> str:
    head = ["", words("eval.all"), *(begin for begin, _ in found.windows)]
    shown = [line for line in found.lines if line.windows]
    rows = [[escape(named(line, words)), _made(line.returned), *map(_made, line.windows)] for line in shown]
    return table(head, rows, kind="strip")


def _made(ratio: float) -> str:
    tone = "up" if ratio > 0 else "down" if ratio < 0 else ""
    return f'<span class="{tone}">{percent(ratio, 1, signed=True)}</span>'


def _chosen(found: Evaluation, words: ReportWords) -> str:
    chosen = found.selection
    if chosen is None:
        return f"<p>{escape(words('eval.none'))}</p>"
    optional = {"deflated": chosen.deflated, "spa": chosen.spa, "overfitting": chosen.overfitting}
    told = {name: words("eval.none") if one is None else number(one) for name, one in optional.items()}
    names = {line.name: named(line, words) for line in found.lines}
    rows = [
        ("trials", f"{chosen.trials:,}"),
        ("best", chosen.best),
        ("hurdle", number(chosen.hurdle)),
        ("deflated", told["deflated"]),
        ("spa", told["spa"]),
        ("set", ", ".join(names[one] for one in chosen.confidence_set)),
        ("overfitting", told["overfitting"]),
    ]
    return table([], [[escape(words(f"eval.{key}")), escape(value)] for key, value in rows])
