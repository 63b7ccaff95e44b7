"""What stock freqtrade does when the exchange's answers are lost, refused or late, without an auditor beside it.

Each test shows one fault and what the exchange's books hold afterwards. They are no wish: an auditor turns each around.
"""

from datetime import timedelta

import pytest
from freqtrade.persistence import Trade
from live_scenes import BTC, ETH, at, drift, known_stops, late, living_stops, lost, refused, scene, timetable

from candlegraph.freqtrade_bridge.loopback.account.orders import cents
from candlegraph.freqtrade_bridge.loopback.account.placing import cancel_algo, close_by_hand

pytestmark = pytest.mark.slow
RISING = {"00:00": 100_000.0, "00:30": 100_000.0, "06:00": 101_000.0, "16:00": 101_000.0}
ENTER, THERE_AND_BACK = {"00:30": "enter_long"}, {"00:30": "enter_long", "01:30": "exit_long"}
STOP = 98_344


def one_pair(signals, prices=RISING, changes=None, **options):
    return scene({BTC: timetable(signals, changes)}, {BTC: prices}, **options)


def entries(run):
    return [row for row in sent(run, "POST /fapi/v1/order") if row.query["side"] == "BUY"]


def sent(run, endpoint):
    return [row for row in run.exchange.log if row.endpoint == endpoint]


def codes(run, endpoint):
    """Return the codes with which requests of the endpoint were refused."""
    return [row.answer.split(",")[0].removeprefix('{"code":') for row in sent(run, endpoint) if row.status >= 400]


def test_an_entry_whose_answer_is_lost_is_entered_twice_and_ends_as_a_position_that_no_trade_knows():
    with one_pair(THERE_AND_BACK) as run:
        run.exchange.plan(lost("POST /fapi/v1/order"))
        run.run_until(at("00:35"))
        (trade,) = Trade.get_trades().all()
        assert len(entries(run)) == 2 and trade.amount == 0.0299
        assert run.books.summary()["positions"] == {"BTCUSDT": "0.0598 @ 100010.00"}  # twice what was meant
        assert run.books.summary()["stops"] == [f"BTCUSDT SELL 0.0299 @ {STOP}"]  # for half of it
        run.run_until(at("01:35"))
        assert not Trade.get_open_trades()
        assert run.books.summary()["positions"] == {"BTCUSDT": "0.0299 @ 100010.00"} and not living_stops(run)


def test_a_stop_whose_answer_is_lost_is_placed_twice_and_one_outlives_its_trade():
    with one_pair(THERE_AND_BACK) as run:
        run.exchange.plan(lost("POST /fapi/v1/algoOrder"))
        run.run_until(at("00:35"))
        assert len(living_stops(run)) == 2 and len(known_stops(run)) == 1
        run.run_until(at("01:35"))
        assert not run.books.positions and not Trade.get_open_trades()
        assert run.books.summary()["stops"] == [f"BTCUSDT SELL 0.0299 @ {STOP}"]


def test_an_exit_whose_answer_is_lost_is_sent_again_while_its_signal_lasts_and_healed_by_accident():
    """The accident: the stop, left alone without a position, fires more than an hour later and is rejected."""
    prices = RISING | {"01:30": 100_200.0, "02:30": 98_500.0, "03:00": 98_100.0, "06:00": 98_100.0, "16:00": 98_100.0}
    with one_pair(THERE_AND_BACK, prices) as run:
        run.run_until(at("01:29"))
        run.exchange.plan(lost("POST /fapi/v1/order"))
        run.run_until(at("02:30"))
        assert codes(run, "POST /fapi/v1/order") == ["-1007"] + 29 * ["-2022"]
        assert not run.books.positions and len(Trade.get_open_trades()) == len(living_stops(run)) == 1
        run.run_while(Trade.get_open_trades)
        assert timedelta(minutes=70) < run.now() - at("01:30") < timedelta(minutes=85)
        assert not living_stops(run) and drift(run) == 0


