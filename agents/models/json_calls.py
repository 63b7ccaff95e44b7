"""Function calls for servers without tool calls: one JSON object, held to a schema made of the bound functions.

functions -> one `anyOf` schema and a list to read -> {"name": ..., "arguments": {...}} -> tool call, validated later
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.runnables import Runnable

from candlegraph.agents.models.wire.markups import call_in
from candlegraph.graph.settings.context import Language, Phrase

Tool = dict[str, Any]
"""A function in OpenAI's format."""

ORDER: Phrase = {
    "en": 'Answer with one JSON object and nothing else: {"name": "<function>", "arguments": {...}}\n'
    "The functions, with [optional] arguments:",
    "zh": '只用一个 JSON 对象回答，不写其他内容：{"name": "<function>", "arguments": {...}}\n'
    "以下是函数，方括号中的参数可省略：",
}


def bound(model: BaseChatModel, tools: Sequence[Tool]) -> Runnable[LanguageModelInput, AIMessage]:
    """Return `model`, held to one call of `tools` by schema."""
    schema = schema_of(tools)
    if model._llm_type == "chat-ollama":
        return model.bind(format=schema)
    from langchain_openai.chat_models.base import BaseChatOpenAI  # here: a run on the rule loads no client

    wanted = {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
    if isinstance(model, BaseChatOpenAI):
        # In the body; as an argument LangChain would take another way, which raises when the answer was cut off.
        return model.bind(extra_body={**(model.extra_body or {}), "response_format": wanted})
    return model.bind(response_format=wanted)


def schema_of(tools: Sequence[Tool]) -> dict[str, Any]:
    """Return the schema of one call of any of `tools`; the name comes first, since it decides what follows."""
    return {"anyOf": [_call_schema(one["function"]) for one in tools]}


def _call_schema(function: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": function["parameters"]},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def as_text(messages: Sequence[BaseMessage], tools: Sequence[Tool], language: Language = "en") -> list[BaseMessage]:
    """Return `messages` without tool calls and tool messages, and with the functions to read.

    One system message, and turns that alternate: the chat templates of small models refuse anything else.
    """
    system = [str(one.content) for one in messages if isinstance(one, SystemMessage)]
    found: list[BaseMessage] = [SystemMessage("\n\n".join([*system, function_list(tools, language)]))]
    for one in messages:
        if isinstance(one, SystemMessage):
            continue
        turn = _turn(one)
        if not turn.content:
            continue
        if turn.type == found[-1].type:
            turn = type(turn)(f"{found.pop().content}\n\n{turn.content}")
        found.append(turn)
    return found


def _turn(message: BaseMessage) -> BaseMessage:
    if isinstance(message, AIMessage):
        calls = [_written(one["name"], one["args"]) for one in message.tool_calls]
        calls += [one["args"] or "" for one in message.invalid_tool_calls]
        return AIMessage("\n".join(part for part in (str(message.content), *calls) if part))
    if isinstance(message, ToolMessage):
        return HumanMessage(f"{message.name}: {message.content}")
    return HumanMessage(str(message.content))


def _written(name: str, arguments: dict[str, Any]) -> str:
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def function_list(tools: Sequence[Tool], language: Language) -> str:
    """Return the functions as text: arguments with their ranges, and what each function is for."""
    return "\n".join([ORDER[language], *(_described(one["function"]) for one in tools)])


def _described(function: dict[str, Any]) -> str:
    parameters = function["parameters"]
    required = parameters.get("required", ())
    named = [(name, _argument(name, one)) for name, one in parameters.get("properties", {}).items()]
    shown = ", ".join(text if name in required else f"[{text}]" for name, text in named)
    return f"- {function['name']}({shown}): {function.get('description', '')}"


def _argument(name: str, schema: dict[str, Any]) -> str:
    if words := schema.get("enum"):
        return f"{name} {'|'.join(map(str, words))}"
    if "minimum" in schema and "maximum" in schema:
        return f"{name} {schema['minimum']:g}..{schema['maximum']:g}"
    return name


def called(answer: AIMessage) -> AIMessage:
    """Return `answer` with the calls that its text holds; text without an object stays text."""
    text = str(answer.content)
    if answer.tool_calls or answer.invalid_tool_calls or "{" not in text:
        return answer
    calls = list(_calls(text))
    good = [one for one in calls if one["type"] == "tool_call"]
    bad = [one for one in calls if one["type"] == "invalid_tool_call"]
    return answer.model_copy(update={"content": "", "tool_calls": good, "invalid_tool_calls": bad})


def _calls(text: str) -> Iterator[ToolCall | InvalidToolCall]:
    """Yield a call for each object in `text`, so that a second one is refused and not overlooked."""
    start = text.find("{")
    while start >= 0:
        try:
            found, end = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError) as e:
            yield invalid_tool_call(name="", args=text[start:], id=None, error=type(e).__name__)
            return
        calls = call_in(found)
        if calls is None:
            yield invalid_tool_call(name="", args=text[start:end], id=None, error="expected name and arguments")
        for name, arguments in calls or ():
            if isinstance(arguments, dict):
                yield tool_call(name=name, args=arguments, id=None)
            else:
                given = arguments if isinstance(arguments, str) else text[start:end]
                yield invalid_tool_call(name=name, args=given, id=None, error="expected an object of arguments")
        start = text.find("{", end)
