"""The faults of test_live_faults.py with the auditor beside freqtrade: the exchange's books are right after a loop."""

from datetime import UTC, datetime

import backtests
import script
from freqtrade.persistence import Trade
from live_scenes import BTC, at, drift, known_stops, living_stops, lost, refused, scene, timetable
from virtual_live import VirtualLive

from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.memory.books.audit import AuditBook

RISING = {"00:00": 100_000.0, "00:30": 100_000.0, "06:00": 101_000.0, "16:00": 101_000.0}
ENTER, THERE_AND_BACK = {"00:30": "enter_long"}, {"00:30": "enter_long", "01:30": "exit_long"}


def audited(signals, prices=RISING, changes=None, **options):
    return scene({BTC: timetable(signals, changes)}, {BTC: prices}, strategy="AuditedStrategy", **options)


def kinds(run):
    return [row.kind for row in run.bot.strategy.book.rows("live")]


def naked(run, until):
    """Run until a time; return the loops that began with a position and no stop."""
    found = []
    while run.now() < until:
        if run.books.positions and not living_stops(run):
            found.append(f"{run.now():%H:%M}")
        run.step()
    return found


def test_a_stop_is_there_in_the_loop_of_its_entry_and_of_each_addition():
    with audited(ENTER, changes={"01:10": 200.0, "01:40": 200.0}, loop_seconds=300) as run:
        run.run_until(at("00:29"))
        assert naked(run, at("02:00")) == []
        assert run.books.summary()["stops"][0].startswith("BTCUSDT SELL 0.0417")
        assert len(living_stops(run)) == len(known_stops(run)) == 1
        assert kinds(run) == []  # nothing was wrong


def test_a_stop_whose_answer_is_lost_is_taken_over_by_its_trade():
    with audited(THERE_AND_BACK, loop_seconds=300) as run:
        run.exchange.plan(lost("POST /fapi/v1/algoOrder"))
        run.run_until(at("00:41"))
        assert len(living_stops(run)) == len(known_stops(run)) == 1
        assert kinds(run) == ["stop_unknown"]
        run.run_until(at("01:41"))
        assert not run.books.positions and not living_stops(run) and not Trade.get_open_trades()


def test_a_stop_that_outlives_its_trade_because_its_cancel_was_refused_is_cancelled_a_loop_later():
    with audited(THERE_AND_BACK, loop_seconds=300) as run:
        run.run_until(at("01:29"))
        run.exchange.plan(refused("DELETE /fapi/v1/algoOrder", -2011))
        run.run_until(at("01:31"))
        assert not run.books.positions and len(living_stops(run)) == 1
        run.step()
        assert not living_stops(run) and kinds(run) == ["stop_orphan"]
        booked = [trade.close_profit_abs for trade in Trade.get_trades()]
        run.stop()
        run.begin()
        run.run_until(at("01:50"))
        assert [trade.close_profit_abs for trade in Trade.get_trades()] == booked and drift(run) == 0


def test_the_strategy_itself_sets_its_planned_stop_in_the_loop_of_the_entry_and_of_the_addition(monkeypatch):
    def journey(facts):
        if facts.position is None:
            return script.enter(facts, leverage=3.0, stake=1000.0)
        return script.adjust(facts, 30.0) if facts.position.adds == 0 else script.stay(facts)

    monkeypatch.setattr(script, "decide", journey)
    rules = {"allow_add_to_loser": True, "max_risk_per_trade_pct": 50, "allow_model_freedom": True}
    config = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES), "risk_management": rules}
    market = market_of(BTC, sample_series(BTC))
    with VirtualLive(config, [market], datetime(2025, 11, 3, 0, 0, 2, tzinfo=UTC), loop_seconds=300) as run:
        assert naked(run, datetime(2025, 11, 3, 1, 5, tzinfo=UTC)) == []
        (trade,) = Trade.get_open_trades()
        assert trade.nr_of_successful_entries == 2
        (stop,) = [algo for algo in run.books.algos.values() if algo.is_open]
        assert float(stop.quantity) >= trade.amount and len(known_stops(run)) == 1
        assert float(stop.trigger) == trade.stop_loss
        audited = AuditBook(run.bot.strategy.session.context.database).rows("live")
        assert audited == []
