"""The six terminal functions: calling one ends the decision. Each validates and returns a Proposal as a plain dict."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.tools import BaseTool, tool
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.json_schema import WithJsonSchema

from candlegraph.graph.schema.market import Strength
from candlegraph.graph.schema.signal import Action, Proposal

CHINESE = {"强势": "strong", "中等": "moderate", "弱势": "weak"}

Confidence = Annotated[float, Field(ge=1, le=100)]
Rsi = Annotated[float, Field(ge=0, le=100, description="of the main timeframe")]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
Level = Annotated[float, Field(gt=0)]
# The schema need not say that absent may be null.
Optional = Annotated[float | None, Field(gt=0), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
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

    key_support: Level
    key_resistance: Level

    @model_validator(mode="after")
    def _ordered(self) -> Levels:
        if self.key_resistance <= self.key_support:
            raise ValueError(f"key_resistance {self.key_resistance} must be above key_support {self.key_support}")
        return self


class EntryArguments(Levels):
    """What an entry states."""

    leverage: Annotated[float, Field(ge=1, le=100, description="times the margin")]
    confidence_score: Confidence
    rsi_value: Rsi
    trend_strength: TrendStrength
    reason: Reason
    stake_amount: Annotated[Optional, Field(description="margin in quote currency")] = None
    stop_loss: Annotated[Optional, Field(description="price that proves the idea wrong")] = None
    take_profit: Annotated[Optional, Field(description="price to take the profit at")] = None


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


@tool(args_schema=EntryArguments, response_format="content_and_artifact")
def signal_entry_long(**arguments: Any) -> tuple[str, dict[str, Any]]:
    """Open a long position now. Only when flat and the evidence favours a rise; give a stop_loss below the price."""
    return _entry("enter_long", arguments)


@tool(args_schema=EntryArguments, response_format="content_and_artifact")
def signal_entry_short(**arguments: Any) -> tuple[str, dict[str, Any]]:
    """Open a short position now. Only when flat and the evidence favours a fall; give a stop_loss above the price."""
    return _entry("enter_short", arguments)


@tool(args_schema=ExitArguments, response_format="content_and_artifact")
def signal_exit(**arguments: Any) -> tuple[str, dict[str, Any]]:
    """Close the whole open position now. To take part of the profit use adjust_position."""
    return _proposal("exit", arguments)


@tool(args_schema=AdjustArguments, response_format="content_and_artifact")
def adjust_position(**arguments: Any) -> tuple[str, dict[str, Any]]:
    """Add to (+) or reduce (-) the open position by a percentage of its stake. Not for closing it: use signal_exit."""
    return _proposal("adjust", arguments)


@tool(args_schema=StayArguments, response_format="content_and_artifact")
def signal_hold(**arguments: Any) -> tuple[str, dict[str, Any]]:
    """Keep the open position unchanged until the next candle. Its stop stays in force."""
    return _proposal("hold", arguments)


@tool(args_schema=StayArguments, response_format="content_and_artifact")
def signal_wait(**arguments: Any) -> tuple[str, dict[str, Any]]:
    """Stay flat until the next candle. The right answer whenever the evidence is mixed."""
    return _proposal("wait", arguments)


ENTRY_TOOLS: tuple[BaseTool, ...] = (signal_entry_long, signal_entry_short)
FLAT_TOOLS: tuple[BaseTool, ...] = (*ENTRY_TOOLS, signal_wait)
POSITION_TOOLS: tuple[BaseTool, ...] = (signal_exit, adjust_position, signal_hold)
TERMINAL_TOOLS: tuple[BaseTool, ...] = (*FLAT_TOOLS, *POSITION_TOOLS)
TERMINAL_NAMES = frozenset(one.name for one in TERMINAL_TOOLS)


def _entry(action: Action, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    renamed = {"stake_amount": "stake", "stop_loss": "stop"}
    return _proposal(action, {renamed.get(name, name): value for name, value in arguments.items()})


def _proposal(action: Action, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    known = {name: arguments[name] for name in Proposal.model_fields if arguments.get(name) is not None}
    proposal = Proposal(**known | {"action": action, "confidence": arguments.get("confidence_score") or 0})
    return f"{action} accepted", proposal.model_dump(exclude_none=True)
