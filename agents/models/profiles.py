"""What each endpoint and model wants otherwise than the protocol says: the table of quirks, and what was learnt.

known of a family -> learnt from a refusal, once, said in the log -> kept for the life of the process, for every role

To add a quirk: its name in `Quirk`, and an entry in QUIRKS: how servers say it, what is done, and the function that
does it to a whole body. What needs the conversation behind the body (thoughts, ids) is done in `wire/shaping.py`
instead. A line in FAMILIES only where the first request should know it already.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple

from candlegraph.agents.models.wire.refusals import EndpointRefusal, refused_extra, refused_parameter

logger = logging.getLogger(__name__)

Manner = Literal["forced", "offered", "json_schema"]
"""How functions are called: natively and it must be one, natively and it may be one, as a JSON object."""
Quirk = Literal[
    "key_header",
    "streams",
    "thoughts_back",
    "signatures",
    "short_ids",
    "bare_parameters",
    "plain_schemas",
    "json_object",
    "no_format",
    "no_system",
    "alternating",
    "text_content",
]
Body = dict[str, Any]


class Trait(NamedTuple):
    """How servers say that they want it, in what they are sent then, and what the log says."""

    said: re.Pattern[str]
    needs: str
    """Only where the body that was refused holds this; empty: always."""
    told: str
    shaped: Callable[[Body], Body] = lambda body: body
    """Returns the body as they want it; the others are shaped with the conversation."""


def _said(*ways: str) -> re.Pattern[str]:
    return re.compile("|".join(ways), re.IGNORECASE)


def _without_format(body: Body) -> Body:
    return {name: value for name, value in body.items() if name != "response_format"}


def _with_json_object(body: Body) -> Body:
    return body | {"response_format": {"type": "json_object"}} if "response_format" in body else body


def _with_text(body: Body) -> Body:
    empty = {"role": "assistant", "content": None}
    return body | {
        "messages": [one | {"content": ""} if empty.items() <= one.items() else one for one in body["messages"]]
    }


def _without_system(body: Body) -> Body:
    told = [one | {"role": "user"} if one["role"] == "system" else one for one in body["messages"]]
    return _merged(body | {"messages": told})


def _merged(body: Body) -> Body:
    """Return the body with neighbouring messages of one role, and plain texts, put together."""
    found: list[Body] = []
    for one in body["messages"]:
        last = found[-1] if found else {}
        is_plain = all(isinstance(each.get("content"), str) and "tool_calls" not in each for each in (one, last))
        if last.get("role") == one["role"] in ("user", "assistant") and is_plain:
            found[-1] = last | {"content": f"{last['content']}\n\n{one['content']}"}
        else:
            found.append(one)
    return body | {"messages": found}


QUIRKS: Mapping[Quirk, Trait] = {
    "key_header": Trait(
        _said(r"subscription.key", r"api-key header", r"missing.{0,30}\bapi-key\b", r"x-api-key"),
        "",
        "the key is sent as `api-key`",
    ),
    "streams": Trait(
        _said(
            r"non-?stream",
            r"stream.{0,40}(only|must|required|enable|set to true)",
            r"(only|must|please|require).{0,40}\bstream",
            r"只支持流式|仅支持流式|流式",
        ),
        "",
        "answers are asked for as a stream",
    ),
    "thoughts_back": Trait(
        _said(
            r"reasoning_content.{0,160}(passed back|missing|required|must|必须)",
            r"(missing|pass|provide|include|require).{0,80}reasoning_content",
            r"reasoning_details.{0,80}(missing|required|must)",
            r"must (start|begin) with a thinking block",
        ),
        "messages",
        "its thoughts are sent back within a decision",
    ),
    "signatures": Trait(
        _said(r"(missing|without|require).{0,40}thought_?signature", r"thought_?signature.{0,60}(missing|required)"),
        "messages",
        "calls of other models get a placeholder for the thought signature",
    ),
    "short_ids": Trait(
        _said(
            r"tool.?calls?\W{0,4}(\d+\W{1,3})?\.?id\b.{0,120}(must|match|length|pattern|invalid|too long|string)",
            r"(tool_use|tool.?call|call)[._ ]id.{0,120}(a-z|must be \w+ |length|pattern|too long|maximum)",
            r"invalid (tool.?call|call)[_ ]?id",
        ),
        "messages",
        "ids of calls are sent as nine letters and digits",
    ),
    "bare_parameters": Trait(
        _said(r"(properties|parameters).{0,60}(non-?empty|must not be empty|should not be empty)"),
        "tools",
        "functions without arguments are sent without a schema",
    ),
    "plain_schemas": Trait(
        _said(
            r"schema",
            r"function_?declarations",
            r"(exclusive)?(minimum|maximum)\b",
            r"additionalProperties|anyOf|any_of|oneOf|\$ref|\$defs|(min|max)(Length|Items)|\bconst\b",
            r"grammar",
        ),
        "tools|response_format",
        "schemas are sent in plain words, ranges in the descriptions",
    ),
    "json_object": Trait(
        _said(r"response_format|json_?schema|structured.?output|guided"),
        "response_format",
        "it is asked for a JSON object without a schema",
        _with_json_object,
    ),
    "no_format": Trait(
        _said(r"response_format|json_?object|json.?mode"),
        "response_format",
        "it is asked for JSON in words only",
        _without_format,
    ),
    "no_system": Trait(
        _said(
            r"(system|developer).{0,40}(not supported|unsupported|not allowed|not enabled|invalid role)",
            r"(not|n't) support.{0,30}\b(system|developer)\b",
        ),
        "messages",
        "the system text is sent in the first user message",
        _without_system,
    ),
    "alternating": Trait(
        _said(r"alternat", r"consecutive.{0,40}(role|message)", r"roles? must"),
        "messages",
        "messages of one role in a row are sent as one",
        _merged,
    ),
    "text_content": Trait(
        _said(
            r"content\W.{0,60}(null|none\b|field required|valid string|must be a string|expected a string)",
            r"(missing|invalid|null|nil).{0,40}\bcontent\b",
        ),
        "messages",
        "an empty content is sent as text",
        _with_text,
    ),
}
"""In the order in which a refusal is looked through, and a body is shaped."""


class Family(NamedTuple):
    """What is known of an endpoint before it is asked."""

    hosts: re.Pattern[str]
    quirks: tuple[Quirk, ...]


FAMILIES: Mapping[str, Family] = {
    "Azure": Family(_said(r"\.azure(-api)?\.(com|net|us|cn)(:|/|$)"), ("key_header",)),
    "Mistral": Family(_said(r"//([^/]*\.)?mistral\.ai(:|/|$)"), ("short_ids",)),
}


@dataclass
class Profile:
    """What is known of one model at one endpoint."""

    name: str
    quirks: set[Quirk] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    """Parameters that it refused."""
    bare_of: set[str] = field(default_factory=set)
    """What providers attach to messages, and this one refuses."""
    url: str | None = None
    """The address that answered."""
    manner: Manner | None = None

    def learn(self, refusal: EndpointRefusal, sent: Mapping[str, Any], applied: frozenset[str]) -> bool:
        """Learn from a refusal of what was `sent`, to which `applied` was known; return whether to try again.

        Another request may have learnt the same meanwhile: that is reason enough to try, but is not said twice.
        """
        if (quirk := self._quirk(refusal, sent, applied)) is not None:
            self._note(self.quirks, quirk, QUIRKS[quirk].told)
            return True
        if (extra := refused_extra(refusal, sent)) is not None:
            self._note(self.bare_of, extra, f"{extra} is left out of messages")
            return True
        if (name := refused_parameter(refusal, sent)) is not None:
            self._note(self.left_out, name, f"the parameter {name} is left out, or sent under its other name")
            return True
        return False

    def shaped(self, body: Body) -> Body:
        """Return a body as the quirks that need nothing else want it."""
        for quirk, trait in QUIRKS.items():
            body = trait.shaped(body) if quirk in self.quirks else body
        return body

    def _quirk(self, refusal: EndpointRefusal, sent: Mapping[str, Any], applied: frozenset[str]) -> Quirk | None:
        for quirk, trait in QUIRKS.items():
            if quirk in applied or not refusal.allows(quirk) or not trait.said.search(refusal.text):
                continue
            if not trait.needs or any(name in sent for name in trait.needs.split("|")):
                return quirk
        return None

    def _note(self, known: set[Any], new: str, told: str) -> None:
        if new not in known:
            known.add(new)
            logger.info("%s: %s from now on", self.name, told)


@cache
def profile_of(endpoint: str, model: str) -> Profile:
    """Return the process's one profile of a model at an endpoint."""
    known = (quirk for family in FAMILIES.values() if family.hosts.search(endpoint) for quirk in family.quirks)
    return Profile(name=f"{model} at {endpoint}", quirks=set(known))


def forget_profiles() -> None:
    """Forget what was learnt of every endpoint."""
    profile_of.cache_clear()
