"""DecisionChecker: rules on a proposed decision, each of which blocks, warns or is off.

subject + checks -> findings. Pure; the reviewer turns a block into the next safer action. Exits and reductions are
never checked: nothing may keep a position open.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.market import SIGN, Frozen, MarketSnapshot, Position, Price, Side
from candlegraph.graph.schema.signal import Proposal
from candlegraph.graph.settings.risk import Checks, Strictness
from candlegraph.tools.market.frames import duration
from candlegraph.tools.market.regime import trend_of

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

RuleName = Literal[
    "claims",
    "against_trend",
    "reward_to_risk",
    "near_level",
    "cooldown",
    "repeated_reason",
    "no_progress",
    "profit_erosion",
]


class Subject(Frozen):
    """A proposal with what it is held against; `stop` and `take_profit` are an entry's after the gate."""

    proposal: Proposal
    snapshot: MarketSnapshot
    facts: Facts
    mismatches: tuple[str, ...] = ()
    stop: Price | None = None
    take_profit: Price | None = None

    @property
    def side(self) -> Side:
        """Return the side that is opened or held."""
        side = self.proposal.entry_side if self.snapshot.position is None else self.snapshot.position.side
        assert side is not None, "rules look at entries, and at what an open position needs"
        return side

    @property
    def level_ahead(self) -> float | None:
        """Return the level that the trade runs into: the resistance over a long, the support under a short."""
        return self.facts.resistance if self.side == "long" else self.facts.support


class Breach(Frozen):
    """A rule that does not like the decision, and why."""

    rule: RuleName
    strictness: Strictness
    why: str


Rule = Callable[[Subject, Checks], str | None]
"""Returns what is wrong with the decision, None if nothing is."""


def findings(subject: Subject, checks: Checks) -> tuple[Breach, ...]:
    """Return what the rules that are not off have against the decision."""
    found = []
    for name, rule in rules_for(subject.proposal).items():
        strictness: Strictness = getattr(checks, name)
        if strictness != "off" and (why := rule(subject, checks)):
            found.append(Breach(rule=name, strictness=strictness, why=why))
    return tuple(found)


def rules_for(proposal: Proposal) -> dict[RuleName, Rule]:
    """Return the rules that look at this kind of decision."""
    if proposal.is_entry:
        return ENTRY_RULES
    if proposal.is_hold:
        return POSITION_RULES
    return ADDITION_RULES if proposal.grows else {}


def claims(subject: Subject, checks: Checks) -> str | None:
    """Return what the model reported against the data."""
    return "; ".join(subject.mismatches) or None


def against_trend(subject: Subject, checks: Checks) -> str | None:
    """Return the trend of the two highest timeframes if it points the other way and the confidence is too low."""
    highest = sorted(subject.snapshot.timeframes, key=lambda view: duration(view.timeframe))[-2:]
    confidence, enough = subject.proposal.confidence, checks.against_trend_confidence
    if SIGN[subject.side] * sum(trend_of(view) for view in highest) >= 0 or confidence >= enough:
        return None
    names = " and ".join(view.timeframe for view in highest)
    return f"{subject.side} against the trend of {names} needs confidence {enough:g}, was {confidence:g}"


def reward_to_risk(subject: Subject, checks: Checks) -> str | None:
    """Return how near the target, else the next level, is for the distance of the stop; None without either."""
    target, price = subject.take_profit or subject.level_ahead, subject.snapshot.price
    if target is None or subject.stop is None:
        return None
    reward, risk = abs(target - price), abs(price - subject.stop)
    if reward >= checks.min_reward_to_risk * risk:
        return None
    return f"target {target:.6g} is {reward / risk:.2f} stop distances away, at least {checks.min_reward_to_risk:g}"


def near_level(subject: Subject, checks: Checks) -> str | None:
    """Return the resistance right above a long, or the support right under a short."""
    level, atr = subject.level_ahead, subject.snapshot.main.indicators.atr
    if level is None or not atr:
        return None
    distance = SIGN[subject.side] * (level - subject.snapshot.price) / atr
    if distance >= checks.near_level_atr:
        return None
    kind = "resistance" if subject.side == "long" else "support"
    return f"{kind} {level:.6g} is {distance:.2f} ATR away, at least {checks.near_level_atr:g}"


def cooldown(subject: Subject, checks: Checks) -> str | None:
    """Return how fresh the pair's last loss is."""
    passed = subject.snapshot.candles_since_loss
    if passed is None or passed >= checks.cooldown_candles:
        return None
    return f"the pair's last loss is {passed} candles old, at least {checks.cooldown_candles}"


def repeated_reason(subject: Subject, checks: Checks) -> str | None:
    """Return how often in a row, this time included, the position was kept for one and the same reason."""
    count, reason = checks.repeated_reason_count, comparable(subject.proposal.reason)
    earlier = held(subject).past_reasons[-(count - 1) :]
    if len(earlier) < count - 1 or any(comparable(one) != reason for one in earlier):
        return None
    return f"the same reason {count} times in a row"


def no_progress(subject: Subject, checks: Checks) -> str | None:
    """Return for how long the position has gone nowhere; None where no stop distance was planned."""
    age, shown = held(subject).age_candles, subject.facts.position
    progress = None if shown is None else shown.r_multiple
    if progress is None or age < checks.no_progress_candles or abs(progress) >= checks.no_progress_r:
        return None
    return f"{progress:+.2f} stop distances after {age} candles"


def profit_erosion(subject: Subject, checks: Checks) -> str | None:
    """Return how much of the best profit was given back."""
    best, now = held(subject).mfe_pct, held(subject).profit_pct
    if best <= 0 or best < checks.erosion_from_pct or best - now < checks.erosion_share * best:
        return None
    return f"{(best - now) / best:.0%} of the best profit {best:.2f} % was given back"


def held(subject: Subject) -> Position:
    """Return the open trade; rules on a position run only where there is one."""
    assert subject.snapshot.position is not None, "hold and adjust are only bound in a position"
    return subject.snapshot.position


def comparable(reason: str) -> str:
    """Return `reason` without what changes from candle to candle: case, spacing and numbers."""
    return " ".join(NUMBER.sub("0", reason.casefold()).split())


POSITION_RULES: dict[RuleName, Rule] = {
    "repeated_reason": repeated_reason,
    "no_progress": no_progress,
    "profit_erosion": profit_erosion,
}
ADDITION_RULES: dict[RuleName, Rule] = {"claims": claims, "against_trend": against_trend, **POSITION_RULES}
ENTRY_RULES: dict[RuleName, Rule] = {
    "claims": claims,
    "against_trend": against_trend,
    "reward_to_risk": reward_to_risk,
    "near_level": near_level,
    "cooldown": cooldown,
}
