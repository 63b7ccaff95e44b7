"""`tracing`: which decisions a trace viewer is shown, and how much of each; where one is, the environment says."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from candlegraph.graph.settings.block import Block

Sent = Literal["none", "trades", "all"]


class Tracing(Block):
    """What leaves the machine for a trace viewer.

    Where and with which key is said by the viewers' own variables: LANGSMITH_TRACING, LANGSMITH_ENDPOINT,
    LANGSMITH_API_KEY, LANGSMITH_PROJECT; OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS.
    """

    send: Sent = Field("trades", description="trades: decisions that act or failed; all: holds and waits too")
    sampled: float = Field(0.05, ge=0, le=1, description="with trades: share of holds and waits that are sent beside")
    prompts: bool = Field(True, description="false: prompts, thoughts and reasons stay here")
    redact: tuple[str, ...] = Field(
        (), description="words or regular expressions, in any case; what fits is sent as ***; empty: nothing is hidden"
    )
    max_kb: float = Field(30, ge=5, le=1000, description="of one decision; longer prompts are cut")
    queue: int = Field(500, ge=1, le=100_000, description="decisions that may wait to be sent; more are dropped")

    @field_validator("redact")
    @classmethod
    def _are_patterns(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        for one in rules:
            try:
                if re.search(one, ""):
                    raise ValueError(f"{one!r} fits everywhere, an empty text too")
            except re.error as e:
                raise ValueError(f"{one!r} is no regular expression: {e}") from e
        return rules

    @property
    def is_on(self) -> bool:
        """Return whether anything may be sent."""
        return self.send != "none"
