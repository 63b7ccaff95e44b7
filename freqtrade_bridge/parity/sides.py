"""How two runs are called where they are compared: live and its backtest, or any two of one kind."""

from __future__ import annotations

from typing import NamedTuple


class Sides(NamedTuple):
    """Words for the first and the second run, as they stand behind what is told of each."""

    first: str
    second: str
    none_first: str
    """Why the first may have no decision where the second has one."""
    none_second: str

    def apart(self, one: object, other: object) -> str:
        """Return what is so in the first run and otherwise in the second."""
        return f"{one} {self.first}, {other} {self.second}"


LIVE = Sides(
    "live",
    "in the backtest",
    "live nothing was decided: the bot was off or stood still, or had no candle of the pair",
    "the backtest decided nothing: its data has no such candle, or the pair is not in its list",
)
RUNS = Sides(
    "in A",
    "in B",
    "A decided nothing: its data has no such candle, or the pair is not in its list",
    "B decided nothing: its data has no such candle, or the pair is not in its list",
)
