"""What the messages of one decision say: which functions are allowed, what was called, what was wrong with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, ToolMessage
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ValidationError

from candlegraph.agents.asking.faults import Fault, cut_off, listed, no_call, not_json, schema_fault, several, shown
from candlegraph.agents.models.answers import is_cut
from candlegraph.graph.schema.frozen import digits
from candlegraph.graph.schema.signal import Move, Proposal
from candlegraph.graph.state import CandleState
from candlegraph.tools.memory import ANYTIME_TOOLS, MEMORY_TOOLS
from candlegraph.tools.risk.claims import false_claims
from candlegraph.tools.signals import FLAT_TOOLS, POSITION_TOOLS, TERMINAL_NAMES, TERMINAL_TOOLS, Signal

ALL_TOOLS: tuple[BaseTool, ...] = (*TERMINAL_TOOLS, *MEMORY_TOOLS)
BY_NAME = {one.name: one for one in ALL_TOOLS}
OBJECTION = "objection"
"""Marks the message that sends an entry back; what was proposed before it counts no more."""
MEMORY_NAMES = frozenset(one.name for one in MEMORY_TOOLS)
SEPARATORS = re.compile(r"[/:_ -]")
"""Of the parts of a pair's name; no two pairs of a market differ in them alone."""
PLAIN = re.compile(r"[A-Za-z0-9/:_ -]+")
"""Names that have other spellings: letters that only look alike stay what they are."""


def prompt_hash(messages: Sequence[BaseMessage]) -> str:
    """Return 16 hex digits of the SHA-256 of what the deciding model read first, beside its prompt file."""
    first = next((n for n, m in enumerate(messages) if isinstance(m, AIMessage)), len(messages))
    return digits("\n\n".join(str(m.content) for m in messages[1:first]))


def allowed_tools(state: CandleState) -> list[BaseTool]:
    """Return the functions that make sense in the pair's present state; memory functions while their budget lasts."""
    position = None if state.snapshot is None else state.snapshot.position
    signals = FLAT_TOOLS if position is None else POSITION_TOOLS
    possible = state.possible
    tools: list[BaseTool] = [one for one in signals if one.closed_by is None or one.closed_by(possible) is None]
    if memory_calls(state.messages) < state.terms.max_memory_calls:
        winning = position is not None and position.profit_pct >= state.terms.record_min_profit_pct
        tools += MEMORY_TOOLS if winning else ANYTIME_TOOLS
    return tools


def memory_calls(messages: Sequence[AnyMessage]) -> int:
    """Return how many memory functions were executed."""
    return sum(isinstance(m, ToolMessage) and m.name in MEMORY_NAMES and m.status == "success" for m in messages)


def repairs(messages: Sequence[AnyMessage]) -> int:
    """Return how many answers were sent back."""
    return sum(bool(m.additional_kwargs.get("repair")) for m in messages)


def fault_counts(state: CandleState) -> dict[str, int]:
    """Return how many answers had each kind of fault, the last one's included, which nobody repaired."""
    counts = Counter[str](kind for message in state.messages for kind in message.additional_kwargs.get("faults", ()))
    if state.messages and isinstance(state.messages[-1], AIMessage):
        counts.update({fault.kind for fault in faults(state).values()})
    return dict(sorted(counts.items()))


def last_answer(state: CandleState) -> AIMessage:
    """Return the model's newest message."""
    return next(m for m in reversed(state.messages) if isinstance(m, AIMessage))


