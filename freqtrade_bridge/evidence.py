"""What a decided state shows of how it came about: calls, functions, thoughts, opinions, hashes of what was given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

from candlegraph.agents.models.engine import call_of
from candlegraph.graph.calls import CallRecord
from candlegraph.graph.market import MarketSnapshot
from candlegraph.graph.state import CandleState
from candlegraph.memory.ledger import FunctionCall

LONGEST_REASONING = 4000
LONGEST_ARGUMENTS = 4000


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


def prompt_hash(messages: Sequence[AnyMessage]) -> str:
    """Return 16 hex digits of the SHA-256 of what the deciding model read first, beside its prompt file."""
    first = next((n for n, m in enumerate(messages) if isinstance(m, AIMessage)), len(messages))
    return _digits("\n\n".join(str(m.content) for m in messages[1:first]))


def inputs_hash(snapshot: MarketSnapshot) -> str:
    """Return 16 hex digits of the SHA-256 of the snapshot, without the trade's id in its database."""
    return _digits(snapshot.model_dump_json(exclude={"position": {"trade_id"}}))


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
