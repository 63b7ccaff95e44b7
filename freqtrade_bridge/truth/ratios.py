"""The ratios of an account by two libraries: freqtrade's own arithmetic, and ffn as the second opinion.

Both have a year of 365 days and take the balance at the ends of days. Of what they call alike:
drawdown is the same; Sharpe is after the factor √(n/(n−1)), since freqtrade's deviation divides by n; Sortino divides
by the deviation of the losing days (freqtrade) or by the root mean square of all losses (ffn); Calmar divides the mean
daily result in % times √365 (freqtrade) or the yearly growth (ffn) by the drawdown.
"""

from __future__ import annotations

from math import isfinite

import ffn
import pandas as pd
from freqtrade.data.metrics import (
    calculate_calmar_from_balance,
    calculate_max_drawdown_from_balance,
    calculate_sharpe_from_balance,
    calculate_sortino_from_balance,
)
from pydantic import Field

from candlegraph.graph.schema.frozen import Frozen

YEAR = 365
UNKNOWN = -100.0
"""What freqtrade says of a ratio whose divisor is 0."""


class Ratios(Frozen):
    """One library's; None: there is none, since nothing was lost or nothing happened."""

    drawdown: float = Field(ge=0, description="deepest, as a share of the peak before")
    sharpe: float | None
    sortino: float | None
    calmar: float | None


class TwoOpinions(Frozen):
    """What two libraries say of one account."""

    freqtrade: Ratios
    ffn: Ratios


def ratios_of(equity: pd.Series) -> TwoOpinions:
    """Return the ratios of balances at the ends of days, by their times; three or more."""
    return TwoOpinions(freqtrade=_by_freqtrade(equity), ffn=_by_ffn(equity))


def daily_returns(equity: pd.Series) -> pd.Series:
    """Return the change of each day as a share of the balance before it."""
    return equity.pct_change().iloc[1:]


def _by_freqtrade(equity: pd.Series) -> Ratios:
    frame = pd.DataFrame({"date": equity.index, "total_quote": equity.to_numpy()})
    return Ratios(
        drawdown=float(calculate_max_drawdown_from_balance(frame, relative=True).relative_account_drawdown),
        sharpe=_known(calculate_sharpe_from_balance(frame)),
        sortino=_known(calculate_sortino_from_balance(frame)),
        calmar=_known(calculate_calmar_from_balance(frame)),
    )


def _by_ffn(equity: pd.Series) -> Ratios:
    returns = daily_returns(equity)
    drawdown = -float(ffn.calc_max_drawdown(equity))
    return Ratios(
        drawdown=max(drawdown, 0.0),
        sharpe=_known(ffn.calc_sharpe(returns, nperiods=YEAR)),
        sortino=_known(ffn.calc_sortino_ratio(returns, nperiods=YEAR)),
        calmar=_known(ffn.calc_calmar_ratio(equity)) if drawdown > 0 else None,
    )


def _known(value: float) -> float | None:
    return float(value) if isfinite(value) and value != UNKNOWN else None
