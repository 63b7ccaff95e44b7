"""A situation as a model is asked about it, whoever wrote it down: a person, or a person who corrected a decision."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from candlegraph.freqtrade_bridge.scenarios.pictured import pictured, remembered
from candlegraph.freqtrade_bridge.scenarios.written import Answer, WrittenSituation
from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.schema.market import MarketSnapshot


class Told(Frozen):
    """One wording of a situation."""

    snapshot: MarketSnapshot
    lessons: Lessons


class Scenario(Frozen):
    """What is asked, and which answers are admissible."""

    name: str
    group: str
    admissible: tuple[Answer, ...] = Field(min_length=1)
    why: str
    most_leverage: float | None = None
    wordings: tuple[Told, ...] = Field(min_length=1, description="the first one is asked again and again")
    settings: dict[str, Any] = Field({}, description="blocks of the configuration that the situation brings along")

    def admits(self, answer: Answer | None, leverage: float | None) -> bool:
        """Return whether an answer is admissible; no valid answer never is, whatever stood in for it."""
        too_much = self.most_leverage is not None and (leverage or 0) > self.most_leverage
        return answer in self.admissible and not too_much


def scenario_of(one: WrittenSituation) -> Scenario:
    """Return a written situation in all its wordings."""
    told = tuple(Told(snapshot=pictured(one, n), lessons=remembered(one, n)) for n in range(one.wordings))
    return Scenario(
        name=one.name,
        group=one.group,
        admissible=one.admissible,
        why=one.why,
        most_leverage=one.most_leverage,
        wordings=told,
    )
