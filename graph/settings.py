"""The four configuration blocks: `llm_config`, `experience_config`, `risk_management`, `context_config`.

Every key has an effect; an unknown key, a wrong type or a value out of range is refused with the nearest valid name.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from candlegraph.graph.errors import ConfigError

Indicator = Literal["ema_20", "ema_50", "ema_200", "adx", "rsi", "macd", "bollinger", "atr", "mfi", "obv_slope"]
Pct = float
"""A percentage: 2 means 2 %."""


class Block(BaseModel):
    """A frozen group of keys that refuses unknown ones; a traceback never shows what was given, it may be a key."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class DecisionSettings(Block):
    """Limits of the decision loop, per candle and pair."""

    max_repairs: int = Field(2, ge=0, le=10, description="precise error messages sent back to the model")
    max_memory_calls: int = Field(2, ge=0, le=10, description="memory functions executed before a terminal call is due")
    reject_false_claims: bool = Field(False, description="a claim that contradicts the data costs a repair")
    deadline_seconds: float = Field(
        60, gt=0, le=3600, description="live: all pairs of one candle are decided within it"
    )
    max_concurrency: int = Field(20, ge=1, le=500, description="pairs decided at the same time")


class LlmConfig(Block):
    """The chat model. Without `api_base` the offline policy rule decides, in process."""

    api_base: str | None = Field(None, description="OpenAI-compatible endpoint, with or without /v1")
    api_key: SecretStr | None = Field(None, description="better: environment CANDLEGRAPH_API_KEY or OPENAI_API_KEY")
    model: str = Field("policy", min_length=1)
    temperature: float = Field(0.7, ge=0, le=2)
    max_tokens: int = Field(2000, ge=16)
    timeout: float = Field(60, gt=0, description="seconds per attempt")
    retry_times: int = Field(2, ge=0, le=10)
    decision: DecisionSettings = DecisionSettings()


class VectorStore(Block):
    """How similar situations are found."""

    similarity_threshold: float = Field(0.7, ge=0, le=1)
    top_k: int = Field(5, ge=1, le=50)


class Cleanup(Block):
    """What `cleanup_rag_history` removes."""

    low_quality_below: float = Field(50, ge=0, le=100, description="score")
    old_after_days: float = Field(30, gt=0, description="data time")
    keep_newest: int = Field(1000, ge=1)
    max_share: float = Field(0.5, gt=0, le=1, description="largest share of the memory removed in one step")


class RagConfig(Block):
    """Retrieval and upkeep of the experience memory."""

    vector_store: VectorStore = VectorStore()
    cleanup: Cleanup = Cleanup()
    read_namespaces: tuple[str, ...] = Field((), description="foreign namespaces that retrieval may also read")


class ExperienceConfig(Block):
    """What is learnt from trades."""

    rag_config: RagConfig = RagConfig()
    min_trades_for_learning: int = Field(10, ge=1, description="similar cases needed before guidance is given")
    record_min_profit_pct: Pct = Field(5, description="record_decision_to_rag is bound from this profit on")


class RiskManagement(Block):
    """Hard limits; code enforces them, the model only proposes."""

    max_leverage: float = Field(100, ge=1, le=100)
    max_position_pct: Pct = Field(50, gt=0, le=100, description="margin of one trade, of equity")
    max_open_trades: int = Field(5, ge=1)
    max_risk_per_trade_pct: Pct = Field(5, gt=0, le=100, description="loss at the stop with fees, of equity")
    stop_atr_multiple: float = Field(2, gt=0, le=20, description="stop distance where the model gave none, in ATR")
    liquidation_buffer: float = Field(
        0.2, ge=0, lt=1, description="share of the way to liquidation kept behind the stop"
    )
    maintenance_margin_pct: Pct = Field(1, ge=0, lt=50, description="assumed where the exchange's tier is not known")
    allow_add_to_loser: bool = False


class ContextConfig(Block):
    """What the model sees of the market."""

    timeframes: tuple[str, ...] = Field(
        ("30m", "1h", "4h", "1d"), min_length=1, description="the first is the main one"
    )
    required_indicators: tuple[Indicator, ...] = Field(
        ("ema_20", "ema_50", "rsi", "adx", "macd", "atr", "bollinger"),
        description="no entry while one of them is unavailable on any timeframe",
    )


class Settings(Block):
    """All four blocks."""

    llm_config: LlmConfig = LlmConfig()
    experience_config: ExperienceConfig = ExperienceConfig()
    risk_management: RiskManagement = RiskManagement()
    context_config: ContextConfig = ContextConfig()


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Return the settings in freqtrade's `config`; raise ConfigError naming key, value and what is valid."""
    blocks = {name: config[name] for name in Settings.model_fields if name in config}
    try:
        return Settings.model_validate(blocks)
    except ValidationError as e:
        raise ConfigError("\n".join(_explain(error) for error in e.errors())) from e


def _explain(error: Any) -> str:
    path = [str(part) for part in error["loc"]]
    key = ".".join(path)
    if error["type"] != "extra_forbidden":
        shown = "***" if "api_key" in key else repr(error["input"])
        return f"config: {key} = {shown}: {error['msg']}"
    block: Any = Settings
    for part in path[:-1]:
        block = block.model_fields[part].annotation
    names = list(block.model_fields)
    near = difflib.get_close_matches(path[-1], names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"valid: {', '.join(names)}"
    return f"config: {key}: unknown key; {hint}"
