"""How the market of an entry looks, in the few properties that a trader would name beside regime and RSI."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from candlegraph.graph.schema.frozen import Frozen

Touched = Literal["support", "resistance"]


class Scene(Frozen):
    """What stood around the price when it was decided."""

    alignment: int = Field(description="timeframes in an up-trend minus those in a down-trend")
    timeframes: int = Field(ge=1)
    touched: Touched | None = Field(None, description="the nearest level, if within half an ATR; None: none is")
    patterns: tuple[str, ...] = Field((), description="of the main timeframe's last closed candles")
