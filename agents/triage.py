"""Triage: answer hold or wait without a model where nothing has changed since the last candle, or nothing may be spent.

no entry is possible -> stay   budget spent -> stay   nothing changed -> stay   else the models are asked
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from langgraph.runtime import Runtime

from candlegraph.graph.context import Context
from candlegraph.graph.schema.facts import ABSENT, Facts
from candlegraph.graph.schema.fate import Door, Refusal
from candlegraph.graph.schema.market import SIGN, MarketSnapshot, Position, TimeframeView
from candlegraph.graph.schema.signal import Source, stay
from candlegraph.graph.settings.llm import Triage
from candlegraph.graph.state import CandleState

RSI_LINES, ADX_LINE = (30.0, 40.0, 50.0, 60.0, 70.0), 20.0
STOP_NEAR_ATR = 1.0
SOURCES: dict[Door, Source] = {"halted": "halted", "paused": "paused", "lock": "locked"}
"""Who answers where no entry is possible; for every other door it is triage."""


async def triage(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Decide whether a model need be asked at all."""
    context = runtime.context or Context()
    assert state.snapshot is not None and state.facts is not None, "the analyst runs first"
    if closed := closed_to(state):
        return {
            "skipped": stay(state.snapshot, f"no entry is possible: {closed.dated}", SOURCES.get(closed.door, "triage"))
        }
    if context.spent:
        return {"skipped": stay(state.snapshot, context.spent, "budget")}
    settings = context.settings
    record_from = settings.experience_config.record_min_profit_pct
    changed = change_of(state.snapshot, state.facts, settings.llm_config.triage, record_from)
    return {} if changed else {"skipped": stay(state.snapshot, "nothing has changed since the last candle", "triage")}


def after_analyst(state: CandleState) -> Literal["triage", "retriever"]:
    """Look whether a model need be asked, where that is configured or nothing may be spent."""
    return "triage" if state.terms.is_triaged or closed_to(state) else "retriever"


def closed_to(state: CandleState) -> Refusal | None:
    """Return why a flat pair can only wait, whatever a model says."""
    is_flat = state.snapshot is not None and state.snapshot.position is None
    return state.possible.entry if is_flat else None


def after_triage(state: CandleState) -> Literal["reviewer", "retriever"]:
    """Go on to the models, or past them."""
    return "retriever" if state.skipped is None else "reviewer"


def change_of(snapshot: MarketSnapshot, facts: Facts, rules: Triage, record_from: float) -> str | None:
    """Return what has changed since the candle before, or cannot be told; None where nothing has."""
    main, position = snapshot.main, snapshot.position
    looks: tuple[Callable[[], str | None], ...] = (
        lambda: f"{facts.missing} is unavailable" if facts.missing != ABSENT else None,
        lambda: moved(main, rules.max_move_atr),
        lambda: touched(main, facts),
        lambda: crossed(main),
        lambda: None if position is None else position_changed(position, main, record_from),
    )
    return next((found for look in looks if (found := look())), None)


def moved(main: TimeframeView, most_atr: float) -> str | None:
    """Return how far the close moved, where that is far; in ATR of the candle."""
    atr = main.indicators.atr
    if not main.past_closes or not atr:
        return "the last move is unknown"
    move = abs(main.close - main.past_closes[-1]) / atr
    return f"the close moved {move:.2f} ATR" if move > most_atr else None


def touched(main: TimeframeView, facts: Facts) -> str | None:
    """Return the level that the candle reached."""
    levels = [level.price for level in main.levels] + [one for one in (facts.support, facts.resistance) if one]
    return next((f"the level {level:.6g} was touched" for level in levels if main.low <= level <= main.high), None)


def crossed(main: TimeframeView) -> str | None:
    """Return the line that an indicator crossed since the candle before, or which one cannot be told."""
    now, past = main.indicators, main.past_indicators
    histogram = None if now.macd is None or now.macd_signal is None else now.macd - now.macd_signal
    series: tuple[tuple[str, float | None, tuple[float | None, ...], tuple[float, ...]], ...] = (
        ("RSI", now.rsi, past.rsi, RSI_LINES),
        ("ADX", now.adx, past.adx, (ADX_LINE,)),
        ("MACD histogram", histogram, past.macd_histogram, (0.0,)),
    )
    for name, value, before, lines in series:
        if value is None or not before or before[-1] is None:
            return f"the last {name} is unknown"
        line = next((line for line in lines if (value > line) != (before[-1] > line)), None)
        if line is not None:
            return f"{name} crossed {line:g}"
    return next((found for n in (20, 50) if (found := average_crossed(main, n))), None)


def average_crossed(main: TimeframeView, length: int) -> str | None:
    """Return that the close crossed an EMA; the EMA of the candle before follows from its own recursion."""
    average = main.indicators.ema_20 if length == 20 else main.indicators.ema_50
    if average is None or not main.past_closes:
        return f"the last EMA {length} is unknown"
    weight = 2 / (length + 1)
    before = (average - weight * main.close) / (1 - weight)
    is_crossed = (main.close > average) != (main.past_closes[-1] > before)
    return f"the close crossed EMA {length}" if is_crossed else None


def position_changed(position: Position, main: TimeframeView, record_from: float) -> str | None:
    """Return why a position needs a look: it is young, near its stop, at its target, or a winner to remember."""
    if position.age_candles <= 1:
        return "the position is new"
    sign = SIGN[position.side]
    best, worst = (main.high, main.low) if position.side == "long" else (main.low, main.high)
    near = STOP_NEAR_ATR * (main.indicators.atr or 0.0)
    if position.stop is None or sign * (main.close - position.stop) <= near or sign * (worst - position.stop) <= 0:
        return "the stop is near"
    if position.take_profit is not None and sign * (best - position.take_profit) >= 0:
        return "the target was touched"
    move_pct = 100 * sign * position.leverage * (main.close - main.past_closes[-1]) / position.entry_price
    if (position.profit_pct >= record_from) != (position.profit_pct - move_pct >= record_from):
        return f"the profit crossed {record_from:g} %"
    return None