def faults(state: CandleState) -> dict[str, Fault]:
    """Return what is wrong with the newest answer, by call id; the empty id stands for the message as a whole."""
    answer = last_answer(state)
    allowed = {one.name for one in allowed_tools(state)}
    if is_cut(answer) and (answer.invalid_tool_calls or not answer.tool_calls):
        cut = cut_off(answer, state.terms.max_tokens, allowed & TERMINAL_NAMES)
        return {call["id"] or "": cut for call in answer.invalid_tool_calls} or {"": cut}
    found = {call["id"] or "": not_json(call) for call in answer.invalid_tool_calls}
    if not answer.tool_calls and not found:
        return {"": no_call(answer, allowed & TERMINAL_NAMES)}
    for call in answer.tool_calls:
        if fault := call_fault(call["name"], call["args"], allowed, state):
            found[call["id"] or ""] = fault
    found |= surplus_memory_calls(state)
    terminal = {call["id"] or "": call["name"] for call in answer.tool_calls if call["name"] in TERMINAL_NAMES}
    if len([call for call in answer.tool_calls if call["name"] in TERMINAL_NAMES]) > 1:
        found |= dict.fromkeys(terminal, several(set(terminal.values())))
    return found


def surplus_memory_calls(state: CandleState) -> dict[str, Fault]:
    """Return a fault for each memory call of the newest answer that is more than the budget still holds."""
    most = state.terms.max_memory_calls
    left = max(0, most - memory_calls(state.messages))
    calls = [call["id"] or "" for call in last_answer(state).tool_calls if call["name"] in MEMORY_NAMES]
    told = f"At most {most} memory calls a decision are allowed. Call a signal function."
    return dict.fromkeys(calls[left:], Fault("surplus_memory_call", told))


def call_fault(name: str, args: dict[str, Any], allowed: set[str], state: CandleState) -> Fault | None:
    """Return what is wrong with one call, or None."""
    if name not in BY_NAME:
        return Fault("unknown_function", f"Unknown function {shown(name)}. Valid now: {listed(allowed)}.")
    if name not in allowed:
        return Fault("not_allowed", f"{name} is not allowed now. Valid now: {listed(allowed)}.")
    try:
        arguments = validated(name, args)
    except ValidationError as e:
        return schema_fault(name, e)
    assert state.snapshot is not None, "the snapshot is there from the analyst on"
    pair = state.snapshot.pair
    if not is_pair(arguments.get("pair", pair), pair):
        return Fault("wrong_pair", f"pair must be {pair!r}, was {shown(arguments['pair'])!r}.")
    if not state.terms.reject_false_claims or makes_smaller(name, arguments):
        return None
    claims = false_claims(arguments, state.snapshot)
    return Fault("false_claim", "These claims contradict the data: " + "; ".join(claims)) if claims else None


def makes_smaller(name: str, arguments: Mapping[str, Any]) -> bool:
    """Return whether a call leaves or reduces the position: nothing that it states may keep the position open."""
    one = BY_NAME[name]
    adjustment = arguments.get("adjustment_pct")
    return isinstance(one, Signal) and Move(action=one.action, adjustment_pct=adjustment).is_safer


def validated(name: str, args: dict[str, Any]) -> dict[str, Any]:
    """Return `args` as the function will read them; raise ValidationError."""
    schema = BY_NAME[name].args_schema
    assert isinstance(schema, type) and issubclass(schema, BaseModel)
    return schema.model_validate(args).model_dump()


def proposal_of(messages: Sequence[AnyMessage]) -> Proposal | None:
    """Return what the terminal call asked for; None if no such call was executed."""
    for message in reversed(messages):
        if message.additional_kwargs.get(OBJECTION):
            return None
        if isinstance(message, ToolMessage) and message.name in TERMINAL_NAMES and message.status == "success":
            return Proposal.model_validate(message.artifact)
    return None


def is_pair(given: str, pair: str) -> bool:
    """Return whether a name means the pair that is decided: BTC/USDT:USDT, BTC/USDT, btc-usdt or BTCUSDT."""
    if given == pair or not PLAIN.fullmatch(given) or not PLAIN.fullmatch(pair):
        return given == pair
    whole, short = (SEPARATORS.sub("", one).upper() for one in (pair, pair.partition(":")[0]))
    return SEPARATORS.sub("", given).upper() in (whole, short)
