"""Trend, regime and strength: tables of the stated arithmetic."""

import pytest

from candlegraph.graph.settings.context import ContextConfig
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.regime import alignment_of, regime_of, strength_of, trend_of

CONFIG = ContextConfig()


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
    ],
)
def test_strength_follows_the_higher_adx_of_the_second_and_third_timeframe(view, adx, strength):
    assert strength_of([view(adx=one) for one in (99.0, *adx, 99.0)]) == strength


@pytest.mark.parametrize("adx, strength", [(30.0, "strong"), (20.0, "moderate"), (None, "weak")])
def test_strength_of_a_single_timeframe_is_its_own(view, adx, strength):
    assert strength_of([view(adx=adx)]) == strength


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


def test_a_timeframe_without_averages_counts_for_neither_side(view):
    up, unknown = view(close=100.0, ema_20=90, ema_50=80), view(close=100.0, ema_20=None, ema_50=80)
    assert alignment_of([up, unknown, up]) == 2
