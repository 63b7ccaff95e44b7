import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_frames, sample_series
from candlegraph.freqtrade_bridge.loopback.server import LoopbackExchange

BTC = "BTC/USDT:USDT"


def test_stock_download_data_fetches_the_sample_market(tmp_path: Path) -> None:
    """`freqtrade download-data`, unmodified, asks nobody but the loopback exchange."""
    with LoopbackExchange([market_of(BTC, sample_series(BTC))]) as exchange:
        config = tmp_path / "config.json"
        config.write_text(json.dumps(base_config() | {"exchange": offline_exchange(exchange.url, [BTC])}))
        command = [
            sys.executable,
            "-m",
            "freqtrade",
            "download-data",
            "--config",
            str(config),
            "--userdir",
            str(tmp_path),
        ]
        command += ["--timerange", "20251101-20251201", "--timeframes", "30m", "1d"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not exchange.app.state.unknown
    folder = tmp_path / "data" / "binance" / "futures"
    kinds = {"30m-futures", "1d-futures", "1h-mark", "1h-funding_rate"}
    assert {path.stem.removeprefix("BTC_USDT_USDT-") for path in folder.iterdir()} == kinds
    downloaded = pd.read_feather(folder / "BTC_USDT_USDT-30m-futures.feather")
    both = downloaded.merge(sample_frames(BTC)["30m"], on="date", suffixes=("", "_written"))
    assert len(both) == len(downloaded) >= 30 * 48
    for column in ("open", "high", "low", "close", "volume"):
        assert (both[column] == both[f"{column}_written"]).all()
