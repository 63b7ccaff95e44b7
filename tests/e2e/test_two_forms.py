"""Offline is Freqtrade, without the network: `candlegraph backtest` in both its forms, over the same exchange."""

import json
from pathlib import Path

import pandas as pd
import pytest
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange
from candlegraph.freqtrade_bridge.loopback.markets import markets_of_datadir
from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market
from candlegraph.freqtrade_bridge.loopback.server import LoopbackExchange
from candlegraph.freqtrade_bridge.report.result import read_result
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import Ledger

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"


def stored_as(form, sample, userdir, timeframes):
    """Store candles of two pairs, their marks and funding in another format, where freqtrade looks for them."""
    folder = userdir / "data" / "binance"
    (folder / "futures").mkdir(parents=True)
    kinds = [(one, CandleType.FUTURES) for one in timeframes]
    kinds += [("1h", CandleType.MARK), ("1h", CandleType.FUNDING_RATE)]
    source, target = get_datahandler(sample.datadir, "feather"), get_datahandler(folder, form)
    for pair in (BTC, ETH):
        for timeframe, kind in kinds:
            frame = source.ohlcv_load(pair, timeframe, kind, fill_missing=False, warn_no_data=False)
            target.ohlcv_store(pair, timeframe, frame, kind)
    return folder


def configured(userdir, exchange, **changes):
    """Write a configuration that names all that the command line leaves out; return its path."""
    known = base_config() | {
        "exchange": exchange | {"pair_whitelist": [ETH, SOL, BTC], "pair_blacklist": ["SOL/.*"]},
        "user_data_dir": str(userdir),
        "timerange": "20251012-20251014",
    }
    path = userdir / "config.json"
    path.write_text(json.dumps(known | changes))
    return str(path)


def outcome(userdir):
    """Return what was decided, and what was traded."""
    ledger = Ledger(userdir / DATABASE)
    (namespace,) = ledger.namespaces()
    (archive,) = (userdir / "backtest_results").glob("*.zip")
    decided = [(row.pair, row.candle, row.signal.action, row.signal.reason) for row in ledger.rows(namespace)]
    return decided, [trade.model_dump() for trade in read_result(archive).trades]


@pytest.fixture(scope="module")
def hourly(sample, tmp_path_factory):
    """Return two folders of bots whose candles are Parquet, which no configuration says."""
    folders = [tmp_path_factory.mktemp(name) for name in ("online", "offline")]
    for folder in folders:
        stored_as("parquet", sample, folder, ("1h", "4h", "1d"))
    return folders


@pytest.mark.slow
def test_both_forms_decide_and_trade_alike_and_take_what_is_not_named_from_the_configuration(hourly, capfd):
    online, offline = hourly
    markets = markets_of_datadir(online / "data" / "binance", [BTC, ETH], "1h")
    with LoopbackExchange(markets) as exchange:
        theirs = configured(online, offline_exchange(exchange.url, []), timeframe="1h")
        assert main(["backtest", "-c", theirs]) == 0
    ours = configured(offline, {"name": "binance"}, timeframe="1h")
    assert main(["backtest", "-c", ours, "--offline"]) == 0
    (decided, trades), (decided_offline, trades_offline) = outcome(online), outcome(offline)
    assert decided == decided_offline and trades == trades_offline
    assert {(pair, candle.minute) for pair, candle, *_ in decided} == {(BTC, 0), (ETH, 0)}
    assert len(decided) == 2 * 2 * 24
    assert "Not decided" not in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("form", ["feather", "json", "jsongz"])
def test_candles_of_every_format_give_the_same_trades(form, sample, tmp_path, capfd):
    results = []
    for name in ("parquet", form):
        userdir = tmp_path / name
        stored_as(name, sample, userdir, ("4h", "1d"))
        path = configured(userdir, {"name": "binance"}, timeframe="4h", timerange="20250910-20251010")
        assert main(["backtest", "-c", path, "--offline"]) == 0
        results.append(outcome(userdir))
    assert results[0] == results[1] and results[0][1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("main_one", "timerange"),
    [
        ("5m", "20251028-20251029"),
        ("15m", "20251020-20251022"),
        ("1h", "20251001-20251008"),
        ("1d", "20250101-20251001"),
    ],
)
def test_every_main_timeframe_decides_each_of_its_candles(main_one, timerange, tmp_path, capfd):
    market = write_sample_market(tmp_path / "data" / "sample", main_one)
    words = ["--pairs", SOL, "--timerange", timerange, "--userdir", tmp_path, "--datadir", market.datadir]
    assert main([*map(str, ["backtest", "--offline", *words]), "--", "--timeframe", main_one]) == 0
    decided, _ = outcome(tmp_path)
    candles = pd.DatetimeIndex([candle for _, candle, *_ in decided])
    first, last = (pd.Timestamp(day, tz="UTC") for day in timerange.split("-"))
    expected = pd.date_range(first, last, freq=main_one.replace("m", "min"), inclusive="left")
    assert len(set(candles) & set(expected)) >= len(expected) - 1


@pytest.mark.slow
@pytest.mark.parametrize(("words", "status"), [([], 0), (["--strict"], 3)])
def test_a_doubtful_run_ends_with_a_status_of_its_own_where_that_is_wanted(
    words, status, sample, tmp_path, server, capfd
):
    server.script = [{"text": "I would rather not say."}]
    path = tmp_path / "config.json"
    llm = {"api_base": server.url, "model": "m", "decision": {"max_repairs": 0}}
    path.write_text(json.dumps(base_config() | {"llm_config": llm}))
    run = ["--pairs", BTC, "--timerange", "20251012-20251013", "--userdir", tmp_path, "--datadir", sample.datadir]
    assert main([*map(str, ["backtest", "--offline", "-c", path, *run, *words])]) == status
    told = capfd.readouterr()
    assert "fell back" in told.out + told.err


@pytest.mark.slow
def test_a_backtest_and_an_ablation_are_told_to_a_program_in_json_alone(sample, tmp_path, capfd):
    run = ["--pairs", BTC, "--timerange", "20251012-20251013", "--userdir", tmp_path, "--datadir", sample.datadir]
    assert main([*map(str, ["backtest", "--offline", *run, "--json"])]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["decisions"] == 48 and told["run"].startswith("backtest:")
    assert Path(told["report"]).is_file() and Path(told["archive"]).is_file()
    assert main([*map(str, ["memory", "ablation", "--offline", *run, "--json"])]) == 0
    assert {"all", "last third"} < {one["part"] for one in json.loads(capfd.readouterr().out)}
