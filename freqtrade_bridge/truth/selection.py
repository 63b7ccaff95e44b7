"""What choosing among several does to a result: tests for many at once, and the price of having tried.

SPA (Hansen 2005) and model confidence set (Hansen, Lunde, Nason 2011) by arch; deflated Sharpe ratio (Bailey and López
de Prado 2014) and probability of backtest overfitting (Bailey, Borwein, López de Prado and Zhu 2017) by ffn.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite, sqrt

import ffn
import numpy as np
import pandas as pd
from arch.bootstrap import MCS, SPA, optimal_block_length
from pydantic import Field

from candlegraph.freqtrade_bridge.truth.ratios import YEAR
from candlegraph.graph.schema.frozen import Frozen

SAMPLES, SEED = 1000, 11
SIZE = 0.1
"""Of the model confidence set: the best one is in it in 90 % of cases."""
BLOCKS = 10
"""Of the cross validation: 252 ways to choose half of them."""
FEWEST_DAYS = 4 * BLOCKS


class Selection(Frozen):
    """What having several strategies, and having tried others before, says of the best; None: not defined here."""

    best: str = Field(description="the tested strategy with the highest Sharpe ratio, which is the one to be chosen")
    spa: float | None = Field(description="p-value that no tested strategy is better than waiting")
    confidence_set: tuple[str, ...] = Field(description="strategies and baselines of which any may be the best, 90 %")
    overfitting: float | None = Field(
        description="probability that the best of one half is below the middle in the other"
    )
    trials: int = Field(ge=1, description="backtests that were ever run here, these among them")
    deviation: float = Field(ge=0, description="of the Sharpe ratios of trials, a year of 365 days")
    hurdle: float = Field(description="Sharpe ratio that the best of so many trials has by chance")
    deflated: float | None = Field(description="probability that the best one's true Sharpe ratio is above 0")


def selection_of(
    tested: pd.DataFrame, baselines: pd.DataFrame, trials: int, known: Sequence[float]
) -> Selection | None:
    """Return it of daily returns, one column a strategy; None where no day of any tested one differs from another.

    `trials`: how many were tried, these included; `known`: yearly Sharpe ratios of those that lasted about as long.
    """
    moving = tested.loc[:, tested.std() > 0]
    if moving.empty:
        return None
    sharpe = ffn.calc_sharpe(moving, nperiods=YEAR)
    best = str(sharpe.idxmax())
    deviation = deviation_of([*known, *sharpe], len(tested))
    return Selection(
        best=best,
        spa=spa_of(moving),
        confidence_set=confidence_set_of(pd.concat([moving, baselines], axis=1)),
        overfitting=overfitting_of(moving),
        trials=trials,
        deviation=deviation,
        hurdle=float(ffn.calc_expected_max_sharpe(trials, deviation)),
        deflated=deflated_of(moving[best], trials, deviation),
    )


def spa_of(returns: pd.DataFrame) -> float:
    """Return the consistent p-value against an account that only waits."""
    block = _block(returns)
    losses = -returns.to_numpy()
    found = SPA(np.zeros(len(losses)), losses, block_size=block, reps=SAMPLES, seed=np.random.default_rng(SEED))
    found.compute()
    return float(found.pvalues["consistent"])


def confidence_set_of(returns: pd.DataFrame) -> tuple[str, ...]:
    """Return the names that cannot be told from the best one."""
    if returns.shape[1] < 2:
        return tuple(map(str, returns.columns))
    found = MCS(-returns, size=SIZE, block_size=_block(returns), reps=SAMPLES, seed=np.random.default_rng(SEED))
    found.compute()
    return tuple(name for name in map(str, returns.columns) if name in found.included)


def overfitting_of(returns: pd.DataFrame) -> float | None:
    """Return the probability of backtest overfitting; None with one strategy, or too few days for its blocks."""
    if returns.shape[1] < 2 or len(returns) < FEWEST_DAYS:
        return None
    found = float(ffn.calc_prob_backtest_overfitting(returns, n_blocks=BLOCKS))
    return found if isfinite(found) else None


def deflated_of(returns: pd.Series, trials: int, deviation: float) -> float | None:
    """Return the deflated Sharpe ratio of daily returns, given the deviation of the trials' yearly ratios."""
    found = float(ffn.calc_deflated_sharpe_ratio(returns, spread(trials, deviation), nperiods=YEAR))
    return found if isfinite(found) else None


def spread(count: int, deviation: float) -> list[float]:
    """Return so many numbers of that deviation: of the trials' ratios nothing else goes into the formula."""
    places = np.linspace(-1, 1, count)
    return list(places / places.std(ddof=1) * deviation) if count > 1 else [0.0]


def deviation_of(known: Sequence[float], days: int) -> float:
    """Return how far the yearly ratios of trials lie apart; of one alone what chance makes in so many days."""
    return float(np.std(known, ddof=1)) if len(known) > 1 else sqrt(YEAR / days)


def _block(returns: pd.DataFrame) -> int:
    """Return the longest block length that any of the columns asks for (Politis and White 2004)."""
    lengths = optimal_block_length(returns.loc[:, returns.std() > 0])["stationary"]
    return max(1, min(ceil(float(lengths.max())), len(returns) // 4))
