"""One real function call, to see whether the deciding model answers as a decision needs it."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import NamedTuple

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
    tokens: str

    @property
    def told(self) -> str:
        """Return it for a person."""
        return f"it called {self.called} after {self.seconds:.1f} s{self.tokens}"


def print_model_check(settings: Settings) -> None:
    """Print who answered and how long it took; raise ModelError where no function call came back."""
    sys.stdout.write(f"  {asked_once(settings).told}\n")


def asked_once(settings: Settings) -> ModelCheck:
    """Ask for one function call; raise ModelError where another answer, or none, came back."""
    started = time.monotonic()
    answer = asyncio.run(_asked(settings))
    calls = [call["name"] for call in answer.tool_calls]
    if calls != [signal_wait.name]:
        said = ", ".join(calls) or repr(str(answer.content)[:200])
        raise ModelError(f"the model answered, but not with a call of {signal_wait.name}: {said}")
    usage = answer.usage_metadata
    tokens = f", {usage['input_tokens']} tokens in, {usage['output_tokens']} out" if usage else ""
    return ModelCheck(calls[0], time.monotonic() - started, tokens)


async def _asked(settings: Settings) -> AIMessage:
    """Return the answer; never from a cassette, and none is kept."""
    live = settings.llm_config.model_copy(update={"mode": "live"})
    models = RoleModels(live, Path())
    asked = [SystemMessage(SYSTEM), HumanMessage(ASK)]
    return await models.bound("decision", FLAT_TOOLS).ainvoke(asked, prompt_version="", deadline=None)
