"""The four configuration blocks: `llm_config`, `experience_config`, `risk_management`, `context_config`.

Every key has an effect; an unknown key, a wrong type or a value out of range is refused with the nearest valid name.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from candlegraph.graph.block import Block, Pct
from candlegraph.graph.errors import ConfigError
from candlegraph.graph.experience_settings import ExperienceConfig
from candlegraph.graph.llm_settings import LlmConfig

Indicator = Literal["ema_20", "ema_50", "ema_200", "adx", "rsi", "macd", "bollinger", "atr", "mfi", "obv_slope"]
SentimentSource = Literal["fear_greed", "funding_rate", "open_interest", "long_short_ratio", "book_imbalance"]
Language = Literal["en", "zh"]
Verdict = Literal["block", "warn", "off"]


class Checks(Block):
    """The DecisionChecker's rules: each blocks, warns or is off; the numbers are its thresholds."""

    claims: Verdict = Field("warn", description="what the model reports contradicts the data")
    against_trend: Verdict = Field("warn", description="an entry against the trend of the two highest timeframes")
    against_trend_confidence: float = Field(75, ge=0, le=100, description="confidence that still allows it")
    reward_to_risk: Verdict = Field("warn", description="the target, else the next level, is too near for the stop")
    min_reward_to_risk: float = Field(1, gt=0, le=100)
    near_level: Verdict = Field("warn", description="a long right under a resistance, a short right over a support")
    near_level_atr: float = Field(0.25, ge=0, le=20, description="in ATR of the main timeframe")
    cooldown: Verdict = Field("warn", description="an entry soon after a loss on the pair")
    cooldown_candles: int = Field(2, ge=1, le=1000)
    repeated_reason: Verdict = Field("warn", description="a hold for the same reason again and again")
    repeated_reason_count: int = Field(5, ge=2, le=100)
    no_progress: Verdict = Field("warn", description="a position that has gone nowhere for long")
    no_progress_candles: int = Field(48, ge=1, le=10_000)
    no_progress_r: float = Field(0.5, ge=0, le=100, description="planned stop distances that count as progress")
    profit_erosion: Verdict = Field("warn", description="much of the best profit was given back")
    erosion_from_pct: Pct = Field(5, ge=0, description="best profit that makes the rule look, of the stake")
    erosion_share: float = Field(0.6, gt=0, le=1, description="share of it given back")


READ_BY: dict[str, frozenset[str]] = {
    "CooldownPeriod": frozenset(),
    "StoplossGuard": frozenset({"trade_limit", "only_per_pair", "only_per_side", "required_profit"}),
    "MaxDrawdown": frozenset({"trade_limit", "max_allowed_drawdown", "calculation_mode"}),
    "LowProfitPairs": frozenset({"trade_limit", "required_profit", "only_per_side"}),
}
"""What each protection reads beside the stop duration; all but the cooldown look back."""


class Protection(Block):
    """One of Freqtrade's protections, in its own words; a key that the method does not read is refused."""

    method: Literal["CooldownPeriod", "StoplossGuard", "MaxDrawdown", "LowProfitPairs"]
    stop_duration_candles: int = Field(2, ge=1)
    lookback_period_candles: int = Field(24, ge=1)
    trade_limit: int = Field(1, ge=1)
    only_per_pair: bool = False
    only_per_side: bool = False
    required_profit: float = 0.0
    max_allowed_drawdown: float = Field(0.15, gt=0, le=1)
    calculation_mode: Literal["ratios", "equity"] = "equity"

    @property
    def read_keys(self) -> set[str]:
        """Return the keys that the method reads."""
        looks_back = {"lookback_period_candles"} if self.method != "CooldownPeriod" else set()
        return {"method", "stop_duration_candles", *looks_back, *READ_BY[self.method]}

    @model_validator(mode="after")
    def _has_no_dead_key(self) -> Protection:
        if dead := sorted(self.model_fields_set - self.read_keys):
            raise ValueError(
                f"{self.method} does not read {', '.join(dead)}; it reads {', '.join(sorted(self.read_keys))}"
            )
        return self


class Approval(Block):
    """A person approves each entry; off by default."""

    required: bool = False
    expires_seconds: float = Field(600, gt=0, description="no answer by then is no trade")
    max_drift_pct: Pct = Field(0.5, gt=0, le=100, description="the price may have moved this far since the proposal")


