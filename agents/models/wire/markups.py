"""A call that stands in the text, in the markup of its model's template: read where it is one call and nothing else.

text -> what stands before a known opening mark, and the rest -> the rest is calls and marks only -> one distinct call

Prose before a mark is how models think aloud. Prose behind it, prose that names functions or speaks of examples and of
what could be, and a bare object with any prose around it may mean something else, and are left alone.
"""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

LONGEST = 20_000
"""Characters of a text that is looked through."""


class Written(NamedTuple):
    """One call in a text, and in which markup it stood; arguments are an object or its JSON."""

    name: str
    arguments: Any
    markup: str


Found = tuple[str, Any]
"""A name as it was written, and arguments."""

OPENING = re.compile(
    r"<\|?/?tool[_▁]?calls?(_section)?(_begin|▁begin)?\|?>|<\|tool_call[^>]*>|<｜(tool▁call|DSML)[^>]*>"
    r"|<\|tool▁call[^>]*>|\[TOOL_CALLS\]|\[TOOL_REQUEST\]|<\|python_tag\|>|<function[=(_ ]|<functioncall>"
    r"|<(\w+:)?invoke\b|<(minimax|seed|antml):\w+>|<TOOLCALL>|<\|START_ACTION\|>|<\|action_start\|>"
    r"|<\|start\|>assistant|<\|channel\|>|<tool[-_]use>|```(json|tool_call|tool_code|python)\b",
    re.IGNORECASE,
)
DOUBT = re.compile(
    r"\b(examples?|e\.g|format|syntax|template|would|could|might|instead|suppose|hypothetical\w*)\b"
    r"|(\bnot|\bnever|n't)\s+(call|use|emit|execute|run|send)\b|例如|比如|假如|不要|不应|格式",
    re.IGNORECASE,
)
"""Words before a call that make it more than one thing that is meant."""
MARK = re.compile(
    r"</?\|?(?:tool[_-]?calls?|tool[_-]use|functioncall|function_calls?|function|TOOLCALL)\|?>|<\|[^|<>]{1,40}\|>"
    r"|</?(?:minimax|seed|antml):(?:tool_call|function_calls)>|<\|im_end\|>|</s>"
    r"|\[/?TOOL_(?:CALLS|REQUEST)\]|\[END_TOOL_REQUEST\]|</?\|DSML\|(?:function_calls|tool_calls)>",
    re.IGNORECASE,
)
"""Marks that say no more than that a call begins or ends."""
FENCES = re.compile(r"\A```(\w*)\s*\n?(.*?)\n?```\Z", re.DOTALL)
PYTHON = re.compile(r"\A\[?\s*(?:print\()?\s*[A-Za-z_][\w.]*\(", re.DOTALL)
NAMES = ("name", "tool_name", "function_name", "tool", "function", "action", "recipient_name")
ARGUMENTS = ("arguments", "parameters", "args", "params", "input", "action_input", "tool_input", "kwargs")
BESIDE = frozenset({"id", "type", "index", "call_id", "tool_call_id", "thought", "thoughts", "reasoning"})
INVOKE = re.compile(r"<(?:\|DSML\||\w+:)?invoke name=\"([^\"]+)\">(.*?)</(?:\|DSML\||\w+:)?invoke>", re.DOTALL)
NAMED = re.compile(
    r"<(?:\|DSML\||\w+:)?parameter(?: name=\"([^\"]+)\"[^>]*|=([^>]+))>(.*?)</(?:\|DSML\||\w+:)?parameter>", re.DOTALL
)
FUNCTION = re.compile(r"<function[=( ](?:name=)?\"?([\w.:-]+)\"?\)?\s*>?(.*?)(?:</function>|\Z)", re.DOTALL)
GLM = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
TITLED = re.compile(
    r"\A([\w.:/-]+)\s*(?:\[ARGS\]|\[CALL_ID\]\w+\[ARGS\])?\s*(?:```(?:json)?\s*)?(\{.*\})(?:\s*```)?\Z", re.DOTALL
)
HARMONY = re.compile(r"to=([\w.]+)[^{]{0,80}(\{.*\})", re.DOTALL)
DEEPSEEK = re.compile(r"\A(?:function)?\s*<\|tool_sep\|>\s*([\w.]+)\s*", re.DOTALL)


def written_call(text: str, plain: Callable[[str], str], names: frozenset[str]) -> Written | None:
    """Return the one call that `text` holds, None for none or where it may be read in two ways.

    `plain` takes from a name what templates leave on it; `names` are the valid ones.
    """
    text = text.strip()
    if not text or len(text) > LONGEST or not ("{" in text or "(" in text or "<" in text):
        return None
    opened = OPENING.search(text)
    start = 0 if opened is None else opened.start()
    prose, rest = text[:start], text[start:]
    markup = "bare" if opened is None else "fence" if rest.startswith("```") else "markup"
    if prose.strip() and (markup == "fence" or DOUBT.search(prose)):
        return None
    found = _calls(rest.replace("｜", "|").replace("▁", "_"))
    distinct: list[Found] = []
    for name, arguments in found or ():
        call = (plain(name), arguments)
        distinct += [] if call in distinct else [call]
    if len(distinct) != 1 or distinct[0][0] not in names or any(name in prose for name in names - {distinct[0][0]}):
        return None
    return Written(*distinct[0], markup)


def _calls(text: str) -> list[Found] | None:
    """Return the calls that make up the whole text; None where anything else is in it."""
    for reader in (_invoked, _functions, _harmony, _separated):
        if (read := reader(text)) is not None:
            return read
    parts = [part.strip() for part in MARK.split(_unfenced(text)) if part.strip()]
    found: list[Found] = []
    for part in parts:
        one = _part(part)
        if one is None:
            return None
        found += one
    return found


