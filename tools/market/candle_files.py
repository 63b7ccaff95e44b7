"""Freqtrade's candle files, read without freqtrade."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from candlegraph.graph.schema.errors import CandleError
from candlegraph.tools.market.frames import MAX_FLAT, Candles, _problem_of
from candlegraph.tools.market.indicators import PAST


def read_candles(datadir: Path, pair: str, timeframe: str, max_flat: int = MAX_FLAT, past: int = PAST) -> Candles:
    """Return the candles of a freqtrade data folder; raise CandleError naming the file."""
    path = candle_file(datadir, pair, timeframe)
    frame = read_frame(path)
    try:
        return Candles(frame, timeframe, max_flat, past)
    except CandleError as e:
        raise CandleError(f"{path}: {e}") from e


def candle_file(datadir: Path, pair: str, timeframe: str) -> Path:
    """Return the pair's feather file, futures before spot; raise CandleError if there is none."""
    name = file_name(pair)
    places = [datadir / "futures" / f"{name}-{timeframe}-futures.feather", datadir / f"{name}-{timeframe}.feather"]
    path = next((p for p in places if p.is_file()), None)
    if path is None:
        raise CandleError(f"{pair} {timeframe}: no candle file; looked for {places[0]} and {places[1].name}")
    return path


def file_name(pair: str) -> str:
    """Return a pair as it stands in file names, freqtrade's way: BTC_USDT_USDT."""
    return pair.replace("/", "_").replace(":", "_")


def read_frame(path: Path) -> pd.DataFrame:
    """Return the frame of a candle file; raise CandleError naming the file if it is damaged or of another kind."""
    try:
        frame = pd.read_feather(path)
    except (OSError, ValueError) as e:  # ValueError: pyarrow's name for a damaged file
        raise CandleError(f"{path}: cannot be read: {e}; load it anew with `freqtrade download-data`") from e
    if problem := _problem_of(frame):
        raise CandleError(f"{path}: {problem}; expected what `freqtrade download-data` writes")
    return frame
