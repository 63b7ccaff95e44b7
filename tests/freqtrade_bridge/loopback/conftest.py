from pathlib import Path

import pytest

from candlegraph.freqtrade_bridge.loopback.sample_market import SampleMarket, write_sample_market


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleMarket:
    """Return the sample market, written once; tests only read it."""
    folder: Path = tmp_path_factory.mktemp("sample")
    return write_sample_market(folder)
