"""The real dry-run bot in virtual time: it decides like the backtest, and a failure leaves nothing unprotected."""

import logging
import re
from datetime import UTC, datetime, timedelta
from functools import partial

import backtests
import pytest
import rule
import script
from freqtrade.enums import SignalDirection
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC
from virtual_dry_run import VirtualDryRun

from candlegraph.agents import analyst
from candlegraph.freqtrade_bridge.decisions import acceptance
from candlegraph.freqtrade_bridge.decisions.answers import Answers
from candlegraph.freqtrade_bridge.decisions.line import decision_line
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.freqtrade_bridge.session import Session
from candlegraph.freqtrade_bridge.trades.after_fill import AfterFill
from candlegraph.freqtrade_bridge.trades.orders import Orders
from candlegraph.freqtrade_bridge.trades.plan import Plans
from candlegraph.memory.books.ledger import Ledger

CONFIG = {"strategy": "RuleStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}
START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
DECIDED = re.compile(r"\w+ (enter|exit|adjust|hold|wait).* \| \w+ [\d.]+ s, .* \| cases \d+$")
MAX_LEVERAGE = 2
RISK = {"max_leverage": MAX_LEVERAGE, "max_position_pct": 3}


def dry_run(pairs, **config):
    return VirtualDryRun(CONFIG | config, [market_of(pair, sample_series(pair)) for pair in pairs], START)


def actions(rows, first, last):
    return {(row.pair, row.candle): row.signal.action for row in rows if first < row.as_of <= last}


def ledger_of(bot):
    context = bot.strategy.session.context
    return Ledger(context.database).rows(context.namespace)


def test_a_dry_run_decides_and_trades_like_the_backtest(sample, tmp_path, monkeypatch):
    # Stops so far away that none is hit: one loop a candle does not see the lows between, the backtest does.
    monkeypatch.setattr(rule, "STOP_ATR", 12.0)
    pairs, hours = sample.pairs[:2], 10
    first = START.replace(minute=0, second=0)
    last = first + timedelta(hours=hours)
    with dry_run(pairs) as run:
        run.run_until(last + timedelta(minutes=1))
        live = actions(ledger_of(run.bot), first, last)
        live_trades = [(t.pair, t.trade_direction, t.leverage, t.exit_reason) for t in Trade.get_trades()]
    back = backtests.run(sample.datadir, tmp_path, pairs, "20251115-20251116", "RuleStrategy")
    assert len(live) == 2 * 2 * hours
    expected = actions(back.decisions(), first, last - timedelta(minutes=30))
    assert {key: (action, live[key]) for key, action in expected.items() if live[key] != action} == {}
    closed = [trade for trade in live_trades if trade[3] is not None]
    assert len(closed) >= 2
    sides = ["short" if short else "long" for short in back.trades["is_short"]]
    assert {(p, s) for p, s, *_ in closed} <= set(zip(back.trades["pair"], sides, strict=True))


def test_a_live_bot_logs_each_decision_in_one_line(sample, caplog):
    with caplog.at_level(logging.INFO), dry_run(sample.pairs[:2]) as run:
        for _ in range(3):
            run.step()
        rows = ledger_of(run.bot)
    lines = [record.message for record in caplog.records if DECIDED.match(record.message)]
    assert sorted(lines) == sorted(decision_line(row, row.pair.split("/")[0]) for row in rows)
    assert len(lines) == 2 * 3
    assert {record.levelname for record in caplog.records if record.message in lines} == {"INFO"}


def test_a_backtest_logs_its_decisions_to_who_debugs_it_only(sample, tmp_path, caplog):
    with caplog.at_level(logging.DEBUG, logger=acceptance.__name__):
        backtests.run(sample.datadir, tmp_path, sample.pairs[:1], "20251115-20251116", "RuleStrategy")
    decided = [record for record in caplog.records if DECIDED.match(record.message)]
    assert {record.levelname for record in decided} == {"DEBUG"}
    assert len(decided) == 48


DOORS = [
    (Session, "decide"),
    (Session, "watch"),
    (AfterFill, "filled"),
    (Session, "adjustment"),
    (Answers, "carry_out"),
    (Orders, "entry"),
    (Orders, "stake"),
    (Orders, "confirm"),
    (Plans, "of"),
]


class Breaking:
    """A method that works for some calls, then fails."""

    def __init__(self, method, calls):
        self.method, self.left, self.failures = method, calls, 0

    def __get__(self, owner, kind=None):
        return partial(self, owner)

    def __call__(self, *args, **kwargs):
        if self.left == 0:
            self.failures += 1
            raise RuntimeError("planted")
        self.left -= 1
        return self.method(*args, **kwargs)


BREAKING = [(*door, calls) for door in DOORS for calls in (0, 1) if (door[1], calls) != ("adjustment", 1)]
"""Each door shut from the first call on, and from the second, where the market of the test brings one."""


@pytest.mark.parametrize("owner, name, calls", BREAKING, ids=lambda one: getattr(one, "__name__", one))
def test_a_failing_callback_never_leaves_the_gate_nor_a_position_without_stop(owner, name, calls, sample, monkeypatch):
    broken, failing_loops = Breaking(getattr(owner, name), calls), 0
    monkeypatch.setattr(owner, name, broken)
    with dry_run(sample.pairs[:1], risk_management=RISK) as run:
        while failing_loops < 3 and run.loops < 30:
            run.step()
            assert_protected(run)
            failing_loops += broken.failures > 0
    assert broken.failures, "the door was never opened often enough"


def test_a_failing_graph_waits_live_and_is_logged(sample, monkeypatch):
    def explode(*args):
        raise RuntimeError("planted")

    monkeypatch.setattr(analyst, "facts_of", explode)
    with dry_run(sample.pairs[:1]) as run:
        for _ in range(3):
            run.step()
        rows = ledger_of(run.bot)
        assert {(row.signal.action, row.signal.source) for row in rows} == {("wait", "fallback")}
        assert all("planted" in row.error for row in rows)
        assert not Trade.get_trades().all()


def assert_protected(run):
    for trade in Trade.get_trades().all():
        assert trade.leverage <= MAX_LEVERAGE
        assert trade.max_stake_amount <= 0.03 * 10_000 * 1.01
        if trade.is_open:
            distance = abs(trade.stop_loss / trade.open_rate - 1)
            # Where the plan's stop failed, half the margin is the stop, and the next loop closes the trade.
            just_opened = run.now() - trade.open_date_utc < timedelta(minutes=31)
            assert distance < 0.1 or (just_opened and distance <= 0.5 / trade.leverage + 0.001)


def test_a_trade_forced_by_hand_passes_the_gate_and_gets_a_stop(sample, monkeypatch):
    monkeypatch.setattr(rule, "side_of", lambda rsi, spread: None)
    pair = sample.pairs[0]
    rules = RISK | {"default_leverage": 7}
    with dry_run([pair], risk_management=rules, force_entry_enable=True) as run:
        run.step()
        RPC(run.bot)._rpc_force_entry(pair, None, order_side=SignalDirection.LONG, enter_tag="force_entry")
        (trade,) = Trade.get_open_trades()
        assert trade.leverage == MAX_LEVERAGE
        assert trade.stake_amount == pytest.approx(0.03 * 10_000, rel=0.03)
        assert 0 < trade.open_rate - trade.stop_loss < 0.05 * trade.open_rate
        assert run.bot.strategy.session.plans.of(trade).reason == "forced by hand"
        run.step()
        assert Trade.get_open_trades()


def test_a_trade_forced_by_hand_is_refused_while_the_account_is_halted(sample, monkeypatch):
    pair = sample.pairs[0]
    with dry_run([pair], force_entry_enable=True) as run:
        run.step()
        watch = run.bot.strategy.session._wallet
        watch.measured = watch.measured.model_copy(update={"halted": "planted"})
        RPC(run.bot)._rpc_force_entry(pair, None, order_side=SignalDirection.LONG, enter_tag="force_entry")
        assert not [trade for trade in Trade.get_open_trades() if trade.enter_tag == "force_entry"]


@pytest.mark.parametrize("minutes, traded", [(2, True), (20, False)])
def test_an_entry_on_a_candle_that_closed_long_ago_is_dropped(sample, monkeypatch, minutes, traded):
    monkeypatch.setattr(rule, "side_of", lambda rsi, spread: "long")
    pair = sample.pairs[0]
    start = START + timedelta(minutes=minutes)
    with VirtualDryRun(CONFIG, [market_of(pair, sample_series(pair))], start) as run:
        run.step()
        assert bool(Trade.get_trades().all()) == traded
        (row,) = ledger_of(run.bot)
        assert traded or "closed 20 minutes ago" in row.signal.reason
        run.step()
        assert Trade.get_trades().all()


def test_an_exit_closes_its_own_trade_and_not_one_that_is_forced_on_the_same_candle(sample, monkeypatch):
    pair, left = sample.pairs[0], []

    def once(facts):
        if facts.position is None:
            return script.stay(facts) if left else script.enter(facts, leverage=2.0, stake=300.0, stop_atr=10.0)
        left.append(facts)
        return script.leave(facts)

    monkeypatch.setattr(script, "decide", once)
    config = CONFIG | {"strategy": "ScriptStrategy", "force_entry_enable": True}
    with VirtualDryRun(config, [market_of(pair, sample_series(pair))], START, loop_seconds=300) as run:
        run.run_until(START + timedelta(minutes=31))
        (first,) = Trade.get_trades().all()
        assert (first.is_open, first.exit_reason) == (False, "graph_exit")
        RPC(run.bot)._rpc_force_entry(pair, None, order_side=SignalDirection.SHORT, enter_tag="force_entry")
        run.run_until(START + timedelta(minutes=55))
        assert [trade.enter_tag for trade in Trade.get_open_trades()] == ["force_entry"]
