"""Decision: the model with the bound functions, in a loop that ends with exactly one terminal call.

decision -> route -> tools (ToolNode) -> reviewer, or back for another call after a memory function
                  -> repair -> decision, at most `max_repairs` times; then the reviewer falls back to hold or wait
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.runtime import Runtime
from pydantic import BaseModel, ValidationError

from candlegraph.agents.briefing import briefing, check_fits, prompt_version
from candlegraph.graph.context import Context
from candlegraph.graph.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.tools.memory import MEMORY_TOOLS, record_decision_to_rag
from candlegraph.tools.signals import FLAT_TOOLS, POSITION_TOOLS, TERMINAL_NAMES, TERMINAL_TOOLS

ALL_TOOLS: tuple[BaseTool, ...] = (*TERMINAL_TOOLS, *MEMORY_TOOLS)
BY_NAME = {one.name: one for one in ALL_TOOLS}
MEMORY_NAMES = frozenset(one.name for one in MEMORY_TOOLS)


async def decision(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the model once; the opening messages are written on the first turn."""
    context = runtime.context or Context()
    tools = allowed_tools(state, context.settings)
    opening = [] if state.messages else briefing(state, context.settings, tools)
    answer = await context.ask(
        "decision",
        [*state.messages, *opening],
        tools,
        prompt_version=prompt_version(context.settings.context_config.language),
        late_counts=state.snapshot is not None and state.snapshot.position is not None,
    )
    for number, call in enumerate([*answer.tool_calls, *answer.invalid_tool_calls]):
        call["id"] = call["id"] or f"call_{number}"  # some servers leave it out; every call is answered by its id
    return {"messages": [*opening, answer]}


def check_budget(settings: Settings) -> None:
    """Raise ConfigError, naming the keys, unless every prompt that these settings can lead to fits its budget."""
    flat_memory = [one for one in MEMORY_TOOLS if one is not record_decision_to_rag]
    check_fits(settings, [*FLAT_TOOLS, *flat_memory], in_position=False)
    check_fits(settings, [*POSITION_TOOLS, *MEMORY_TOOLS], in_position=True)


def allowed_tools(state: CandleState, settings: Settings) -> list[BaseTool]:
    """Return the functions that make sense in the pair's present state; memory functions while their budget lasts."""
    position = None if state.snapshot is None else state.snapshot.position
    tools = list(FLAT_TOOLS if position is None else POSITION_TOOLS)
    if memory_calls(state.messages) < settings.llm_config.decision.max_memory_calls:
        winning = position is not None and position.profit_pct >= settings.experience_config.record_min_profit_pct
        tools += [one for one in MEMORY_TOOLS if winning or one is not record_decision_to_rag]
    return tools


def memory_calls(messages: Sequence[AnyMessage]) -> int:
    """Return how many memory functions were executed."""
    return sum(isinstance(m, ToolMessage) and m.name in MEMORY_NAMES and m.status == "success" for m in messages)


def repairs(messages: Sequence[AnyMessage]) -> int:
    """Return how many answers were sent back."""
    return sum(bool(m.additional_kwargs.get("repair")) for m in messages)


def route(state: CandleState, runtime: Runtime[Context]) -> Literal["tools", "repair", "reviewer"]:
    """Run a faultless answer, send a faulty one back while repairs last, else let the reviewer fall back."""
    context = runtime.context or Context()
    if not faults(state, context.settings):
        return "tools"
    return "repair" if repairs(state.messages) < context.settings.llm_config.decision.max_repairs else "reviewer"


def after_tools(state: CandleState) -> Literal["decision", "reviewer"]:
    """End with a terminal call; after memory functions alone the model goes on."""
    return "reviewer" if any(call["name"] in TERMINAL_NAMES for call in last_answer(state).tool_calls) else "decision"


