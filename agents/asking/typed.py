"""Ask a role for a typed opinion: one answer schema, bound as the only function, and precise errors sent back.

Such an answer is none of the nine functions: it acts on nothing, other models only read it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ConfigDict, ValidationError

from candlegraph.agents.asking.faults import recalled, schema_fault
from candlegraph.agents.models.engine import call_of
from candlegraph.agents.prompt.briefing import market_text
from candlegraph.agents.prompt.budget import SEPARATOR
from candlegraph.agents.prompt.chinese.functions import offered
from candlegraph.agents.prompt.chinese.said import said
from candlegraph.agents.prompt.files import DECIDING, asked_prompt, version_of
from candlegraph.agents.prompt.opinions import with_room
from candlegraph.agents.prompt.tokens import tokens_of
from candlegraph.graph.context import Context
from candlegraph.graph.schema.calls import CallRecord, Role
from candlegraph.graph.schema.errors import ModelError
from candlegraph.graph.settings.context import Language
from candlegraph.graph.state import CandleState


class Answer(BaseModel):
    """Strict: no unknown name, no NaN, no infinity."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


Found = TypeVar("Found", bound=Answer)


async def ask_typed(
    context: Context, role: Role, messages: Sequence[BaseMessage], schema: type[Found]
) -> tuple[Found, CallRecord]:
    """Return the role's valid answer and what it took; raise ModelError where none came within the repairs."""
    language = context.settings.context_config.language
    version = version_of(asked_prompt(role, context.settings))
    told, calls, fault = list(messages), list[CallRecord](), ""
    for _ in range(context.settings.llm_config.decision.max_repairs + 1):
        answer = await context.ask(role, told, offered([schema], language), prompt_version=version)
        calls += [call for call in [call_of(answer)] if call is not None]
        found = read(answer, schema)
        if isinstance(found, schema):
            return found, merged(role, calls)
        fault = str(found)
        told += [recalled(answer), *replies(answer, said(fault, language))]
    raise ModelError(f"the {role} model gave no valid answer: {fault}"[:500])


def read(answer: AIMessage, schema: type[Found]) -> Found | str:
    """Return what the answer says, or what is wrong with it."""
    calls = [call for call in answer.tool_calls if call["name"] == schema.__name__]
    if len(calls) != 1 or len(answer.tool_calls) != 1 or answer.invalid_tool_calls:
        return f"Answer by exactly one call of {schema.__name__}, with one JSON object."
    try:
        return schema.model_validate(calls[0]["args"])
    except ValidationError as e:
        return schema_fault(schema.__name__, e).message


def replies(answer: AIMessage, fault: str) -> list[BaseMessage]:
    """Return the answer to every call of a faulty message, so that the model can correct itself."""
    calls = [*answer.tool_calls, *answer.invalid_tool_calls]
    if not calls:
        return [HumanMessage(fault)]
    return [
        ToolMessage(fault, tool_call_id=call["id"] or "", name=call["name"] or "", status="error") for call in calls
    ]


def merged(role: Role, calls: Sequence[CallRecord]) -> CallRecord:
    """Return one record of all attempts at one opinion."""
    if not calls:
        return CallRecord(role=role, model="unknown")
    costs = [call.cost for call in calls]
    return calls[-1].model_copy(
        update={
            "tokens_in": sum(call.tokens_in for call in calls),
            "tokens_cached": sum(call.tokens_cached for call in calls),
            "tokens_out": sum(call.tokens_out for call in calls),
            "cost": None if None in costs else sum(cost for cost in costs if cost is not None),
            "seconds": sum(call.seconds for call in calls),
            "tries": tuple(one for call in calls for one in call.tries),
        }
    )


def asked(role: Role, state: CandleState, context: Context, schema: type[Answer], *texts: str) -> list[BaseMessage]:
    """Return the messages of a role: its prompt, then the market in the tokens that the rest leaves, and the rest."""
    settings = context.settings
    prompt, deciding = (asked_prompt(name, settings) for name in (role, DECIDING[settings.llm_config.prompt]))
    beside = [one for one in texts if one]
    rest = sum(tokens_of(one + SEPARATOR) for one in beside) + schema_tokens(schema, settings.context_config.language)
    longer = max(0, tokens_of(prompt) - tokens_of(deciding))  # the budget counts the deciding prompt
    market = market_text(state, with_room(settings, rest + longer))
    return [SystemMessage(prompt), HumanMessage(SEPARATOR.join([market, *beside]))]


@cache
def schema_tokens(schema: type[Answer], language: Language) -> int:
    """Return the tokens of an answer's schema, as JSON, which the model reads too."""
    [function] = offered([schema], language)
    return tokens_of(json.dumps(convert_to_openai_tool(function), ensure_ascii=False) + "\n")
