"""What a look at one thing found, and the bot that is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.settings.settings import Settings

Grade = Literal["ok", "warn", "FAIL"]
"""warn: it runs, and something is worth a person's time. FAIL: it will not run, or will lose money."""


class Diagnosis(Frozen):
    """One line."""

    name: str
    grade: Grade
    what: str
    to_do: str = ""

    @property
    def line(self) -> str:
        """Return it for a person."""
        advice = f"; {self.to_do}" if self.to_do else ""
        return f"{self.grade:4}  {self.name:10}  {self.what}{advice}"


@dataclass(frozen=True)
class Patient:
    """The bot: its configuration as freqtrade merges it, our settings, its folder, and the moment of the look."""

    files: tuple[Path, ...]
    config: dict[str, Any]
    settings: Settings
    userdir: Path
    now: datetime

    @property
    def is_live(self) -> bool:
        """Return whether it places real orders."""
        return self.config.get("dry_run") is False

    @property
    def exchange(self) -> dict[str, Any]:
        """Return freqtrade's block of the exchange."""
        found = self.config.get("exchange")
        return found if isinstance(found, dict) else {}

    @property
    def pairs(self) -> tuple[str, ...]:
        """Return the pairs as they are listed, patterns included."""
        return tuple(map(str, self.exchange.get("pair_whitelist") or ()))


Examine = Callable[[Patient], Iterator[Diagnosis]]


def ok(name: str, what: str) -> Diagnosis:
    """Return that all is well."""
    return Diagnosis(name=name, grade="ok", what=what)


def warn(name: str, what: str, to_do: str) -> Diagnosis:
    """Return that something is worth a person's time."""
    return Diagnosis(name=name, grade="warn", what=what, to_do=to_do)


def fail(name: str, what: str, to_do: str = "") -> Diagnosis:
    """Return that the bot will not run, or not safely."""
    return Diagnosis(name=name, grade="FAIL", what=what, to_do=to_do)
