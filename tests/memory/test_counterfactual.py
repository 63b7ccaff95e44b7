"""What a closed trade would have made otherwise; tests/e2e/test_counterfactual.py holds it against freqtrade."""

from datetime import timedelta

import null_world
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from small_paths import BEGIN, DIP, FLAT, STOPPED, candles, path

from candlegraph.memory.counterfactual.outcomes import FURTHER, table_of
from candlegraph.memory.counterfactual.path import Funding, PathCandles, Tier
from candlegraph.memory.counterfactual.table import Alternative


def outcomes(one, after=70):
    """Return the outcomes that are known `after` candles after the entry, by alternative."""
    table = table_of(one, BEGIN + timedelta(minutes=30 * after))
    return {outcome.alternative: outcome for outcome in table.outcomes}


def found(one, kind, value):
    outcome = outcomes(one)[kind, value]
    return outcome.end, outcome.index, outcome.price, round(outcome.profit_pct, 6)


@pytest.mark.parametrize(
    ("one", "kind", "value", "expected"),
    [
        pytest.param(STOPPED, "stop", 3, ("target", 3, 104.0, 8), id="a wider stop holds until the target"),
        pytest.param(STOPPED, "stop", 1, ("stop", 1, 99.0, -2), id="a tighter stop loses less"),
        pytest.param(STOPPED, "target", 1, ("stop", 1, 98.0, -4), id="a target that came too late"),
        pytest.param(path(*[FLAT] * 12, DIP, closing="stop", end=12, price=98.0), "time", 12,
                     ("time", 12, 100.0, 0), id="the clock comes before the stop of its candle"),
        pytest.param(STOPPED, "entry", 3, ("none", 3, None, 0), id="no entry once the stop has passed"),
        pytest.param(path(FLAT, DIP, closing="stop", end=1, price=98.0), "stop", 3,
                     ("horizon", 1 + FURTHER, 100.0, 0), id="what reaches nothing ends at the n-th candle"),
        pytest.param(path(FLAT, FLAT, DIP, stop=95), "stop", 2, ("stop", 2, 98.0, -4), id="stop before exit"),
        pytest.param(path(FLAT, price=100.2), "stop", 3, ("exit", 4, 100.2, 0.4), id="else the trade's own exit"),
        pytest.param(path(FLAT, price=100.2), "later", 3, ("time", 7, 100.0, 0), id="the exit some candles later"),
        pytest.param(path(FLAT, price=100.2), "entry", 3, ("exit", 4, 100.2, 0.4), id="the entry some candles later"),
        pytest.param(path(end=2), "entry", 3, ("none", 3, None, 0), id="no entry after the trade's own exit"),
        pytest.param(path(FLAT, DIP, stop=90, leverage=15, price=99), "leverage", 0.5,
                     ("exit", 4, 99, -7.5), id="half the leverage at the same stake"),
        pytest.param(path(FLAT, (100, 100.2, 95.5, 99), stop=90, leverage=10, price=99), "leverage", 2,
                     ("liquidation", 1, 95.61, -87.8), id="double the leverage is liquidated"),
        pytest.param(path(FLAT, (101, 103, 100, 100)), "best", 0, ("exit", 1, 103, 6), id="the best price"),
        pytest.param(path(FLAT, (101, 101, 101, 101)), "earlier", 3, ("time", 1, 101, 2), id="an earlier exit"),
    ],
)  # fmt: skip
def test_one_thing_is_changed_and_the_rest_stays_as_planned(one, kind, value, expected):
    assert found(one, kind, value) == expected


def test_what_could_not_be_known_says_so():
    remarks = {key: one.remarks for key, one in outcomes(path(FLAT, DIP, DIP, stop=95)).items()}
    assert remarks["earlier", 1] == ("hindsight",)
    assert remarks["best", 0] == ("hindsight", "bound")
    assert remarks["stop", 0.5] == ("entry_candle",)
    assert remarks["stop", 2] == ()


def test_the_tier_of_the_doubled_value_limits_the_leverage():
    small = path(tiers=(Tier(0, 20, 0.004, 0), Tier(3_000, 3, 0.01, 18)))
    assert Alternative("leverage", 2) not in outcomes(small)
    assert Alternative("leverage", 2) in outcomes(path())


def test_funding_is_paid_while_the_position_is_held_and_not_longer():
    paid = tuple(Funding(int(BEGIN.timestamp()) + 1800 * i, 0.001, 100) for i in (0, 2, 40))
    table = table_of(path(FLAT, price=101, funding=paid), BEGIN + timedelta(days=2))
    assert table.actual_pct == pytest.approx(2 * (1 - 0.2))
    short_lived = next(one for one in table.outcomes if one.alternative == ("earlier", 3))
    assert short_lived.profit_pct == pytest.approx(2 * -0.1)


def test_without_a_stop_there_is_no_r_and_no_target_in_it():
    kinds = {one.kind for one in outcomes(path(stop=None)).values()}
    assert "target" not in kinds
    assert "stop" in kinds


def test_a_table_before_the_end_was_known_is_refused():
    with pytest.raises(ValueError, match="when the end was known"):
        table_of(STOPPED, BEGIN + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"candles": candles(count=2)}, "expected the 4 candles up to the end, was 2"),
        ({"entered_at": BEGIN + timedelta(hours=1)}, "in the first candle"),
    ],
)
def test_a_path_that_cannot_be_replayed_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        path(**changes)


def test_candles_with_a_gap_are_refused():
    columns = {name: (1.0, 1.0, 1.0) for name in ("open", "high", "low", "close")}
    with pytest.raises(ValidationError, match="without gaps"):
        PathCandles(time=(0, 1800, 5400), **columns)


worlds = st.integers(0, 10_000).map(lambda seed: next(iter(null_world.trades(np.random.default_rng(seed), 1)))[0])


@settings(max_examples=40, deadline=None)
@given(one=worlds, late=st.integers(0, 60), seed=st.integers(0, 99))
def test_candles_that_close_later_change_nothing(one, late, seed):
    as_of = one.ending.known_at + timedelta(minutes=30 * late)
    rng = np.random.default_rng(seed)
    closed = sum(opened + one.length <= as_of.timestamp() for opened in one.candles.time)
    poison = rng.uniform(1, 10**6, len(one.candles.time) - closed).tolist()
    columns = {name: getattr(one.candles, name)[:closed] + tuple(poison) for name in ("open", "high", "low", "close")}
    poisoned = one.model_copy(update={"candles": PathCandles(time=one.candles.time, **columns)})
    assert table_of(poisoned, as_of) == table_of(one, as_of)


@settings(max_examples=40, deadline=None)
@given(one=worlds, late=st.integers(0, 60))
def test_what_is_known_stays_and_was_known_in_time(one, late):
    as_of = one.ending.known_at + timedelta(minutes=30 * late)
    early, complete = table_of(one, as_of), table_of(one, null_world.known_by(one))
    assert complete.is_complete
    assert set(early.outcomes) == {outcome for outcome in complete.outcomes if outcome.known_at <= as_of}
    assert (early.afterwards is None) == (complete.afterwards.known_at > as_of)
