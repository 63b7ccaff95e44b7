"""The indicators: each is declared once, and whoever needs one reads its declaration.

window -> series (one value a candle, NaN where unavailable) -> the newest values, and the twelve before them
       -> facts of the timeframe -> components of the situation vector
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import pandas as pd

from candlegraph.graph.schema.indicators import IndicatorName, Indicators, PastIndicators, TimeframeFacts
from candlegraph.graph.schema.market import TimeframeView
from candlegraph.graph.settings.context import Language, Phrase
from candlegraph.tools.market import series
from candlegraph.tools.market.series import Values, Window

PAST = 12
"""Older values that are kept beside the newest one; more where a prompt shows more."""


class Scale(NamedTuple):
    """How a fact becomes a component of the situation vector: its distance from `centre`, where `width` is extreme."""

    centre: float
    width: float


@dataclass(frozen=True)
class Fact:
    """A number of the facts block; one with a scale can be a component of the situation vector."""

    name: str
    of: Callable[[TimeframeView], float | None]
    scale: Scale | None = None

    def component(self, facts: TimeframeFacts) -> float | None:
        """Return the fact on its scale."""
        assert self.scale is not None, f"{self.name} is a component of the situation and has no scale"
        value: float | None = getattr(facts, self.name)
        return None if value is None else (value - self.scale.centre) / self.scale.width


@dataclass(frozen=True)
class Indicator:
    """All there is to know of one: from what, after how many candles, as which fact, in which words."""

    name: IndicatorName
    needed: int
    """Candles until its warm-up has faded."""
    series: Callable[[Window], Values | Mapping[str, Values]]
    """One series of its own name, or several; those that `Indicators` and `PastIndicators` name are kept."""
    fact: Fact | None = None
    fields: tuple[str, ...] = ()
    """The numbers that must be there for it to be available; its own where none are named."""
    words: Phrase | None = None
    """Of a price: what it is called beside the closes. Neighbours of one name are told together."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """Return the fields of `Indicators` that it gives."""
        return self.fields or (self.name,)


def own(name: str, scale: Scale | None = None) -> Fact:
    """Return the fact that is the indicator itself."""
    return Fact(name, lambda view: number(view, name), scale)


def distance(name: str, scale: Scale | None = None) -> Fact:
    """Return the fact how far the close lies above the indicator, in ATR."""
    return Fact(f"{name}_distance", lambda view: in_atr(view.close, number(view, name), view.indicators.atr), scale)


def number(view: TimeframeView, name: str) -> float | None:
    """Return one indicator of the timeframe."""
    value: float | None = getattr(view.indicators, name)
    return value


def in_atr(value: float | None, reference: float | None, atr: float | None) -> float | None:
    """Return (value - reference) / ATR; None where one is unavailable or the ATR is zero."""
    if value is None or reference is None or not atr:
        return None
    return (value - reference) / atr


def bollinger_position(view: TimeframeView) -> float | None:
    """Return 0 at the lower band, 1 at the upper; None where the bands are unavailable or equal."""
    upper, lower = view.indicators.bollinger_upper, view.indicators.bollinger_lower
    if upper is None or lower is None or upper == lower:
        return None
    return (view.close - lower) / (upper - lower)


def momentum(view: TimeframeView) -> float | None:
    """Return the move of five candles, in ATR."""
    before = view.past_closes[-5] if len(view.past_closes) >= 5 else None
    return in_atr(view.close, before, view.indicators.atr)


def macd_histogram(view: TimeframeView) -> float | None:
    """Return how far the MACD lies above its signal, in ATR."""
    return in_atr(view.indicators.macd, view.indicators.macd_signal, view.indicators.atr)


def ema_spread(view: TimeframeView) -> float | None:
    """Return how far the EMA 20 lies above the EMA 50, in ATR."""
    return in_atr(view.indicators.ema_20, view.indicators.ema_50, view.indicators.atr)


AVERAGES: Phrase = {"en": "EMA 20/50/200", "zh": "EMA 20/50/200"}
BANDS: Phrase = {"en": "Bollinger", "zh": "布林带"}

INDICATORS = (
    Indicator("ema_20", 40, partial(series.ema, span=20), distance("ema_20", Scale(0, 3)), words=AVERAGES),
    Indicator("ema_50", 100, partial(series.ema, span=50), distance("ema_50", Scale(0, 5)), words=AVERAGES),
    Indicator("ema_200", 400, partial(series.ema, span=200), distance("ema_200"), words=AVERAGES),
    Indicator("adx", 100, series.adx, own("adx", Scale(25, 25))),
    Indicator("rsi", 100, series.rsi, own("rsi", Scale(50, 25))),
    Indicator(
        "macd",
        100,
        series.macd,
        Fact("macd_histogram", macd_histogram, Scale(0, 1)),
        fields=("macd", "macd_signal"),
    ),
    Indicator(
        "bollinger",
        20,
        series.bollinger,
        Fact("bollinger_position", bollinger_position, Scale(0.5, 0.5)),
        fields=("bollinger_lower", "bollinger_upper"),
        words=BANDS,
    ),
    Indicator("atr", 100, series.atr, own("atr")),
    Indicator("mfi", 15, series.mfi, own("mfi")),
    Indicator("obv_slope", 21, series.obv_slope, own("obv_slope")),
)
OF_NO_INDICATOR = (
    Fact("ema_spread", ema_spread, Scale(0, 3)),
    Fact("momentum", momentum, Scale(0, 4)),
)
BY_NAME: Mapping[str, Indicator] = {one.name: one for one in INDICATORS}
FACTS: Mapping[str, Fact] = {
    fact.name: fact for fact in (*(one.fact for one in INDICATORS), *OF_NO_INDICATOR) if fact is not None
}


def indicators_of(window: pd.DataFrame) -> Indicators:
    """Return the indicators at the last row of `window` (columns open, high, low, close, volume; oldest first)."""
    return newest_of(series_of(*(window[name].to_numpy(float) for name in ("high", "low", "close", "volume"))))


def series_of(high: Values, low: Values, close: Values, volume: Values) -> dict[str, Values]:
    """Return every indicator at each candle, from that candle and those before it; NaN where unavailable."""
    window = Window(high, low, close, volume)
    found: dict[str, Values] = {}
    for one, given in [(one, one.series(window)) for one in INDICATORS]:
        named = given if isinstance(given, Mapping) else {one.name: given}
        found |= {name: _warmed_up(values, one.needed) for name, values in named.items()}
    return found


def newest_of(series: Mapping[str, Values]) -> Indicators:
    """Return the last value of each series."""
    return Indicators(**{name: _known(float(series[name][-1])) for name in Indicators.model_fields})


def past_indicators_of(series: Mapping[str, Values], volume: Values, past: int = PAST) -> PastIndicators:
    """Return up to `past` values before the last one, oldest first.

    Each is what `indicators_of` said at that candle of a window that starts where this one does, so it is exact, and
    unavailable where too few candles lay between the start and it.
    """
    shown = {name: {**series, "volume": volume}[name] for name in PastIndicators.model_fields}
    return PastIndicators(
        **{name: tuple(_known(value) for value in values[-1 - past : -1].tolist()) for name, values in shown.items()}
    )


@lru_cache(maxsize=1024)  # only one timeframe in two has a new candle
def timeframe_facts(view: TimeframeView) -> TimeframeFacts:
    """Return the derived numbers of one timeframe."""
    return TimeframeFacts(close=view.close, **{name: fact.of(view) for name, fact in FACTS.items()})


def histories_of(view: TimeframeView, names: Sequence[str]) -> dict[str, tuple[float | None, ...]]:
    """Return series of `PastIndicators` up to this candle, oldest first, in the units of the facts."""
    now, past = timeframe_facts(view), view.past_indicators
    known: dict[str, tuple[float | None, ...]] = {
        "close": (*view.past_closes, view.close),
        "volume": (*past.volume, view.volume),
        "macd_histogram": (*_past_macd_histogram(past), now.macd_histogram),
    }
    return {name: known.get(name) or (*getattr(past, name), getattr(now, name)) for name in names}


def _past_macd_histogram(past: PastIndicators) -> tuple[float | None, ...]:
    """Return the older values of the MACD histogram, each in the ATR of its own candle, as the fact is."""
    return tuple([in_atr(value, 0, atr) for value, atr in zip(past.macd_histogram, past.atr, strict=False)])


def unavailable(view: TimeframeView, names: Sequence[IndicatorName]) -> list[IndicatorName]:
    """Return those of the indicators `names` of which a number is missing."""
    return [name for name in names if any(number(view, field) is None for field in BY_NAME[name].numbers)]


def price_words(language: Language) -> tuple[str, ...]:
    """Return the words that indicators which are prices are told by."""
    return tuple(dict.fromkeys(one.words[language] for one in INDICATORS if one.words is not None))


def told_prices(view: TimeframeView, language: Language) -> dict[str, list[float | None]]:
    """Return the indicators that are prices, under the word that they are told by."""
    told: dict[str, list[float | None]] = {word: [] for word in price_words(language)}
    for one in INDICATORS:
        if one.words is not None:
            told[one.words[language]] += [number(view, name) for name in one.numbers]
    return told


def _warmed_up(values: Values, needed: int) -> Values:
    known = values.astype(float)
    known[: needed - 1] = math.nan
    return known


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
