"""`risk_management`: every limit that the gate, the stops and the rules enforce."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from candlegraph.graph.settings.block import Block, Pct

Strictness = Literal["block", "warn", "off"]


class Checks(Block):
    """The DecisionChecker's rules: each blocks, warns or is off; the numbers are its thresholds."""

    claims: Strictness = Field("warn", description="what the model reports contradicts the data")
    against_trend: Strictness = Field("warn", description="an entry against the trend of the two highest timeframes")
    against_trend_confidence: float = Field(75, ge=0, le=100, description="confidence that still allows it")
    reward_to_risk: Strictness = Field("warn", description="the target, else the next level, is too near for the stop")
    min_reward_to_risk: float = Field(1, gt=0, le=100)
    near_level: Strictness = Field("warn", description="a long right under a resistance, a short right over a support")
    near_level_atr: float = Field(0.25, ge=0, le=20, description="in ATR of the main timeframe")
    cooldown: Strictness = Field("warn", description="an entry soon after a loss on the pair")
    cooldown_candles: int = Field(2, ge=1, le=1000)
    repeated_reason: Strictness = Field("warn", description="a hold for the same reason again and again")
    repeated_reason_count: int = Field(5, ge=2, le=100)
    no_progress: Strictness = Field("warn", description="a position that has gone nowhere for long")
    no_progress_candles: int = Field(48, ge=1, le=10_000)
    no_progress_r: float = Field(0.5, ge=0, le=100, description="planned stop distances that count as progress")
    profit_erosion: Strictness = Field("warn", description="much of the best profit was given back")
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
    stop_atr_multiple: float = Field(
        2, gt=0, le=20, description="stop distance where the model gave no stop and no real level, in ATR"
    )
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
