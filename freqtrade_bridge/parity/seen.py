"""What two decisions on one candle saw, compared: the market, the past, the position and the wallet, the settings.

Small differences are no cause: live fills slip, so prices and money count as equal within a tenth of a percent, and
percentages of the stake within half a point. The market has no such room: both read the same candles or they do not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.parity.sides import LIVE, Sides
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.schema.market import MarketSnapshot, Sentiment

Seen = Literal["data", "memory", "fill", "settings"]

SAME_CANDLE, SAME_MONEY, SAME_PERCENT = 1e-6, 1e-3, 0.5
OWN_PROMPTS = "own_prompts"
"""Of `llm_config`: the wording, which is a cause of its own."""
OF_THE_RUN = {"trade_id", "opened_at", "past_reasons", "past_warnings", "entry_reason"}
"""Of a position: what no rule and no number follows from."""


def seen_apart(first: DecisionInputs, second: DecisionInputs, sides: Sides = LIVE) -> dict[Seen, str]:
    """Return what differs, by kind, each with the first thing that does; not the wording of a prompt."""
    one, other = first.snapshot, second.snapshot
    found: dict[Seen, str | None] = {
        "data": _first(_market(one), _market(other), SAME_CANDLE, sides),
        "memory": _first(_past(first.lessons), _past(second.lessons), SAME_MONEY, sides),
        "fill": _first(_held(one), _held(other), SAME_MONEY, sides),
        "settings": _first(_set(first), _set(second), SAME_CANDLE, sides),
    }
    return {kind: told for kind, told in found.items() if told is not None}


def _set(inputs: DecisionInputs) -> dict[str, Any]:
    llm_config = {key: value for key, value in inputs.settings.get("llm_config", {}).items() if key != OWN_PROMPTS}
    return inputs.settings | {"llm_config": llm_config, "depth": inputs.depth}


def _market(snapshot: MarketSnapshot) -> dict[str, Any]:
    frames = {one.timeframe: one.model_dump(mode="json", exclude={"timeframe", "rows"}) for one in snapshot.timeframes}
    return frames | {"sentiment": _moods(snapshot.sentiment)}


def _moods(sentiment: Sentiment) -> dict[str, float | None]:
    named = {name: getattr(sentiment, name) for name in Sentiment.model_fields if name != "unavailable"}
    return {name: None if one is None else one.value for name, one in named.items()}


def _past(lessons: Lessons | None) -> dict[str, Any]:
    """Return what was remembered; neither ids of a database nor results, which follow the fills."""
    if lessons is None:
        return {}
    cases = [" ".join(str(part) for part in (case.side, case.pair, case.kind, case.regime)) for case in lessons.cases]
    guided = lessons.guidance
    told = {} if guided is None else {"verdicts": [p.verdict for p in guided.patterns], "closed trades": guided.trades}
    return {"unavailable": lessons.unavailable, "cases": dict(enumerate(cases, start=1))} | told


def _held(snapshot: MarketSnapshot) -> dict[str, Any]:
    position = snapshot.position
    return {
        "position": "flat" if position is None else position.side,
        "of the position": {} if position is None else position.model_dump(mode="json", exclude=OF_THE_RUN),
        "locks": [f"{lock.side} {lock.name}" for lock in snapshot.locks],
        "paused": snapshot.paused,
        "last call": None if snapshot.last_call is None else snapshot.last_call.kind,
        "candles since a loss": snapshot.candles_since_loss,
        "account": snapshot.account.model_dump(mode="json"),
    }


def _first(one: Any, other: Any, tolerance: float, sides: Sides, path: str = "") -> str | None:
    """Return the first place where two plain values differ, with both."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        one, other = one or {}, other or {}
        for name in dict.fromkeys([*one, *other]):
            told = _first(one.get(name), other.get(name), tolerance, sides, f"{path} {name}".lstrip())
            if told is not None:
                return told
        return None
    return None if _equal(one, other, tolerance, path) else f"{path}: {sides.apart(_shown(one), _shown(other))}"


def _equal(one: Any, other: Any, tolerance: float, path: str) -> bool:
    if not (_is_number(one) and _is_number(other)):
        return bool(one == other)
    room = SAME_PERCENT if tolerance == SAME_MONEY and path.endswith("_pct") else tolerance / 1000
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=room)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
