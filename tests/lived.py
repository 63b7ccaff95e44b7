"""Closed trades that were entered in the market of a snapshot, to be remembered before it is decided."""

from datetime import timedelta

from candlegraph.agents.models.policy import entry_side
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.memory.learning.report import experience_of
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.scene import scene_of
from candlegraph.tools.market.situation import situation_of, space_of


def facts_at(snapshot):
    config = ContextConfig()
    return facts_of(snapshot, config.timeframes, config.required_indicators)


def lived(snapshot, number, profit_pct=-4.0, **changes):
    """Return a trade that was entered in the setup of the snapshot, `number` days ago."""
    facts = facts_at(snapshot)
    side = entry_side(facts) or "long"
    sign = 1 if side == "long" else -1
    opened_at = snapshot.as_of - timedelta(days=number + 1)
    known = {
        "namespace": "studio",
        "trade_key": str(number),
        "pair": "ETH/USDT:USDT",
        "side": side,
        "leverage": 5,
        "stake": 100,
        "entry_price": 100,
        "exit_price": 100 + sign * profit_pct / 5,
        "planned_stop": 100 - sign * 5,
        "risk_pct": 4,
        "opened_at": opened_at,
        "closed_at": opened_at + timedelta(hours=2),
        "known_at": opened_at + timedelta(hours=2),
        "candle_minutes": 30,
        "profit_pct": profit_pct,
        "profit_abs": profit_pct,
        "mfe_pct": max(1.0, profit_pct),
        "mae_pct": min(-1.0, profit_pct),
        "exit_reason": "exit_signal",
        "liquidated": False,
        "forced": False,
        "entry_reason": "pull-back",
        "regime": facts.regime,
        "trend_strength": facts.trend_strength,
        "entry_rsi": next(iter(facts.timeframes.values())).rsi,
        "situation": situation_of(facts),
        "space": space_of(facts),
        "scene": scene_of(snapshot, facts),
        "model_score": None,
        "model": "policy",
        "prompt_version": "1",
        "decision_id": "d",
        "events": (),
    }
    return experience_of(ClosedTrade(**known | changes))


def near(snapshot, steps):
    """Return the situation, turned away a little by every step."""
    first, *rest = situation_of(facts_at(snapshot))
    return (first + 0.02 * steps, *rest)


def remember(context, *experiences):
    for one in experiences:
        assert context.memory.add(one) is not None
