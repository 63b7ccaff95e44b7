"""Freqtrade's candle files in all its formats, read without freqtrade."""

from __future__ import annotations

import zlib
from pathlib import Path

import pandas as pd

from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.settings.places import CandleFormat
from candlegraph.tools.market.frames import COLUMNS, MAX_FLAT, Candles, _problem_of
from candlegraph.tools.market.indicators import PAST

ENDINGS: dict[CandleFormat, str] = {"feather": "feather", "parquet": "parquet", "jsongz": "json.gz", "json": "json"}
"""How the files of each format end; where none is named the first that is there is read."""


def read_candles(
    datadir: Path,
    pair: str,
    timeframe: str,
    max_flat: int = MAX_FLAT,
    past: int = PAST,
    form: CandleFormat | None = None,
) -> Candles:
    """Return the candles of a freqtrade data folder; raise CandleError naming the file."""
    path = candle_file(datadir, pair, timeframe, form)
    frame = read_frame(path)
    try:
        return Candles(frame, timeframe, max_flat, past)
    except CandleError as e:
        raise CandleError(f"{path}: {e}") from e


def candle_file(datadir: Path, pair: str, timeframe: str, form: CandleFormat | None = None) -> Path:
    """Return the pair's file of that format, else of any, futures before spot; raise CandleError if there is none."""
    places = [_places(datadir, pair, timeframe, one) for one in ENDINGS if form in (None, one)]
    wanted: list[Path] = [path for kind in zip(*places, strict=True) for path in kind]
    for path in wanted:
        if path.is_file():
            return path
    first, second = places[0]
    also = f", or another of {', '.join(ENDINGS)}" if form is None else _other(datadir, pair, timeframe)
    raise CandleError(f"{pair} {timeframe}: no candle file; looked for {first} and {second.name}{also}")


def _other(datadir: Path, pair: str, timeframe: str) -> str:
    """Return, in words, in which other formats the candles are there."""
    there = [form for form in ENDINGS if any(path.is_file() for path in _places(datadir, pair, timeframe, form))]
    return f"; they are there as {' and '.join(there)}: set dataformat_ohlcv" if there else ""


def _places(datadir: Path, pair: str, timeframe: str, form: CandleFormat) -> tuple[Path, Path]:
    name, ending = f"{file_name(pair)}-{timeframe}", ENDINGS[form]
    return datadir / "futures" / f"{name}-futures.{ending}", datadir / f"{name}.{ending}"


def futures_in(datadir: Path, timeframe: str, form: CandleFormat) -> dict[str, Path]:
    """Return the futures pairs that have candles of the timeframe in that format, each with its file."""
    tail = f"-{timeframe}-futures.{ENDINGS[form]}"
    files = sorted((datadir / "futures").glob(f"*{tail}"))
    return {path.name.removesuffix(tail).replace("_", "/", 1).replace("_", ":", 1): path for path in files}


def format_in(datadir: Path, timeframe: str) -> CandleFormat | None:
    """Return the first format in which a futures pair has candles of the timeframe; None if there are none."""
    return next((form for form in ENDINGS if futures_in(datadir, timeframe, form)), None)


def file_name(pair: str) -> str:
    """Return a pair as it stands in file names, freqtrade's way: BTC_USDT_USDT."""
    return pair.replace("/", "_").replace(":", "_")


def read_frame(path: Path) -> pd.DataFrame:
    """Return the frame of a candle file; raise CandleError naming the file if it is damaged or of another kind."""
    try:
        frame = _frame_of(path)
    except (OSError, ValueError, EOFError, zlib.error) as e:  # ValueError: also pyarrow's name for a damaged file
        raise CandleError(f"{path}: cannot be read: {e}; load it anew with `freqtrade download-data`") from e
    if problem := _problem_of(frame):
        raise CandleError(f"{path}: {problem}; expected what `freqtrade download-data` writes")
    return frame


def _frame_of(path: Path) -> pd.DataFrame:
    if path.suffix == ".feather":
        return pd.read_feather(path)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    rows = pd.read_json(path, orient="values")  # a list of rows without names: time in epoch ms, prices, volume
    if len(rows.columns) != len(COLUMNS):
        raise ValueError(f"expected rows of {', '.join(COLUMNS)}, was {len(rows.columns)} columns")
    rows.columns = pd.Index(COLUMNS)
    rows["date"] = pd.to_datetime(rows["date"], unit="ms", utc=True)
    return rows
