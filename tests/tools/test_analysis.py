"""Levels, distances and what is missing: tables of the stated arithmetic."""

import pytest

from candlegraph.graph.schema.facts import ABSENT
from candlegraph.graph.schema.market import Level
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.tools.market.facts import facts_of, missing_of, position_facts
from candlegraph.tools.market.indicators import bollinger_position, in_atr, timeframe_facts

CONFIG = ContextConfig()


def without(snapshot, timeframe, *names):
    """Return `snapshot` with some indicators of one timeframe unavailable."""
    views = [
        v.model_copy(update={"indicators": v.indicators.model_copy(update=dict.fromkeys(names))})
        if v.timeframe == timeframe
        else v
        for v in snapshot.timeframes
    ]
    return snapshot.model_copy(update={"timeframes": tuple(views)})


def test_support_and_resistance_are_the_nearest_levels_of_any_timeframe(make_snapshot):
    snapshot = make_snapshot()
    facts = facts_of(snapshot, CONFIG.timeframes, ())
    prices = [level.price for one in snapshot.timeframes for level in one.levels]
    assert facts.support == max(price for price in prices if price < snapshot.price)
    assert facts.resistance == min(price for price in prices if price > snapshot.price)


@pytest.mark.parametrize("timeframe", CONFIG.timeframes)
def test_a_level_of_each_timeframe_counts_on_its_side_of_the_main_close(make_snapshot, timeframe):
    snapshot = make_snapshot()
    price = snapshot.price  # a level can lie on the other side of an older close of a longer timeframe
    near = (Level(price=price * 0.9999, touches=1, kind="resistance"), Level(price=price, touches=9, kind="support"))
    views = [
        one.model_copy(update={"levels": near}) if one.timeframe == timeframe else one for one in snapshot.timeframes
    ]
    facts = facts_of(snapshot.model_copy(update={"timeframes": tuple(views)}), CONFIG.timeframes, ())
    assert facts.support == price * 0.9999
    assert facts.resistance is None or facts.resistance > price


def test_without_levels_there_is_neither_support_nor_resistance(make_snapshot):
    snapshot = make_snapshot()
    views = tuple(one.model_copy(update={"levels": ()}) for one in snapshot.timeframes)
    facts = facts_of(snapshot.model_copy(update={"timeframes": views}), CONFIG.timeframes, ())
    assert (facts.support, facts.resistance) == (None, None)


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
    assert missing_of(snapshot.timeframes, CONFIG.timeframes, CONFIG.required_indicators) == [f"4h.{required}"]
    others = [name for name in CONFIG.required_indicators if name != required]
    assert missing_of(snapshot.timeframes, CONFIG.timeframes, others) == []


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
