"""`llm_config`: which models are asked, how deep, for how much, and what happens when they fail."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from candlegraph.graph.schema.calls import Role
from candlegraph.graph.settings.block import Block
from candlegraph.graph.settings.prompts import refused

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
        "auto",
        min_length=1,
        description=(
            "`auto`: the offline rule where `model` is `policy` and no `api_base` is named, else an "
            "OpenAI-compatible endpoint. Or `openai`, `ollama`, `policy`, `local`, or a provider that LangChain's "
            "`init_chat_model` knows and whose package you have installed."
        ),
    )
    api_base: str | None = Field(
        None,
        description=(
            "The endpoint. With a version, a path or the whole `…/chat/completions` it is taken as it is; a bare "
            "host is tried with `/v1` and without. A query such as `?api-version=…` is kept."
        ),
    )
    api_key: SecretStr | None = Field(
        None,
        description=(
            "The endpoint's key. Better in the environment: `CANDLEGRAPH_API_KEY`, else `OPENAI_API_KEY`. Never "
            "shown in an error."
        ),
    )
    api_key_env: str | None = Field(
        None, min_length=1, description="Name of another environment variable that holds the key; it must be set."
    )
    model: str = Field(
        "policy", min_length=1, description="The model's name at the endpoint. `policy` is the offline rule."
    )
    temperature: float | None = Field(0.7, ge=0, le=2, description="Sent with every call; `null`: not sent.")
    max_tokens: int | None = Field(
        2000, ge=16, description="Most tokens of one answer, thoughts included; `null`: not sent."
    )
    timeout: float = Field(60, gt=0, description="Seconds for one attempt; shorter where the deadline is near.")
    retry_times: int = Field(
        2,
        ge=0,
        le=10,
        description=(
            "Attempts after the first one, with growing pauses or as long as the endpoint asks: on time-outs, "
            "broken connections and answers, 408, 409, 425, 429 and 5xx."
        ),
    )
    tool_mode: ToolMode = Field(
        "auto",
        description=(
            "How functions are called: `native` (the endpoint's tool calls), `json_schema` (one JSON object by "
            "`response_format`, for servers without tool calls), `auto` (native, until the endpoint shows that it "
            "cannot)."
        ),
    )
    options: dict[str, Any] = Field(
        {},
        description=(
            "Further parameters, passed on as they are: in the body of an OpenAI-compatible request, else to the "
            "LangChain model. They win over ours; `null` takes a parameter out."
        ),
    )

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

    max_repairs: int = Field(
        2, ge=0, le=10, description="How often a faulty answer is sent back with a precise message; then hold or wait."
    )
    max_memory_calls: int = Field(
        2, ge=0, le=10, description="Memory functions per decision; then they are no longer offered."
    )
    reject_false_claims: bool = Field(
        False,
        description=(
            "`true`: a stated RSI, level or trend strength that contradicts the data costs a repair, except at an "
            "exit or a reduction. `false`: it is only noted in the decision."
        ),
    )
    deadline_seconds: float = Field(
        60,
        gt=0,
        le=3600,
        description=(
            "Dry-run and live: all pairs of a candle are decided within it, retries and fallbacks included; who "
            "is late gets hold or wait. A backtest waits."
        ),
    )
    max_concurrency: int = Field(20, ge=1, le=500, description="Pairs that ask the model at the same time.")


class Triage(Block):
    """Hold or wait without asking a model when nothing has changed since the last candle; off by default."""

    enabled: bool = Field(
        False, description="`true`: hold or wait without a model when nothing has changed since the last candle."
    )
    max_move_atr: float = Field(
        0.3,
        gt=0,
        le=20,
        description="A larger move of the close since the last candle, in ATR of the main timeframe, asks the model.",
    )


class Breaker(Block):
    """An endpoint that keeps failing is left alone for a while."""

    failures: int = Field(
        3,
        ge=1,
        le=1000,
        description=(
            "Failed calls in a row after which a model at an endpoint is left alone; another model there has a "
            "count of its own."
        ),
    )
    cooldown_seconds: float = Field(60, gt=0, le=86_400, description="Then one call tries whether it is back.")


class TokenPrice(Block):
    """What a model costs per million tokens, in the currency of the budget."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(None, ge=0, description="None: as input")


