"""A run's trades before and after what its model can have read of: only the later ones say what it can do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from candlegraph.freqtrade_bridge.truth.edge import FEWEST, Numbers, interval_of
from candlegraph.graph.schema.frozen import Frozen


class PartOfRun(Frozen):
    """The trades on one side of the cut-off, in R."""

    trades: int = Field(ge=0)
    mean_r: float | None = Field(description="None: there are no trades")
    interval: tuple[float, float] | None = Field(description="90 %, of the mean; None: too few trades for one")


class Parted(Frozen):
    """A run on both sides of the last day that its model knows; a trade counts where it ended."""

    cutoff: date
    before: PartOfRun
    after: PartOfRun


def parted(r: Numbers, ended: NDArray[np.int64], cutoff: date) -> Parted:
    """Return both parts; `ended`: when each trade did, seconds since 1970."""
    last = datetime(cutoff.year, cutoff.month, cutoff.day, tzinfo=UTC)
    is_after = ended >= (last + timedelta(days=1)).timestamp()
    return Parted(cutoff=cutoff, before=_part(r[~is_after]), after=_part(r[is_after]))


def _part(r: Numbers) -> PartOfRun:
    interval = interval_of(r) if len(r) >= FEWEST else None
    return PartOfRun(trades=len(r), mean_r=float(r.mean()) if len(r) else None, interval=interval)
