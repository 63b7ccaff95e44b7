import os
from pathlib import Path

import pytest

from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market

# Freqtrade, ccxt, and what they import warn about things of their own; our packages stay strict.
THIRD_PARTY = "ignore::Warning"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(THIRD_PARTY))
            item.add_marker(pytest.mark.filterwarnings("error::Warning:candlegraph"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    return write_sample_market(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def market(sample):
    """Return a candle folder, two pairs and the first day to trade: real candles where they are, else the sample."""
    real = os.environ.get("CANDLEGRAPH_MARKET")
    if real:
        return Path(real) / "binance", ("BTC/USDT:USDT", "ETH/USDT:USDT"), "2025-03-01"
    return sample.datadir, sample.pairs[:2], "2025-10-10"


@pytest.fixture(scope="session")
def real():
    """Return the folder of real candles; skip where there is none."""
    folder = os.environ.get("CANDLEGRAPH_MARKET")
    if not folder:
        pytest.skip("CANDLEGRAPH_MARKET names no real candles")
    return Path(folder) / "binance"
