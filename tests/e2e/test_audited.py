"""The faults of test_live_faults.py with the auditor beside freqtrade: the exchange's books are right after a loop."""

from decimal import Decimal

import pytest
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC
from live_scenes import BTC, at, drift, known_stops, late, living_stops, lost, refused, scene, timetable, unreceived

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.loopback.account.orders import AlgoRequest, OrderRequest
from candlegraph.freqtrade_bridge.loopback.account.placing import cancel_algo, close_by_hand, place, place_algo

RISING = {"00:00": 100_000.0, "00:30": 100_000.0, "06:00": 101_000.0, "16:00": 101_000.0}
ENTER, THERE_AND_BACK = {"00:30": "enter_long"}, {"00:30": "enter_long", "01:30": "exit_long"}


def audited(signals, prices=RISING, changes=None, **options):
    return scene({BTC: timetable(signals, changes)}, {BTC: prices}, strategy="AuditedStrategy", **options)


def opened_by_hand(run, quantity, side="BUY"):
    place(run.books, OrderRequest(symbol="BTCUSDT", side=side, type="MARKET", quantity=Decimal(quantity)))


def stops(run):
    """Return amount and trigger of the living stops."""
    living = [run.books.algos[number] for number in living_stops(run)]
    return [(float(one.quantity), float(one.trigger)) for one in living]


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_an_entry_whose_answer_is_lost_is_protected_told_and_held_and_not_entered_again():
    with audited(THERE_AND_BACK) as run:
        run.run_until(at("00:29"))
        run.exchange.plan(lost("POST /fapi/v1/order"))
        run.run_until(at("00:33"))
        assert run.books.summary()["positions"] == {"BTCUSDT": "0.0299 @ 100010.00"}  # once
        assert len(living_stops(run)) == 1 and not Trade.get_trades().all()
        assert kinds(run) == ["position_unknown", "position_unknown"]
        (hold,) = run.bot.strategy.book.holds("live")
        assert (hold.side, hold.amount, hold.cause, hold.wanted) == ("long", 0.0299, "answer_lost", None)
        run.run_until(at("03:00"))
        assert run.books.summary()["positions"] == {"BTCUSDT": "0.0299 @ 100010.00"}
        assert len(living_stops(run)) == 1


def decide(run, wish):
    """Decide as the command does; it runs beside the bot."""
    arguments = ["--userdir", str(run.bot.config["user_data_dir"])]
    assert main([wish, BTC, *arguments]) == 0


@pytest.mark.slow
def test_a_lost_entry_that_a_person_adopts_is_a_trade_by_its_true_fills_and_ends_like_any_other():
    with audited({"00:30": "enter_long", "02:30": "exit_long"}, loop_seconds=300) as run:
        run.run_until(at("00:29"))
        run.exchange.plan(lost("POST /fapi/v1/order"))
        run.run_until(at("00:51"))
        run.stop()
        run.begin()  # what was held before a restart is held after it
        run.run_until(at("01:01"))
        assert len(run.bot.strategy.book.holds("live")) == 1 and not Trade.get_trades().all()
        decide(run, "adopt")
        run.run_until(at("01:11"))
        (trade,) = Trade.get_open_trades()
        assert (trade.amount, trade.open_rate, trade.leverage, trade.enter_tag) == (
            0.0299,
            100_010.0,
            3.0,
            "graph_long",
        )
        assert len(living_stops(run)) == len(known_stops(run)) == 1 and not run.bot.strategy.book.holds("live")
        run.run_until(at("02:51"))
        assert not Trade.get_open_trades() and not run.books.positions and not living_stops(run)
        assert drift(run) == 0


@pytest.mark.slow
def test_a_lost_entry_that_ends_before_anybody_decides_is_a_closed_trade_with_its_true_result():
    with audited(ENTER, loop_seconds=300) as run:
        run.run_until(at("00:29"))
        run.exchange.plan(lost("POST /fapi/v1/order"))
        run.run_until(at("00:46"))
        assert run.bot.strategy.book.holds("live") and not Trade.get_trades().all()
        close_by_hand(run.books, "BTCUSDT")
        run.step()
        (trade,) = Trade.get_trades().all()
        assert (trade.is_open, trade.exit_reason) == (False, "closed_by_hand") and drift(run) == 0
        run.step()
        assert not living_stops(run) and not run.bot.strategy.book.holds("live")


