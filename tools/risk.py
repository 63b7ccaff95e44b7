"""The risk gate: the model proposes, arithmetic disposes.

Pure functions that may lower a proposal and never raise it. They run in the reviewer, and again at the order against
the true wallet (DECISIONS 15). Order: slots -> stop -> leverage and liquidation buffer -> stake by risk, position,
funds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import Field

from candlegraph.graph.market import Account, Frozen, Position, Price, Side
from candlegraph.graph.settings import RiskManagement
from candlegraph.graph.signal import Clamp

SMALLEST_ADD = 0.01
"""Share of the stake under which an addition is not worth its order."""


class Limits(Frozen):
    """Hard limits of one order: ours, and what the exchange allows."""

    rules: RiskManagement
    fee_ratio: float = Field(0.0005, ge=0, lt=0.1, description="of the notional, per side")
    exchange_max_leverage: float = Field(math.inf, ge=1, allow_inf_nan=True)
    min_stake: float = Field(0, ge=0, description="exchange minimum, quote currency")
    max_stake: float = Field(math.inf, ge=0, allow_inf_nan=True)


class EntryPlan(Frozen):
    """An entry before or after the gate."""

    side: Side
    leverage: float
    stake: float | None
    stop: Price | None
    take_profit: Price | None = None
    clamps: tuple[Clamp, ...] = ()
    refusal: str | None = None


def size_entry(plan: EntryPlan, account: Account, rate: float, atr: float | None, limits: Limits) -> EntryPlan:
    """Return `plan` within every limit at `rate`, or with a refusal that names the key."""
    rules = limits.rules
    if account.open_positions >= rules.max_open_trades:
        return _refused(plan, "max_open_trades", f"{account.open_positions} of {rules.max_open_trades} slots in use")
    plan = _with_stop(plan, rate, atr, rules)
    if plan.stop is None:
        return _refused(plan, "stop_atr_multiple", "no valid stop given and no ATR to derive one")
    distance = abs(rate - plan.stop) / rate
    plan = _with_leverage(plan, distance, limits)
    if plan.refusal:
        return plan
    return _with_stake(plan, account, distance, limits)


def _with_stop(plan: EntryPlan, rate: float, atr: float | None, rules: RiskManagement) -> EntryPlan:
    """Keep a stop on the losing side of `rate`, else derive one from the ATR."""
    sign = 1 if plan.side == "long" else -1
    if plan.stop is not None and sign * (rate - plan.stop) > 0:
        return plan
    derived = None if not atr else rate - sign * rules.stop_atr_multiple * atr
    why = "no stop given" if plan.stop is None else f"stop {plan.stop:.6g} is not on the losing side of {rate:.6g}"
    if derived is None or derived <= 0:
        return plan.model_copy(update={"stop": None})
    clamp = Clamp(key="stop_atr_multiple", before=plan.stop, after=derived, reason=why)
    return plan.model_copy(update={"stop": derived, "clamps": (*plan.clamps, clamp)})


def _with_leverage(plan: EntryPlan, distance: float, limits: Limits) -> EntryPlan:
    """Lower the leverage to the limits and to a whole number; refuse where even 1x is liquidated before the stop."""
    rules = limits.rules
    reach = distance / (1 - rules.liquidation_buffer) + rules.maintenance_margin_pct / 100
    ceilings = {
        "max_leverage": rules.max_leverage,
        "exchange": limits.exchange_max_leverage,
        "liquidation_buffer": 1 / reach,
    }
    plan = _lowered(plan, "leverage", plan.leverage, ceilings)
    whole = math.floor(plan.leverage)
    if whole < 1:
        return _refused(plan, "liquidation_buffer", f"a stop {distance:.2%} away lies beyond liquidation even at 1x")
    return _lowered(plan, "leverage", plan.leverage, {"whole_number": float(whole)})


def _with_stake(plan: EntryPlan, account: Account, distance: float, limits: Limits) -> EntryPlan:
    """Lower the stake to risk, position share, funds and exchange; below the exchange minimum: refuse."""
    rules = limits.rules
    if plan.stake is None:
        plan = plan.model_copy(update={"stake": account.free / (rules.max_open_trades - account.open_positions)})
    loss_per_stake = plan.leverage * (distance + 2 * limits.fee_ratio)
    ceilings = {
        "max_risk_per_trade_pct": rules.max_risk_per_trade_pct / 100 * account.equity / loss_per_stake,
        "max_position_pct": rules.max_position_pct / 100 * account.equity,
        "free": account.free,
        "exchange": limits.max_stake,
    }
    plan = _lowered(plan, "stake", plan.stake or 0.0, ceilings)
    if plan.stake is None or plan.stake <= 0 or plan.stake < limits.min_stake:
        return _refused(plan, "exchange", f"stake {plan.stake:.6g} is below the minimum {limits.min_stake:.6g}")
    return plan


def _lowered(plan: EntryPlan, field: str, value: float, ceilings: Mapping[str, float]) -> EntryPlan:
    """Return `plan` with `field` lowered to the smallest ceiling, one clamp per ceiling that lowered it."""
    clamps = list(plan.clamps)
    for key, ceiling in ceilings.items():
        if ceiling < value:
            clamps.append(Clamp(key=key, before=value, after=ceiling, reason=f"{field} limited by {key}"))
            value = ceiling
    return plan.model_copy(update={field: value, "clamps": tuple(clamps)})


def _refused(plan: EntryPlan, key: str, reason: str) -> EntryPlan:
    clamp = Clamp(key=key, before=plan.stake, after=0.0, reason=reason)
    return plan.model_copy(update={"refusal": f"{key}: {reason}", "stake": 0.0, "clamps": (*plan.clamps, clamp)})


def size_add(
    stake: float, position: Position, account: Account, rate: float, limits: Limits
) -> tuple[float, tuple[Clamp, ...]]:
    """Return how much of `stake` (margin, quote currency) may be added at `rate`, 0 for none, with the clamps.

    The whole position after the add obeys the limits: its loss at the stop, its margin, the funds.
    """
    rules = limits.rules
    if position.stop is None:
        return 0.0, (Clamp(key="stop_atr_multiple", before=stake, after=0.0, reason="the position has no stop"),)
    if (rate - position.stop) * (1 if position.side == "long" else -1) <= 0:
        return 0.0, (Clamp(key="stop_atr_multiple", before=stake, after=0.0, reason="the price is beyond the stop"),)
    if position.profit_pct < 0 and not rules.allow_add_to_loser:
        return 0.0, (Clamp(key="allow_add_to_loser", before=stake, after=0.0, reason="the position is losing"),)
    at_risk = position.stake * position.leverage * _loss_ratio(position, position.entry_price, limits)
    per_stake = position.leverage * _loss_ratio(position, rate, limits)
    ceilings = {
        "max_risk_per_trade_pct": (rules.max_risk_per_trade_pct / 100 * account.equity - at_risk) / per_stake,
        "max_position_pct": rules.max_position_pct / 100 * account.equity - position.stake,
        "free": account.free,
        "exchange": limits.max_stake,
    }
    plan = EntryPlan(side=position.side, leverage=position.leverage, stake=stake, stop=position.stop)
    plan = _lowered(plan, "stake", stake, ceilings)
    smallest = max(limits.min_stake, SMALLEST_ADD * position.stake)
    if plan.stake is None or plan.stake < smallest:
        key = plan.clamps[-1].key if plan.clamps else "exchange"
        plan = _refused(plan, key, f"what is left to add is below {smallest:.6g}")
    return plan.stake or 0.0, plan.clamps


def _loss_ratio(position: Position, price: float, limits: Limits) -> float:
    """Return the loss from `price` to the stop with fees, of the notional; at least the fees."""
    sign = 1 if position.side == "long" else -1
    return max(0.0, sign * (price - (position.stop or price)) / price) + 2 * limits.fee_ratio
