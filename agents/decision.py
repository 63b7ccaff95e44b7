"""Decision: the model with the bound functions, in a loop that ends with exactly one terminal call.

decision -> route -> tools -> reviewer, or back for another call after a memory function
                  -> repair -> decision, at most `max_repairs` times; then the reviewer falls back to hold or wait
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.runtime import Runtime

from candlegraph.agents.asking.faults import recalled
from candlegraph.agents.asking.own_prompts import too_long
from candlegraph.agents.asking.transcript import BY_NAME, allowed_tools, faults, last_answer, repairs, validated
from candlegraph.agents.prompt.briefing import briefing, check_fits
from candlegraph.agents.prompt.chinese.functions import offered
from candlegraph.agents.prompt.chinese.said import answered, said
from candlegraph.agents.prompt.files import deciding_version
from candlegraph.agents.prompt.opinions import TOKENS as OPINION_TOKENS
from candlegraph.agents.prompt.opinions import opinions_text, with_room
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.tools.memory import ANYTIME_TOOLS, MEMORY_TOOLS, at_candle
from candlegraph.tools.signals import FLAT_TOOLS, POSITION_TOOLS, TERMINAL_NAMES


async def decision(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the model once; the opening messages are written on the first turn."""
    context = runtime.context or Context()
    tools = allowed_tools(state)
    opening = [] if state.messages else opening_of(state, context, tools)
    answer = await context.ask(
        "decision",
        [*map(recalled, state.messages), *opening],
        offered(tools, context.settings.context_config.language),
        prompt_version=deciding_version(context.settings),
        late_counts=state.snapshot is not None and state.snapshot.position is not None,
    )
    return {"messages": [*opening, answer]}


def opening_of(state: CandleState, context: Context, tools: Sequence[BaseTool]) -> list[BaseMessage]:
    """Return the opening messages: the briefing, and what other models said of this candle."""
    settings = context.settings
    opinions = opinions_text(state, settings.context_config.language)
    opening = briefing(state, with_room(settings, OPINION_TOKENS) if opinions else settings, tools)
    return [*opening, HumanMessage(opinions)] if opinions else opening


def check_budget(settings: Settings) -> None:
    """Raise ConfigError, naming the keys, unless every prompt that these settings can lead to fits its budget."""
    if long := too_long(settings):
        raise ConfigError("\n".join(f"config: llm_config.prompts_dir: {one}" for one in long))
    settings = with_room(settings, OPINION_TOKENS) if settings.llm_config.depth == "deep" else settings
    check_fits(settings, [*FLAT_TOOLS, *ANYTIME_TOOLS], in_position=False)
    check_fits(settings, [*POSITION_TOOLS, *MEMORY_TOOLS], in_position=True)


def route(state: CandleState) -> Literal["tools", "repair", "reviewer"]:
    """Run a faultless answer, send a faulty one back while repairs last, else let the reviewer fall back.

    One that was cut off is sent back once: a model that thinks too long for its limit does so again.
    """
    found = faults(state)
    if not found:
        return "tools"
    if any(one.kind == "cut_off" for one in found.values()) and was_cut_before(state.messages):
        return "reviewer"
    return "repair" if repairs(state.messages) < state.terms.max_repairs else "reviewer"


def was_cut_before(messages: Sequence[AnyMessage]) -> bool:
    """Return whether an answer was sent back because it was cut off."""
    return any("cut_off" in m.additional_kwargs.get("faults", ()) for m in messages)


def after_tools(state: CandleState) -> Literal["decision", "reviewer"]:
    """End with a terminal call; after memory functions alone the model goes on."""
    return "reviewer" if any(call["name"] in TERMINAL_NAMES for call in last_answer(state).tool_calls) else "decision"


async def tools(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Execute every call of a faultless answer, in its order; LangGraph's ToolNode takes a thread for each."""
    assert state.snapshot is not None, "the analyst runs first"
    language = (runtime.context or Context()).settings.context_config.language
    replies = [await executed(call, state.snapshot.as_of) for call in last_answer(state).tool_calls]
    return {"messages": [one.model_copy(update={"content": answered(str(one.content), language)}) for one in replies]}


async def executed(call: ToolCall, as_of: datetime) -> ToolMessage:
    """Return what a function gives: its arguments were found right. One that reads the memory is left to a thread."""
    one = BY_NAME[call["name"]]
    if one in ANYTIME_TOOLS:
        read: ToolMessage = await one.ainvoke({**call, "type": "tool_call"}, at_candle(as_of))
        return read
    assert isinstance(one, StructuredTool) and one.func is not None, "a plain function stands behind each"
    content, artifact = one.func(**validated(one.name, call["args"]))
    return ToolMessage(content, artifact=artifact, name=one.name, tool_call_id=call["id"])


async def repair(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Answer every call of a faulty message, so that the model can correct itself."""
    language = (runtime.context or Context()).settings.context_config.language
    found = faults(state)
    answer = last_answer(state)
    mark = {"repair": True, "faults": sorted({fault.kind for fault in found.values()})}
    calls = [*answer.tool_calls, *answer.invalid_tool_calls]
    if not calls:
        return {"messages": [HumanMessage(said(found[""].message, language), additional_kwargs=mark)]}
    skipped = "not executed, because another call in the same message was wrong"
    replies = [
        ToolMessage(
            said(found[call["id"] or ""].message if call["id"] in found else skipped, language),
            tool_call_id=call["id"],
            name=call["name"],
            status="error",
        )
        for call in calls
    ]
    replies[0].additional_kwargs |= mark
    return {"messages": replies}
