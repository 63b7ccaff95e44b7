"""What a decision was made from, as one document: enough to write its prompt again, in position too."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from pydantic import BaseModel, ConfigDict, Field

from candlegraph.agents.analyst import seen
from candlegraph.agents.prompt.budget import SEPARATOR
from candlegraph.graph.context import Context
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.schema.opinions import AnalystView, Argument
from candlegraph.graph.settings.llm import Depth
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.graph.state import CandleState

LLM_KEYS = {"prompt", "depth", "decision", "own_prompts"}
EXPERIENCE_KEYS = {"record_min_profit_pct"}
LONGEST_TITLE = 60


class DecisionInputs(BaseModel):
    """Snapshot, lessons and opinions, and those settings that shape a prompt; no key and no address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    snapshot: MarketSnapshot
    lessons: Lessons | None = None
    view: AnalystView | None = None
    bull: Argument | None = None
    bear: Argument | None = None
    depth: Depth
    settings: dict[str, Any]
    parts: dict[str, str] = Field({}, description="digits of each section of the prompt that was sent")

    @classmethod
    def of(cls, state: CandleState, settings: Settings) -> DecisionInputs | None:
        """Return the evidence of a run, None where it failed before there was any."""
        if state.snapshot is None:
            return None
        return cls(
            snapshot=state.snapshot,
            lessons=state.lessons,
            view=state.view,
            bull=state.bull,
            bear=state.bear,
            depth=state.terms.depth,
            settings=shaping(settings),
            parts=parts_of(state.messages),
        )

    def again(self, user_data_dir: str) -> tuple[CandleState, Context]:
        """Return the state before the first question, and the context it was asked in."""
        context = Context(settings=settings_of(self.settings), user_data_dir=user_data_dir)
        known = seen(self.snapshot, context, self.depth)
        said = {"lessons": self.lessons, "view": self.view, "bull": self.bull, "bear": self.bear}
        return CandleState(**known, **said), context

    def settings_then(self) -> dict[str, dict[str, Any]]:
        """Return the kept blocks, at the depth that the decision had."""
        return self.settings | {"llm_config": {**self.settings.get("llm_config", {}), "depth": self.depth}}


def shaping(settings: Settings) -> dict[str, Any]:
    """Return the settings that a prompt and its functions depend on, without defaults and secrets."""
    kept: dict[str, Any] = {
        "context_config": settings.context_config.model_dump(mode="json", exclude_defaults=True),
        "risk_management": settings.risk_management.model_dump(mode="json", exclude_defaults=True),
        "llm_config": settings.llm_config.model_dump(mode="json", exclude_defaults=True, include=LLM_KEYS),
        "experience_config": settings.experience_config.model_dump(
            mode="json", exclude_defaults=True, include=EXPERIENCE_KEYS
        ),
    }
    return {name: block for name, block in kept.items() if block}


def parts_of(messages: Sequence[BaseMessage]) -> dict[str, str]:
    """Return 8 hex digits of each section of a prompt, by its first line; what was answered is no part of it."""
    found: dict[str, str] = {}
    for message in messages:
        if isinstance(message, AIMessage):
            break
        name = "system" if message.type == "system" else ""
        chunks = [str(message.content)] if name else str(message.content).split(SEPARATOR)
        for chunk in chunks:
            title = name or chunk.strip().partition("\n")[0][:LONGEST_TITLE]
            found[title] = hashlib.sha256(chunk.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return found
