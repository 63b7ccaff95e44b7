"""The safe signal of a pair's state: hold in a position, wait when flat."""

from __future__ import annotations

from candlegraph.graph.signal import Source, TradeSignal
from candlegraph.graph.state import CandleState


def stay(state: CandleState, reason: str, source: Source) -> TradeSignal:
    """Return hold or wait with its reason."""
    position = None if state.snapshot is None else state.snapshot.position
    return TradeSignal(
        action="wait" if position is None else "hold",
        side=None if position is None else position.side,
        trade_id=None if position is None else position.trade_id,
        confidence=0,
        reason=reason,
        source=source,
    )
