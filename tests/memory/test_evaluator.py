from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlegraph.memory.learning.scores import components, evaluate, grade_of


@pytest.mark.parametrize(
    ("profit_pct", "marks"),
    [
        (-40, 0),
        (-15, 0),
        (-10, 2.5),
        (-5, 5),
        (-2.5, 7.5),
        (0, 10),
        (2.5, 15),
        (5, 20),
        (7.5, 25),
        (10, 30),
        (50, 30),
    ],
)
def test_profit_line(make_trade, profit_pct, marks):
    assert evaluate(make_trade(profit_pct=profit_pct)).profit == pytest.approx(marks)


@pytest.mark.parametrize(
    ("side", "exit_price", "marks"),
    [
        ("long", 97, 10),  # inside the planned 5 %
        ("long", 95, 10),
        ("long", 94.5, 0),  # 1.1 x planned
        ("long", 94, -10),
        ("long", 80, -10),
        ("short", 105, 10),
        ("short", 105.5, 0),
        ("short", 107, -10),
        ("long", 100.1, 10),  # lost to fees only
    ],
)
def test_stop_discipline_compares_price_moves(make_trade, side, exit_price, marks):
    stop = 95 if side == "long" else 105
    trade = make_trade(side=side, planned_stop=stop, exit_price=exit_price, profit_pct=-20)
    assert components(trade).stop == pytest.approx(marks, abs=1e-9)


def test_stop_discipline_of_wins_missing_stops_and_liquidations(make_trade):
    assert components(make_trade()).stop == 10
    assert components(make_trade(planned_stop=None)).stop == 0
    assert components(make_trade(planned_stop=None, profit_pct=-20)).stop == 0
    assert components(make_trade(liquidated=True, profit_pct=-100)).stop == -10
    assert components(make_trade(liquidated=True, profit_pct=-100, planned_stop=None)).stop == -10


def test_a_stop_on_the_wrong_side_of_the_fill_allows_no_loss(make_trade):
    assert components(make_trade(planned_stop=101, exit_price=99, profit_pct=-5)).stop == -10
    assert components(make_trade(planned_stop=100, exit_price=99, profit_pct=-5)).stop == -10
    assert components(make_trade(planned_stop=101, exit_price=100.1, profit_pct=-0.5)).stop == 10  # lost to fees only


def test_a_near_stop_that_held_is_kept_in_full(make_trade):
    assert components(make_trade(planned_stop=99.5, exit_price=100.1, profit_pct=-0.5)).stop == 10


@pytest.mark.parametrize(("leverage", "marks"), [(1, 10), (3, 10), (6.5, 5), (10, 0), (15, -5), (20, -10), (100, -10)])
def test_leverage_line(make_trade, leverage, marks):
    assert components(make_trade(leverage=leverage)).leverage == pytest.approx(marks)


@pytest.mark.parametrize(
    ("profit_pct", "mfe_pct", "marks"),
    [(10, 10, 5), (8, 10, 5), (6.5, 10, 2.5), (5, 10, 0), (3.5, 10, -2.5), (2, 10, -5), (-9, 10, -5), (-3, 0, 0)],
)
def test_give_back_line(make_trade, profit_pct, mfe_pct, marks):
    assert components(make_trade(profit_pct=profit_pct, mfe_pct=mfe_pct)).give_back == pytest.approx(marks)


@pytest.mark.parametrize(
    ("mae_pct", "marks"), [(0, 12), (-2, 12), (-3.5, 6), (-5, 0), (-7.5, -6), (-10, -12), (-50, -12)]
)
def test_entry_line(make_trade, mae_pct, marks):
    assert components(make_trade(mae_pct=mae_pct)).entry == pytest.approx(marks)


@pytest.mark.parametrize(
    ("profit_pct", "marks"), [(10, 13), (9, 13), (7, 6.5), (5, 0), (2.5, -6.5), (0, -13), (-8, -13)]
)
def test_exit_line(make_trade, profit_pct, marks):
    assert components(make_trade(profit_pct=profit_pct, mfe_pct=10)).exit == pytest.approx(marks)


def test_exit_of_a_trade_that_was_never_green_depends_on_the_stop(make_trade):
    red = {"mfe_pct": -0.1, "profit_pct": -10}
    assert components(make_trade(exit_price=96, **red)).exit == 0
    assert components(make_trade(exit_price=94, **red)).exit == -13
    assert components(make_trade(exit_price=96, planned_stop=None, **red)).exit == -13
    assert components(make_trade(exit_price=96, liquidated=True, **red)).exit == -13


