"""A generation that the server itself calls failed: an answer to be repaired, not the end of a run.

error -> is it about what the model wrote? -> the text that it wrote, marked as failed
"""

from __future__ import annotations

import json
import re
from typing import Any

from langchain_core.messages import AIMessage

FAILED = "failed"
"""Where an answer says, in its `response_metadata`, why the server could not read what the model wrote."""
CODES = re.compile(r"tool_use_failed|json_validate_failed|output_parse_failed|malformed_function_call", re.IGNORECASE)
"""Of Groq, and of Gemini's layer."""
SAID = re.compile(
    r"failed to call a function|tool call validation failed|failed_generation|failed to generate json"
    r"|error parsing tool call|(failed to|could not|cannot) parse (the )?(tool call|model output|output|input at pos)"
    r"|model (produced|generated|returned) (an )?(invalid|malformed|output that)",
    re.IGNORECASE,
)
"""How Groq, Ollama, llama.cpp and OpenAI say that they could not read their own model."""
LONGEST = 160


def failed_answer(error: BaseException) -> AIMessage | None:
    """Return the answer that the error stands for; None where it is about anything else."""
    status = getattr(error, "status_code", None)
    body = getattr(error, "body", None) or getattr(getattr(error, "response", None), "text", None)
    text = " ".join(f"{error} {body or ''}".split())  # a body that is no object is not in the client's own words
    if not isinstance(status, int) or status not in (400, 422, 500) or not (CODES.search(text) or SAID.search(text)):
        return None
    written = _found(body, "failed_generation")
    why = _found(body, "message") or (body if isinstance(body, str) else text)
    return AIMessage(written or "", response_metadata={FAILED: why[:LONGEST]})


def _found(body: Any, name: str) -> str | None:
    """Return the text under `name` in an error's body, at any depth that servers use."""
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return None
    if isinstance(body, list):
        body = body[0] if body else None
    if not isinstance(body, dict):
        return None
    found = body.get(name)
    return found if isinstance(found, str) else _found(body.get("error"), name)
