"""Whether a model's confidence is worth anything: said against won; and its stops and targets against the market.

Brier score and area under the curve by scikit-learn, intervals by Wilson; the decomposition is Murphy's (1973).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.stats import mannwhitneyu
from sklearn.metrics import brier_score_loss, roc_auc_score

from candlegraph.freqtrade_bridge.truth.edge import FEWEST
from candlegraph.freqtrade_bridge.truth.shares import Share
from candlegraph.graph.schema.frozen import Frozen

BINS = 5
NEARLY = 0.98
"""Of a distance: fills lie a tick before a level."""
Numbers = NDArray[np.float64]
CalibrationJudgement = Literal["overconfident", "underconfident", "as confident as it wins", "too little data to tell"]


class SaidAndDone(Frozen):
    """One closed trade; moves are multiples of the loss at the planned stop (R), None where that is not known."""

    confidence: float = Field(ge=0, le=1, description="of the entry")
    won: bool = Field(description="net result > 0")
    best_r: float | None = Field(None, description="net, if closed at the best price")
    worst_r: float | None = None
    target_r: float | None = Field(None, description="from the entry to the target; None: it had none")
    result_r: float | None = None


class ReliabilityBin(Frozen):
    """Trades of about the same confidence: what was said, and which share was won."""

    said: float = Field(description="mean confidence, 0-1")
    won: Share


class Brier(Frozen):
    """Mean squared error of confidence as a forecast of a won trade: reliability - resolution + uncertainty + rest."""

    score: float
    reliability: float = Field(description="how far said and won lie apart, by bin; 0 is best")
    resolution: float = Field(description="how far the bins differ in what is won; more is better")
    uncertainty: float = Field(description="of who always says the share that is won")
    rest: float = Field(description="of confidences that differ within a bin")


class Excursions(Frozen):
    """Stops and targets against what the market did, over trades whose risk at the entry is known."""

    trades: int
    stopped: Share = Field(description="reached the planned stop")
    targets: int = Field(description="trades with a target")
    reached: Share = Field(description="of those, that reached it")
    target_r: float | None = Field(description="median target, R")
    best_r: float = Field(description="median of the best price, R")
    given_back_r: float = Field(description="median of the best price minus the result, R")
    winners_worst_r: float | None = Field(description="how far nine of ten winners went against the entry, R, below 0")


class ModelCalibration(Frozen):
    """What a run's closed trades say of its model's confidence."""

    judgement: CalibrationJudgement
    trades: int
    said: float = Field(description="mean confidence, 0-1")
    won: Share
    bins: tuple[ReliabilityBin, ...]
    brier: Brier
    auc: float | None = Field(description="chance that a won trade had more confidence than a lost one; 0.5: none")
    auc_p: float | None = Field(description="Mann-Whitney, two-sided; None: all won, all lost, or always the same")
    excursions: Excursions | None


def calibration_of(trades: Sequence[SaidAndDone]) -> ModelCalibration:
    """Return what the trades say, one at least."""
    said, won = np.array([one.confidence for one in trades]), np.array([one.won for one in trades])
    groups = binned(said)
    share = Share.of_parts([float(one) for one in won])
    auc, p = _auc(said, won)
    return ModelCalibration(
        judgement=_judged(float(said.mean()), share),
        trades=len(trades),
        said=float(said.mean()),
        won=share,
        bins=tuple(_bin(said[own], won[own]) for own in groups),
        brier=brier_of(said, won, groups),
        auc=auc,
        auc_p=p,
        excursions=excursions_of(trades),
    )


def binned(said: Numbers) -> list[NDArray[np.bool_]]:
    """Return which trades belong together: by value where there are few, else as many in each of five."""
    values = np.unique(said)
    if len(values) <= BINS:
        return [said == value for value in values]
    edges = np.unique(np.quantile(said, np.linspace(0, 1, BINS + 1)))
    place = np.clip(np.searchsorted(edges, said, side="right"), 1, len(edges) - 1)
    return [own for number in range(1, len(edges)) if (own := place == number).any()]


def brier_of(said: Numbers, won: NDArray[np.bool_], groups: Sequence[NDArray[np.bool_]]) -> Brier:
    """Return the score and its parts."""
    base, count = float(won.mean()), len(said)
    parts = [(own.sum() / count, said[own].mean(), won[own].mean()) for own in groups]
    reliability = float(sum(weight * (mean - share) ** 2 for weight, mean, share in parts))
    resolution = float(sum(weight * (share - base) ** 2 for weight, _, share in parts))
    score = float(brier_score_loss(won, said, pos_label=True))
    uncertainty = base * (1 - base)
    rest = score - (reliability - resolution + uncertainty)
    return Brier(score=score, reliability=reliability, resolution=resolution, uncertainty=uncertainty, rest=rest)


def excursions_of(trades: Sequence[SaidAndDone]) -> Excursions | None:
    """Return stops and targets against the market; None where no trade's risk is known."""
    known = [one for one in trades if one.best_r is not None and one.worst_r is not None and one.result_r is not None]
    if not known:
        return None
    best, worst, result = (
        np.array([getattr(one, name) for one in known]) for name in ("best_r", "worst_r", "result_r")
    )
    aimed = [one for one in known if one.target_r is not None]
    winners = worst[[one.won for one in known]]
    return Excursions(
        trades=len(known),
        stopped=Share.of_parts([float(one <= -NEARLY) for one in worst]),
        targets=len(aimed),
        reached=Share.of_parts([float((one.best_r or 0) >= NEARLY * (one.target_r or 0)) for one in aimed]),
        target_r=float(np.median([one.target_r for one in aimed if one.target_r is not None])) if aimed else None,
        best_r=float(np.median(best)),
        given_back_r=float(np.median(best - result)),
        winners_worst_r=float(np.quantile(winners, 0.1)) if len(winners) else None,
    )


def _bin(said: Numbers, won: NDArray[np.bool_]) -> ReliabilityBin:
    return ReliabilityBin(said=float(said.mean()), won=Share.of_parts([float(one) for one in won]))


def _auc(said: Numbers, won: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    if won.all() or not won.any() or not np.ptp(said):
        return None, None
    return float(roc_auc_score(won, said)), float(mannwhitneyu(said[won], said[~won]).pvalue)


def _judged(said: float, won: Share) -> CalibrationJudgement:
    if won.of < FEWEST:
        return "too little data to tell"
    if said > won.high:
        return "overconfident"
    return "underconfident" if said < won.low else "as confident as it wins"
