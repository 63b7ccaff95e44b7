"""What the command line does not name is the configuration's: pairs, folders, time range, wallet."""

import json
from datetime import timedelta

import pytest

from candlegraph.freqtrade_bridge.commands.decide import account_at_start
from candlegraph.freqtrade_bridge.commands.main import check_first, main
from candlegraph.freqtrade_bridge.commands.parser import parser
from candlegraph.freqtrade_bridge.commands.run_arguments import order_of
from candlegraph.freqtrade_bridge.loopback.configuration import base_config
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.settings import settings_of

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
EXCHANGE = {"name": "Binance", "pair_whitelist": [BTC, ETH]}


@pytest.fixture
def ordered(tmp_path, monkeypatch):
    """Return a function that reads a backtest's command line, with a configuration where one is given."""
    monkeypatch.chdir(tmp_path)

    def order(config, *words):
        given = []
        if config is not None:
            (tmp_path / "c.json").write_text(json.dumps(base_config() | {"exchange": EXCHANGE} | config))
            given = ["-c", "c.json"]
        arguments = parser().parse_args(["backtest", *given, *words])
        check_first(arguments)
        return order_of(arguments)

    return order


def test_what_is_not_named_is_the_configurations(ordered, tmp_path):
    order = ordered({"timerange": "20250301-", "user_data_dir": "mine"})
    assert (order.pairs, order.timerange) == ((), "20250301-")
    assert order.userdir == tmp_path / "mine"
    assert order.datadir == tmp_path / "mine" / "data" / "binance"


def test_what_is_named_wins(ordered, tmp_path):
    words = ["--userdir", "ours", "--timerange", "20250401-", "--pairs", ETH, "--datadir", "candles"]
    order = ordered({"timerange": "20250301-", "user_data_dir": "mine"}, *words)
    assert (order.pairs, order.timerange) == ((ETH,), "20250401-")
    assert (order.userdir, order.datadir) == (tmp_path / "ours", tmp_path / "candles")


def test_without_a_configuration_the_sample_market_is_meant(ordered, tmp_path):
    assert ordered(None, "--offline", "--timerange", "2025").datadir == tmp_path / "user_data" / "data" / "sample"


@pytest.mark.parametrize(
    ("config", "words", "said"),
    [
        ({}, [], 'no time range; expected --timerange 20250301-20250401, or "timerange" in a configuration'),
        (None, ["--timerange", "2025"], "no configuration; expected -c CONFIG, or --offline, which needs none"),
        ({"exchange": {"name": "okx"}}, ["--offline"], "c.json: exchange.name = 'okx': --offline plays 'binance'"),
        (
            {"dataformat_ohlcv": "hdf5"},
            ["--offline"],
            "c.json: dataformat_ohlcv = 'hdf5': expected one of feather, parq",
        ),
        ({}, ["--offline", "--", "--timeframe", "30x"], "timeframe = '30x': expected one like 30m, 4h or 1d"),
    ],
)
def test_what_nobody_names_or_cannot_be_is_told_in_one_line(ordered, config, words, said):
    with pytest.raises(ConfigError) as told:
        ordered(config, *words)
    assert said in str(told.value) and "\n" not in str(told.value)


def wallet(pair=BTC, **config):
    known = {"stake_currency": "USDT", "dry_run_wallet": 1000, "tradable_balance_ratio": 0.9, "max_open_trades": 2}
    return account_at_start(known | config, settings_of({}), pair)


def test_the_wallet_is_freqtrades_at_the_start_of_a_dry_run():
    account = wallet()
    assert (account.equity, account.free, account.slots) == (1000, 900, 2)
    assert wallet(dry_run_wallet={"USDT": 500, "BTC": 1}).equity == 500
    assert wallet(available_capital=300).free == 300
    assert wallet(max_open_trades=-1).slots == settings_of({}).risk_management.max_open_trades


def test_the_wallet_of_a_configuration_without_one_is_freqtrades_default():
    account = account_at_start({"stake_currency": "USDT"}, settings_of({}), BTC)
    assert (account.equity, account.free) == (1000, 990)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"dry_run_wallet": 0}, "dry_run_wallet = 0: expected more than 0 USDT"),
        ({"dry_run_wallet": {"BTC": 1}}, "expected more than 0 USDT"),
        ({"pair": "BTC/USDC:USDC"}, "stake_currency = 'USDT': BTC/USDC:USDC cannot be bought with it"),
    ],
)
def test_a_wallet_that_cannot_buy_the_pair_is_refused(config, said):
    with pytest.raises(ConfigError, match=said):
        wallet(**config)


def test_decide_takes_the_wallet_and_needs_no_folder_of_a_bot(tmp_path, frames, as_of, capsys):
    (tmp_path / "candles" / "futures").mkdir(parents=True)
    for timeframe, frame in frames.items():
        frame.to_parquet(tmp_path / "candles" / "futures" / f"BTC_USDT_USDT-{timeframe}-futures.parquet")
    (tmp_path / "c.json").write_text(json.dumps(base_config(wallet=777) | {"exchange": EXCHANGE}))
    words = ["--pair", BTC, "--at", (as_of - timedelta(hours=1)).isoformat(), "--datadir", tmp_path / "candles"]
    words += ["-c", tmp_path / "c.json", "--userdir", tmp_path / "new" / "folder"]
    assert main([*map(str, ["decide", *words])]) == 0
    told = capsys.readouterr().out
    assert "777" in told and "reviewer · signal" in told
