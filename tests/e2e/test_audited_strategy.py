"""The strategy itself with its auditor, live in virtual time: planned stops, lost entries, true results."""

from datetime import UTC, datetime, timedelta

import backtests
import pytest
import script
from freqtrade.persistence import Trade
from live_scenes import BTC, drift, known_stops, living_stops, lost
from virtual_live import WALLET, VirtualLive

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.memory.books.audit import AuditBook

DAY = datetime(2025, 11, 3, 0, 0, 2, tzinfo=UTC)
RULES = {"allow_add_to_loser": True, "max_risk_per_trade_pct": 50}


def live(monkeypatch, decide, start=DAY):
    monkeypatch.setattr(script, "decide", decide)
    config = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES), "risk_management": RULES}
    return VirtualLive(config, [market_of(BTC, sample_series(BTC))], start, loop_seconds=300)


def audits(run):
    return AuditBook(run.bot.strategy.session.context.database)


def test_the_planned_stop_is_there_in_the_loop_of_the_entry_and_of_the_addition(monkeypatch):
    def journey(facts):
        if facts.position is None:
            return script.enter(facts, leverage=3.0, stake=1000.0)
        return script.adjust(facts, 30.0) if facts.position.adds == 0 else script.stay(facts)

    with live(monkeypatch, journey) as run:
        while run.now() < DAY + timedelta(minutes=65):
            assert living_stops(run) or not run.books.positions
            run.step()
        (trade,) = Trade.get_open_trades()
        assert trade.nr_of_successful_entries == 2 and len(known_stops(run)) == 1
        (stop,) = [algo for algo in run.books.algos.values() if algo.is_open]
        assert float(stop.quantity) >= trade.amount
        assert float(stop.trigger) == trade.stop_loss
        assert audits(run).rows("live") == []


@pytest.mark.slow
def test_a_lost_entry_keeps_its_plan_through_a_restart_and_the_memory_gets_the_true_result(monkeypatch):
    def once(facts):
        is_over = facts.position is not None or Trade.get_trades().all() or BTC in entered
        entered.add(BTC)
        return script.stay(facts) if is_over else script.enter(facts, leverage=3.0, stake=1000.0, stop_atr=1.0)

    entered = set()
    with live(monkeypatch, once, DAY + timedelta(hours=7)) as run:
        run.exchange.plan(lost("POST /fapi/v1/order"))
        run.run_while(lambda: not audits(run).holds("live"), 30)
        (stop,) = [algo for algo in run.books.algos.values() if algo.is_open]
        run.kill()
        run.begin()
        run.step()
        arguments = ["--userdir", str(run.bot.config["user_data_dir"])]
        assert main(["adopt", BTC, *arguments]) == 0
        run.step()
        (trade,) = Trade.get_open_trades()
        plan = run.bot.strategy.session.plans.of(trade)
        assert plan.decision_id and plan.stop == pytest.approx(float(stop.trigger), rel=1e-4)
        run.step()
        assert len(living_stops(run)) == len(known_stops(run)) == 1
        run.run_while(Trade.get_open_trades, 400)
        session = run.bot.strategy.session
        run.step()
        session.learner.wait(30)
        (funding,) = [float(row.amount) for row in run.books.income if row.kind == "FUNDING_FEE"]
        (closed,) = Trade.get_trades().all()
        assert closed.exit_reason == "stoploss_on_exchange" and funding < 0 and drift(run) == 0
        learnt = session.context.memory.get(1).source
        assert learnt.profit_abs == pytest.approx(float(run.books.wallet - WALLET), abs=0.005)
        assert learnt.funding == pytest.approx(funding) and learnt.closed_at <= learnt.known_at
