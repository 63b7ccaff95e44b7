"""Decision: the model with the bound functions, in a loop that ends with exactly one terminal call.

decision -> route -> tools (ToolNode) -> reviewer, or back for another call after a memory function
                  -> repair -> decision, at most `max_repairs` times; then the reviewer falls back to hold or wait
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.runtime import Runtime
from pydantic import BaseModel, ValidationError

from candlegraph.agents.briefing import briefing, check_fits, prompt_version
from candlegraph.agents.faults import Fault, listed, no_call, not_json, recalled, schema_fault, several, shown
from candlegraph.agents.opinions import TOKENS as OPINION_TOKENS
from candlegraph.agents.opinions import opinions_text
from candlegraph.graph.context import Context
from candlegraph.graph.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.tools.memory import MEMORY_TOOLS, record_decision_to_rag
from candlegraph.tools.signals import FLAT_TOOLS, POSITION_TOOLS, TERMINAL_NAMES, TERMINAL_TOOLS

ALL_TOOLS: tuple[BaseTool, ...] = (*TERMINAL_TOOLS, *MEMORY_TOOLS)
BY_NAME = {one.name: one for one in ALL_TOOLS}
OBJECTION = "objection"
"""Marks the message that sends an entry back; what was proposed before it counts no more."""
MEMORY_NAMES = frozenset(one.name for one in MEMORY_TOOLS)


async def decision(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the model once; the opening messages are written on the first turn."""
    context = runtime.context or Context()
    tools = allowed_tools(state, context.settings)
    opening = [] if state.messages else opening_of(state, context, tools)
    answer = await context.ask(
        "decision",
        [*map(recalled, state.messages), *opening],
        tools,
        prompt_version=prompt_version(context.settings.context_config.language, context.settings.llm_config.prompt),
        late_counts=state.snapshot is not None and state.snapshot.position is not None,
    )
    return {"messages": [*opening, answer]}


def opening_of(state: CandleState, context: Context, tools: Sequence[BaseTool]) -> list[BaseMessage]:
    """Return the opening messages: the briefing, and what other models said of this candle."""
    settings = context.settings
    said = opinions_text(state, settings.context_config.language)
    opening = briefing(state, with_room(settings) if said else settings, tools)
    return [*opening, HumanMessage(said)] if said else opening


def with_room(settings: Settings) -> Settings:
    """Return the settings with a budget that leaves room for opinions."""
    config = settings.context_config
    smaller = config.model_copy(update={"max_context_tokens": config.max_context_tokens - OPINION_TOKENS})
    return settings.model_copy(update={"context_config": smaller})


def check_budget(settings: Settings) -> None:
    """Raise ConfigError, naming the keys, unless every prompt that these settings can lead to fits its budget."""
    settings = with_room(settings) if settings.llm_config.depth == "deep" else settings
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
    mark = {"repair": True, "faults": sorted({fault.kind for fault in found.values()})}
    calls = [*answer.tool_calls, *answer.invalid_tool_calls]
    if not calls:
        return {"messages": [HumanMessage(found[""].message, additional_kwargs=mark)]}
    skipped = "not executed, because another call in the same message was wrong"
    replies = [
        ToolMessage(
            found[call["id"] or ""].message if call["id"] in found else skipped,
            tool_call_id=call["id"],
            name=call["name"],
            status="error",
        )
        for call in calls
    ]
    replies[0].additional_kwargs |= mark
    return {"messages": replies}


def fault_counts(state: CandleState, settings: Settings) -> dict[str, int]:
    """Return how many answers had each kind of fault, the last one's included, which nobody repaired."""
    counts = Counter[str](kind for message in state.messages for kind in message.additional_kwargs.get("faults", ()))
    if state.messages and isinstance(state.messages[-1], AIMessage):
        counts.update({fault.kind for fault in faults(state, settings).values()})
    return dict(sorted(counts.items()))


def last_answer(state: CandleState) -> AIMessage:
    """Return the model's newest message."""
    return next(m for m in reversed(state.messages) if isinstance(m, AIMessage))


def faults(state: CandleState, settings: Settings) -> dict[str, Fault]:
    """Return what is wrong with the newest answer, by call id; the empty id stands for the message as a whole."""
    answer = last_answer(state)
    allowed = {one.name for one in allowed_tools(state, settings)}
    found = {call["id"] or "": not_json(call) for call in answer.invalid_tool_calls}
    if not answer.tool_calls and not found:
        return {"": no_call(answer, allowed & TERMINAL_NAMES)}
    for call in answer.tool_calls:
        if fault := call_fault(call["name"], call["args"], allowed, state, settings):
            found[call["id"] or ""] = fault
    found |= surplus_memory_calls(state, settings)
    terminal = {call["id"] or "": call["name"] for call in answer.tool_calls if call["name"] in TERMINAL_NAMES}
    if len([call for call in answer.tool_calls if call["name"] in TERMINAL_NAMES]) > 1:
        found |= dict.fromkeys(terminal, several(set(terminal.values())))
    return found


def surplus_memory_calls(state: CandleState, settings: Settings) -> dict[str, Fault]:
    """Return a fault for each memory call of the newest answer that is more than the budget still holds."""
    most = settings.llm_config.decision.max_memory_calls
    left = max(0, most - memory_calls(state.messages))
    calls = [call["id"] or "" for call in last_answer(state).tool_calls if call["name"] in MEMORY_NAMES]
    told = f"At most {most} memory calls a decision are allowed. Call a signal function."
    return dict.fromkeys(calls[left:], Fault("surplus_memory_call", told))


def call_fault(
    name: str, args: dict[str, Any], allowed: set[str], state: CandleState, settings: Settings
) -> Fault | None:
    """Return what is wrong with one call, or None."""
    if name not in BY_NAME:
        return Fault("unknown_function", f"Unknown function {shown(name)}. Valid now: {listed(allowed)}.")
    if name not in allowed:
        return Fault("not_allowed", f"{name} is not allowed now. Valid now: {listed(allowed)}.")
    try:
        arguments = validated(name, args)
    except ValidationError as e:
        return schema_fault(name, e)
    pair = state.snapshot.pair if state.snapshot else None
    if arguments.get("pair", pair) != pair:
        return Fault("wrong_pair", f"pair must be {pair!r}, was {shown(arguments['pair'])!r}.")
    if settings.llm_config.decision.reject_false_claims and (claims := false_claims(arguments, state)):
        return Fault("false_claim", "These claims contradict the data: " + "; ".join(claims))
    return None


def validated(name: str, args: dict[str, Any]) -> dict[str, Any]:
    """Return `args` as the function will read them; raise ValidationError."""
    schema = BY_NAME[name].args_schema
    assert isinstance(schema, type) and issubclass(schema, BaseModel)
    return schema.model_validate(args).model_dump()


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
