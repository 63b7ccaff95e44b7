"""The timeframes of the prompt: trend, levels, patterns and closes of each, and the history of its indicators."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from candlegraph.agents.prompt.outside_text import symbol
from candlegraph.agents.prompt.phrases import Words
from candlegraph.agents.prompt.sections import Rendering, Section
from candlegraph.graph.schema.indicators import PastIndicators
from candlegraph.graph.schema.market import Level, TimeframeView
from candlegraph.graph.schema.numbers import UNAVAILABLE, all_texts, texts
from candlegraph.graph.settings.context import ContextConfig, Phrase
from candlegraph.tools.market.indicators import histories_of, price_words, told_prices
from candlegraph.tools.market.regime import trend_of

ALL_SERIES = tuple(PastIndicators.model_fields)
"""Of a timeframe whose fields nobody chose: its closes stand with its levels."""
MAIN_SERIES = ("close", "rsi", "macd_histogram", "volume")
DIGITS = 4
"""Of an indicator in a series; prices keep six."""
LINES = 1024
"""Timeframes whose texts are kept: only one in two has a new candle, and is else the same."""

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


@dataclass(frozen=True)
class Texts:
    """One timeframe as text, each number written once; a section takes from it what it has room for.

    `levels` lie beside the view's own, `prices` are the averages by what they are called, a series is oldest first.
    """

    trend: str
    patterns: str
    levels: Sequence[str]
    prices: Mapping[str, str]
    closes: Sequence[str]
    series: Mapping[str, Sequence[str]]


@lru_cache(maxsize=LINES)
def texts_of(view: TimeframeView, names: tuple[str, ...], words: Words) -> Texts:
    """Return all that can be said of a timeframe; `names` are the series that the history wants of it."""
    trend = TRENDS[trend_of(view)][words.language]
    prices, known = told_prices(view, words.language), histories_of(view, names)
    patterns = " ".join([pattern_name(name, words) for name in view.patterns])
    level_prices = [level.price for level in view.levels]
    levels, closes = texts(level_prices), texts((*view.past_closes, view.close))
    averages, series = all_texts(prices), all_texts(known, DIGITS)
    told = {word: " ".join(values) for word, values in averages.items()}
    return Texts(trend, patterns, levels, told, closes, series)


def timeframes_section(views: Sequence[TimeframeView], told: Sequence[Texts], words: Words) -> Section:
    """Return every timeframe, from all that is known down to its trend and patterns; levels by the main one's close."""
    price = views[0].close

    def renderings(room: int) -> Iterator[Rendering]:
        for detail in DETAILS:
            lines = [view_line(view, one, detail, words, price) for view, one in zip(views, told, strict=True)]
            yield Rendering("\n".join(lines), details_left(detail, words))

    return Section("multi_timeframe", words.timeframes, "timeframes", renderings)


def view_line(view: TimeframeView, told: Texts, detail: Detail, words: Words, price: float) -> str:
    """Return one timeframe in one line; its levels by the side of the present price."""
    parts = [told.trend]
    if told.patterns:
        parts.append(f"{PATTERNS[words.language]} {told.patterns}")
    parts += level_parts(list(zip(view.levels, told.levels, strict=True))[: detail.levels], price, words)
    if detail.averages:
        parts += [f"{word} {averages}" for word, averages in told.prices.items()]
    if detail.closes:
        parts.append(f"{CLOSES[words.language]} {' '.join(told.closes[-detail.closes :])}")
    return f"{view.timeframe}{words.colon}" + "; ".join(parts)


def pattern_name(name: str, words: Words) -> str:
    """Return what a candle pattern is called; one that we do not know, which a person may give in Studio, as it is."""
    return CHINESE_PATTERNS.get(name, symbol(name)) if words.language == "zh" else symbol(name)


def level_parts(levels: Sequence[tuple[Level, str]], price: float, words: Words) -> list[str]:
    """Return the levels on each side of the price, the nearest first, with how often the market turned there."""
    below = sorted([one for one in levels if one[0].price < price], key=lambda one: one[0].price, reverse=True)
    above = sorted([one for one in levels if one[0].price >= price], key=lambda one: one[0].price)
    return [
        f"{word[words.language]} " + " ".join([f"{told} x{level.touches}" for level, told in found])
        for found, word in ((below, SUPPORT), (above, RESISTANCE))
        if found
    ]


def details_left(detail: Detail, words: Words) -> str:
    """Return what `detail` does not say."""
    left = [] if detail.averages else [*price_words(words.language)]
    if detail.closes < RICHEST.closes:
        left.append(OLDER_CLOSES[words.language] if detail.closes else CLOSES[words.language])
    if detail.levels < RICHEST.levels:
        left.append(FAR_LEVELS[words.language] if detail.levels else LEVELS[words.language])
    return words.comma.join(left)


def history_section(
    views: Sequence[TimeframeView], told: Sequence[Texts], config: ContextConfig, words: Words
) -> Section | None:
    """Return the indicators of the last candles, this one included, or nothing where none is wanted or known."""
    wanted = [(view.timeframe, one, config.points_of(view.timeframe)) for view, one in zip(views, told, strict=True)]
    known = [(timeframe, one, points) for timeframe, one, points in wanted if points]
    if not any([history_line(*one, HistoryDetail(), words) for one in known]):
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


def series_names(timeframe: str, config: ContextConfig) -> tuple[str, ...]:
    """Return the series that the history shows of a timeframe; none where it shows no values."""
    if not config.points_of(timeframe):
        return ()
    chosen = config.multi_timeframe_history.get(timeframe)
    return tuple(ALL_SERIES if chosen is None else chosen.fields)


def history_line(timeframe: str, told: Texts, points: int, span: HistoryDetail, words: Words) -> str:
    """Return the series of one timeframe in one line, this candle's values last; empty where none is known."""
    names = tuple(told.series)
    few = tuple(name for name in names if name in MAIN_SERIES) or names[:1]
    last = math.ceil(points * span.share)
    shown = [(name, told.series[name][-last:]) for name in (names if span.is_whole else few)]
    parts = [f"{name} {' '.join(values)}" for name, values in shown if any([one != UNAVAILABLE for one in values])]
    return f"{timeframe}{words.colon}" + "; ".join(parts) if parts else ""


def spans_left(span: HistoryDetail, timeframes: int, words: Words) -> str:
    """Return what `span` does not say."""
    left = [] if span.share == 1 else [words.older_values]
    if not span.is_whole:
        left.append(OTHER_SERIES[words.language])
    if span.timeframes < timeframes:
        left.append(OTHER_TIMEFRAMES[words.language])
    return words.comma.join(left)