@pytest.fixture(scope="module")
def orphaned():
    """Play a cancel refused at an exit, the stop that then fires into the next trade, and a restart; return notes."""
    prices = {"00:00": 100_000.0, "00:30": 100_000.0, "01:30": 100_500.0, "03:00": 99_500.0, "03:30": 99_400.0}
    prices |= {"04:30": 98_200.0, "05:00": 98_200.0, "06:00": 99_000.0, "16:00": 99_000.0}
    signals = THERE_AND_BACK | {"03:00": "enter_long", "06:00": "exit_long"}
    notes = {}
    with one_pair(signals, prices, loop_seconds=300) as run:

        def note(name):
            notes[name] = run.books.summary() | {"booked": [trade.close_profit_abs for trade in Trade.get_trades()]}

        run.run_until(at("01:29"))
        run.exchange.plan(refused("DELETE /fapi/v1/algoOrder", -2011))
        for name, until in (("exit", "01:40"), ("next trade", "03:20"), ("old stop fired", "04:35"), ("end", "07:05")):
            run.run_until(at(until))
            note(name)
        first, second = Trade.get_trades().all()
        paid = [row.amount for row in run.books.income if row.at > first.close_date_utc.timestamp() * 1000]
        notes["true second"] = float(sum(row for row in paid if row != 10_000))
        run.stop()
        run.begin()
        run.step()
        note("restart")
    return notes


def test_a_stop_whose_cancel_is_refused_lives_on_and_closes_part_of_the_next_trade(orphaned):
    assert not orphaned["exit"]["positions"] and orphaned["exit"]["stops"] == [f"BTCUSDT SELL 0.0299 @ {STOP}"]
    assert orphaned["next trade"]["positions"] == {"BTCUSDT": "0.0301 @ 99510.00"}
    assert len(orphaned["next trade"]["stops"]) == 2
    assert orphaned["old stop fired"]["positions"] == {"BTCUSDT": "0.0002 @ 99510.00"}
    assert not orphaned["end"]["positions"] and len(orphaned["end"]["stops"]) == 1


def test_what_the_orphan_lost_is_not_in_the_books_and_after_a_restart_a_closed_trade_is_closed_again(orphaned):
    first, second = orphaned["end"]["booked"]
    assert (round(first, 2), round(second, 2)) == (11.35, -0.12)
    assert round(orphaned["true second"], 2) == -38.24
    again, same = orphaned["restart"]["booked"]
    assert (round(again, 2), same) == (-41.72, second)
    assert orphaned["restart"]["wallet"] == orphaned["end"]["wallet"]


def test_a_stop_that_fired_and_is_not_visible_yet_is_placed_a_second_time_without_a_position():
    low = STOP - 2  # reached at 01:10:00, when the bot sleeps; a second later the price is back above the stop
    with one_pair(ENTER, dict.fromkeys(RISING, 100_000.0), loop_seconds=300, dip=("01:00", low)) as run:
        run.run_until(at("00:59"))
        run.exchange.plan(late("GET /fapi/v1/order", seconds=480, times=50))
        run.run_while(lambda: run.books.positions)
        run.step()
        assert not run.books.positions and run.books.summary()["stops"] == [f"BTCUSDT SELL 0.0299 @ {STOP}"]
        assert len(sent(run, "POST /fapi/v1/algoOrder")) == 2
        run.run_until(at("02:30"))
        assert not Trade.get_open_trades() and drift(run) == 0
        assert not living_stops(run)  # it was cancelled once the fired one could be seen


def test_a_fired_stop_that_is_not_visible_makes_freqtrade_stop_and_sell_what_it_does_not_have():
    falling = {"00:00": 100_000.0, "00:30": 100_000.0, "01:00": 98_000.0, "16:00": 98_000.0}
    with one_pair(ENTER, falling) as run:
        run.run_until(at("00:40"))
        run.exchange.plan(late("GET /fapi/v1/order", seconds=180, times=50))
        run.run_until(at("01:10"))
        assert set(codes(run, "POST /fapi/v1/algoOrder")) == {"-2021"}
        assert set(codes(run, "POST /fapi/v1/order")) == {"-2022"}
        assert not run.books.positions and not Trade.get_open_trades() and drift(run) == 0


