"""One real function call, to see whether the deciding model answers as a decision needs it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from candlegraph.agents.models.roles import RoleModels
from candlegraph.graph.schema.errors import ModelError
from candlegraph.graph.settings.settings import Settings
from candlegraph.tools.signals import FLAT_TOOLS, signal_wait

SYSTEM = "You test a connection. Call the function that you are told to call, once."
ASK = "Call signal_wait for pair BTC/USDT:USDT with confidence_score 50 and the reason 'connection test'."


class ModelCheck(NamedTuple):
    """What came of the call."""

    called: str
    seconds: float
    tokens_in: int | None
    tokens_out: int | None

    @property
    def told(self) -> str:
        """Return it for a person."""
        tokens = "" if self.tokens_in is None else f", {self.tokens_in} tokens in, {self.tokens_out} out"
        return f"it called {self.called} after {self.seconds:.1f} s{tokens}"


def asked_once(settings: Settings) -> ModelCheck:
    """Ask for one function call; raise ModelError where another answer, or none, came back."""
    started = time.monotonic()
    answer = asyncio.run(_asked(settings))
    calls = [call["name"] for call in answer.tool_calls]
    if calls != [signal_wait.name]:
        said = ", ".join(calls) or repr(str(answer.content)[:200])
        raise ModelError(f"the model answered, but not with a call of {signal_wait.name}: {said}")
    usage: Mapping[str, Any] = answer.usage_metadata or {}
    seconds = time.monotonic() - started
    return ModelCheck(calls[0], seconds, usage.get("input_tokens"), usage.get("output_tokens"))


async def _asked(settings: Settings) -> AIMessage:
    """Return the answer; never from a cassette, and none is kept."""
    live = settings.llm_config.model_copy(update={"mode": "live"})
    models = RoleModels(live, Path())
    asked = [SystemMessage(SYSTEM), HumanMessage(ASK)]
    return await models.bound("decision", FLAT_TOOLS).ainvoke(asked, prompt_version="", deadline=None)
