"""A request as the endpoint's profile wants it: pure, from LangChain's payload to the body that is sent.

payload + options -> parameters -> messages (thoughts, signatures, ids) -> functions and formats -> what is left of the
profile's quirks, which need nothing but the body
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage

from candlegraph.agents.models.answers import ATTACHED, REASONING
from candlegraph.agents.models.profiles import Body, Profile

LIMITS = ("max_completion_tokens", "max_tokens")
"""Two names of one limit; the first is OpenAI's own, the second what older servers know."""
NAME = re.compile(r"[^A-Za-z0-9_-]")
NOTHING = "(no answer)"
"""In the place of an empty answer, which most servers refuse to read again."""
UNREADABLE = "unreadable"
"""The argument that holds what was no JSON: servers refuse to read broken JSON again."""
PLACEHOLDER = {"google": {"thought_signature": "skip_thought_signature_validator"}}
"""Google's own word for a call that another model made."""
PLAIN = ("type", "description", "enum", "items", "properties", "required")
"""What strict servers know of JSON Schema."""
RANGES = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "above {}",
    "exclusiveMaximum": "below {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
}


def body_of(payload: Body, messages: Sequence[BaseMessage], profile: Profile) -> Body:
    """Return the body to send."""
    body = _parameters(payload, profile)
    body["messages"] = _messages(body["messages"], messages, profile)
    if "tools" in body:
        body["tools"] = [_function(one, profile) for one in body["tools"]]
    if "response_format" in body:
        body["response_format"] = _format(body["response_format"], profile)
    return profile.shaped({name: value for name, value in body.items() if value is not None})


def _parameters(payload: Body, profile: Profile) -> Body:
    """Return the parameters: options win over ours, null takes one out, as does a refusal."""
    body = dict(payload)
    options = body.pop("extra_body", None) or {}
    limit = next((body.pop(name) for name in LIMITS if name in body), None)
    if not any(name in options for name in LIMITS) and limit is not None:
        body[_limit_name(profile)] = limit
    body |= options
    for old, new in (LIMITS, LIMITS[::-1]):
        if old in body and old in profile.left_out and new not in profile.left_out:
            body[new] = body.pop(old)
    if "streams" in profile.quirks:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    elif body.get("stream") is False:
        body.pop("stream")  # it is the default, and some servers know no such parameter
    return {name: value for name, value in body.items() if name not in profile.left_out}


def _limit_name(profile: Profile) -> str:
    return next((name for name in LIMITS if name not in profile.left_out), LIMITS[0])


def _messages(given: list[Body], told: Sequence[BaseMessage], profile: Profile) -> list[Body]:
    """Return the messages with what their provider attached, and without what it refuses."""
    return [_message(one, message, profile) for one, message in zip(given, told, strict=True)]


def _message(body: Body, message: BaseMessage, profile: Profile) -> Body:
    body = dict(body)
    if body["role"] == "developer":
        body["role"] = "system"  # every server knows it, and OpenAI reads it as its own word
    if isinstance(message, AIMessage):
        body = _answer(body, message, profile)
    if "tool_call_id" in body:
        body["tool_call_id"] = _id(body["tool_call_id"], profile)
    return {name: value for name, value in body.items() if name not in profile.bare_of}


def _answer(body: Body, message: AIMessage, profile: Profile) -> Body:
    """Return an earlier answer as its provider may read it again."""
    attached = message.additional_kwargs.get(ATTACHED) or {}
    body |= {name: value for name, value in attached.items() if name != "calls"}
    if "thoughts_back" in profile.quirks and "reasoning_content" not in profile.bare_of:
        # Not empty: some count an empty one as missing.
        body["reasoning_content"] = message.additional_kwargs.get(REASONING) or " "
    if calls := body.get("tool_calls"):
        of_calls = attached.get("calls") or {}
        body["tool_calls"] = [_call(one, of_calls.get(one["id"]) or {}, profile) for one in calls]
    elif not body.get("content"):
        body["content"] = NOTHING
    return body


def _call(call: Body, attached: Body, profile: Profile) -> Body:
    function = call["function"]
    name = NAME.sub("_", function["name"])[:64] or "unknown"
    kept = {key: value for key, value in attached.items() if key not in profile.bare_of}
    if "signatures" in profile.quirks:
        kept.setdefault("extra_content", PLACEHOLDER)
    sent = {"id": _id(call["id"], profile), "type": "function"}
    return sent | {"function": {"name": name, "arguments": _readable(function["arguments"])}} | kept


def _readable(arguments: str) -> str:
    """Return arguments as a JSON object, whatever the model wrote."""
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except (ValueError, RecursionError):
        pass  # told below, as the text that it is
    return json.dumps({UNREADABLE: arguments}, ensure_ascii=False)


def _id(id: str, profile: Profile) -> str:
    """Return a call's id in the form that the endpoint accepts; one id always becomes the same."""
    if "short_ids" not in profile.quirks or re.fullmatch(r"[A-Za-z0-9]{9}", id):
        return id
    return hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()[:9]


def _function(tool: Body, profile: Profile) -> Body:
    function = dict(tool["function"])
    parameters = function.get("parameters") or {}
    if "bare_parameters" in profile.quirks and not parameters.get("properties"):
        function.pop("parameters", None)
    elif "plain_schemas" in profile.quirks:
        function["parameters"] = plain(parameters)
        function.pop("strict", None)
    return tool | {"function": function}


def plain(schema: Body) -> Body:
    """Return a schema in the words that every server knows; what else it says stands in the descriptions."""
    chosen = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or ()
    branches = [one for one in chosen if one.get("type") != "null"]
    if branches and "type" not in schema:
        schema = {name: value for name, value in schema.items() if name not in ("anyOf", "oneOf", "allOf")} | branches[
            0
        ]
    kept = {name: schema[name] for name in PLAIN if name in schema}
    if "const" in schema:
        kept |= {"enum": [schema["const"]], "type": "string"}
    if "properties" in kept:
        kept["properties"] = {name: plain(one) for name, one in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = plain(kept["items"])
    said = ", ".join(words.format(schema[name]) for name, words in RANGES.items() if name in schema)
    if said:
        kept["description"] = f"{kept['description']}; {said}" if kept.get("description") else said
    return kept


def _format(wanted: Body, profile: Profile) -> Body:
    """Return the format of an answer by JSON; the functions are listed in the prompt in any case."""
    if "plain_schemas" not in profile.quirks or wanted.get("type") != "json_schema":
        return wanted
    branches = wanted["json_schema"]["schema"].get("anyOf", ())
    names = [one["properties"]["name"]["const"] for one in branches]
    properties = {"name": {"type": "string", "enum": names}, "arguments": {"type": "object"}}
    schema = {"type": "object", "properties": properties, "required": ["name", "arguments"]}
    return {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