@pytest.mark.parametrize("cancels", [False, True])
def test_a_position_closed_by_hand_is_not_noticed_for_six_hours_and_a_new_stop_is_placed_for_none(cancels):
    with one_pair(ENTER | {"06:30": "exit_long"}, loop_seconds=900) as run:
        run.run_until(at("00:46"))
        close_by_hand(run.books, "BTCUSDT")
        if cancels:
            (stop,) = living_stops(run)
            cancel_algo(run.books, run.books.algos[stop])
        run.run_until(at("06:29"))
        assert not run.books.positions and Trade.get_open_trades()
        assert len(sent(run, "POST /fapi/v1/algoOrder")) == (2 if cancels else 1)
        run.run_until(at("07:05"))
        assert set(codes(run, "POST /fapi/v1/order")) == {"-2022"}
        assert Trade.get_open_trades() and run.books.summary()["stops"] == [f"BTCUSDT SELL 0.0299 @ {STOP}"]


def test_a_stop_comes_a_loop_after_its_entry_and_each_addition_leaves_a_loop_without_one():
    with one_pair(ENTER, changes={"01:10": 200.0, "01:40": 200.0}) as run:
        naked = []
        while run.now() < at("02:00"):
            run.step()
            if run.books.positions and not living_stops(run):
                naked.append(f"{run.now():%H:%M}")
        assert naked == ["00:31", "01:11", "01:41"]  # as the loop after each of them begins
        assert run.books.summary()["stops"][0].startswith("BTCUSDT SELL 0.0417")


def test_while_freqtrade_sleeps_over_one_pairs_error_another_pairs_stop_waits():
    plans = {BTC: timetable(ENTER), ETH: timetable({"01:00": "enter_long"})}
    prices = {BTC: RISING, ETH: {clock: price / 40 for clock, price in RISING.items()}}
    with scene(plans, prices) as run:
        run.run_until(at("00:59"))
        run._worker._throttle_secs = 5  # as by default
        run.exchange.plan(refused("GET /fapi/v1/algoOrder", -2013, times=40))
        run.run_while(lambda: "ETHUSDT" not in run.books.positions)
        (entry,) = [order for order in run.books.orders.values() if order.symbol == "ETHUSDT"]
        run.run_while(lambda: not any(algo.symbol == "ETHUSDT" for algo in run.books.algos.values()))
        (stop,) = [algo for algo in run.books.algos.values() if algo.symbol == "ETHUSDT"]
        assert stop.created_at - entry.created_at >= 35_000


def test_funding_of_a_trade_that_ends_by_a_stop_on_the_exchange_is_never_booked():
    prices = {"00:00": 100_000.0, "08:30": 100_000.0, "09:30": 98_000.0, "16:00": 98_000.0}
    with one_pair(ENTER, prices, loop_seconds=900) as run:
        run.run_until(at("10:00"))
        (trade,) = Trade.get_trades().all()
        (funding,) = [row.amount for row in run.books.income if row.kind == "FUNDING_FEE"]
        assert (trade.exit_reason, trade.is_open) == ("stoploss_on_exchange", False)
        assert funding < 0 and drift(run) == round(float(cents(funding)), 2)


def test_freqtrade_never_asks_for_open_orders_or_open_conditional_orders():
    with one_pair(THERE_AND_BACK, changes={"01:10": 200.0}) as run:
        run.run_until(at("02:00"))
        run.stop()
        run.begin()
        run.step()
        asked = {row.endpoint for row in run.exchange.log}
    assert "GET /fapi/v3/positionRisk" in asked
    assert not asked & {"GET /fapi/v1/openOrders", "GET /fapi/v1/openAlgoOrders", "GET /fapi/v1/allAlgoOrders"}
