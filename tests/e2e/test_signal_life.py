"""How long a signal lives: each row of the table in docs/live.md that no other test covers."""

import gc
import weakref
from datetime import UTC, datetime, timedelta

import pytest
import script
from freqtrade.enums import SignalDirection, State
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC
from live_scenes import BTC, lost, refused
from markets import drawn
from simulator.killing import Killed, kill_at_answer
from simulator.run import CONFIG
from virtual_live import WALLET, VirtualLive

from candlegraph.freqtrade_bridge.loopback.account.faults import PartlyFilled, PlannedFault
from candlegraph.freqtrade_bridge.loopback.account.orders import Partial
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.memory.books.ledger import Ledger

PRICES = {"2025-11-20 00:00": 100_000.0, "2025-11-20 06:00": 100_600.0, "2025-11-20 12:00": 100_600.0}
FALLING = {"2025-11-20 00:00": 100_000.0, "2025-11-20 01:00": 100_000.0, "2025-11-20 01:30": 95_000.0}
START = datetime(2025, 11, 20, 0, 0, 2, tzinfo=UTC)


def at(clock):
    """Return a time of the day, two seconds after the named one."""
    hour, minute = map(int, clock.split(":"))
    return START + timedelta(hours=hour, minutes=minute)


@pytest.fixture
def live(monkeypatch):
    """Return a factory of live runs whose model follows `calls`, from the close of a candle to what it calls there."""

    def make(calls, loop_seconds=60, prices=PRICES, **rules):
        asked = []

        def decide(facts):
            asked.append(f"{datetime.now(UTC):%H:%M}")
            name = calls.get(asked[-1], "stay")
            if name in ("long", "short") and facts.position is None:
                return enter(facts, name)
            if name == "add":
                return script.adjust(facts, 30.0)
            return script.leave(facts) if name == "leave" else script.stay(facts)

        monkeypatch.setattr(script, "decide", decide)
        config = CONFIG | {"risk_management": CONFIG["risk_management"] | rules}
        run = VirtualLive(config, [market_of(BTC, drawn(prices))], START, loop_seconds=loop_seconds)
        run.asked = asked
        return run

    return make


def enter(facts, side):
    sign = 1 if side == "long" else -1
    levels = {"key_support": 90_000.0, "key_resistance": 110_000.0, "trend_strength": "weak"}
    size = {"leverage": 3.0, "stake_amount": 500.0, "stop_loss": facts.price * (1 - sign * 0.02)}
    return f"signal_entry_{side}", script.common(facts) | levels | size


def rows(run):
    """Return the ledger's rows by the close of their candle."""
    context = run.bot.strategy.session.context
    return {f"{row.as_of:%H:%M}": row for row in Ledger(context.database).rows(context.namespace)}


def sent(run):
    """Return the opening and closing orders as (time, side)."""
    filled = sorted(run.books.fills, key=lambda fill: fill.at)
    return [(f"{datetime.fromtimestamp(fill.at / 1000, UTC):%H:%M}", fill.side) for fill in filled]


def test_candles_that_passed_while_the_bot_was_away_are_never_decided_and_the_first_one_after_them_is(live):
    with live({"00:30": "long", "03:40": "long"}, loop_seconds=900) as run:
        run.run_until(at("01:10"))
        run.kill()
        run.sleep(2.5 * 3600)
        run.begin()
        run.run_until(at("04:01"))
        assert list(rows(run)) == ["00:00", "00:30", "01:00", "03:30", "04:00"]
        assert sent(run) == [("00:30", "BUY")]


def test_an_entry_after_a_maintenance_that_outlasted_the_close_is_dropped(live):
    with live({"00:50": "long", "01:00": "long"}, loop_seconds=300) as run:
        run.run_until(at("00:25"))
        run.exchange.trouble.is_down = True
        run.run_until(at("00:49"))
        run.exchange.trouble.is_down = False
        run.run_until(at("01:01"))
        assert rows(run)["00:30"].fate.refusal.door == "late"
        assert sent(run) == [("01:00", "BUY")]


@pytest.mark.slow
def test_what_became_of_an_entry_whose_answer_was_lost_is_not_said_before_the_exchange_could_be_asked(live):
    with live({"00:30": "long"}, loop_seconds=300) as run:
        run.run_until(at("00:29"))
        run.exchange.plan(lost("POST /fapi/v1/order"))
        run.run_until(at("00:31"))
        run.exchange.trouble.is_down = True
        run.run_until(at("01:14"))
        assert rows(run)["00:30"].fate is None
        run.exchange.trouble.is_down = False
        run.run_until(at("01:21"))
        assert rows(run)["00:30"].fate.kind == "filled" and sent(run) == [("00:30", "BUY")]


def test_an_addition_that_is_refused_at_the_last_moment_waits_for_no_order(live):
    with live({"00:30": "long", "01:00": "add"}, loop_seconds=900) as run:
        run.run_until(at("00:59"))
        run.exchange.plan(refused("GET /fapi/v1/openAlgoOrders", -1021, times=99))
        run.run_until(at("01:31"))
        assert sent(run) == [("00:30", "BUY")]
        fate = rows(run)["01:00"].fate
        assert (fate.kind, fate.refusal.key) == ("refused", "auditor")


def test_an_addition_whose_answer_is_lost_and_that_the_trades_stop_closes_is_said_to_be_filled(live):
    with live({"00:30": "long", "01:00": "add"}, loop_seconds=900, prices=FALLING) as run:
        run.run_until(at("00:59"))
        run.exchange.plan(lost("POST /fapi/v1/order"))
        run.run_until(at("01:16"))
        assert [side for _, side in sent(run)][:2] == ["BUY", "BUY"]
        assert not run.books.positions and not Trade.get_open_trades()
        assert rows(run)["01:00"].fate.kind == "filled"


