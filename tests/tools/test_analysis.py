"""Trend, regime, strength, levels and what is missing: tables of the stated arithmetic."""

import pytest

from candlegraph.graph.facts import ABSENT
from candlegraph.graph.settings import ContextConfig
from candlegraph.tools.market.analysis import (
    bollinger_position,
    facts_of,
    in_atr,
    missing_of,
    position_facts,
    regime_of,
    strength_of,
    timeframe_facts,
    trend_of,
)

CONFIG = ContextConfig()


@pytest.fixture
def view(make_snapshot):
    """Return a factory of main views with some fields and indicators changed."""

    main = make_snapshot().main

    def make(view=main, close=None, **indicators):
        changes = {"indicators": view.indicators.model_copy(update=indicators)}
        return view.model_copy(update=changes | ({} if close is None else {"close": close}))

    return make


def without(snapshot, timeframe, *names):
    """Return `snapshot` with some indicators of one timeframe unavailable."""
    views = [
        v.model_copy(update={"indicators": v.indicators.model_copy(update=dict.fromkeys(names))})
        if v.timeframe == timeframe
        else v
        for v in snapshot.timeframes
    ]
    return snapshot.model_copy(update={"timeframes": tuple(views)})


@pytest.mark.parametrize(
    "close, fast, slow, trend",
    [
        (110, 105, 100, 1),
        (101, 105, 100, 1),
        (100, 105, 100, 0),
        (90, 105, 100, 0),
        (90, 95, 100, -1),
        (99, 95, 100, -1),
        (110, 95, 100, 0),
        (110, 100, 100, 0),
        (110, None, 100, 0),
        (110, 105, None, 0),
    ],
)
def test_trend_needs_the_order_of_the_averages_and_the_close_on_their_side(view, close, fast, slow, trend):
    assert trend_of(view(close=close, ema_20=fast, ema_50=slow)) == trend


@pytest.mark.parametrize(
    "alignment, regime",
    [(4, "trend_up"), (2, "trend_up"), (1, "range"), (0, "range"), (-1, "range"), (-2, "trend_down")],
)
def test_regime_is_a_trend_from_an_alignment_of_two(alignment, regime):
    assert regime_of(alignment) == regime


@pytest.mark.parametrize(
    "adx, strength",
    [
        ((30, 5), "strong"),
        ((5, 30), "strong"),
        ((29.9, 5), "moderate"),
        ((20, 5), "moderate"),
        ((19.9, 5), "weak"),
        ((None, 25), "moderate"),
        ((None, None), "weak"),
        ((), "weak"),
    ],
)
def test_strength_follows_the_highest_adx(view, adx, strength):
    assert strength_of([view(adx=one) for one in adx]) == strength


@pytest.mark.parametrize("place, counts", [(0, False), (1, True), (2, True), (3, False)])
def test_strength_of_the_market_rests_on_the_second_and_third_timeframe(make_snapshot, view, place, counts):
    snapshot = make_snapshot()
    views = [view(one, adx=45.0 if i == place else 10.0) for i, one in enumerate(snapshot.timeframes)]
    facts = facts_of(snapshot.model_copy(update={"timeframes": tuple(views)}), CONFIG.timeframes, ())
    assert facts.trend_strength == ("strong" if counts else "weak")


def test_alignment_counts_up_trends_minus_down_trends(make_snapshot, view):
    snapshot = make_snapshot()
    emas = [(90, 80), (90, 80), (90, 80), (110, 120)]
    views = [view(one, 100.0, ema_20=f, ema_50=s) for one, (f, s) in zip(snapshot.timeframes, emas, strict=True)]
    facts = facts_of(snapshot.model_copy(update={"timeframes": tuple(views)}), CONFIG.timeframes, ())
    assert (facts.alignment, facts.regime) == (2, "trend_up")


def test_levels_are_the_nearest_swings_of_any_timeframe(make_snapshot):
    snapshot = make_snapshot()
    facts = facts_of(snapshot, CONFIG.timeframes, ())
    lows = [x for v in snapshot.timeframes for x in v.swing_lows if x < snapshot.price]
    highs = [x for v in snapshot.timeframes for x in v.swing_highs if x > snapshot.price]
    assert (facts.support, facts.resistance) == (max(lows), min(highs))


def test_everything_is_there_in_a_long_market(make_snapshot):
    facts = facts_of(make_snapshot(), CONFIG.timeframes, CONFIG.required_indicators)
    assert facts.missing == ABSENT
    assert list(facts.timeframes) == list(CONFIG.timeframes)


@pytest.mark.parametrize(
    "required, absent",
    [("ema_50", "ema_50"), ("macd", "macd_signal"), ("macd", "macd"), ("bollinger", "bollinger_upper")],
)
def test_a_required_indicator_that_is_unavailable_is_named_with_its_timeframe(make_snapshot, required, absent):
    snapshot = without(make_snapshot(), "4h", absent)
    assert missing_of(snapshot, CONFIG.timeframes, CONFIG.required_indicators) == [f"4h.{required}"]
    others = [name for name in CONFIG.required_indicators if name != required]
    assert missing_of(snapshot, CONFIG.timeframes, others) == []


def test_a_timeframe_that_is_unavailable_is_named(make_snapshot):
    snapshot = make_snapshot()
    short = snapshot.model_copy(update={"timeframes": snapshot.timeframes[:-1]})
    assert facts_of(short, CONFIG.timeframes, CONFIG.required_indicators).missing == "1d"


@pytest.mark.parametrize(
    "value, reference, atr, distance",
    [(110, 100, 5, 2), (90, 100, 5, -2), (None, 100, 5, None), (1, None, 5, None), (1, 1, None, None), (2, 1, 0, None)],
)
def test_distances_are_in_atr_and_unavailable_where_a_part_is(value, reference, atr, distance):
    assert in_atr(value, reference, atr) == distance


@pytest.mark.parametrize(
    "upper, lower, position",
    [(110, 90, 0.5), (100, 90, 1), (110, 100, 0), (95, 90, 2), (100, 100, None), (None, 9, None)],
)
def test_bollinger_position_is_nought_at_the_lower_band_and_one_at_the_upper(view, upper, lower, position):
    assert bollinger_position(view(close=100.0, bollinger_upper=upper, bollinger_lower=lower)) == position


def test_momentum_compares_with_five_candles_ago(view):
    main = view(atr=2.0)
    assert timeframe_facts(main).momentum == (main.close - main.past_closes[-5]) / 2
    assert timeframe_facts(main.model_copy(update={"past_closes": main.past_closes[:4]})).momentum is None


@pytest.mark.parametrize(
    "side, price, risk, r",
    [("long", 104, 0.02, 2), ("long", 99, 0.02, -0.5), ("short", 99, 0.02, 0.5), ("long", 9, None, None)],
)
def test_r_multiple_is_the_move_in_planned_stop_distances(make_position, side, price, risk, r):
    position = make_position(side, entry_price=100, planned_risk_ratio=risk)
    assert position_facts(position, price).r_multiple == (None if r is None else pytest.approx(r))


def test_words_of_the_position_stay_out_of_the_facts(make_snapshot):
    snapshot = make_snapshot("long")
    assert "回调" in snapshot.position.entry_reason
    assert "回调" not in facts_of(snapshot, CONFIG.timeframes, ()).model_dump_json()
