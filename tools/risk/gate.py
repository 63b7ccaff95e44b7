"""The risk gate: the model proposes, arithmetic disposes.

Pure functions that may lower a proposal and never raise it. They run in the reviewer, and again at the order against
the true wallet (docs/decisions/06). Order: halts -> slots -> confidence -> stop and target -> leverage and liquidation
buffer -> stake by risk, position, exposure, funds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import Field

from candlegraph.graph.schema.fate import Door, Refusal
from candlegraph.graph.schema.market import SIGN, Account, Frozen, Position, Price, Side
from candlegraph.graph.schema.signal import Clamp
from candlegraph.graph.settings.risk import RiskManagement
from candlegraph.tools.risk.stops import StopBasis, behind_named, derived_stop, is_protective

SMALLEST_ADD = 0.01
"""Share of the stake under which an addition is not worth its order."""
DOORS: dict[str, Door] = {
    "max_open_trades": "slot",
    "emergency_stop_loss": "halted",
    "max_daily_loss_pct": "halted",
    "free": "wallet",
}
"""Where a key is a door of its own; every other key is the gate's."""


class Limits(Frozen):
    """Hard limits of one order: ours, and what the exchange allows."""

    rules: RiskManagement
    fee_ratio: float = Field(0.0005, ge=0, lt=0.1, description="of the notional, per side")
    exchange_max_leverage: float = Field(math.inf, ge=1, allow_inf_nan=True)
    min_stake: float = Field(0, ge=0, description="exchange minimum at this order's leverage, quote currency")
    min_notional: float = Field(0, ge=0, description="the same, times the leverage: before that is known")
    max_stake: float = Field(math.inf, ge=0, allow_inf_nan=True)
    max_notional: float = Field(math.inf, ge=0, allow_inf_nan=True, description="the same, times the leverage")
    proposed_stake: float | None = Field(None, ge=0, description="freqtrade's; None: not known before the order")


class EntryPlan(Frozen):
    """An entry before or after the gate."""

    side: Side
    leverage: float
    stake: float | None
    stop: Price | None
    take_profit: Price | None = None
    confidence: float = 100
    clamps: tuple[Clamp, ...] = ()
    refusal: Refusal | None = None


def size_entry(plan: EntryPlan, account: Account, rate: float, basis: StopBasis, limits: Limits) -> EntryPlan:
    """Return `plan` within every limit at `rate`, or with a refusal that names the key."""
    rules = limits.rules
    if refusal := no_entry(account, rules) or _unsure(plan.confidence, rules):
        return _refused(plan, refusal)
    plan = _with_target(_with_stop(plan, rate, basis, rules), rate)
    if plan.stop is None:
        return _refused(plan, refused_by("stop_atr_multiple", "no valid stop given and no ATR to derive one"))
    distance = abs(rate - plan.stop) / rate
    plan = _with_leverage(plan, distance, limits)
    return plan if plan.refusal else _with_stake(plan, account, distance, limits)


def refused_by(key: str, why: str) -> Refusal:
    """Return a refusal by a configuration key."""
    return Refusal(door=DOORS.get(key, "gate"), key=key, why=why)


def no_entry(account: Account, rules: RiskManagement) -> Refusal | None:
    """Return why no entry at all may be made now, whatever it is like."""
    return halt_of(account, rules) or _no_slot(account, rules)


def halt_of(account: Account, rules: RiskManagement) -> Refusal | None:
    """Return why no position may be opened or enlarged at all."""
    if account.halted:
        return refused_by("emergency_stop_loss", account.halted)
    if account.drawdown_pct >= -100 * rules.emergency_stop_loss:
        below = f"the account is {account.drawdown_pct:.2f} % below its highest equity"
        return refused_by("emergency_stop_loss", below)
    if account.day_profit_pct <= -rules.max_daily_loss_pct:
        return refused_by("max_daily_loss_pct", f"the day's result is {account.day_profit_pct:.2f} %")
    return None


def _no_slot(account: Account, rules: RiskManagement) -> Refusal | None:
    slots = _slots(account, rules)
    if account.open_positions < slots:
        return None
    return refused_by("max_open_trades", f"{account.open_positions} of {slots} slots in use")


def _slots(account: Account, rules: RiskManagement) -> int:
    return rules.max_open_trades if account.slots is None else min(account.slots, rules.max_open_trades)


def _unsure(confidence: float, rules: RiskManagement) -> Refusal | None:
    if confidence >= rules.min_confidence:
        return None
    return refused_by("min_confidence", f"confidence {confidence:.6g} is below {rules.min_confidence:.6g}")


