"""What a run without the network stands on: pairs, formats, the one file that freqtrade reads, and nothing outside."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange, refuse_unplayed
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.offline import (
    format_found,
    offline_environment,
    offline_markets,
    outside_of,
    without,
    write_offline,
)
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_frames, sample_series
from candlegraph.freqtrade_bridge.loopback.trade import shifted, weeks_to
from candlegraph.graph.schema.errors import CandleError, ConfigError

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
MARKETS = [market_of(BTC, sample_series(BTC))]
END = datetime(2026, 1, 1, tzinfo=UTC)


def listing(*whitelist, **config):
    return {"exchange": {"name": "binance", "pair_whitelist": list(whitelist)}} | config


def pairs_of(config, folder, pairs=()):
    return [market.pair for market in offline_markets(config, folder, pairs)]


@pytest.mark.parametrize(
    ("config", "pairs"),
    [
        ({}, [BTC, ETH, SOL]),
        (listing(SOL, BTC), [SOL, BTC]),
        (listing("(BTC|ETH)/.*"), [BTC, ETH]),
        (listing(ETH, "XRP/USDT:USDT"), [ETH]),
    ],
)
def test_pairs_that_are_not_named_are_those_of_the_whitelist_that_have_candles(sample, config, pairs):
    assert pairs_of(config, sample.datadir) == pairs


def test_pairs_that_are_named_win_over_the_whitelist(sample):
    assert pairs_of(listing(SOL), sample.datadir, (BTC,)) == [BTC]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (listing("XRP/USDT:USDT"), r"no 30m candles of a pair in exchange.pair_whitelist \(XRP/USDT:USDT\)"),
        (listing(BTC, timeframe="8h"), "no 8h candles of a pair"),
        (listing(BTC, dataformat_ohlcv="json"), "no 30m candles of a pair"),
        ({"timeframe": "2h"}, "no 2h candles of any pair"),
    ],
)
def test_no_candles_at_all_are_told_with_timeframe_and_folder(sample, config, said):
    with pytest.raises(CandleError, match=said) as caught:
        pairs_of(config, sample.datadir)
    assert str(sample.datadir / "futures") in str(caught.value)


def test_a_pattern_that_is_none_is_told_with_its_key(sample):
    with pytest.raises(ConfigError, match=r"exchange.pair_whitelist: Wildcard error in \*/USDT:USDT"):
        pairs_of(listing("*/USDT:USDT"), sample.datadir)


def test_a_dry_run_takes_its_prices_from_the_shortest_candles_of_all_its_pairs(sample):
    (market,) = offline_markets({"timeframe": "4h"}, sample.datadir, [BTC], finest=True)
    assert market.series.base_ms == 1_800_000
    (market,) = offline_markets({"timeframe": "4h"}, sample.datadir, [BTC])
    assert market.series.base_ms == 14_400_000


@pytest.mark.parametrize("form", ["parquet", "json"])
def test_the_format_is_found_out_where_the_configuration_names_none(tmp_path, form):
    (tmp_path / "futures").mkdir()
    path = tmp_path / "futures" / f"BTC_USDT_USDT-1h-futures.{form}"
    frame = sample_frames(BTC, ["1h"])["1h"].iloc[:10]
    frame.to_parquet(path) if form == "parquet" else path.write_text(frame.assign(date=1).to_json(orient="values"))
    assert format_found({"timeframe": "1h"}, tmp_path) == {"dataformat_ohlcv": form}
    assert format_found({"timeframe": "1h", "dataformat_ohlcv": "feather"}, tmp_path) == {}
    assert format_found({}, tmp_path) == {}
    assert pairs_of({"timeframe": "1h"}, tmp_path) == [BTC]


@pytest.fixture
def written(tmp_path):
    """Return a function that writes the file of a run offline from a configuration, and returns its content."""

    def write(config, **stronger):
        (tmp_path / "c.json").write_text(json.dumps(config))
        write_offline(tmp_path / "o.json", [tmp_path / "c.json"], stronger, "http://127.0.0.1:1", MARKETS)
        return json.loads((tmp_path / "o.json").read_text())

    return write


def test_no_way_to_another_exchange_is_left_in_the_configuration(written):
    theirs = listing(SOL)["exchange"] | {
        "key": "mine",
        "ccxt_config": {"httpsProxy": "http://proxy"},
        "ccxt_async_config": {"urls": {"api": {"fapiPublic": "https://exchange"}}},
        "unknown_fee_rate": 1,
    }
    kept = written(base_config() | {"exchange": theirs})["exchange"]
    ours = offline_exchange("http://127.0.0.1:1", [SOL])
    assert kept == ours | {"unknown_fee_rate": 1}


def test_files_that_a_file_names_are_in_it_already(written, tmp_path):
    (tmp_path / "more.json").write_text(json.dumps({"max_open_trades": 7}))
    whole = written(base_config() | {"add_config_files": ["more.json"]}, timeframe="1h")
    assert "add_config_files" not in whole
    assert (whole["timeframe"], whole["stake_currency"]) == ("1h", "USDT")


def test_the_environment_leads_nowhere_else_either(monkeypatch):
    for name in ("FREQTRADE__EXCHANGE__CCXT_CONFIG__httpsProxy", "FREQTRADE__TELEGRAM__ENABLED"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("FREQTRADE__MAX_OPEN_TRADES", "2")
    assert [name for name in offline_environment() if name.startswith("FREQTRADE__")] == ["FREQTRADE__MAX_OPEN_TRADES"]


def test_what_else_needs_the_network_is_switched_off_and_named():
    config = {"telegram": {"enabled": True}, "discord": {"enabled": False}, "fiat_display_currency": "EUR"}
    names = outside_of(config)
    assert names == ["telegram", "fiat_display_currency"]
    assert without(names) == {"telegram": {"enabled": False}, "fiat_display_currency": ""}
    assert outside_of({}) == []


@pytest.mark.parametrize("name", ["bybit", "binanceusdm", "okx"])
def test_another_exchange_is_refused_by_name_file_and_key(tmp_path, name):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"exchange": {"name": name}}))
    with pytest.raises(ConfigError, match=f"c.json: exchange.name = '{name}': --offline plays 'binance' and no other"):
        refuse_unplayed(read_files([path]))


@pytest.mark.parametrize("config", [{}, {"exchange": {}}, {"exchange": {"name": "Binance"}}])
def test_the_played_exchange_is_not_refused_in_any_spelling(tmp_path, config):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(config))
    refuse_unplayed(read_files([path]))


@pytest.mark.parametrize("begin", [None, END - timedelta(days=7), END - timedelta(days=900, hours=5)])
def test_candles_move_by_whole_weeks_to_less_than_a_week_after_the_wanted_moment(begin):
    now = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)
    moved = weeks_to(now, begin, MARKETS)
    assert moved % timedelta(weeks=1) == timedelta(0)
    assert timedelta(0) <= now - moved - (begin or END - timedelta(weeks=4)) < timedelta(weeks=1)
    series = shifted(MARKETS[0], moved).series
    assert series.time[-1] - MARKETS[0].series.time[-1] == moved / timedelta(milliseconds=1)


@pytest.mark.parametrize("begin", [END - timedelta(days=6), END + timedelta(days=1), datetime(2020, 1, 1, tzinfo=UTC)])
def test_a_moment_without_candles_is_refused_with_those_there_are(begin):
    with pytest.raises(CandleError, match="the candles go from 2023-01-01 00:00 to 2026-01-01 00:00 UTC: a run cannot"):
        weeks_to(datetime(2031, 5, 6, tzinfo=UTC), begin, MARKETS)
