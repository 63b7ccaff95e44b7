"""Every backtest that was ever begun in a user data folder: the best of many looks better than it is.

One line when a run begins, one when it ends, only ever appended: a run that was pruned, killed or disliked stays one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import AwareDatetime, Field, ValidationError

from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.frozen import Frozen, digits

FILE = Path("trials.jsonl")


class Begun(Frozen):
    """What is tried, known when a run begins."""

    run: str = Field(description="namespace; of a plan its strategy and the digits of its content")
    at: AwareDatetime = Field(description="wall clock")
    strategy: str
    model: str
    prompt: str = Field(description="version of the deciding prompt")
    config: str = Field(description="16 hex digits of the settings")
    pairs: tuple[str, ...]
    timerange: str
    days: float | None = Field(description="None: the time range has an open end")


class Ended(Frozen):
    """What came of it."""

    run: str
    at: AwareDatetime
    trades: int
    net: float = Field(description="share of the starting balance")
    sharpe: float | None = Field(description="of daily balances, a year of 365 days; None: there is none")


class Trial(NamedTuple):
    """One run; without an end it was killed, refused, or is running."""

    begun: Begun
    ended: Ended | None

    @property
    def what(self) -> tuple[object, ...]:
        """Return what makes it another try: a rule that is run twice says the same, and is one."""
        result = self.begun.run if self.ended is None else (self.ended.trades, self.ended.net)
        return self.begun.strategy, self.begun.config, self.begun.pairs, self.begun.timerange, result

    @property
    def row(self) -> dict[str, Any]:
        """Return it for another program."""
        ended = None if self.ended is None else self.ended.model_dump(mode="json", exclude={"run"})
        return self.begun.model_dump(mode="json") | {"ended": ended}


class TrialBook:
    """The registry of one user data folder."""

    def __init__(self, userdir: Path) -> None:
        self.path = userdir / FILE

    def note(self, line: Begun | Ended) -> None:
        """Append one line, whole: two backtests may run at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({type(line).__name__.lower(): line.model_dump(mode="json")}, ensure_ascii=False) + "\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, text.encode())
        finally:
            os.close(handle)

    def trials(self) -> tuple[Trial, ...]:
        """Return all of them, oldest first; raise BridgeError naming a line that is none."""
        begun: dict[str, Begun] = {}
        ended: dict[str, Ended] = {}
        for number, line in enumerate(self._lines(), 1):
            try:
                read = json.loads(line)
                if "begun" in read:
                    begun.setdefault(read["begun"]["run"], Begun.model_validate(read["begun"]))
                else:
                    ended[read["ended"]["run"]] = Ended.model_validate(read["ended"])
            except (ValueError, KeyError, TypeError, ValidationError) as e:
                raise BridgeError(f"{self.path}, line {number}: no trial: expected what candlegraph wrote there") from e
        return tuple(Trial(one, ended.get(run)) for run, one in begun.items())

    def _lines(self) -> list[str]:
        if not self.path.is_file():
            return []
        return self.path.read_text(encoding="utf-8").splitlines()


def count_of(trials: tuple[Trial, ...]) -> int:
    """Return how many different ones there are."""
    return len({trial.what for trial in trials})


def hash_of(settings: Mapping[str, Any]) -> str:
    """Return the digits of settings, in whatever order they were written."""
    return digits(json.dumps(settings, sort_keys=True, default=str))


def days_of(begin: datetime | None, end: datetime | None) -> float | None:
    """Return how many days lie between; None where an end is open."""
    return None if begin is None or end is None else (end - begin).total_seconds() / 86_400
