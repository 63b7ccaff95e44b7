"""Analyst: turn the snapshot into facts and a situation vector, deterministically."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime

from candlegraph.graph.context import Context
from candlegraph.graph.errors import CandleError
from candlegraph.graph.market import Account, MarketSnapshot
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.analysis import facts_of
from candlegraph.tools.market.frames import duration, read_candles, snapshot_of
from candlegraph.tools.market.situation import situation_of


async def analyst(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """State what is known at the candle's close."""
    context = runtime.context or Context()
    snapshot = state.snapshot
    if snapshot is None:
        snapshot = await asyncio.to_thread(load_snapshot, state, context)
    config = context.settings.context_config
    facts = facts_of(snapshot, config.timeframes, config.required_indicators)
    return {"snapshot": snapshot, "facts": facts, "situation": situation_of(facts)}


def load_snapshot(state: CandleState, context: Context) -> MarketSnapshot:
    """Read pair and candle from the context's candle folder, flat and with the context's wallet."""
    if state.pair is None or state.candle is None:
        raise CandleError('expected a "snapshot", or "pair" and "candle" (open time, UTC); found neither')
    config, folder = context.settings.context_config, Path(context.datadir)
    candles = {name: read_candles(folder, state.pair, name, config.max_flat_candles) for name in config.timeframes}
    account = Account(equity=context.wallet, free=context.wallet, open_positions=0)
    return snapshot_of(state.pair, state.candle + duration(config.timeframes[0]), candles, account)