@pytest.mark.slow
def test_a_lost_addition_that_is_closed_with_its_trade_is_in_the_trades_result():
    with audited(ENTER, changes={"01:10": 200.0}, loop_seconds=300) as run:
        run.run_until(at("01:09"))
        run.exchange.plan(lost("POST /fapi/v1/order"))
        run.run_until(at("01:31"))
        assert run.books.summary()["positions"]["BTCUSDT"].startswith("0.0358") and len(living_stops(run)) == 2
        close_by_hand(run.books, "BTCUSDT")
        run.run_until(at("01:51"))
        assert drift(run) == 0 and not living_stops(run)
        released = run.bot.strategy.book.rows("live")[-1]
        assert released.done == (
            "the exit of trade 1 closed it too, and that trade's result holds it; entries of the pair go on"
        )


@pytest.mark.slow
def test_a_position_opened_by_hand_is_protected_and_flattened_when_a_person_says_so():
    with audited({"01:00": "enter_long"}, loop_seconds=300) as run:
        run.run_until(at("00:29"))
        opened_by_hand(run, "0.02", "SELL")
        run.run_until(at("01:21"))
        assert len(living_stops(run)) == 1 and not Trade.get_trades().all()
        (hold,) = run.bot.strategy.book.holds("live")
        assert (hold.side, hold.amount, hold.cause) == ("short", 0.02, "by_hand")
        decide(run, "flatten")
        run.run_until(at("01:41"))
        assert not run.books.positions and not living_stops(run) and not run.bot.strategy.book.holds("live")
        assert kinds(run)[-3:] == ["flattened", "stop_orphan", "released"]


