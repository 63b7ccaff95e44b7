"""The small parts of the bridge, each alone."""

from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.freqtrade_bridge.decisions.book import DecisionBook
from candlegraph.freqtrade_bridge.host import backtest_hook
from candlegraph.freqtrade_bridge.host.columns import columns_of
from candlegraph.freqtrade_bridge.host.fail_closed import fail_closed
from candlegraph.freqtrade_bridge.host.keys import blank_secrets
from candlegraph.freqtrade_bridge.trades.plan import Plan, rescue_plan
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.tools.risk.stops import StopBasis, is_protective

NOW = datetime(2025, 10, 1, tzinfo=UTC)
LENGTH = timedelta(minutes=30)
PAIR = "BTC/USDT:USDT"


def signal(action="enter_long"):
    return TradeSignal(action=action, confidence=50, reason="r", source="model")


@pytest.mark.parametrize(
    ("minutes", "in_force"), [(-1, False), (0, True), (29, True), (30, False), (31, False), (600, False)]
)
def test_a_signal_expires_with_its_candle(minutes, in_force):
    book = DecisionBook(LENGTH)
    book.put(PAIR, NOW, signal())
    assert (book.at(PAIR, NOW + timedelta(minutes=minutes)) is not None) == in_force


def test_a_used_signal_never_fires_again_but_the_next_one_does():
    book = DecisionBook(LENGTH)
    book.put(PAIR, NOW, signal())
    book.consume(PAIR)
    assert book.unused(PAIR, NOW) is None
    assert book.at(PAIR, NOW) is not None
    book.put(PAIR, NOW + LENGTH, signal())
    assert book.unused(PAIR, NOW + LENGTH) is not None
    assert book.unused("ETH/USDT:USDT", NOW) is None


def test_a_candle_is_decided_once():
    book = DecisionBook(LENGTH)
    assert not book.is_decided(PAIR, NOW)
    book.put(PAIR, NOW, signal())
    assert book.is_decided(PAIR, NOW)
    assert not book.is_decided(PAIR, NOW + LENGTH)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("enter_long", (1, 0, 0, 0, "graph_long", None)),
        ("enter_short", (0, 0, 1, 0, "graph_short", None)),
        ("exit", (0, 1, 0, 1, None, "graph_exit")),
        ("hold", (0, 0, 0, 0, None, None)),
        ("wait", (0, 0, 0, 0, None, None)),
        ("adjust", (0, 0, 0, 0, None, None)),
    ],
)
def test_a_signal_becomes_freqtrades_columns(action, expected):
    assert tuple(columns_of(signal(action))) == expected


class Strategy:
    failure = None

    @fail_closed(0.0)
    def custom_stake_amount(self, pair, **kwargs):
        raise ValueError("planted")

    @fail_closed()
    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs):
        return 1.0


def test_a_failing_callback_answers_the_safe_value_and_is_remembered_with_its_pair():
    strategy = Strategy()
    assert strategy.custom_stake_amount(pair=PAIR, current_time=NOW) == 0.0
    first = strategy.failure
    assert isinstance(first, BridgeError)
    assert PAIR in str(first) and "custom_stake_amount" in str(first) and "2025-10-01" in str(first)
    strategy.custom_stake_amount(pair="ETH/USDT:USDT", current_time=NOW)
    assert strategy.failure is first


def test_freqtrade_still_sees_after_fill_through_the_decorator():
    from inspect import getfullargspec

    assert "after_fill" in getfullargspec(Strategy().custom_stoploss).args


def test_a_changed_freqtrade_is_refused(monkeypatch):
    monkeypatch.setattr(backtest_hook.bt.Backtesting, "_candlegraph", False, raising=False)
    monkeypatch.setattr(backtest_hook.bt.Backtesting, "validate_row", lambda self, row: row)
    with pytest.raises(BridgeError, match="freqtrade changed Backtesting.validate_row"):
        backtest_hook.install()


@pytest.mark.parametrize(("side", "rate", "beyond"), [("long", 94, True), ("long", 96, False), ("short", 96, True)])
def test_a_rate_beyond_the_stop_is_known(side, rate, beyond):
    assert is_protective(side, 95, rate) != beyond


@pytest.mark.parametrize(
    ("side", "stop", "in_force", "loose"), [("long", 95.0, 95.0, 94.0), ("short", 105.0, 104.9, 106.0)]
)
def test_a_plan_knows_whether_its_stop_is_in_force(side, stop, in_force, loose):
    plan = Plan(side=side, stop=stop, initial_stop=stop, reason="r", confidence=1, decision_id="")
    assert plan.is_in_force(in_force)
    assert not plan.is_in_force(loose)


@pytest.mark.parametrize(
    ("side", "atr", "stop"), [("long", 1.0, 98.0), ("short", 1.0, 102.0), ("long", None, 90.0), ("long", 100.0, 90.0)]
)
def test_a_trade_without_a_plan_gets_a_stop(side, atr, stop):
    assert rescue_plan(side, 100.0, 5.0, StopBasis(atr=atr), 2.0).stop == pytest.approx(stop)


def test_a_literal_key_is_blanked_in_both_configurations():
    config = {"llm_config": {"api_key": "planted-key"}, "original_config": {"llm_config": {"api_key": "planted-key"}}}
    blank_secrets(config)
    assert "planted-key" not in str(config)


def test_what_locks_the_api_is_blanked_in_the_copy_that_an_archive_gets_and_stays_in_use():
    locks = {"jwt_secret_key": "planted-jwt", "ws_token": "planted-ws", "listen_port": 8086}
    config = {"api_server": dict(locks), "original_config": {"api_server": dict(locks)}}
    blank_secrets(config)
    assert config["api_server"] == locks
    assert config["original_config"]["api_server"] == {"jwt_secret_key": None, "ws_token": None, "listen_port": 8086}
