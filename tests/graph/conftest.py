"""Closed trades for the memory of a graph."""

from datetime import timedelta

import pytest

from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.memory.learning.report import experience_of


@pytest.fixture(scope="session")
def make_trade():
    """Return a factory of experiences in a situation, known at a time: `make_trade(key, situation, space, time)`."""

    def make(key, situation, space, known_at, **changes):
        known = {
            "namespace": "studio",
            "trade_key": str(key),
            "pair": "ETH/USDT:USDT",
            "side": "long",
            "leverage": 3,
            "stake": 100,
            "entry_price": 100,
            "exit_price": 98,
            "planned_stop": 98,
            "opened_at": known_at - timedelta(hours=5),
            "closed_at": known_at - timedelta(minutes=30),
            "known_at": known_at,
            "candle_minutes": 30,
            "profit_pct": -6,
            "profit_abs": -6,
            "mfe_pct": 1,
            "mae_pct": -7,
            "exit_reason": "stop_loss",
            "liquidated": False,
            "forced": False,
            "entry_reason": "pull-back",
            "regime": "trend_up",
            "trend_strength": "strong",
            "entry_rsi": 55,
            "situation": situation,
            "space": space,
            "model_score": None,
            "model": "policy",
            "prompt_version": "1",
            "decision_id": f"d-{key}",
            "events": (),
        }
        return experience_of(ClosedTrade(**known | changes))

    return make
