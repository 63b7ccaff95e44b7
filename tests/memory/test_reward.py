import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.memory.learning.scores import leverage_factor, recent_trend, reward, reward_quality


@pytest.mark.parametrize(
    ("profit_pct", "score", "leverage", "expected"),
    [(12.5, 85, 10, 0.116875), (-5, 60, 15, -0.036), (-5, 55, 15, -0.033)],
)
def test_check_values(profit_pct, score, leverage, expected):
    assert reward(profit_pct, score, leverage) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("leverage", "factor"), [(1, 1.0), (5, 1.0), (5.1, 1.1), (10, 1.1), (10.1, 1.2), (20, 1.2), (20.1, 1.3), (100, 1.3)]
)
def test_leverage_factor(leverage, factor):
    assert leverage_factor(leverage) == factor


pct, score, leverage = st.floats(-100, 500), st.floats(0, 100), st.floats(1, 125)


@given(pct, score, leverage)
def test_reward_has_the_sign_of_the_profit(profit_pct, score, leverage):
    for value in (reward(profit_pct, score, leverage), reward_quality(profit_pct, score, leverage)):
        assert value * profit_pct >= 0


@given(st.floats(-100, -0.01), score, score, leverage)
def test_quality_makes_the_better_managed_loss_cheaper(loss, one, other, leverage):
    careless, careful = sorted((one, other))
    assert reward_quality(loss, careless, leverage) <= reward_quality(loss, careful, leverage)
    assert reward(loss, careless, leverage) >= reward(loss, careful, leverage)


@given(st.floats(0, 500), score, leverage)
def test_quality_and_documented_agree_on_wins(profit_pct, score, leverage):
    assert reward_quality(profit_pct, score, leverage) == reward(profit_pct, score, leverage)


def test_the_recent_trend_compares_the_newest_ten_trades_with_the_ten_before():
    assert recent_trend([9.0] * 5 + [1.0] * 10 + [3.0] * 10) == 2
    assert recent_trend([1.0] * 19) is None
