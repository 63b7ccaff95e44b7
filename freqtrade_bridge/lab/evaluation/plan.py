"""What is to be evaluated: a TOML file, read once, strict about its keys.

PLAN.toml -> EvaluationPlan -> windows -> the digits of its content, which name the folder of its results
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.frozen import digits
from candlegraph.graph.settings.block import Block
from candlegraph.graph.settings.refusal import explained

Baseline = Literal["hold", "ema_cross", "wait", "random"]
BASELINES: tuple[Baseline, ...] = ("hold", "ema_cross", "wait", "random")
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$"


class PlanWindow(NamedTuple):
    """One stretch that is traded: from the first day on, before the last one."""

    number: int
    begin: date
    end: date

    @property
    def timerange(self) -> str:
        """Return it as freqtrade writes it."""
        return f"{self.begin:%Y%m%d}-{self.end:%Y%m%d}"


class WalkForward(Block):
    """From when to when, and in which pieces; days are UTC."""

    begin: date
    end: date = Field(description="the first day that is not traded")
    length_days: int | None = Field(None, ge=1, description="of one window; left out: one window, the whole time")
    purge_days: int = Field(1, ge=0, description="between a window's end and the next one's beginning, never traded")
    step_days: int | None = Field(None, ge=1, description="from beginning to beginning; left out: length and purge")

    @model_validator(mode="after")
    def _has_a_window(self) -> Self:
        if self.end <= self.begin:
            raise ValueError(f"expected an end after {self.begin}, was {self.end}")
        if self.length_days is None and self.step_days is not None:
            raise ValueError("expected length_days beside step_days")
        if self.step_days is not None and self.step_days < (least := (self.length_days or 0) + self.purge_days):
            raise ValueError(
                f"step_days = {self.step_days}: expected {least} (length and purge) or more: windows that overlap "
                "would count a candle twice"
            )
        if not self.all:
            raise ValueError(f"expected length_days up to {(self.end - self.begin).days}, was {self.length_days}")
        return self

    @property
    def all(self) -> tuple[PlanWindow, ...]:
        """Return the windows; a rest that is shorter than one is not traded."""
        return tuple(self._windows())

    def _windows(self) -> Iterator[PlanWindow]:
        length = timedelta(self.length_days) if self.length_days else self.end - self.begin
        step = timedelta(self.step_days) if self.step_days else length + timedelta(self.purge_days)
        number, begin = 0, self.begin
        while begin + length <= self.end:
            yield PlanWindow(number, begin, begin + length)
            number, begin = number + 1, begin + step


class PlannedStrategy(Block):
    """One way to decide, through the graph; what it leaves out is as in the plan's configuration."""

    name: str = Field(pattern=NAME)
    model: str | None = Field(
        None, min_length=1, description="`policy` (the fixed rule), `local`, or an endpoint's name"
    )
    cassette: Path | None = Field(None, description="file of recorded answers, replayed: no model is asked")
    overrides: dict[str, Any] = Field({}, description="keys of the configuration")

    @property
    def stronger(self) -> dict[str, Any]:
        """Return its keys of the configuration, but for the model's."""
        if self.cassette is None:
            return self.overrides
        llm = {**self.overrides.get("llm_config", {}), "mode": "replay", "cassette": str(self.cassette)}
        return {**self.overrides, "llm_config": llm}


class EvaluationPlan(Block):
    """Strategies times windows times accounts times repetitions, and what they are held against."""

    name: str = Field(pattern=NAME)
    pairs: tuple[str, ...] = Field(min_length=1)
    accounts: Literal["together", "each"] = Field(
        "together", description="all pairs in one account, or each in its own"
    )
    datadir: Path | None = Field(None, description="candle folder; left out: the month that the package brings along")
    config: tuple[Path, ...] = Field((), description="configuration files")
    windows: WalkForward
    strategies: tuple[PlannedStrategy, ...] = Field(min_length=1)
    baselines: tuple[Baseline, ...] = BASELINES
    repetitions: int = Field(1, ge=1, le=100, description="of each tested strategy: a model that samples differs")
    memory: Literal["empty", "carried"] = Field("empty", description="with which experiences a window begins")
    budget: float | None = Field(None, gt=0, description="most money of all windows together")
    offline: bool = Field(True, description="the exchange is played on loopback")

    @model_validator(mode="after")
    def _names_are_different(self) -> Self:
        for names in ([one.name for one in self.strategies], self.pairs):
            if twice := [name for name, count in Counter(names).items() if count > 1]:
                raise ValueError(f"expected each once, was {', '.join(twice)} several times")
        if taken := sorted({one.name for one in self.strategies} & set(BASELINES)):
            raise ValueError(f"strategies: {', '.join(taken)} is the name of a baseline; expected another")
        return self

    @property
    def content(self) -> str:
        """Return 16 hex digits of what decides the results: what it says, and the files that it names."""
        said = self.model_dump_json(exclude={"name": True, "budget": True, "strategies": {"__all__": {"cassette"}}})
        named = [*self.config, *(one.cassette for one in self.strategies if one.cassette)]
        return digits("\n".join([said, *(digits(path.read_bytes().decode("latin-1")) for path in named)]))


def read_plan(path: Path) -> EvaluationPlan:
    """Return the plan in a file, its paths counted from there; raise ConfigError naming file, key and what is valid."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise ConfigError(f"evaluate: {path}: {e.strerror}; expected a plan (docs/truth.md has one)") from e
    except ValueError as e:  # not TOML, or not UTF-8
        raise ConfigError(f"evaluate: {path}: no TOML: {e}") from e
    return plan_of(given, path)


def plan_of(given: Mapping[str, Any], file: Path) -> EvaluationPlan:
    """Return the plan that a table says; `file` is named in errors, and its folder is where relative paths begin."""
    try:
        read = EvaluationPlan.model_validate(given)
    except ValidationError as e:
        raise ConfigError(explained(e, lambda path: str(file), EvaluationPlan)) from None
    found = _placed(read, file.resolve().parent)
    for path in [*found.config, *(one.cassette for one in found.strategies if one.cassette)]:
        if not path.is_file():
            raise ConfigError(f"{file}: {path}: no such file; relative paths begin at the plan")
    if found.datadir is not None and not (found.datadir / "futures").is_dir():
        raise ConfigError(
            f"{file}: datadir = {found.datadir}: expected a candle folder of freqtrade that holds futures/"
        )
    return found


def _placed(plan: EvaluationPlan, folder: Path) -> EvaluationPlan:
    strategies = tuple(
        one.model_copy(update={"cassette": one.cassette and folder / one.cassette}) for one in plan.strategies
    )
    return plan.model_copy(
        update={
            "datadir": plan.datadir and folder / plan.datadir,
            "config": tuple(folder / one for one in plan.config),
            "strategies": strategies,
        }
    )
