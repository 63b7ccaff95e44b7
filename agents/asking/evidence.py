"""What a decision's run says of itself, for its row in the ledger: who was asked, what was called, what was wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

from candlegraph.agents.asking.transcript import fault_counts, prompt_hash, repairs
from candlegraph.agents.models.engine import call_of
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import FunctionCall

LONGEST_REASONING = 4000
LONGEST_ARGUMENTS = 4000


class KeptOfRun(NamedTuple):
    """What stays of a run's messages and opinions."""

    calls: tuple[CallRecord, ...]
    functions: tuple[FunctionCall, ...]
    reasoning: str
    opinions: dict[str, str]
    prompt_hash: str
    repairs: int
    faults: dict[str, int]


def kept_of(state: CandleState) -> KeptOfRun:
    """Return what is kept of a run, also of one that failed on its way."""
    messages = state.messages
    return KeptOfRun(
        model_calls(state),
        functions(messages),
        reasoning(messages),
        opinions(state),
        prompt_hash(messages),
        repairs(messages),
        fault_counts(state),
    )


def model_calls(state: CandleState) -> tuple[CallRecord, ...]:
    """Return the answered calls of all roles: view, debate, decision, critiques."""
    before = [one.call for one in (state.view, state.bull, state.bear) if one is not None]
    decided = [call for m in state.messages if isinstance(m, AIMessage) and (call := call_of(m)) is not None]
    return (*before, *decided, *(critique.call for critique in state.critiques))


def functions(messages: Sequence[AnyMessage]) -> tuple[FunctionCall, ...]:
    """Return what the deciding model called that could be read, and whether it was executed."""
    found = []
    for place, message in enumerate(messages):
        if isinstance(message, AIMessage):
            executed = _executed(messages[place + 1 :])
            found += [
                FunctionCall(name=c["name"], arguments=_shortened(c["args"]), accepted=c["id"] in executed)
                for c in message.tool_calls
            ]
    return tuple(found)


def _executed(following: Sequence[AnyMessage]) -> set[str]:
    """Return the calls that were executed before the model spoke again: ids need not be unique beyond that."""
    replies = takewhile(lambda m: not isinstance(m, AIMessage), following)
    return {m.tool_call_id for m in replies if isinstance(m, ToolMessage) and m.status == "success"}


def _shortened(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments fit to be kept: a refused call may hold anything of any length."""
    if len(json.dumps(arguments, default=str)) <= LONGEST_ARGUMENTS:
        return arguments
    return {str(name)[:80]: str(value)[:80] for name, value in list(arguments.items())[:20]}


def reasoning(messages: Sequence[AnyMessage]) -> str:
    """Return the deciding model's thoughts."""
    thoughts = [str(m.additional_kwargs.get("reasoning_content") or "") for m in messages if isinstance(m, AIMessage)]
    return "\n\n".join(one for one in thoughts if one)[:LONGEST_REASONING]


def opinions(state: CandleState) -> dict[str, str]:
    """Return what the other roles said, as JSON by role."""
    said = {"analyst": state.view, "bull": state.bull, "bear": state.bear}
    found = {role: one.model_dump_json(exclude={"call"}) for role, one in said.items() if one is not None}
    critiques = {f"reviewer {n}": one.model_dump_json(exclude={"call"}) for n, one in enumerate(state.critiques, 1)}
    return found | critiques
