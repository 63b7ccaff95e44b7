"""Where a run keeps what it knows, below its user data folder, and how the namespaces of backtests begin."""

from pathlib import Path
from typing import Literal

DATABASE = Path("rag") / "candlegraph.sqlite"
CASSETTE = Path("rag") / "cassette.sqlite"
LOG = Path("logs") / "freqtrade.log"
SENTIMENT = Path("sentiment")
PAUSE = Path("paused.json")
"""There while a person keeps the bot from opening anything."""
BACKTEST = "backtest:"
OFFLINE = "offline:"
"""How the namespaces of dry-runs without the network begin: each begins with nothing, as a backtest does."""
CandleFormat = Literal["feather", "parquet", "jsongz", "json"]
"""Freqtrade's formats of candle files, `dataformat_ohlcv`."""

STUDIO_NAMESPACES = "CANDLEGRAPH_STUDIO_NAMESPACES"
"""The variable that names what runs of LangGraph's server may read and write beside `studio`, with spaces between."""