def test_an_entry_that_is_partly_filled_is_a_smaller_trade_with_a_stop_and_its_signal_is_used(live):
    with live({"00:30": "long"}) as run:
        part = PartlyFilled(partial=Partial(ratio="0.4"))
        run.exchange.plan(PlannedFault(endpoint="POST /fapi/v1/order", what=part))
        run.run_until(at("00:40"))
        (trade,) = Trade.get_open_trades()
        (stop,) = [algo for algo in run.books.algos.values() if algo.is_open]
        assert sent(run) == [("00:30", "BUY")]
        assert float(stop.quantity) == trade.amount == float(run.books.position("BTCUSDT").amount) == 0.0059
        assert rows(run)["00:30"].fate.kind == "partly_filled"


def test_a_reversal_takes_two_candles_an_exit_and_then_an_entry(live):
    with live({"00:30": "long", "01:00": "leave", "01:30": "short"}, loop_seconds=300) as run:
        run.run_until(at("01:35"))
        assert sent(run) == [("00:30", "BUY"), ("01:00", "SELL"), ("01:30", "SELL")]
        assert run.asked == ["00:00", "00:30", "01:00", "01:30"]


@pytest.mark.parametrize("again", ["reload", "stop", "kill"])
def test_after_a_start_a_decided_candle_is_not_decided_again_and_nothing_is_left_of_the_old_bot(live, again):
    later = dict.fromkeys(("01:05", "01:10", "01:15", "01:20"), "long")
    with live({"00:30": "long", "01:00": "leave"} | later, loop_seconds=300) as run:
        run.run_until(at("01:01"))
        assert sent(run) == [("00:30", "BUY"), ("01:00", "SELL")]
        old = parts_of(run.bot)
        if again == "reload":
            run.bot.state = State.RELOAD_CONFIG
        else:
            getattr(run, again)()
            run.begin()
        run.run_until(at("01:21"))
        assert sent(run) == [("00:30", "BUY"), ("01:00", "SELL")]
        assert run.asked == ["00:00", "00:30", "01:00"]
        gc.collect()
        assert [part() for part in old] == [None] * len(old)


def parts_of(bot):
    """Return weak references to what makes up a bot."""
    parts = (bot, bot.exchange, bot.dataprovider, bot.strategy, bot.strategy.session, bot.strategy.session.monitor)
    return [weakref.ref(part) for part in parts]


def test_an_exit_that_was_decided_and_not_carried_out_is_carried_out_after_a_restart(live):
    with live({"00:30": "long", "01:00": "leave"}, loop_seconds=300) as run:
        run.run_until(at("00:55"))
        run.exchange.plan(refused("POST /fapi/v1/order", -1000))
        run.step()
        assert run.now() > at("01:00") and len(sent(run)) == 1
        run.kill()
        run.begin()
        run.run_until(at("01:15"))
        assert [side for _, side in sent(run)] == ["BUY", "SELL"] and run.asked == ["00:00", "00:30", "01:00"]
        assert rows(run)["01:00"].fate.kind == "filled"


def test_what_a_trade_gave_is_learnt_after_a_start_when_the_process_was_killed_right_after_its_close(live):
    with live({"00:30": "long", "01:00": "leave"}, loop_seconds=900) as run:
        run.run_until(at("00:59"))
        kill_at_answer(run.bot.exchange._api.session, lambda method, url: "userTrades" in url and "limit=1000" in url)
        with pytest.raises(Killed):
            run.step()
        (trade,) = Trade.get_trades().all()
        assert not trade.is_open
        run.kill()
        run.begin()
        run.step()
        session = run.bot.strategy.session
        session.learner.wait(30)
        learnt = session.context.memory.get(1).source
        assert learnt.exit_reason == "graph_exit" and learnt.decision_id
        assert learnt.profit_abs == pytest.approx(float(run.books.wallet - WALLET), abs=0.005)


def test_what_a_person_adds_past_the_gate_is_told_and_brought_back_to_size_at_the_next_loop(live):
    with live({"00:30": "long"}, max_position_pct=8) as run:
        run.run_until(at("00:35"))
        (trade,) = Trade.get_open_trades()
        RPC(run.bot)._rpc_force_entry(BTC, None, order_side=SignalDirection.LONG, stake_amount=2000.0)
        assert trade.stake_amount > 2000
        run.step()
        assert trade.stake_amount == pytest.approx(0.08 * 10_000, rel=0.02)
        run.run_until(at("00:40"))
        assert trade.stake_amount == pytest.approx(0.08 * 10_000, rel=0.02)
        (stop,) = [algo for algo in run.books.algos.values() if algo.is_open]
        assert float(stop.quantity) >= trade.amount
        assert run.log.count("Sending rpc strategy_msg: candlegraph: BTC/USDT:USDT: 0.0599 at") == 1


def test_what_a_person_adds_within_the_limits_stays(live):
    with live({"00:30": "long"}, max_position_pct=50, max_risk_per_trade_pct=50) as run:
        run.run_until(at("00:35"))
        (trade,) = Trade.get_open_trades()
        RPC(run.bot)._rpc_force_entry(BTC, None, order_side=SignalDirection.LONG, stake_amount=300.0)
        run.run_until(at("00:40"))
        assert trade.stake_amount == pytest.approx(800, rel=0.02)
