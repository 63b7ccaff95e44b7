"""The timeframes of the prompt: trend, levels, patterns and closes of each, and the history of its indicators."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from candlegraph.agents.prompt.outside_text import symbol
from candlegraph.agents.prompt.phrases import Words
from candlegraph.agents.prompt.sections import Rendering, Section
from candlegraph.graph.schema.indicators import PastIndicators, TimeframeFacts
from candlegraph.graph.schema.market import Level, TimeframeView
from candlegraph.graph.schema.numbers import series, written
from candlegraph.graph.settings.context import ContextConfig, Phrase
from candlegraph.tools.market.indicators import past_macd_histogram, price_words, timeframe_facts, told_prices
from candlegraph.tools.market.regime import trend_of

ALL_SERIES = tuple(PastIndicators.model_fields)
"""Of a timeframe whose fields nobody chose: its closes stand with its levels."""
MAIN_SERIES = ("close", "rsi", "macd_histogram", "volume")
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
CHINESE_PATTERNS = {
    "doji": "十字星",
    "hammer": "锤子线",
    "hanging_man": "上吊线",
    "inverted_hammer": "倒锤子线",
    "shooting_star": "流星线",
    "bullish_engulfing": "看涨吞没",
    "bearish_engulfing": "看跌吞没",
    "bullish_harami": "看涨孕线",
    "bearish_harami": "看跌孕线",
    "bullish_three_inside": "三内升",
    "bearish_three_inside": "三内降",
    "bullish_three_outside": "三外升",
    "bearish_three_outside": "三外降",
    "three_white_soldiers": "红三兵",
    "three_black_crows": "三只乌鸦",
    "inside_bar": "内包线",
}
"""Another pattern, and in English every one, is told by its own name."""
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
class HistoryDetail:
    """How much of the history is said: of how many timeframes, which share of the values, and all series or few."""

    share: float = 1
    timeframes: int = 99
    is_whole: bool = True


FEWEST = 6
"""Values of a series are halved down to about so many, before series and timeframes are left out."""


def timeframes_section(views: Sequence[TimeframeView], words: Words) -> Section:
    """Return every timeframe, from all that is known down to its trend and patterns; levels by the main one's close."""
    price = views[0].close
    sides = [tuple(level.price < price for level in view.levels) for view in views]

    def renderings(room: int) -> Iterator[Rendering]:
        for detail in DETAILS:
            lines = [view_line(view, detail, words, below) for view, below in zip(views, sides, strict=True)]
            yield Rendering("\n".join(lines), details_left(detail, words))

    return Section("multi_timeframe", words.timeframes, "timeframes", renderings)


@lru_cache(maxsize=LINES)
def view_line(view: TimeframeView, detail: Detail, words: Words, below: tuple[bool, ...]) -> str:
    """Return one timeframe in one line; `below` says of each level whether it lies under the present price."""
    parts = [TRENDS[trend_of(view)][words.language]]
    if view.patterns:
        parts.append(f"{PATTERNS[words.language]} {' '.join(pattern_name(name, words) for name in view.patterns)}")
    parts += level_parts(view.levels[: detail.levels], below, words)
    if detail.averages:
        told = told_prices(view, words.language)
        parts += [f"{word} {series(values)}" for word, values in told.items()]
    if detail.closes:
        parts.append(f"{CLOSES[words.language]} {series((*view.past_closes, view.close)[-detail.closes :])}")
    return f"{view.timeframe}{words.colon}" + "; ".join(parts)


def pattern_name(name: str, words: Words) -> str:
    """Return what a candle pattern is called; one that we do not know, which a person may give in Studio, as it is."""
    return CHINESE_PATTERNS.get(name, symbol(name)) if words.language == "zh" else symbol(name)


