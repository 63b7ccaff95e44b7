"""A decision of a bot that is opened again: what was recalled and answered then, by the question it belongs to."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage
from pydantic import Field

from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.frozen import Frozen, digits
from candlegraph.graph.schema.lessons import Lessons


class Called(Frozen):
    """One function with its arguments, as a model called it."""

    name: str
    arguments: dict[str, Any]


class Reopened(Frozen):
    """The same facts get the lessons of then, the same question its answers; to others memory and models answer."""

    decision_id: str
    namespace: str = Field(min_length=1, description="of the run: its memory is read as of the candle, never written")
    facts: str = Field("", description="hash of the facts that `lessons` belong to")
    lessons: Lessons | None = None
    answers: dict[str, tuple[Called, ...]] = Field(
        {}, description="what was called, by role and hash of the question, in order"
    )

    def recalled(self, facts: Facts) -> Lessons | None:
        """Return what was recalled for these very facts, None for others."""
        return self.lessons if hash_of(facts) == self.facts else None

    def answer(self, question: str, turn: int) -> AIMessage | None:
        """Return what was answered to this very question after so many answers, None where nothing was."""
        calls = self.answers.get(question, ())
        if turn >= len(calls):
            return None
        call = {"name": calls[turn].name, "args": calls[turn].arguments, "id": f"then-{turn + 1}", "type": "tool_call"}
        return AIMessage("", tool_calls=[call])


def hash_of(facts: Facts) -> str:
    """Return 16 hex digits of the facts."""
    return digits(facts.model_dump_json())


def question_key(role: str, prompt_hash: str) -> str:
    """Return what answers are kept by."""
    return f"{role} {prompt_hash}"
