"""The candles of a run: from the folder whose prices are those that its decisions saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.settings.places import CandleFormat
from candlegraph.memory.books.ledger import DecisionRow
from candlegraph.tools.market.candle_files import candle_file, read_frame

SAME_PRICE = 0.01
"""A candle's close and what a decision saw there differ by less, as a ratio, if both are of one market."""
LOOKED_AT = 200


class RunSpan(NamedTuple):
    """Which candles a run used: of which pairs, how long, from which open time to which, both included."""

    pairs: Sequence[str]
    timeframe: str
    begin: datetime
    end: datetime


class RunMarket(NamedTuple):
    """The candles by pair, and the folder they are from; None: there are none."""

    folder: Path | None
    candles: Mapping[str, pd.DataFrame]


def market_of(folders: Sequence[Path], span: RunSpan, decisions: Sequence[DecisionRow]) -> RunMarket:
    """Return the first folder's candles that fit the decisions; of pairs without a file none."""
    for folder in folders:
        candles = candles_in(folder, span)
        if candles and fits(candles, decisions):
            return RunMarket(folder, candles)
    return RunMarket(None, {})


def candles_in(folder: Path, span: RunSpan, form: CandleFormat | None = None) -> dict[str, pd.DataFrame]:
    """Return the candles of the span by pair; a pair without a file, or without a candle then, has none."""
    found = {}
    begin, end = pd.Timestamp(span.begin), pd.Timestamp(span.end)
    for pair in span.pairs:
        try:
            path = candle_file(folder, pair, span.timeframe, form)
        except CandleError:
            continue  # the page says which pairs have none
        frame = read_frame(path)
        own = frame[(frame["date"] >= begin) & (frame["date"] <= end)]
        if len(own):
            found[pair] = own.reset_index(drop=True)
    return found


def fits(candles: Mapping[str, pd.DataFrame], decisions: Sequence[DecisionRow]) -> bool:
    """Return whether the closes are those that the decisions saw: another market may have pairs of the same name."""
    closes = {pair: dict(zip(frame["date"], frame["close"], strict=True)) for pair, frame in candles.items()}
    seen = [(row, closes.get(row.pair, {}).get(pd.Timestamp(row.candle))) for row in decisions[:LOOKED_AT]]
    return all(close is None or abs(close / row.price - 1) < SAME_PRICE for row, close in seen)