def level_parts(levels: Sequence[Level], below: Sequence[bool], words: Words) -> list[str]:
    """Return the levels on each side of the price, the nearest first, with how often the market turned there."""
    told = {True: list[Level](), False: list[Level]()}
    for level, is_below in zip(levels, below, strict=False):
        told[is_below].append(level)
    shown = []
    for is_below, word in ((True, SUPPORT), (False, RESISTANCE)):
        nearest = sorted(told[is_below], key=lambda one: one.price, reverse=is_below)
        prices = [f"{written(one.price)} x{one.touches}" for one in nearest]
        if prices:
            shown.append(f"{word[words.language]} {' '.join(prices)}")
    return shown


def details_left(detail: Detail, words: Words) -> str:
    """Return what `detail` does not say."""
    left = [] if detail.averages else [*price_words(words.language)]
    if detail.closes < RICHEST.closes:
        left.append(OLDER_CLOSES[words.language] if detail.closes else CLOSES[words.language])
    if detail.levels < RICHEST.levels:
        left.append(FAR_LEVELS[words.language] if detail.levels else LEVELS[words.language])
    return words.comma.join(left)


def history_section(views: Sequence[TimeframeView], config: ContextConfig, words: Words) -> Section | None:
    """Return the indicators of the last candles, this one included, or nothing where none is wanted or known."""
    wanted = [(view, config.points_of(view.timeframe)) for view in views]
    known = [(view, names_of(view, config), points) for view, points in wanted if points]
    if not any(history_line(*one, HistoryDetail(), words) for one in known):
        return None
    most = max(points for _, _, points in known)

    def renderings(room: int) -> Iterator[Rendering]:
        for span in spans(most):
            lines = [history_line(*one, span, words) for one in known[: span.timeframes]]
            yield Rendering("\n".join([line for line in lines if line]), spans_left(span, len(known), words))

    return Section("indicator_history", words.history, "history", renderings)


def spans(points: int) -> Iterator[HistoryDetail]:
    """Return ever shorter histories: half as many values down to a few, then fewer series, then fewer timeframes."""
    share = 1.0
    yield HistoryDetail()
    while points * share > FEWEST:
        share /= 2
        yield HistoryDetail(share)
    for timeframes in (99, 2, 1):
        yield HistoryDetail(share, timeframes, is_whole=False)


def names_of(view: TimeframeView, config: ContextConfig) -> tuple[str, ...]:
    """Return the series that the history shows of a timeframe."""
    chosen = config.multi_timeframe_history.get(view.timeframe)
    return tuple(ALL_SERIES if chosen is None else chosen.fields)


def history_line(view: TimeframeView, names: tuple[str, ...], points: int, span: HistoryDetail, words: Words) -> str:
    """Return the series of one timeframe in one line; empty where none is known."""
    few = tuple(name for name in names if name in MAIN_SERIES) or names[:1]
    return series_line(view, names if span.is_whole else few, math.ceil(points * span.share), words)


@lru_cache(maxsize=LINES)
def series_line(view: TimeframeView, names: tuple[str, ...], values: int, words: Words) -> str:
    """Return the last `values` of each series, oldest first and this candle's last; in the units of the facts."""
    now = timeframe_facts(view)
    told = [(name, past_and_present(view, now, name)[-values:]) for name in names]
    known = [(name, one) for name, one in told if any(value is not None for value in one)]
    shown = [f"{name} {series(one, DIGITS)}" for name, one in known]
    return f"{view.timeframe}{words.colon}" + "; ".join(shown) if shown else ""


def past_and_present(view: TimeframeView, now: TimeframeFacts, name: str) -> tuple[float | None, ...]:
    """Return a series up to this candle, in the unit that the facts give it."""
    past = view.past_indicators
    match name:
        case "close":
            return (*view.past_closes, view.close)
        case "volume":
            return (*past.volume, view.volume)
        case "macd_histogram":
            return (*past_macd_histogram(view), now.macd_histogram)
        case _:
            return (*getattr(past, name), getattr(now, name))


def spans_left(span: HistoryDetail, timeframes: int, words: Words) -> str:
    """Return what `span` does not say."""
    left = [] if span.share == 1 else [words.older_values]
    if not span.is_whole:
        left.append(OTHER_SERIES[words.language])
    if span.timeframes < timeframes:
        left.append(OTHER_TIMEFRAMES[words.language])
    return words.comma.join(left)
