"""What became of one model call: who was asked, who answered, what it took."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from candlegraph.graph.schema.market import Frozen

Role = Literal["analyst", "bull", "bear", "decision", "reviewer"]


class Try(Frozen):
    """One attempt that brought no answer."""

    model: str
    error: str = Field(description="in one short line, without a secret")
    seconds: float = Field(ge=0)


class CallRecord(Frozen):
    """One answered call; money is in the currency of the price table."""

    role: Role
    model: str = Field(description="the one that answered")
    tokens_in: int = Field(0, ge=0)
    tokens_cached: int = Field(0, ge=0, description="of tokens_in, that the provider had cached")
    tokens_out: int = Field(0, ge=0)
    cost: float | None = Field(None, ge=0, description="None: the model's price or its tokens are unknown")
    seconds: float = Field(0, ge=0, description="failed attempts and pauses included")
    tries: tuple[Try, ...] = Field((), description="what failed before the answer")
    notes: tuple[str, ...] = Field((), description="wrappings around the call that were undone; no faults")
    key: str = Field("", description="of the cassette; empty where nothing was recorded")
    is_replayed: bool = False