@pytest.mark.parametrize(
    ("per_hour", "marks"),
    [(1.01, 20), (1, 15), (0.5, 15), (0.49, 10), (0.1, 10), (0.05, 5), (0, 0), (-0.01, 0), (-5, 0)],
)
def test_efficiency_steps(make_trade, per_hour, marks):
    trade = make_trade()
    closed_at = trade.opened_at + timedelta(hours=4)
    long_trade = make_trade(closed_at=closed_at, profit_pct=4 * per_hour)
    assert evaluate(long_trade).efficiency == pytest.approx(marks)


def test_a_trade_within_one_candle_counts_as_one_candle(make_trade):
    trade = make_trade()
    quick = make_trade(closed_at=trade.opened_at, profit_pct=0.4, candle_minutes=60)
    assert evaluate(quick).efficiency == 10


def test_whole_marks_of_one_trade(make_trade):
    scores = evaluate(make_trade(leverage=3, profit_pct=10, mfe_pct=10, mae_pct=-1))
    assert (scores.profit, scores.risk, scores.timing, scores.efficiency) == (30, 25, 25, 20)
    assert (scores.total, scores.grade) == (100, "S")
    middle = evaluate(make_trade(leverage=10, profit_pct=7, mfe_pct=10, mae_pct=-3.5))
    assert (middle.risk, middle.timing) == pytest.approx((12.5 + (10 + 0 + 5 * 2 / 3) / 2, 12.5 + (6 + 6.5) / 2))
    worst = evaluate(make_trade(leverage=50, profit_pct=-100, mfe_pct=10, mae_pct=-100, liquidated=True))
    assert (worst.total, worst.grade) == (0, "F")


@pytest.mark.parametrize(
    ("total", "grade"), [(100, "S"), (90, "S"), (89.9, "A"), (80, "A"), (70, "B"), (60, "C"), (50, "D"), (49.9, "F")]
)
def test_grades(total, grade):
    assert grade_of(total) == grade


pct = st.floats(-150, 150)
anything = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["long", "short"]),
        "leverage": st.floats(1, 125),
        "exit_price": st.floats(1, 1000),
        "planned_stop": st.none() | st.floats(1, 1000),
        "mfe_pct": pct,
        "mae_pct": pct,
        "liquidated": st.booleans(),
        "candle_minutes": st.sampled_from([1, 30, 1440]),
    }
)


@settings(deadline=None)
@given(anything, pct)
def test_marks_stay_in_their_ranges_and_add_up(make_trade, facts, profit_pct):
    scores = evaluate(make_trade(profit_pct=profit_pct, **facts))  # Scores itself refuses what is out of range
    assert scores.total == pytest.approx(scores.profit + scores.risk + scores.timing + scores.efficiency)
    assert scores.grade == grade_of(scores.total)


@settings(deadline=None)
@given(anything, pct, pct)
def test_more_profit_never_lowers_a_mark(make_trade, facts, one, other):
    worse, better = (evaluate(make_trade(profit_pct=p, **facts)) for p in sorted((one, other)))
    for mark in ("profit", "risk", "timing", "efficiency", "total"):
        assert getattr(worse, mark) <= getattr(better, mark) + 1e-9


@given(
    profit=st.floats(-120, 60),
    stop=st.sampled_from([None, 95, 99.9]),
    exit_price=st.floats(90, 110),
)
def test_excursions_that_nobody_saw_earn_nothing_that_good_ones_earn(make_trade, profit, stop, exit_price):
    """Unknown they are those of entry and exit alone: the best path that these allow."""
    changes = {"profit_pct": profit, "planned_stop": stop, "exit_price": exit_price}
    bounds = {"mfe_pct": max(0.0, profit), "mae_pct": min(0.0, profit)}
    unseen = make_trade(**changes, **bounds, excursions_known=False)
    flattered = make_trade(**changes, **bounds)
    parts, good = components(unseen), components(flattered)
    for name in ("give_back", "entry", "exit"):
        assert getattr(parts, name) == min(0, getattr(good, name))
    assert evaluate(unseen).total <= evaluate(flattered).total
    assert evaluate(unseen).profit == evaluate(flattered).profit
