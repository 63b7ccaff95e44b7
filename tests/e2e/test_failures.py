"""An exception anywhere in the bridge or the graph stops a backtest with pair and candle named."""

import backtests
import pytest

from candlegraph.agents import analyst
from candlegraph.freqtrade_bridge.session import Session
from candlegraph.freqtrade_bridge.trades.after_fill import AfterFill
from candlegraph.freqtrade_bridge.trades.orders import Orders
from candlegraph.freqtrade_bridge.trades.plan import Plans
from candlegraph.graph.schema.errors import BridgeError

PLANTED = RuntimeError("planted")
DOORS = {
    "bot_loop_start": (Session, "decide"),
    "leverage": (Orders, "entry"),
    "custom_stake_amount": (Orders, "stake"),
    "confirm_trade_entry": (Orders, "confirm"),
    "order_filled": (AfterFill, "filled"),
    "custom_stoploss": (Plans, "of"),
    "adjust_trade_position": (Session, "adjustment"),
}


def explode(*args, **kwargs):
    raise PLANTED


@pytest.mark.parametrize("callback", DOORS)
def test_a_failing_callback_stops_a_backtest(callback, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(*DOORS[callback], explode)
    with pytest.raises(BridgeError) as caught:
        backtests.run(sample.datadir, tmp_path, sample.pairs[:1], "20251115-20251118", "RuleStrategy")
    text = str(caught.value)
    assert "planted" in text
    assert "2025-11-1" in text
    assert callback in text
    if callback != "bot_loop_start":
        assert sample.pairs[0] in text


def test_a_failing_node_stops_a_backtest_naming_pair_and_candle(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(analyst, "facts_of", explode)
    with pytest.raises(BridgeError, match=r"BTC/USDT:USDT 2025-11-15 00:00 UTC: the decision failed: .*planted"):
        backtests.run(sample.datadir, tmp_path, sample.pairs[:1], "20251115-20251118", "RuleStrategy")


def test_a_bad_setting_refuses_to_start(sample, tmp_path):
    with pytest.raises(Exception, match="risk_management.max_leverag: unknown key; did you mean 'max_leverage'"):
        backtests.run(
            sample.datadir, tmp_path, sample.pairs[:1], "20251115-20251118", risk_management={"max_leverag": 5}
        )
