"""Analyst: turn the snapshot into facts and a situation vector, deterministically; forget a candle before it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from langchain_core.messages import RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.runtime import Runtime

from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.schema.market import Account, MarketSnapshot
from candlegraph.graph.settings.llm import Depth
from candlegraph.graph.state import CandleState, Terms
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import duration, snapshot_of
from candlegraph.tools.market.situation import situation_of
from candlegraph.tools.risk.possible import closed_lines, possible_of

NEW = CandleState()


async def analyst(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """State what is known at the candle's close, and clear what an earlier candle left in the same thread."""
    context = runtime.context or Context()
    snapshot = state.snapshot
    if snapshot is None or None not in (state.pair, state.candle):  # a snapshot may be there from the candle before
        snapshot = await asyncio.to_thread(load_snapshot, state, context)
    return cleared(state) | seen(snapshot, context)


def seen(snapshot: MarketSnapshot, context: Context, depth: Depth | None = None) -> dict[str, Any]:
    """Return what the analyst makes of a snapshot; `depth` None: as deep as the context has it."""
    config = context.settings.context_config
    possible = possible_of(snapshot, context.settings.risk_management)
    facts = facts_of(snapshot, config.timeframes, config.required_indicators, closed_lines(possible, snapshot))
    terms = Terms.of(context.settings, depth or context.depth, is_spent=context.spent is not None)
    known = {"snapshot": snapshot, "terms": terms, "facts": facts, "possible": possible}
    return known | {"situation": situation_of(facts)}


def cleared(state: CandleState) -> dict[str, Any]:
    """Return what else the state holds, as it is in a new thread: in Studio a thread goes on from candle to candle."""
    left = [name for name in CandleState.model_fields if getattr(state, name) != getattr(NEW, name)]
    forgotten: dict[str, Any] = {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]}
    return {name: forgotten.get(name, getattr(NEW, name)) for name in left}


def load_snapshot(state: CandleState, context: Context) -> MarketSnapshot:
    """Read pair and candle from the context's candle folder, flat and with the context's wallet."""
    if state.pair is None or state.candle is None:
        raise CandleError('expected a "snapshot", or "pair" and "candle" (open time, UTC); found neither')
    config, folder = context.settings.context_config, Path(context.datadir)
    length = duration(config.timeframes[0])
    if late := state.candle.timestamp() % length.total_seconds():
        nearest = state.candle - timedelta(seconds=late)
        raise CandleError(
            f"candle {state.candle:%Y-%m-%d %H:%M} UTC is no open time of {config.timeframes[0]}; "
            f"expected one like {nearest:%Y-%m-%dT%H:%MZ}"
        )
    candles = {
        name: read_candles(folder, state.pair, name, config.max_flat_candles, config.points_of(name))
        for name in config.timeframes
    }
    account = Account(equity=context.wallet, free=context.wallet, open_positions=0)
    return snapshot_of(state.pair, state.candle + length, candles, account)