def _with_stop(plan: EntryPlan, rate: float, basis: StopBasis, rules: RiskManagement) -> EntryPlan:
    """Keep a stop on the losing side of `rate`, else derive one from level and ATR."""
    if plan.stop is not None and is_protective(plan.side, plan.stop, rate):
        return plan
    derived = derived_stop(plan.side, rate, basis, rules.stop_atr_multiple)
    if derived is None:
        return plan.model_copy(update={"stop": None})
    why = "no stop given" if plan.stop is None else f"stop {plan.stop:.6g} is not on the losing side of {rate:.6g}"
    if derived == behind_named(plan.side, rate, basis, rules.stop_atr_multiple):
        why += f"; behind the level that was named, {basis.named:.6g}"
    clamp = Clamp(key="stop_atr_multiple", before=plan.stop, after=derived, reason=why)
    return plan.model_copy(update={"stop": derived, "clamps": (*plan.clamps, clamp)})


def _with_target(plan: EntryPlan, rate: float) -> EntryPlan:
    """Drop a target on the losing side of `rate`: it would close the trade at once, or never."""
    target = plan.take_profit
    if target is None or SIGN[plan.side] * (target - rate) > 0:
        return plan
    why = f"target {target:.6g} is not on the winning side of {rate:.6g}"
    clamp = Clamp(key="take_profit", before=target, after=None, reason=why)
    return plan.model_copy(update={"take_profit": None, "clamps": (*plan.clamps, clamp)})


def _with_leverage(plan: EntryPlan, distance: float, limits: Limits) -> EntryPlan:
    """Lower the leverage to the limits and to a whole number; refuse where even 1x is liquidated before the stop."""
    rules = limits.rules
    reach = distance / (1 - rules.liquidation_buffer) + rules.maintenance_margin_pct / 100
    ceilings = {
        "max_leverage": rules.max_leverage,
        "exchange": limits.exchange_max_leverage,
        "liquidation_buffer": 1 / reach,
    }
    if not rules.allow_model_freedom:
        ceilings["default_leverage"] = rules.default_leverage
    plan = _lowered(plan, "leverage", plan.leverage, ceilings)
    whole = math.floor(plan.leverage)
    if whole < 1:
        beyond = f"a stop {distance:.2%} away lies beyond liquidation even at 1x"
        return _refused(plan, refused_by("liquidation_buffer", beyond))
    return _lowered(plan, "leverage", plan.leverage, {"whole_number": float(whole)})


def _with_stake(plan: EntryPlan, account: Account, distance: float, limits: Limits) -> EntryPlan:
    """Lower the stake to risk, position share, exposure, funds and exchange; below the exchange minimum: refuse."""
    rules = limits.rules
    is_guess = plan.stake is None and limits.proposed_stake is None
    if plan.stake is None:
        plan = plan.model_copy(update={"stake": _default_stake(account, limits)})
    loss_per_stake = plan.leverage * (distance + 2 * limits.fee_ratio)
    ceilings = {
        "max_risk_per_trade_pct": rules.max_risk_per_trade_pct / 100 * account.equity / loss_per_stake,
        "max_position_pct": rules.max_position_pct / 100 * account.equity,
        **_shared_ceilings(plan.leverage, account, limits),
    }
    if not rules.allow_model_freedom and limits.proposed_stake is not None:
        ceilings["allow_model_freedom"] = limits.proposed_stake
    plan = _lowered(plan, "stake", plan.stake or 0.0, ceilings)
    least = max(limits.min_stake, limits.min_notional / plan.leverage)
    # Where freqtrade is going to propose the stake, only what no proposal can pass is too small.
    largest = max(plan.stake or 0.0, min(ceilings.values())) if is_guess else plan.stake or 0.0
    if largest <= 0 or largest < least:
        key = plan.clamps[-1].key if plan.clamps and plan.clamps[-1].after == plan.stake else "exchange"
        return _refused(plan, too_small(key, f"stake {largest:.6g}", least))
    return plan


def too_small(key: str, what: str, least: float) -> Refusal:
    """Return the refusal of an order under the exchange's minimum; `key` is the limit that made it so small."""
    door: Door = "wallet" if key == "free" else "exchange_minimum" if least > 0 else "gate"
    return Refusal(door=door, key=key, why=f"{what} is below the minimum {least:.6g}")


def _default_stake(account: Account, limits: Limits) -> float:
    """Return the stake of an entry that names none: freqtrade's, else an equal share of what is free."""
    if limits.proposed_stake is not None:
        return limits.proposed_stake
    return account.free / (_slots(account, limits.rules) - account.open_positions)