class RiskManagement(Block):
    """Hard limits; code enforces them, the model only proposes."""

    max_leverage: float = Field(100, ge=1, le=100)
    default_leverage: float = Field(10, ge=1, le=100, description="most leverage without model freedom, or a decision")
    allow_model_freedom: bool = Field(True, description="false: also default leverage and freqtrade's stake are limits")
    max_position_pct: Pct = Field(50, gt=0, le=100, description="margin of one trade, of equity")
    max_total_exposure: float = Field(10, gt=0, le=500, description="notional of all positions, in equities")
    max_open_trades: int = Field(5, ge=1)
    max_risk_per_trade_pct: Pct = Field(5, gt=0, le=100, description="loss at the stop with fees, of equity")
    min_confidence: float = Field(50, ge=0, le=100, description="a less confident entry or addition is refused")
    max_daily_loss_pct: Pct = Field(10, gt=0, le=100, description="no entry for the rest of the UTC day")
    emergency_stop_loss: float = Field(-0.15, lt=0, ge=-1, description="drawdown that closes all and halts entries")
    stop_atr_multiple: float = Field(2, gt=0, le=20, description="stop distance where the model gave none, in ATR")
    stop_on_exchange: bool = Field(True, description="the stop rests on the exchange, where freqtrade supports it")
    break_even_after_r: float | None = Field(
        None, gt=0, le=100, description="move the stop to the entry, in stop distances"
    )
    trailing_after_r: float | None = Field(None, gt=0, le=100, description="trail the stop from this profit on")
    trailing_distance_r: float = Field(1, gt=0, le=100, description="behind the best price, in stop distances")
    liquidation_buffer: float = Field(
        0.2, ge=0, lt=1, description="share of the way to liquidation kept behind the stop"
    )
    maintenance_margin_pct: Pct = Field(1, ge=0, lt=50, description="assumed where the exchange's tier is not known")
    allow_add_to_loser: bool = False
    checks: Checks = Checks()
    protections: tuple[Protection, ...] = Field((), description="freqtrade's own, live and in backtest")
    approval: Approval = Approval()


class TokenAllocation(Block):
    """Most tokens of each section of the prompt."""

    system: int = Field(500, ge=0)
    current_market: int = Field(800, ge=0)
    account: int = Field(200, ge=0)
    position: int = Field(400, ge=0)
    indicator_history: int = Field(1000, ge=0)
    similar_trades: int = Field(1500, ge=0)
    multi_timeframe: int = Field(2000, ge=0)


class SentimentSettings(Block):
    """What is asked of the exchange and the Fear & Greed index, live only."""

    sources: tuple[SentimentSource, ...] = Field(
        ("fear_greed", "funding_rate", "open_interest", "long_short_ratio", "book_imbalance"),
        description="an empty list asks nothing",
    )
    fear_greed_url: str = "https://api.alternative.me/fng/"
    timeout: float = Field(5, gt=0, le=60, description="seconds per request")
    cache_seconds: float = Field(300, ge=0, description="a younger value is not asked for again")
    max_age_minutes: float = Field(180, gt=0, description="an older value is unavailable; a day for fear_greed")


class ContextConfig(Block):
    """What the model sees of the market."""

    timeframes: tuple[str, ...] = Field(
        ("30m", "1h", "4h", "1d"), min_length=1, description="the first is the main one"
    )
    required_indicators: tuple[Indicator, ...] = Field(
        ("ema_20", "ema_50", "rsi", "adx", "macd", "atr", "bollinger"),
        description="no entry while one of them is unavailable on any timeframe",
    )
    max_flat_candles: int = Field(
        12, ge=1, le=600, description="more flat candles without volume in a row are a gap: the window starts behind it"
    )
    language: Language = Field("en", description="of the prompt")
    max_context_tokens: int = Field(6000, ge=3000, description="the whole prompt, tool schemas included")
    allocation: TokenAllocation = TokenAllocation()
    sentiment: SentimentSettings = SentimentSettings()


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
        # A block may hold one.
        is_secret = "api_key" in key or "database_url" in key or isinstance(error["input"], Mapping)
        shown = "***" if is_secret else repr(error["input"])
        return f"config: {key} = {shown}: {error['msg']}"
    names = list(_block_at(path[:-1]).model_fields)
    near = difflib.get_close_matches(path[-1], names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"valid: {', '.join(names)}"
    return f"config: {key}: unknown key; {hint}"


def _block_at(path: Sequence[str]) -> Any:
    """Return the block that `path` leads to, through lists and tables of blocks."""
    inner: Any = Settings
    for part in path:
        is_block = isinstance(inner, type) and issubclass(inner, Block)
        inner = (
            inner.model_fields[part].annotation if is_block else [one for one in get_args(inner) if one is not ...][-1]
        )
    return inner
