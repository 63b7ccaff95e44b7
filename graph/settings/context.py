"""`context_config`: what the model sees of the market."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from candlegraph.graph.schema.indicators import IndicatorName
from candlegraph.graph.settings.block import Block

SentimentSource = Literal["fear_greed", "funding_rate", "open_interest", "long_short_ratio", "book_imbalance"]
Series = Literal["close", "rsi", "adx", "atr", "macd_histogram", "mfi", "volume"]
Language = Literal["en", "zh"]
Phrase = Mapping[Language, str]
"""One text of the prompt in every language; `{}` stands for what is filled in."""
MOST_PAST = 200
"""Values of a series that a prompt can show; most of them only where the section's tokens allow."""
TIMEFRAME = re.compile(r"([1-9]\d*)([mhdw])")
MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10_080}
LONGER = ("15m", "1h", "4h", "1d")
"""What stands above a main timeframe, the next three; a week only where that is all there is above."""


def minutes_of(timeframe: Any) -> int | None:
    """Return the length of a candle in minutes; None for what is not like 30m, 4h or 1d."""
    found = TIMEFRAME.fullmatch(str(timeframe))
    return None if found is None else int(found[1]) * MINUTES[found[2]]


def timeframes_above(main: str) -> tuple[str, ...]:
    """Return `main` and the longer timeframes that are analysed with it where the configuration names none."""
    length = minutes_of(main) or 0
    longer = [one for one in LONGER if (minutes_of(one) or 0) > length][:3]
    return (main, *(longer or [one for one in ("1w",) if length < MINUTES["w"]]))


class TokenAllocation(Block):
    """Most tokens of each section of the prompt."""

    system: int = Field(500, ge=0, description="Share of the system prompt.")
    current_market: int = Field(
        800, ge=0, description="Share of the facts and the sentiment. The facts are always kept."
    )
    account: int = Field(200, ge=0, description="Share of the account.")
    position: int = Field(400, ge=0, description="Share of the open position.")
    indicator_history: int = Field(1000, ge=0, description="Share of past indicator values.")
    similar_trades: int = Field(1500, ge=0, description="Share of the similar past cases.")
    multi_timeframe: int = Field(2000, ge=0, description="Share of levels, patterns and closes of each timeframe.")


class TimeframeHistory(Block):
    """What the history shows of one timeframe."""

    candles: int = Field(12, ge=1, le=MOST_PAST, description="values of each series, this candle's included")
    fields: tuple[Series, ...] = Field(("close", "rsi"), min_length=1)


class SentimentSettings(Block):
    """What is asked of the exchange and the Fear & Greed index, live only."""

    sources: tuple[SentimentSource, ...] = Field(
        ("fear_greed", "funding_rate", "open_interest", "long_short_ratio", "book_imbalance"),
        description="What is asked, live and in dry-run; `[]`: nothing. A backtest only reads what was recorded.",
    )
    fear_greed_url: str = Field("https://api.alternative.me/fng/", description="Where the Fear & Greed index is read.")
    timeout: float = Field(5, gt=0, le=60, description="Seconds for one request.")
    cache_seconds: float = Field(300, ge=0, description="A younger value is not asked for again.")
    max_age_minutes: float = Field(
        180, gt=0, description="An older value is unavailable; a day for the Fear & Greed index."
    )


class ContextConfig(Block):
    """What the model sees of the market."""

    timeframes: tuple[str, ...] = Field(
        ("30m", "1h", "4h", "1d"),
        min_length=1,
        description=(
            "Analysed together; the first is the main one and must equal Freqtrade's `timeframe`. Where the key "
            "is missing and `timeframe` is not 30m, the higher ones follow it."
        ),
    )
    required_indicators: tuple[IndicatorName, ...] = Field(
        ("ema_20", "ema_50", "rsi", "adx", "macd", "atr", "bollinger"),
        description=(
            "No entry while one of them is unavailable on any timeframe. Also valid: `ema_200`, `mfi`, `obv_slope`."
        ),
    )
    max_flat_candles: int = Field(
        12,
        ge=1,
        le=600,
        description="A longer run of flat candles without volume is a gap: the window starts behind it.",
    )
    indicator_history_points: int = Field(
        12,
        ge=0,
        le=MOST_PAST,
        description=(
            "Values of each indicator in the history, this candle's included, 0 to 200. Halved until they fit "
            "`allocation.indicator_history`; 0 shows none."
        ),
    )
    multi_timeframe_history: dict[str, TimeframeHistory] = Field(
        {},
        description=(
            'By timeframe, in place of the points and all series: `{"4h": {"candles": 20, "fields": ["close", '
            '"rsi"]}}`. Fields: `close`, `rsi`, `adx`, `atr`, `macd_histogram`, `mfi`, `volume`.'
        ),
    )
    language: Language = Field("en", description="Language of the prompt: `en` or `zh`.")
    max_context_tokens: int = Field(6000, ge=3000, description="Most tokens of the prompt, tool schemas included.")
    allocation: TokenAllocation = TokenAllocation()
    sentiment: SentimentSettings = SentimentSettings()

    @model_validator(mode="after")
    def _is_seen(self) -> Self:
        """Refuse a history of a timeframe that nothing is read of."""
        unseen = [name for name in self.multi_timeframe_history if name not in self.timeframes]
        if unseen:
            raise ValueError(
                f"multi_timeframe_history.{unseen[0]}: not one of context_config.timeframes; "
                f"valid: {', '.join(self.timeframes)}"
            )
        return self

    def points_of(self, timeframe: str) -> int:
        """Return how many values of each series the history shows of a timeframe."""
        chosen = self.multi_timeframe_history.get(timeframe)
        return self.indicator_history_points if chosen is None else chosen.candles

    @field_validator("timeframes")
    @classmethod
    def _are_timeframes(cls, named: tuple[str, ...]) -> tuple[str, ...]:
        if strange := [one for one in named if minutes_of(one) is None]:
            raise ValueError(f"expected timeframes like 30m, 4h or 1d; {strange[0]!r} is none")
        return named
