"""A backtest that a failed decision ends: one message, with how far it came, what it cost, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence

from freqtrade.exceptions import OperationalException

from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.settings.llm import Mode
from candlegraph.memory.books.ledger import DecisionRow, cost_told

GO_ON: dict[Mode, str] = {
    "live": "these answers were not kept; with `--mode record` they are, and the run after that one is free",
    "record": "run the same command again: the answers up to here are in the cassette and cost nothing",
    "replay": "record what is missing with `--mode record`, then replay",
}


class StoppedBacktest(BridgeError, OperationalException):
    """A decision failed in a backtest; freqtrade tells its own exceptions in one line, without a traceback."""


def stopped(
    context: Context, snapshot: MarketSnapshot, error: BaseException, rows: Sequence[DecisionRow]
) -> StoppedBacktest:
    """Return the end of the run; `rows` are its decisions, the failed ones included."""
    done = [row for row in rows if row.error is None]
    mode = context.settings.llm_config.mode
    look = f"candlegraph ledger show --namespace {context.namespace}"
    kept = f"{len(done):,} decisions before it are in the ledger (`{look}`)"
    lines = [
        f"{snapshot.pair} {snapshot.candle:%Y-%m-%d %H:%M} UTC: the decision failed: {type(error).__name__}: {error}",
        f"{kept}; cost: {cost_told(done)}",
        f"To go on: {GO_ON[mode]}",
    ]
    if mode != "replay":
        lines.append("Or with llm_config.on_failure = 'wait' such a decision is a hold or wait, counted in the table")
    return StoppedBacktest("\n  ".join(lines))
