"""A group of configuration keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

Pct = float
"""A percentage: 2 means 2 %."""


class Block(BaseModel):
    """A frozen group of keys that refuses unknown ones; a traceback never shows what was given, it may be a key."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
