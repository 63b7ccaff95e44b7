"""The terminal functions: calling one ends the decision. Each validates and returns a Proposal as a plain dict.

What there is to know of a function stands in its declaration: name, action, arguments, words, when it is offered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.json_schema import WithJsonSchema

from candlegraph.graph.schema.fate import Possible, Refusal
from candlegraph.graph.schema.market import Price, Strength
from candlegraph.graph.schema.signal import Action, Move, Proposal
from candlegraph.tools.risk.claims import LEVEL_ATR

CHINESE = {"强势": "strong", "中等": "moderate", "弱势": "weak"}

Confidence = Annotated[float, Field(ge=1, le=100)]
Rsi = Annotated[float, Field(ge=0, le=100, description="of the main timeframe")]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
# The schema need not say that absent may be null.
KnownAmount = Annotated[float | None, Field(gt=0), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
KnownRsi = Annotated[
    float | None,
    Field(ge=0, le=100),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100, "description": "of the main timeframe"}),
]
KnownConfidence = Annotated[
    float | None, Field(ge=1, le=100), WithJsonSchema({"type": "number", "minimum": 1, "maximum": 100})
]


def in_english(word: object) -> object:
    """Return the English word for a Chinese one; whatever else a model gives is left to the schema."""
    return CHINESE.get(word, word) if isinstance(word, str) else word


TrendStrength = Annotated[Strength, BeforeValidator(in_english)]


class Arguments(BaseModel):
    """Strict arguments: no unknown name, no NaN, no infinity, no boolean; numbers may come as text, as models write."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    pair: str

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_boolean(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("a boolean is not valid here")  # pydantic would read true as 1
        return value


class Levels(Arguments):
    """Arguments that name the levels around the price."""

    key_support: Price
    key_resistance: Price

    @model_validator(mode="after")
    def _ordered(self) -> Levels:
        if self.key_resistance <= self.key_support:
            raise ValueError(f"key_resistance {self.key_resistance} must be above key_support {self.key_support}")
        return self


class EntryArguments(Levels):
    """What an entry states."""

    key_support: Annotated[Price, Field(description=f"below the price, to {LEVEL_ATR:g} ATR")]
    key_resistance: Annotated[Price, Field(description=f"above the price, to {LEVEL_ATR:g} ATR")]
    leverage: Annotated[float, Field(ge=1, le=100, description="times the margin")]
    confidence_score: Confidence
    rsi_value: Rsi
    trend_strength: TrendStrength
    reason: Reason
    stake_amount: Annotated[KnownAmount, Field(description="margin in quote currency")] = None
    stop_loss: Annotated[KnownAmount, Field(description="price that proves the idea wrong")] = None
    take_profit: Annotated[KnownAmount, Field(description="price to take the profit at")] = None


class ExitArguments(Arguments):
    """What an exit states."""

    confidence_score: Confidence
    rsi_value: Rsi
    trade_score: Annotated[float, Field(ge=0, le=100, description="your own score of this trade")]
    reason: Annotated[Reason, Field(description="what was right, wrong, to do next time")]


class AdjustArguments(Levels):
    """What an adjustment states."""

    adjustment_pct: Annotated[
        float, Field(ge=-99, le=100, description="percent of the stake: + adds, - reduces; not 0")
    ]
    confidence_score: Annotated[KnownConfidence, Field(description="needed to add")] = None
    reason: Reason

    @model_validator(mode="after")
    def _does_something(self) -> AdjustArguments:
        if self.adjustment_pct == 0:
            raise ValueError("adjustment_pct must not be 0; use signal_hold to keep the position as it is")
        if self.adjustment_pct > 0 and self.confidence_score is None:
            raise ValueError("confidence_score is needed to add: risk_management.min_confidence is measured by it")
        return self


class StayArguments(Arguments):
    """What holding and waiting state."""

    confidence_score: Confidence
    rsi_value: KnownRsi = None
    reason: Reason


class Signal(StructuredTool):
    """A terminal function: the action that it asks for, and when a model is offered it."""

    action: Action
    when: Literal["flat", "in_position"]
    closed_by: Callable[[Possible], Refusal | None] | None
    """Why the function can have no effect at a candle, None: it can; of one that always has, no function."""


def declared(
    name: str,
    action: Action,
    arguments: type[Arguments],
    words: str,
    *,
    when: Literal["flat", "in_position"],
    closed_by: Callable[[Possible], Refusal | None] | None = None,
) -> Signal:
    """Return a terminal function; `words` are written to the model: when to call it, and when not."""

    def proposed(**given: Any) -> tuple[str, dict[str, Any]]:
        return f"{action} accepted", proposal(action, given).model_dump(exclude_none=True)

    return Signal(
        name=name,
        description=words,
        args_schema=arguments,
        func=proposed,
        response_format="content_and_artifact",
        action=action,
        when=when,
        closed_by=closed_by,
    )


RENAMED = {"stake_amount": "stake", "stop_loss": "stop", "confidence_score": "confidence"}
"""Freqtrade's and the model's words for what a proposal calls otherwise."""


def proposal(action: Action, given: dict[str, Any]) -> Proposal:
    """Return what a call asks for; arguments that a proposal does not keep were needed for their check only."""
    known = {RENAMED.get(name, name): value for name, value in given.items() if value is not None}
    kept = {name: value for name, value in known.items() if name in Proposal.model_fields}
    return Proposal(**{"confidence": 0, **kept, "action": action})


signal_entry_long = declared(
    "signal_entry_long",
    "enter_long",
    EntryArguments,
    "Open a long position now. Only when flat and the evidence favours a rise; give a stop_loss below the price.",
    when="flat",
    closed_by=lambda possible: possible.long,
)
signal_entry_short = declared(
    "signal_entry_short",
    "enter_short",
    EntryArguments,
    "Open a short position now. Only when flat and the evidence favours a fall; give a stop_loss above the price.",
    when="flat",
    closed_by=lambda possible: possible.short,
)
signal_wait = declared(
    "signal_wait",
    "wait",
    StayArguments,
    "Stay flat until the next candle.",
    when="flat",
)
signal_exit = declared(
    "signal_exit",
    "exit",
    ExitArguments,
    "Close the whole open position now. To take part of the profit use adjust_position.",
    when="in_position",
)
adjust_position = declared(
    "adjust_position",
    "adjust",
    AdjustArguments,
    "Add to (+) or reduce (-) the open position by a percentage of its stake. Not for closing it: use signal_exit.",
    when="in_position",
    closed_by=lambda possible: possible.adjustment,
)
signal_hold = declared(
    "signal_hold",
    "hold",
    StayArguments,
    "Keep the open position unchanged until the next candle. Its stop stays in force.",
    when="in_position",
)

TERMINAL_TOOLS = (signal_entry_long, signal_entry_short, signal_wait, signal_exit, adjust_position, signal_hold)
"""In the order in which a model reads them."""
FLAT_TOOLS = tuple(one for one in TERMINAL_TOOLS if one.when == "flat")
POSITION_TOOLS = tuple(one for one in TERMINAL_TOOLS if one.when == "in_position")
ENTRY_TOOLS = tuple(one for one in TERMINAL_TOOLS if Move(action=one.action).is_entry)
TERMINAL_NAMES = frozenset(one.name for one in TERMINAL_TOOLS)
FUNCTION_OF: dict[Action, str] = {one.action: one.name for one in TERMINAL_TOOLS}
