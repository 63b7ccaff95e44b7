"""Freqtrade's charts load our strategy with candles only: no pair list, no wallet, nobody to decide."""

from contextlib import contextmanager

import backtests
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from freqtrade.commands.arguments import Arguments
from freqtrade.commands.plot_commands import start_plot_dataframe
from freqtrade.configuration import setup_utils_configuration
from freqtrade.enums import RunMode
from freqtrade.rpc.api_server.api_pair_history import router
from freqtrade.rpc.api_server.deps import get_config
from freqtrade.rpc.api_server.webserver_bgwork import ApiBG

from candlegraph.freqtrade_bridge.loopback.backtest import STRATEGIES, STRATEGY, BacktestOrder, offline_config
from candlegraph.graph.settings.places import DATABASE

TIMERANGE = "20251115-20251117"
DAY = "20251115-20251116"
API = {"enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": 8080, "username": "u", "password": "p"}
PAID = {"llm_config": {"api_base": "http://127.0.0.1:9", "model": "m"}, "api_server": API}


@contextmanager
def words_of(sample, userdir, pairs):
    """Yield freqtrade's arguments of a command that looks at candles, with a model that costs money."""
    order = BacktestOrder(sample.datadir, userdir, pairs, TIMERANGE, overrides=PAID)
    with offline_config(order) as path:
        yield ["--config", str(path), "--userdir", str(userdir), "--datadir", str(sample.datadir)]


@pytest.fixture
def userdir(tmp_path):
    """Return a folder of a bot that never ran."""
    (tmp_path / "user").mkdir()
    return tmp_path / "user"


def assert_nothing_was_opened(userdir, caplog):
    assert not (userdir / DATABASE).exists()
    assert "Estimate" not in caplog.text
    assert "failed" not in caplog.text


def history(sample, userdir, pair, timeframe="30m"):
    """Return what the webserver answers to FreqUI's chart."""
    with words_of(sample, userdir, (pair,)) as words:
        arguments = Arguments(["webserver", *words[:4]]).get_parsed_arg()
        config = setup_utils_configuration(arguments, RunMode.WEBSERVER)
        config |= {"datadir": sample.datadir, "strategy_path": str(STRATEGIES)}
        app = FastAPI()
        app.include_router(router)
        app.dependency_overrides[get_config] = lambda: config
        asked = {"pair": pair, "timeframe": timeframe, "timerange": TIMERANGE, "strategy": STRATEGY}
        try:
            answer = TestClient(app).get("/pair_history", params=asked)
        finally:
            ApiBG.exchanges.clear()
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("timeframe, rows", [("30m", 2 * 48 + 1), ("1h", 2 * 24 + 1)])
def test_a_chart_of_the_webserver_shows_the_candles_of_any_timeframe(timeframe, rows, sample, userdir, caplog):
    shown = history(sample, userdir, sample.pairs[0], timeframe)
    assert (shown["strategy"], shown["length"]) == (STRATEGY, rows)
    assert shown["enter_long_signals"] == shown["enter_short_signals"] == 0
    assert_nothing_was_opened(userdir, caplog)


def test_a_chart_of_the_webserver_shows_a_backtest_of_ours_with_its_marks(sample, userdir):
    pair = sample.pairs[0]
    back = backtests.run(sample.datadir, userdir, (pair,), DAY, "RuleStrategy")
    shown = history(sample, userdir, pair)
    rows = [dict(zip(shown["columns"], row, strict=True)) for row in shown["data"]]
    decided = {f"{row.candle:%Y-%m-%dT%H:%M:%SZ}": row.signal.action for row in back.decisions()}
    assert {row["date"]: row["decided_action"] for row in rows if row["date"] in decided} == {
        date: action for date, action in decided.items() if date in {row["date"] for row in rows}
    }
    actions = list(decided.values())
    assert shown["enter_long_signals"] == actions.count("enter_long")
    assert shown["enter_short_signals"] == actions.count("enter_short")
    assert shown["enter_long_signals"] + shown["enter_short_signals"] == len(back.trades) > 0
    tags = {row["enter_tag"] for row in rows if row["enter_long"] == 1 or row["enter_short"] == 1}
    assert tags <= {"graph_long", "graph_short"} and tags
    labels = [mark["label"].split()[0] for mark in shown["annotations"]]
    assert labels.count("long") + labels.count("short") == len(back.trades)
    assert labels.count("stop") >= len(back.trades) and {"support", "resistance"} & set(labels)


def test_plot_dataframe_draws_the_candles(sample, userdir, caplog):
    with words_of(sample, userdir, sample.pairs[:2]) as words:
        given = ["plot-dataframe", *words, "--strategy", STRATEGY, "--strategy-path", str(STRATEGIES)]
        given += ["--pairs", sample.pairs[0], "--timerange", TIMERANGE, "--no-trades"]
        start_plot_dataframe(Arguments(given).get_parsed_arg())
    (page,) = (userdir / "plot").glob("*.html")
    assert page.stat().st_size > 100_000
    assert_nothing_was_opened(userdir, caplog)