async def repair(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Answer every call of a faulty message, so that the model can correct itself."""
    context = runtime.context or Context()
    found = faults(state, context.settings)
    answer = last_answer(state)
    calls = [*answer.tool_calls, *answer.invalid_tool_calls]
    if not calls:
        return {"messages": [HumanMessage(found[""], additional_kwargs={"repair": True})]}
    skipped = "not executed, because another call in the same message was wrong"
    replies = [
        ToolMessage(found.get(call["id"] or "", skipped), tool_call_id=call["id"], name=call["name"], status="error")
        for call in calls
    ]
    replies[0].additional_kwargs["repair"] = True
    return {"messages": replies}


def last_answer(state: CandleState) -> AIMessage:
    """Return the model's newest message."""
    return next(m for m in reversed(state.messages) if isinstance(m, AIMessage))


def faults(state: CandleState, settings: Settings) -> dict[str, str]:
    """Return what is wrong with the newest answer, by call id; the empty id stands for the message as a whole."""
    answer = last_answer(state)
    allowed = {one.name for one in allowed_tools(state, settings)}
    found = {call["id"] or "": not_json(call) for call in answer.invalid_tool_calls}
    if not answer.tool_calls and not found:
        return {"": f"You answered with text. Call exactly one of: {listed(allowed & TERMINAL_NAMES)}."}
    for call in answer.tool_calls:
        if fault := call_fault(call["name"], call["args"], allowed, state, settings):
            found[call["id"] or ""] = fault
    found |= surplus_memory_calls(state, settings)
    terminal = [call["id"] or "" for call in answer.tool_calls if call["name"] in TERMINAL_NAMES]
    if len(terminal) > 1:
        found |= dict.fromkeys(terminal, "Several signal functions were called and none was executed. Choose one.")
    return found


def surplus_memory_calls(state: CandleState, settings: Settings) -> dict[str, str]:
    """Return a message for each memory call of the newest answer that is more than the budget still holds."""
    most = settings.llm_config.decision.max_memory_calls
    left = max(0, most - memory_calls(state.messages))
    calls = [call["id"] or "" for call in last_answer(state).tool_calls if call["name"] in MEMORY_NAMES]
    return dict.fromkeys(calls[left:], f"At most {most} memory calls a decision are allowed. Call a signal function.")


def not_json(call: Any) -> str:
    """Return the message for a call whose arguments could not be parsed."""
    return f"The arguments of {call['name']} are not valid JSON. Call it again with one JSON object."


def call_fault(
    name: str, args: dict[str, Any], allowed: set[str], state: CandleState, settings: Settings
) -> str | None:
    """Return what is wrong with one call, or None."""
    if name not in BY_NAME:
        return f"Unknown function {name}. Valid now: {listed(allowed)}."
    if name not in allowed:
        return f"{name} is not allowed now. Valid now: {listed(allowed)}."
    try:
        arguments = validated(name, args)
    except ValidationError as e:
        return schema_fault(name, e)
    pair = state.snapshot.pair if state.snapshot else None
    if arguments.get("pair", pair) != pair:
        return f"pair must be {pair!r}, was {arguments['pair']!r}."
    if settings.llm_config.decision.reject_false_claims and (claims := false_claims(arguments, state)):
        return "These claims contradict the data: " + "; ".join(claims)
    return None


def validated(name: str, args: dict[str, Any]) -> dict[str, Any]:
    """Return `args` as the function will read them; raise ValidationError."""
    schema = BY_NAME[name].args_schema
    assert isinstance(schema, type) and issubclass(schema, BaseModel)
    return schema.model_validate(args).model_dump()


def schema_fault(name: str, error: ValidationError) -> str:
    """Return how the arguments break the function's schema, field by field."""
    lines = [
        f"{'.'.join(map(str, one['loc'])) or name}: {one['msg']}, was {_shown(one['input'])}" for one in error.errors()
    ]
    return f"Wrong arguments for {name}: " + "; ".join(lines)


def false_claims(claims: dict[str, Any], state: CandleState) -> tuple[str, ...]:
    """Return which reported numbers contradict the data: an RSI more than 5 points off, levels on the wrong side."""
    assert state.snapshot is not None, "the snapshot is there from the analyst on"
    price, rsi = state.snapshot.price, state.snapshot.main.indicators.rsi
    stated, support, resistance = (claims.get(key) for key in ("rsi_value", "key_support", "key_resistance"))
    found = []
    if stated is not None and rsi is not None and abs(stated - rsi) > 5:
        found.append(f"rsi_value {stated:.6g} is more than 5 off the true {rsi:.1f}")
    if support is not None and support > price:
        found.append(f"key_support {support:.6g} is above the price {price:.6g}")
    if resistance is not None and resistance < price:
        found.append(f"key_resistance {resistance:.6g} is below the price {price:.6g}")
    return tuple(found)


def listed(names: set[str] | frozenset[str]) -> str:
    """Return names in a fixed order, so that equal situations give equal messages."""
    return ", ".join(sorted(names))


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:80]
