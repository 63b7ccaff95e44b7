"""Real decisions that a person corrected, as situations: a JSON object a line, as `candlegraph traces dataset` writes.

`inputs` is what the decision was made from, `taken` what it did, `admissible` what would have been right, which a
person fills in. A line that nobody filled in is no situation yet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.scenarios.scenario import Scenario, Told
from candlegraph.freqtrade_bridge.scenarios.written import FLAT, HELD, Answer
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.lessons import Lessons

GROUP = "corrected"
BROUGHT = ("context_config", "risk_management")
"""Blocks by which the decision was taken; the model and its prompts are those that are tried."""


class Corrected(BaseModel):
    """One line; what else an exporter writes is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    decision_id: str = Field(min_length=1)
    inputs: DecisionInputs
    taken: str = ""
    why: str = ""
    admissible: tuple[Answer, ...] = ()


class CorrectedFile(NamedTuple):
    """The situations of a file, and how many lines nobody has filled in."""

    scenarios: tuple[Scenario, ...]
    open_lines: int


def corrected_in(path: Path) -> CorrectedFile:
    """Return what a file of corrections holds; raise ConfigError with file and line where one cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as e:
        raise ConfigError(f"scenarios: {path}: {e.strerror}; expected a file of corrected decisions") from e
    given = [_line(text, f"{path}, line {number}") for number, text in enumerate(lines, 1) if text.strip()]
    return CorrectedFile(scenarios_of(given), sum(not one.admissible for one in given))


def scenarios_of(given: Sequence[Corrected]) -> tuple[Scenario, ...]:
    """Return the corrected decisions as situations."""
    return tuple(_scenario(one) for one in given if one.admissible)


def _line(text: str, where: str) -> Corrected:
    try:
        one = Corrected.model_validate(json.loads(text))
    except json.JSONDecodeError as e:
        raise ConfigError(f"scenarios: {where}: no JSON: {e}") from e
    except ValidationError as e:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in e.errors()[:3])
        raise ConfigError(f"scenarios: {where}: {told}") from e
    possible = FLAT if one.inputs.snapshot.position is None else HELD
    if wrong := sorted(set(one.admissible) - set(possible)):
        raise ConfigError(f"scenarios: {where}: admissible {', '.join(wrong)}; expected of {', '.join(possible)}")
    return one


def _scenario(one: Corrected) -> Scenario:
    told = Told(snapshot=one.inputs.snapshot, lessons=one.inputs.lessons or Lessons())
    why = one.why or f"a person put this in the place of {one.taken or 'what was decided'}"
    return Scenario(
        name=one.decision_id[:8],
        group=GROUP,
        admissible=one.admissible,
        why=why,
        wordings=(told,),
        settings={name: one.inputs.settings[name] for name in BROUGHT if name in one.inputs.settings},
    )