class Budget(Block):
    """Most money and tokens; a day and a month are the candles' own, UTC."""

    run_cost: float | None = Field(None, gt=0, description="Most money of one backtest, or of the bot since its start.")
    daily_cost: float | None = Field(None, gt=0, description="Most money a day (UTC, of the candles).")
    monthly_cost: float | None = Field(None, gt=0, description="Most money a month.")
    daily_tokens: int | None = Field(None, gt=0, description="Most tokens a day, in and out; needs no price.")
    degrade_at: float = Field(
        0.8,
        gt=0,
        le=1,
        description="From this share of a limit on, the depth is `fast`; at the limit no model is asked: hold or wait.",
    )


class LlmConfig(ModelSettings):
    """The chat models. Without `api_base` the offline policy rule decides, in process."""

    fallbacks: tuple[ModelOverride, ...] = Field(
        (),
        description=(
            "Models asked in this order when the one before has failed for good. Each names what differs from the "
            "keys above; a key (`api_key`) does not follow to another provider or endpoint."
        ),
    )
    roles: dict[Role, ModelOverride] = Field(
        {},
        description=(
            "Another model for a role (`analyst`, `bull`, `bear`, `decision`, `reviewer`), written like a fallback."
        ),
    )
    mode: Mode = Field(
        "live",
        description=(
            "`live`: call. `record`: call on a miss and keep the answer. `replay`: never call; a miss is an error "
            "that names pair, candle and what changed."
        ),
    )
    cassette: str | None = Field(
        None, min_length=1, description="The file of the answers; `null`: `rag/cassette.sqlite` in the user folder."
    )
    depth: Depth = Field(
        "fast",
        description=(
            "`fast`: the decision is a model. `balanced`: also the reviewer, for entries. `deep`: also the "
            "analyst, and a bull and a bear case."
        ),
    )
    prompt: PromptSize = Field("full", description="`compact`: a few hundred tokens, for small models.")
    prompts_dir: str | None = Field(
        None,
        min_length=1,
        description=(
            "Folder of own prompts (`NAME.en.md`, `NAME.zh.md`); a file there takes the place of the packaged one of "
            "its name."
        ),
    )
    own_prompts: dict[str, str] = Field(
        {},
        description="The same without files: texts by name, such as `decision.en`; over those of `prompts_dir`.",
    )
    decision: DecisionSettings = DecisionSettings()
    triage: Triage = Triage()
    breaker: Breaker = Breaker()
    on_failure: OnFailure = Field(
        "stop",
        description=(
            "A backtest's decision that no model answered: `stop` ends the run, `wait` makes it a hold or wait "
            "that the table counts. A replay always stops. Live it always waits."
        ),
    )
    pause_entries_after: int = Field(
        3,
        ge=1,
        le=1000,
        description="Dry-run and live: failed candles in a row after which entries pause, until a candle succeeds.",
    )
    prices: dict[str, TokenPrice] = Field(
        {},
        description=(
            'What models cost, by name: `{"name": {"input": 2.5, "output": 10, "cached_input": 1.25}}` per '
            "million tokens, in any one currency."
        ),
    )
    budget: Budget = Budget()
    knowledge_cutoff: date | None = Field(
        None,
        description=(
            "Up to which day the model knows the world, like `2025-03-31`, as its maker says: `candlegraph evaluate` "
            "sets what was made before it apart from what was made after."
        ),
    )

    def models_of(self, role: Role) -> tuple[ModelSettings, ...]:
        """Return the models that a role asks, the first one first."""
        override = self.roles.get(role)
        first = ModelSettings(**{name: getattr(self, name) for name in ModelSettings.model_fields})
        if override is not None:
            first = override.over(first)
        return (first, *(fallback.over(first) for fallback in self.fallbacks))

    @field_validator("own_prompts")
    @classmethod
    def _prompts_are_known(cls, texts: dict[str, str]) -> dict[str, str]:
        if wrong := [f"{name}: {why}" for name, why in refused(texts)]:
            raise ValueError("; ".join(wrong))
        return texts

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
