"""What failed decisions lead to: live a pause of entries, in a backtest the end of the run, with how to go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from freqtrade.exceptions import OperationalException

from candlegraph.freqtrade_bridge.decisions.admission import EntryPause
from candlegraph.freqtrade_bridge.decisions.runner import RunOutcome
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import BridgeError, ModelError, ReplayMiss
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.settings.llm import Mode
from candlegraph.memory.books.ledger import DecisionRow, Ledger, cost_told

logger = logging.getLogger(__name__)

GO_ON: dict[Mode, str] = {
    "live": "these answers were not kept; with `--mode record` they are, and the run after that one is free",
    "record": "run the same command again: the answers up to here are in the cassette and cost nothing",
    "replay": "record what is missing with `--mode record`, then replay",
}


class StoppedBacktest(BridgeError, OperationalException):
    """A decision failed in a backtest; freqtrade tells its own exceptions in one line, without a traceback."""


class Failures:
    """`pause` is read by who builds the snapshots; `tell` sends people a message."""

    def __init__(self, context: Context, tell: Callable[[str], None], *, is_backtest: bool) -> None:
        self._context, self._tell, self._is_backtest = context, tell, is_backtest
        self.pause = EntryPause(context.settings.llm_config.pause_entries_after)

    def note(self, snapshots: Mapping[str, MarketSnapshot], outcomes: Mapping[str, RunOutcome]) -> None:
        """Count what failed of one candle's decisions; raise StoppedBacktest where that is the end of a backtest."""
        if self._is_backtest:
            self._stop(snapshots, outcomes)
        else:
            self._count(snapshots, outcomes)

    def _count(self, snapshots: Mapping[str, MarketSnapshot], outcomes: Mapping[str, RunOutcome]) -> None:
        """Let entries pause, or go on, by how many decisions failed of those for which a model was asked."""
        asked = [one for one in outcomes.values() if one.state is None or one.state.skipped is None]
        failed = sum(outcome.error is not None for outcome in asked)
        as_of = max(snapshot.as_of for snapshot in snapshots.values())
        if asked and (change := self.pause.note(as_of, decided=len(asked), failed=failed)):
            logger.warning("%s", change)
            self._tell(change)

    def _stop(self, snapshots: Mapping[str, MarketSnapshot], outcomes: Mapping[str, RunOutcome]) -> None:
        """Stop at the first failed decision, unless it is to be waited out: a silent wait would poison the result."""
        for pair, outcome in outcomes.items():
            if outcome.error is not None and not self._waits_out(outcome.error):
                rows = Ledger(self._context.database).rows(self._context.namespace)
                raise stopped(self._context, snapshots[pair], outcome.error, rows) from outcome.error

    def _waits_out(self, error: BaseException) -> bool:
        """Return whether a backtest goes on without this decision: models may fail, a replay may not."""
        wanted = self._context.settings.llm_config.on_failure == "wait"
        return wanted and isinstance(error, ModelError) and not isinstance(error, ReplayMiss)


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