@pytest.mark.parametrize("cancels", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_position_closed_by_hand_is_booked_with_its_true_fill_a_loop_later(cancels):
    with audited(ENTER | {"06:30": "exit_long"}, loop_seconds=300) as run:
        run.run_until(at("00:46"))
        close_by_hand(run.books, "BTCUSDT")
        if cancels:
            (stop,) = living_stops(run)
            cancel_algo(run.books, run.books.algos[stop])
        run.step()
        (trade,) = Trade.get_trades().all()
        assert (trade.is_open, trade.exit_reason) == (False, "closed_by_hand")
        run.step()
        assert not run.books.positions and not living_stops(run) and drift(run) == 0
        assert kinds(run) == ["position_gone"]


def test_an_exit_whose_answer_is_lost_is_booked_a_loop_later_and_not_sent_again():
    with audited(THERE_AND_BACK, loop_seconds=300) as run:
        run.run_until(at("01:29"))
        run.exchange.plan(lost("POST /fapi/v1/order"))
        run.run_until(at("01:41"))
        assert not Trade.get_open_trades() and not run.books.positions and not living_stops(run)
        assert sum(row.endpoint == "POST /fapi/v1/order" for row in run.exchange.log) == 2
        assert kinds(run) == ["position_gone"] and drift(run) == 0


@pytest.mark.slow
def test_a_fired_stop_that_freqtrade_cannot_see_is_booked_and_no_second_one_is_left():
    with audited(ENTER, dict.fromkeys(RISING, 100_000.0), loop_seconds=300, dip=("01:00", 98_342)) as run:
        run.run_until(at("00:59"))
        run.exchange.plan(late("GET /fapi/v1/order", seconds=480, times=50))
        run.run_while(lambda: run.books.positions)
        run.step()
        (trade,) = Trade.get_trades().all()
        assert (trade.is_open, trade.exit_reason) == (False, "stoploss_on_exchange")
        assert not living_stops(run) and drift(run) == 0
        assert sum(row.endpoint == "POST /fapi/v1/algoOrder" for row in run.exchange.log) == 1


@pytest.mark.slow
def test_funding_of_a_trade_that_ends_by_a_stop_on_the_exchange_is_in_its_result():
    prices = {"00:00": 100_000.0, "08:30": 100_000.0, "09:30": 98_000.0, "16:00": 98_000.0}
    with audited({"07:30": "enter_long"}, prices, loop_seconds=900) as run:
        run.run_until(at("10:00"))
        (trade,) = Trade.get_trades().all()
        (funding,) = [row.amount for row in run.books.income if row.kind == "FUNDING_FEE"]
        assert trade.exit_reason == "stoploss_on_exchange"
        assert funding < 0 and trade.funding_fees == pytest.approx(float(funding)) and drift(run) == 0
        assert run.bot.strategy.results == [trade.close_profit_abs]  # and so the memory has it


def test_a_stop_that_the_exchange_refuses_makes_the_position_be_closed():
    with audited(ENTER, loop_seconds=300) as run:
        run.run_until(at("00:29"))
        run.exchange.plan(refused("POST /fapi/v1/algoOrder", -2021, times=9))
        run.run_until(at("00:41"))
        (trade,) = Trade.get_trades().all()
        assert (trade.is_open, trade.exit_reason) == (False, "emergency_exit") and not run.books.positions


def test_what_a_person_adds_beyond_a_stop_that_has_fired_is_not_left_without_one():
    falling = {"00:00": 100_000.0, "00:30": 100_000.0, "01:30": 97_000.0}
    with audited(ENTER, falling, loop_seconds=300) as run:
        run.bot.config["force_entry_enable"] = True
        run.run_until(at("00:41"))
        run.run_while(lambda: living_stops(run))
        assert Trade.get_open_trades(), "it fired since the last loop, and nobody knows yet"
        RPC(run.bot)._rpc_force_entry(BTC, None)
        run.step()
        assert not run.books.positions or living_stops(run)
        run.step()
        assert not Trade.get_open_trades() and drift(run) == 0


def test_an_old_stop_stays_until_the_one_for_all_parts_of_a_stranger_is_there_and_that_one_is_no_wider():
    sinking = {"00:00": 100_000.0, "00:10": 100_000.0, "00:30": 98_500.0}
    with audited({}, sinking, loop_seconds=300) as run:
        run.run_until(at("00:09"))
        opened_by_hand(run, "0.02")
        run.step()
        (first,) = stops(run)
        opened_by_hand(run, "0.03")
        run.exchange.plan(unreceived("POST /fapi/v1/algoOrder"))
        run.step()
        assert stops(run) == [first]
        assert run.bot.strategy.book.rows("live")[-1].done.startswith("its stop is not set yet, and entries")
        run.step()
        ((amount, trigger),) = stops(run)
        assert amount == 0.05 and trigger >= first[1]


def test_a_persons_own_stop_for_a_part_of_their_position_stays_and_the_rest_gets_one_beside_it():
    with audited({}, loop_seconds=300) as run:
        run.run_until(at("00:09"))
        opened_by_hand(run, "0.04")
        own = {"side": "SELL", "type": "STOP_MARKET", "quantity": "0.01", "trigger": "99500", "client_id": "ios_1"}
        place_algo(run.books, AlgoRequest(symbol="BTCUSDT", reduce_only=True, **own))
        run.step()
        run.step()
        ((_, tight), (rest, wide)) = sorted(stops(run))
        assert (tight, rest) == (99_500.0, 0.03) and wide < tight
        assert len(run.books.algos) == 2


@pytest.mark.slow
def test_while_the_exchange_cannot_be_looked_at_nothing_is_entered_and_somebody_is_told():
    with audited(ENTER) as run:
        run.run_until(at("00:27"))
        run.exchange.plan(refused("GET /fapi/v1/openAlgoOrders", -1021, times=12))
        run.run_until(at("00:33"))
        assert not run.books.positions and kinds(run) == ["blind"]
        run.run_until(at("00:45"))
        assert run.books.positions
