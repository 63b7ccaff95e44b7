"""`tracing`: which decisions are shown to LangSmith, and how much of each; only where LANGSMITH_TRACING is true."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from candlegraph.graph.settings.block import Block

Sent = Literal["none", "trades", "all"]


class Tracing(Block):
    """What leaves the machine for a trace viewer.

    Where and with which key is said by LangSmith's own variables: LANGSMITH_TRACING, LANGSMITH_ENDPOINT,
    LANGSMITH_API_KEY, LANGSMITH_PROJECT.
    """

    send: Sent = Field("trades", description="trades: decisions that act or failed; all: holds and waits too")
    sampled: float = Field(0.05, ge=0, le=1, description="with trades: share of holds and waits that are sent beside")
    prompts: bool = Field(True, description="false: prompts, thoughts and reasons stay here")
    max_kb: float = Field(30, ge=5, le=1000, description="of one decision; longer prompts are cut")
    queue: int = Field(500, ge=1, le=100_000, description="decisions that may wait to be sent; more are dropped")

    @property
    def is_on(self) -> bool:
        """Return whether anything may be sent."""
        return self.send != "none"