def _shared_ceilings(leverage: float, account: Account, limits: Limits) -> dict[str, float]:
    """Return what limits entries and additions alike, as margin."""
    return {
        "max_total_exposure": max(0.0, _room(account, limits.rules)) / leverage,
        "free": account.free,
        "exchange": min(limits.max_stake, limits.max_notional / leverage),
    }


def _room(account: Account, rules: RiskManagement) -> float:
    """Return how much may still be opened in all, notional; below 0 where there is too much already."""
    return rules.max_total_exposure * account.equity - account.exposure


def _lowered(plan: EntryPlan, field: str, value: float, ceilings: Mapping[str, float]) -> EntryPlan:
    """Return `plan` with `field` lowered to the smallest ceiling, one clamp per ceiling that lowered it."""
    clamps = list(plan.clamps)
    for key, ceiling in ceilings.items():
        if ceiling < value:
            clamps.append(Clamp(key=key, before=value, after=ceiling, reason=f"{field} limited by {key}"))
            value = ceiling
    return plan.model_copy(update={field: value, "clamps": tuple(clamps)})


def _refused(plan: EntryPlan, refusal: Refusal) -> EntryPlan:
    clamp = Clamp(key=refusal.key, before=plan.stake, after=0.0, reason=refusal.why)
    return plan.model_copy(update={"refusal": refusal, "stake": 0.0, "clamps": (*plan.clamps, clamp)})


def size_add(
    stake: float, position: Position, account: Account, rate: float, limits: Limits, confidence: float = 100
) -> EntryPlan:
    """Return `stake` (margin, quote currency) as it may be added at `rate`, or with a refusal that names the key.

    The whole position after the add obeys the limits: its loss at the stop, its margin, the exposure, the funds.
    """
    rules = limits.rules
    plan = EntryPlan(side=position.side, leverage=position.leverage, stake=stake, stop=position.stop)
    if refusal := halt_of(account, rules) or _unsure(confidence, rules) or _no_add(position, rate, rules):
        return _refused(plan, refusal)
    at_risk = position.stake * position.leverage * _loss_ratio(position, position.entry_price, limits)
    per_stake = position.leverage * _loss_ratio(position, rate, limits)
    ceilings = {
        "max_risk_per_trade_pct": (rules.max_risk_per_trade_pct / 100 * account.equity - at_risk) / per_stake,
        "max_position_pct": rules.max_position_pct / 100 * account.equity - position.stake,
        **_shared_ceilings(position.leverage, account, limits),
    }
    plan = _lowered(plan, "stake", stake, ceilings)
    least = max(limits.min_stake, limits.min_notional / position.leverage)
    if (plan.stake or 0.0) < max(least, SMALLEST_ADD * position.stake):
        key = plan.clamps[-1].key if plan.clamps else "exchange"
        if (plan.stake or 0.0) < least:
            return _refused(plan, too_small(key, f"the addition of {plan.stake:.6g}", least))
        return _refused(plan, refused_by(key, f"what is left to add is below {SMALLEST_ADD * position.stake:.6g}"))
    return plan


def size_held(position: Position, account: Account, limits: Limits) -> EntryPlan:
    """Return a position's stake as the limits allow it: less, with the clamp, where a person added past them."""
    rules = limits.rules
    plan = EntryPlan(side=position.side, leverage=position.leverage, stake=position.stake, stop=position.stop)
    per_stake = position.leverage * _loss_ratio(position, position.entry_price, limits)
    ceilings = {
        "max_risk_per_trade_pct": rules.max_risk_per_trade_pct / 100 * account.equity / per_stake,
        "max_position_pct": rules.max_position_pct / 100 * account.equity,
        "max_total_exposure": max(0.0, position.stake + _room(account, rules) / position.leverage),
    }
    return _lowered(plan, "stake", position.stake, ceilings)


def _no_add(position: Position, rate: float, rules: RiskManagement) -> Refusal | None:
    """Return why this position may not be enlarged."""
    if position.stop is None:
        return refused_by("stop_atr_multiple", "the position has no stop")
    if not is_protective(position.side, position.stop, rate):
        return refused_by("stop_atr_multiple", "the price is beyond the stop")
    if position.profit_pct < 0 and not rules.allow_add_to_loser:
        return refused_by("allow_add_to_loser", "the position is losing")
    return None


def _loss_ratio(position: Position, price: float, limits: Limits) -> float:
    """Return the loss from `price` to the stop with fees, of the notional; at least the fees."""
    stop = position.stop or price
    return max(0.0, SIGN[position.side] * (price - stop) / price) + 2 * limits.fee_ratio
