"""`risk_management`: every limit that the gate, the stops and the rules enforce."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from candlegraph.graph.settings.block import Block, Pct

Strictness = Literal["block", "warn", "off"]


class Checks(Block):
    """The DecisionChecker's rules: each blocks, warns or is off; the numbers are its thresholds."""

    claims: Strictness = Field(
        "warn", description="What the model reports (RSI, levels, trend strength) contradicts the data."
    )
    against_trend: Strictness = Field(
        "warn",
        description="An entry against the trend of the two highest timeframes, with less confidence than the next key.",
    )
    against_trend_confidence: float = Field(75, ge=0, le=100, description="Confidence that allows such an entry.")
    reward_to_risk: Strictness = Field("warn", description="The target, else the next level, is too near for the stop.")
    min_reward_to_risk: float = Field(1, gt=0, le=100, description="Least way to the target per way to the stop.")
    near_level: Strictness = Field("warn", description="A long right under a resistance, a short right over a support.")
    near_level_atr: float = Field(0.25, ge=0, le=20, description="How near that is, in ATR of the main timeframe.")
    cooldown: Strictness = Field("warn", description="An entry soon after a loss on the pair.")
    cooldown_candles: int = Field(2, ge=1, le=1000, description="How soon, in main candles.")
    repeated_reason: Strictness = Field("warn", description="A position held for the same reason again and again.")
    repeated_reason_count: int = Field(5, ge=2, le=100, description="How often in a row.")
    no_progress: Strictness = Field("warn", description="A position that has gone nowhere for long.")
    no_progress_candles: int = Field(48, ge=1, le=10_000, description="How long, in main candles.")
    no_progress_r: float = Field(
        0.5, ge=0, le=100, description="Price move, in planned stop distances, that counts as progress."
    )
    profit_erosion: Strictness = Field("warn", description="Much of the best profit was given back.")
    erosion_from_pct: Pct = Field(5, ge=0, description="Best profit (%, of the stake) from which the rule looks.")
    erosion_share: float = Field(0.6, gt=0, le=1, description="Share of it that was given back.")


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

    required: bool = Field(
        False, description="`true`: each entry waits for `candlegraph approve`. Refused at the start of a backtest."
    )
    expires_seconds: float = Field(600, gt=0, description="Without an answer by then there is no trade.")
    max_drift_pct: Pct = Field(
        0.5, gt=0, le=100, description="Most move of the price (%) between proposal and approval."
    )


class RiskManagement(Block):
    """Hard limits; code enforces them, the model only proposes."""

    max_leverage: float = Field(100, ge=1, le=100, description="Leverage is lowered to it, and then to a whole number.")
    default_leverage: float = Field(
        10,
        ge=1,
        le=100,
        description=(
            "Leverage of a trade without a decision (`/forceenter`); most leverage where `allow_model_freedom` is "
            "false."
        ),
    )
    allow_model_freedom: bool = Field(
        True,
        description=(
            "`false`: the model's leverage and stake are also limited to the default leverage and Freqtrade's "
            "proposed stake."
        ),
    )
    max_position_pct: Pct = Field(
        50, gt=0, le=100, description="Most margin of one trade with its additions, % of the equity."
    )
    max_total_exposure: float = Field(
        10, gt=0, le=500, description="Most notional (margin × leverage) of all positions together, in equities."
    )
    max_open_trades: int = Field(
        5,
        ge=1,
        description=(
            "No entry while so many positions are open. Freqtrade's own `max_open_trades` counts too: the lower wins."
        ),
    )
    max_risk_per_trade_pct: Pct = Field(
        5,
        gt=0,
        le=100,
        description=(
            "Most loss at the stop, fees of both sides included, % of the equity; for the whole position after "
            "additions."
        ),
    )
    min_confidence: float = Field(
        50, ge=0, le=100, description="An entry or addition that the model is less sure of is refused."
    )
    max_daily_loss_pct: Pct = Field(
        10,
        gt=0,
        le=100,
        description=(
            "Once the equity is so far (%) below its value at 00:00 UTC, no entry and no addition until the next day."
        ),
    )
    emergency_stop_loss: float = Field(
        -0.15,
        lt=0,
        ge=-1,
        description=(
            "Drawdown from the highest equity (open profit included) at which all positions are closed and "
            "entries halt until a reset."
        ),
    )
    stop_atr_multiple: float = Field(
        2,
        gt=0,
        le=20,
        description=(
            "Stop distance, in ATR of the second timeframe, where the model gave no usable stop and named no real "
            "level; a level of the facts that is nearer is used instead."
        ),
    )
    stop_on_exchange: bool = Field(
        True, description="The stop rests as an order on the exchange, where Freqtrade supports that."
    )
    break_even_after_r: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Move the stop to the entry once the profit is so many planned stop distances; `null`: never.",
    )
    trailing_after_r: float | None = Field(
        None,
        gt=0,
        le=100,
        description="From so many planned stop distances of profit on, the stop trails the best price; `null`: never.",
    )
    trailing_distance_r: float = Field(
        1, gt=0, le=100, description="How far behind the best price it trails, in planned stop distances."
    )
    liquidation_buffer: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Share of the way to liquidation that must stay behind the stop; it lowers the leverage.",
    )
    maintenance_margin_pct: Pct = Field(1, ge=0, lt=50, description="Maintenance margin assumed for that computation.")
    allow_add_to_loser: bool = Field(False, description="`true` lets the model add to a position that loses.")
    checks: Checks = Checks()
    protections: tuple[Protection, ...] = Field(
        (),
        description=(
            "Freqtrade's own protections: a list of objects with `method` and the keys below. They work live and "
            "in backtests."
        ),
    )
    approval: Approval = Approval()
