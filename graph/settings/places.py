"""Where a run keeps what it knows, below its user data folder, and how the namespaces of backtests begin."""

from pathlib import Path

DATABASE = Path("rag") / "candlegraph.sqlite"
CASSETTE = Path("rag") / "cassette.sqlite"
BACKTEST = "backtest:"
