"""`llm_config`: which models are asked, how deep, for how much, and what happens when they fail."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from candlegraph.graph.schema.calls import Role
from candlegraph.graph.settings.block import Block

ToolMode = Literal["auto", "native", "json_schema"]
Mode = Literal["live", "record", "replay"]
Depth = Literal["fast", "balanced", "deep"]
OnFailure = Literal["stop", "wait"]
PromptSize = Literal["full", "compact"]

SECRETS = ("api_key", "api_key_env", "api_base", "provider")
"""What an override that names another endpoint does not inherit: a key must not travel to another host."""

UNSENT = ("temperature", "max_tokens")
"""Where null says that the parameter is not sent."""


FREE_PROVIDERS = frozenset({"policy", "local"})


class ModelSettings(Block):
    """One chat model and the way to it."""

    provider: str = Field(
        "auto", min_length=1, description="auto, openai, ollama, policy, local, or a provider of init_chat_model"
    )
    api_base: str | None = Field(
        None, description="endpoint; with a version or path as it is, else with /v1 and without"
    )
    api_key: SecretStr | None = Field(None, description="better: environment CANDLEGRAPH_API_KEY or OPENAI_API_KEY")
    api_key_env: str | None = Field(None, min_length=1, description="the environment variable that holds the key")
    model: str = Field("policy", min_length=1)
    temperature: float | None = Field(0.7, ge=0, le=2, description="null: not sent")
    max_tokens: int | None = Field(2000, ge=16, description="thoughts included; null: not sent")
    timeout: float = Field(60, gt=0, description="seconds per attempt")
    retry_times: int = Field(2, ge=0, le=10, description="attempts after the first")
    tool_mode: ToolMode = Field("auto", description="how functions are called")
    options: dict[str, Any] = Field({}, description="further parameters, passed on as they are")

    @property
    def is_free(self) -> bool:
        """Return whether asking it costs nothing: a rule, or weights on this machine."""
        return self.provider in FREE_PROVIDERS or (self.provider == "auto" and self.api_base is None)


class ModelOverride(Block):
    """Another model: what is left out is as in `llm_config` itself."""

    provider: str | None = Field(None, min_length=1)
    api_base: str | None = None
    api_key: SecretStr | None = None
    api_key_env: str | None = Field(None, min_length=1)
    model: str | None = Field(None, min_length=1)
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=16)
    timeout: float | None = Field(None, gt=0)
    retry_times: int | None = Field(None, ge=0, le=10)
    tool_mode: ToolMode | None = None
    options: dict[str, Any] | None = None

    def over(self, base: ModelSettings) -> ModelSettings:
        """Return `base` with what is set here; keys do not follow to another provider or endpoint."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        own = {name: value for name, value in given.items() if value is not None or name in UNSENT}
        kept = {name: getattr(base, name) for name in ModelSettings.model_fields}
        if {"provider", "api_base"} & own.keys():
            kept = {name: value for name, value in kept.items() if name not in SECRETS}
        if "api_key_env" in own:
            kept.pop("api_key", None)  # a literal one would win over it
        return ModelSettings.model_validate(kept | own)


class DecisionSettings(Block):
    """Limits of the decision loop, per candle and pair."""

    max_repairs: int = Field(2, ge=0, le=10, description="precise error messages sent back to the model")
    max_memory_calls: int = Field(2, ge=0, le=10, description="memory functions executed before a terminal call is due")
    reject_false_claims: bool = Field(False, description="a claim that contradicts the data costs a repair")
    deadline_seconds: float = Field(
        60, gt=0, le=3600, description="live: all pairs of one candle are decided within it"
    )
    max_concurrency: int = Field(20, ge=1, le=500, description="pairs decided at the same time")


class Triage(Block):
    """Hold or wait without asking a model when nothing has changed since the last candle; off by default."""

    enabled: bool = False
    max_move_atr: float = Field(0.3, gt=0, le=20, description="a larger move of the close asks the model")


class Breaker(Block):
    """An endpoint that keeps failing is left alone for a while."""

    failures: int = Field(3, ge=1, le=1000, description="failed calls in a row that open it")
    cooldown_seconds: float = Field(60, gt=0, le=86_400, description="then one call tries whether it is back")


class TokenPrice(Block):
    """What a model costs per million tokens, in the currency of the budget."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(None, ge=0, description="None: as input")


class Budget(Block):
    """Most money and tokens; a day and a month are the candles' own, UTC."""

    run_cost: float | None = Field(None, gt=0, description="of one backtest, or of the bot since it was started")
    daily_cost: float | None = Field(None, gt=0)
    monthly_cost: float | None = Field(None, gt=0)
    daily_tokens: int | None = Field(None, gt=0, description="in and out; needs no price")
    degrade_at: float = Field(0.8, gt=0, le=1, description="from this share of a limit on, depth is fast")


class LlmConfig(ModelSettings):
    """The chat models. Without `api_base` the offline policy rule decides, in process."""

    fallbacks: tuple[ModelOverride, ...] = Field((), description="asked in this order when the model fails")
    roles: dict[Role, ModelOverride] = Field({}, description="another model for a role")
    mode: Mode = Field("live", description="record keeps every answer, replay never calls")
    cassette: str | None = Field(None, min_length=1, description="file of the answers; None: rag/cassette.sqlite")
    depth: Depth = Field("fast", description="how many roles are models")
    prompt: PromptSize = Field("full", description="compact: a few hundred tokens, for small models")
    decision: DecisionSettings = DecisionSettings()
    triage: Triage = Triage()
    breaker: Breaker = Breaker()
    on_failure: OnFailure = Field("stop", description="a backtest's decision without an answer; live always waits")
    pause_entries_after: int = Field(3, ge=1, le=1000, description="failed candles in a row; live only")
    prices: dict[str, TokenPrice] = Field({}, description="by model name")
    budget: Budget = Budget()

    def models_of(self, role: Role) -> tuple[ModelSettings, ...]:
        """Return the models that a role asks, the first one first."""
        override = self.roles.get(role)
        first = ModelSettings(**{name: getattr(self, name) for name in ModelSettings.model_fields})
        if override is not None:
            first = override.over(first)
        return (first, *(fallback.over(first) for fallback in self.fallbacks))

    @model_validator(mode="after")
    def _limits_can_be_counted(self) -> LlmConfig:
        """Refuse a limit of money on a model without a price: it would have no effect."""
        budget = self.budget
        if all(limit is None for limit in (budget.run_cost, budget.daily_cost, budget.monthly_cost)):
            return self
        roles: tuple[Role, ...] = ("analyst", "bull", "bear", "decision", "reviewer")
        asked = {one.model for role in roles for one in self.models_of(role)}
        if unknown := sorted(asked - self.prices.keys()):
            raise ValueError(f"budget limits a cost, but prices names none for {', '.join(unknown)}")
        return self
