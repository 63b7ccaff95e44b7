"""The price of having chosen: against the papers' own examples, and against freqtrade's arithmetic."""

import numpy as np
import pandas as pd
import pytest

from candlegraph.freqtrade_bridge.truth.ratios import YEAR, daily_returns, ratios_of
from candlegraph.freqtrade_bridge.truth.selection import (
    confidence_set_of,
    deflated_of,
    overfitting_of,
    selection_of,
    spa_of,
    spread,
)


def days(count):
    return pd.date_range("2024-06-01", periods=count, freq="D", tz="UTC")


def normal(seed, columns, count=240, mean=0.0):
    drawn = np.random.default_rng(seed).normal(mean, 0.01, (count, columns))
    return pd.DataFrame(drawn, index=days(count), columns=[f"s{one}" for one in range(columns)])


def published():
    """Return five years of daily returns as in Bailey and López de Prado (2014): Sharpe 2.5, skew -3, kurtosis 10."""
    lost = 105  # two values alone have a kurtosis of skew² + 1, and so many of 1,250 a skew of -3
    drawn = np.array([-1.0] * lost + [1.0] * (1250 - lost))
    drawn = (drawn - drawn.mean()) / drawn.std(ddof=1)
    return pd.Series(0.01 * (drawn + 2.5 / np.sqrt(250)), index=days(1250))


@pytest.mark.parametrize(("trials", "expected"), [(100, 0.9004), (46, 0.9505)])
def test_the_deflated_sharpe_ratio_is_that_of_the_papers_example(trials, expected):
    returns = published()
    assert (returns.skew(), returns.kurt() + 3) == pytest.approx((-3, 10), abs=0.03)
    deviation = np.sqrt(0.5 / 250 * YEAR)  # the paper's variance of the trials is 1/2 in a year of 250 days
    assert deflated_of(returns, trials, deviation) == pytest.approx(expected, abs=0.002)


def test_where_no_strategy_has_skill_and_all_make_the_same_in_the_end_choosing_is_overfitting():
    """The first case of Bailey, Borwein, López de Prado, Zhu (2017): what is won in one half is lost in the other."""
    returns = normal(3, columns=30, count=480)
    assert overfitting_of(returns - returns.mean()) == pytest.approx(1.0, abs=0.01)


def test_where_one_strategy_has_skill_choosing_it_is_none():
    returns = normal(4, columns=30, count=480)
    assert overfitting_of(returns.assign(skilled=returns["s0"] + 0.01)) == pytest.approx(0.0, abs=0.01)


def test_one_strategy_or_a_few_days_have_no_overfitting():
    assert overfitting_of(normal(5, columns=1)) is None
    assert overfitting_of(normal(5, columns=3, count=30)) is None


def test_many_strategies_without_skill_do_not_beat_waiting_and_one_with_skill_does():
    assert spa_of(normal(6, columns=8)) > 0.05
    assert spa_of(normal(6, columns=8).assign(skilled=normal(7, 1, mean=0.004)["s0"])) <= 0.05


def test_the_confidence_set_holds_what_cannot_be_told_from_the_best():
    returns = normal(8, columns=2).assign(skilled=normal(9, 1, mean=0.004)["s0"])
    assert confidence_set_of(returns) == ("skilled",)
    assert confidence_set_of(normal(8, columns=2)) == ("s0", "s1")


def test_more_trials_raise_the_hurdle_and_lower_the_deflated_ratio():
    tested, baselines = normal(10, 2, mean=0.001), normal(11, 1).rename(columns={"s0": "hold"}).assign(wait=0.0)
    few, many = (selection_of(tested, baselines, trials, [0.1, 0.5, -0.9]) for trials in (2, 200))
    assert few.best in ("s0", "s1")
    assert few.hurdle < many.hurdle and few.deflated > many.deflated
    assert selection_of(tested * 0, baselines, 2, []) is None


@pytest.mark.parametrize("count", [1, 2, 7, 400])
def test_trials_stand_for_their_count_and_their_deviation(count):
    values = spread(count, 0.7)
    assert len(values) == count
    assert count == 1 or np.std(values, ddof=1) == pytest.approx(0.7)


@pytest.mark.parametrize("seed", range(5))
def test_both_libraries_agree_on_drawdown_and_on_sharpe_after_the_factor(seed):
    equity = (1 + normal(seed, 1, mean=0.0005)["s0"]).cumprod()
    both, n = ratios_of(equity), len(equity) - 1
    assert both.ffn.drawdown == pytest.approx(both.freqtrade.drawdown, abs=1e-6)
    assert both.freqtrade.sharpe == pytest.approx(both.ffn.sharpe * np.sqrt(n / (n - 1)), rel=1e-9)
    assert both.ffn.sortino != pytest.approx(both.freqtrade.sortino, rel=0.01)  # they are defined differently
    assert len(daily_returns(equity)) == n


def test_an_account_that_only_rose_has_no_sortino_and_no_calmar():
    both = ratios_of(pd.Series(np.linspace(1, 2, 30) ** 2, index=days(30)))
    assert both.ffn.calmar is None and both.freqtrade.sortino is None
    assert both.ffn.drawdown == both.freqtrade.drawdown == 0
