"""The demo's stretch of real candles: June 2025 of BTC and ETH, which the package brings along."""

from __future__ import annotations

import shutil
from pathlib import Path

from candlegraph.freqtrade_bridge.loopback.sample_market import SampleMarket

CANDLES = Path(__file__).with_name("june2025")
"""Its README says where they are from."""
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
TIMERANGE = "20250601-20250701"


def write_month(datadir: Path) -> SampleMarket:
    """Copy the candles into a freqtrade data folder; files of these names that lie there are replaced."""
    shutil.copytree(CANDLES / "futures", datadir / "futures", dirs_exist_ok=True, copy_function=shutil.copyfile)
    return SampleMarket(datadir, PAIRS, TIMERANGE)
