"""Stops live and in backtest: the same prices, moved by the same rules, named by the same reasons."""

from datetime import UTC, datetime, timedelta

import backtests
import markets
import pytest
import script
from freqtrade.persistence import Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.loopback import exchange
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series

PAIR = "ETH/USDT:USDT"
FIRST, LAST = datetime(2025, 11, 3, tzinfo=UTC), datetime(2025, 11, 3, 14, tzinfo=UTC)
"""Chosen so that no stop is touched by less than what a loop of five minutes can miss."""
TIMERANGE = f"{FIRST.timestamp():.0f}-{LAST.timestamp():.0f}"
OPENS = FIRST + timedelta(minutes=30, seconds=2)
"""A backtest trades from its second candle on."""
RULES = {
    "break_even_after_r": 1,
    "trailing_after_r": 1.6,
    "trailing_distance_r": 0.8,
    "stop_on_exchange": False,
    "max_risk_per_trade_pct": 50,
    "emergency_stop_loss": -1,
    "max_daily_loss_pct": 100,
}
CONFIG = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}
TICK = 1e-5
"""What is left of the spread, which a backtest does not see: a rule's threshold must not fall between the two."""


def journey(facts):
    """Enter with the last candles, add in profit, take half later, never leave: only stops end a trade."""
    held = facts.position
    if held is None:
        side = "long" if (next(iter(facts.timeframes.values())).momentum or 0) > 0 else "short"
        return script.enter(facts, side, leverage=5.0, stake=500.0, stop_atr=1.0)
    if held.adds == 0 and held.reductions == 0 and held.r_multiple > 0.4:
        return script.adjust(facts, 40.0)
    if held.reductions == 0 and held.r_multiple > 1.2:
        return script.adjust(facts, -50.0)
    return script.stay(facts)


@pytest.fixture
def series(monkeypatch):
    monkeypatch.setattr(script, "decide", journey)
    monkeypatch.setattr(exchange, "SPREAD", 0.0)
    return markets.without_wicks(sample_series(PAIR))


def dry_run(series, start, rules, loop_seconds):
    return VirtualDryRun(
        CONFIG | {"risk_management": rules}, [market_of(PAIR, series)], start, loop_seconds=loop_seconds
    )


def shape(side, stop, reason, tags):
    return {"side": side, "stop": stop, "reason": reason, "tags": tags}


def test_stops_and_exit_reasons_are_the_same_live_and_in_backtest(series, tmp_path):
    datadir = markets.write(tmp_path / "market", {PAIR: series})
    result = backtests.run(datadir, tmp_path / "user", [PAIR], TIMERANGE, "ScriptStrategy", risk_management=RULES)
    back = [
        shape(
            "short" if trade.is_short else "long",
            trade.stop_loss_abs,
            trade.exit_reason,
            [order["ft_order_tag"] for order in trade.orders][:-1],
        )
        for trade in result.trades.itertuples()
        if trade.exit_reason != "force_exit"
    ]
    with dry_run(series, OPENS, RULES, 300) as run:
        run.run_until(LAST)
        live = [
            shape(
                trade.trade_direction,
                trade.stop_loss,
                trade.exit_reason,
                [order.ft_order_tag for order in trade.orders][:-1],
            )
            for trade in sorted(Trade.get_trades([Trade.is_open.is_(False)]).all(), key=lambda trade: trade.id)
        ]
    assert len(back) >= 4
    assert {one["reason"] for one in back} == {"stop_loss", "trailing_stop_loss"}
    assert any("graph_add" in one["tags"] for one in back)
    assert any("graph_reduce" in one["tags"] for one in back)
    assert [one | {"stop": None} for one in live] == [one | {"stop": None} for one in back]
    assert [one["stop"] for one in live] == pytest.approx([one["stop"] for one in back], rel=TICK)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_stop_rests_on_the_exchange_if_the_key_says_so(series, wanted):
    rules = RULES | {"stop_on_exchange": wanted, "break_even_after_r": 0.2}
    seen = set()
    with dry_run(series, OPENS, rules, 600) as run:
        run.run_until(FIRST + timedelta(hours=4))
        for trade in Trade.get_trades().all():
            for order in trade.orders:
                if order.ft_order_side == "stoploss":
                    seen.add((order.stop_price, trade.id))
    assert bool(seen) == wanted
    if wanted:  # one trade's stop order was replaced by a tighter one
        assert len(seen) > len({trade_id for _, trade_id in seen})
