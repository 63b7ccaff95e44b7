"""The timeframes of the prompt: trend, levels, patterns and closes of each, and the history of its indicators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from candlegraph.agents.prompt.outside_text import symbol
from candlegraph.agents.prompt.phrases import Words
from candlegraph.agents.prompt.sections import Rendering, Section, number, series
from candlegraph.graph.schema.indicators import PastIndicators
from candlegraph.graph.schema.market import Level, TimeframeView
from candlegraph.graph.settings.context import Phrase
from candlegraph.tools.market.indicators import number as number_of
from candlegraph.tools.market.indicators import told_prices
from candlegraph.tools.market.regime import trend_of

ALL_SERIES = tuple(PastIndicators.model_fields)
MAIN_SERIES = ("rsi", "macd_histogram", "volume")
DIGITS = 4
"""Of an indicator in a series; prices keep six."""
LINES = 1024
"""Kept of each kind: only one timeframe in two has a new candle, and its line is else the same."""

TRENDS: dict[int, Phrase] = {
    1: {"en": "trend up", "zh": "上升趋势"},
    -1: {"en": "trend down", "zh": "下降趋势"},
    0: {"en": "no clear trend", "zh": "无明确趋势"},
}
"""By the sign of the trend."""
SUPPORT: Phrase = {"en": "support", "zh": "支撑"}
RESISTANCE: Phrase = {"en": "resistance", "zh": "阻力"}
PATTERNS: Phrase = {"en": "patterns", "zh": "形态"}
CLOSES: Phrase = {"en": "closes", "zh": "收盘价"}
FAR_LEVELS: Phrase = {"en": "farther levels", "zh": "较远的价位"}
OLDER_CLOSES: Phrase = {"en": "older closes", "zh": "更早的收盘价"}
LEVELS: Phrase = {"en": "levels", "zh": "价位"}
OTHER_TIMEFRAMES: Phrase = {"en": "other timeframes", "zh": "其他周期"}
OTHER_SERIES: Phrase = {"en": "other indicators", "zh": "其他指标"}


@dataclass(frozen=True)
class Detail:
    """How much of each timeframe is said."""

    averages: bool = False
    closes: int = 0
    levels: int = 0


RICHEST = Detail(averages=True, closes=12, levels=8)
DETAILS = (
    RICHEST,
    Detail(closes=12, levels=8),
    Detail(closes=6, levels=8),
    Detail(closes=6, levels=2),
    Detail(levels=2),
    Detail(),
)


@dataclass(frozen=True)
class Span:
    """How much of the indicators' history is said: of how many timeframes, values and series."""

    timeframes: int
    values: int
    names: tuple[str, ...] = MAIN_SERIES


SPANS = (Span(99, 12, ALL_SERIES), Span(99, 6, ALL_SERIES), Span(99, 6), Span(2, 6), Span(1, 6))


def timeframes_section(views: Sequence[TimeframeView], words: Words) -> Section:
    """Return every timeframe, from all that is known down to its trend and patterns."""

    def renderings() -> Iterator[Rendering]:
        for detail in DETAILS:
            yield Rendering("\n".join(view_line(view, detail, words) for view in views), details_left(detail, words))

    return Section("multi_timeframe", words.timeframes, "timeframes", renderings)


@lru_cache(maxsize=LINES)
def view_line(view: TimeframeView, detail: Detail, words: Words) -> str:
    """Return one timeframe in one line."""
    parts = [TRENDS[trend_of(view)][words.language]]
    if view.patterns:
        parts.append(f"{PATTERNS[words.language]} {' '.join(symbol(name) for name in view.patterns)}")
    parts += level_parts(view.levels[: detail.levels], words)
    if detail.averages:
        told = told_prices(words.language)
        parts += [f"{word} {series([number_of(view, name) for name in names])}" for word, names in told.items()]
    if detail.closes:
        parts.append(f"{CLOSES[words.language]} {series((*view.past_closes, view.close)[-detail.closes :])}")
    return f"{view.timeframe}{words.colon}" + "; ".join(parts)


def level_parts(levels: Sequence[Level], words: Words) -> list[str]:
    """Return the levels of each kind, the nearest first, with how often the market turned there."""
    shown = []
    for kind, word in (("support", SUPPORT), ("resistance", RESISTANCE)):
        prices = [f"{number(one.price)} x{one.touches}" for one in levels if one.kind == kind]
        if prices:
            shown.append(f"{word[words.language]} {' '.join(prices)}")
    return shown


def details_left(detail: Detail, words: Words) -> str:
    """Return what `detail` does not say."""
    left = [] if detail.averages else [*told_prices(words.language)]
    if detail.closes < RICHEST.closes:
        left.append(OLDER_CLOSES[words.language] if detail.closes else CLOSES[words.language])
    if detail.levels < RICHEST.levels:
        left.append(FAR_LEVELS[words.language] if detail.levels else LEVELS[words.language])
    return words.comma.join(left)


def history_section(views: Sequence[TimeframeView], words: Words) -> Section | None:
    """Return the older values of the indicators, or nothing where none is known."""
    known = [view for view in views if any(getattr(view.past_indicators, name) for name in ALL_SERIES)]
    if not known:
        return None

    def renderings() -> Iterator[Rendering]:
        for span in SPANS:
            lines = [history_line(view, span, words) for view in known[: span.timeframes]]
            yield Rendering("\n".join(lines), spans_left(span, len(known), words))

    return Section("indicator_history", words.history, "history", renderings)


@lru_cache(maxsize=LINES)
def history_line(view: TimeframeView, span: Span, words: Words) -> str:
    """Return the series of one timeframe in one line."""
    past = [(name, getattr(view.past_indicators, name)[-span.values :]) for name in span.names]
    return f"{view.timeframe}{words.colon}" + "; ".join(f"{name} {series(one, DIGITS)}" for name, one in past if one)


def spans_left(span: Span, timeframes: int, words: Words) -> str:
    """Return what `span` does not say."""
    left = [] if span.values == SPANS[0].values else [words.older_values]
    if span.names != ALL_SERIES:
        left.append(OTHER_SERIES[words.language])
    if span.timeframes < timeframes:
        left.append(OTHER_TIMEFRAMES[words.language])
    return words.comma.join(left)