def _unfenced(text: str) -> str:
    fenced = FENCES.match(text.strip())
    return fenced[2].strip() if fenced else text


def _part(text: str) -> list[Found] | None:
    """Return the calls of one piece between marks."""
    text = _unfenced(text)
    if (found := _json_calls(text)) is not None:
        return found
    if pairs := GLM.findall(text):
        name = text[: text.index("<arg_key>")].strip()
        rest = GLM.sub("", text[len(name) :]).strip()
        return (
            [(name, {key.strip(): html.unescape(value.strip()) for key, value in pairs})] if not rest and name else None
        )
    if titled := TITLED.match(text):
        return [(titled[1], titled[2])] if _is_object(titled[2]) else None
    return _python_calls(text) if PYTHON.match(text) else None


def _json_calls(text: str) -> list[Found] | None:
    """Return the calls of JSON objects and lists, one behind the other."""
    found: list[Found] = []
    place = 0
    while place < len(text):
        try:
            one, place = json.JSONDecoder(strict=False).raw_decode(text, place)
        except (ValueError, RecursionError):
            return None
        for each in one if isinstance(one, list) else [one]:
            call = call_in(each)
            if call is None:
                return None
            found += call
        while place < len(text) and text[place] in " \r\n\t;,":
            place += 1
    return found or None


def call_in(found: Any) -> list[Found] | None:
    """Return the calls that an object is, in any of the usual shapes; None where it is anything else."""
    if not isinstance(found, dict):
        return None
    inner = found.get("tool_calls") or found.get("tool_uses")
    if isinstance(inner, list) and inner:
        calls = [call_in(one) for one in inner]
        return None if any(one is None for one in calls) else [each for one in calls for each in one or ()]
    if isinstance(found.get("function"), dict):
        merged = {name: value for name, value in found.items() if name != "function"} | found["function"]
        return call_in(merged)
    name = next((found[key] for key in NAMES if isinstance(found.get(key), str)), None)
    key = next((key for key in ARGUMENTS if key in found), None)
    if name is None or key is None or found.keys() - {*NAMES, key, *BESIDE}:
        return None
    return [(name, found[key])]


def _invoked(text: str) -> list[Found] | None:
    """Read `<invoke name="f"><parameter name="a">1</parameter></invoke>` (Anthropic's form, MiniMax, DeepSeek)."""
    if not INVOKE.search(text) or MARK.sub("", INVOKE.sub("", text)).strip():
        return None
    return [(name, _parameters(body)) for name, body in INVOKE.findall(text) if not NAMED.sub("", body).strip()] or None


def _functions(text: str) -> list[Found] | None:
    """Read `<function=f>{...}</function>` (Llama) and `<function=f><parameter=a>1</parameter></function>` (Qwen)."""
    if not FUNCTION.search(text) or MARK.sub("", FUNCTION.sub("", text)).strip():
        return None
    found: list[Found] = []
    for name, body in FUNCTION.findall(text):
        body = body.strip()
        if NAMED.search(body) and not NAMED.sub("", body).strip():
            found.append((name, _parameters(body)))
        elif not body or _is_object(body.lstrip("=> ")):
            found.append((name, body.lstrip("=> ")))
        else:
            return None
    return found


def _parameters(body: str) -> dict[str, str]:
    return {(one or other).strip(): html.unescape(value.strip()) for one, other, value in NAMED.findall(body)}


def _harmony(text: str) -> list[Found] | None:
    """Read `<|channel|>commentary to=functions.f <|constrain|>json<|message|>{...}<|call|>` (gpt-oss)."""
    found = HARMONY.search(text)
    if found is None or not text.startswith(("<|start|>", "<|channel|>")):
        return None
    behind = MARK.sub("", text[found.end() :]).strip()
    return [(found[1], found[2])] if not behind and _is_object(found[2]) else None


def _separated(text: str) -> list[Found] | None:
    """Read the calls of DeepSeek (`f<|tool_sep|>{...}`) and Kimi (`f:0<|tool_call_argument_begin|>{...}`)."""
    if "<|tool_sep|>" not in text and "<|tool_call_argument_begin|>" not in text:
        return None
    pieces = re.split(r"<\|tool_calls?(?:_section)?_(?:begin|end)\|>", text)
    found: list[Found] = []
    for piece in (one.strip() for one in pieces):
        piece = re.sub(r"<\|[^|]*(end|im)[^|]*\|>\Z", "", piece).strip()
        if not piece:
            continue
        name, _, body = re.sub(r"\Afunction\s*<\|tool_sep\|>\s*(\S+)\s", r"\1<|tool_sep|>", piece).partition("<|tool")
        body = _unfenced(body.partition("|>")[2].strip())
        if not _is_object(body):
            return None
        found.append((name.strip(), body))
    return found


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, strict=False), dict)
    except (ValueError, RecursionError):
        return False


def _python_calls(text: str) -> list[Found] | None:
    """Read `[f(a=1, b="x")]` and `print(default_api.f(a=1))`: calls with literal keywords, and nothing else."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    nodes = tree.elts if isinstance(tree, ast.List) else [tree]
    calls = [_python_call(one) for one in nodes]
    return None if any(one is None for one in calls) else [one for one in calls if one is not None]


def _python_call(node: ast.expr) -> Found | None:
    if not isinstance(node, ast.Call):
        return None
    name = ast.unparse(node.func)
    if name == "print" and len(node.args) == 1 and not node.keywords:
        return _python_call(node.args[0])
    if node.args or any(one.arg is None for one in node.keywords):
        return None
    try:
        return name, {str(one.arg): ast.literal_eval(one.value) for one in node.keywords}
    except (ValueError, TypeError):
        return None
