"""`candlegraph mcp`: the bot's books as functions for another model, by the Model Context Protocol; it never acts.

No function here writes, orders, or asks a model.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.books.brief_again import kept
from candlegraph.freqtrade_bridge.commands.books.ledger import decision_of, rows_of
from candlegraph.freqtrade_bridge.commands.books.status import bot_status, document_of
from candlegraph.freqtrade_bridge.commands.books.why import at, since_last_trade, story
from candlegraph.graph.schema.errors import CandlegraphError, ConfigError
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.store import open_memory
from candlegraph.tools.market.situation import space_of

MOST = 200
"""Decisions or cases in one answer."""
WHAT = (
    "Reads what the trading bot candlegraph decided, why, and what it has learnt. Nothing can be ordered or changed. "
    "Begin with status or find_decisions; a decision is named by its id or the first digits of it. Times are UTC."
)


def print_mcp(arguments: Namespace) -> None:
    """Serve on standard input and output until the client leaves."""
    server_of(arguments.userdir).run("stdio")


def server_of(userdir: Path) -> MCPServer[Any]:
    """Return the server with its six functions over one bot's folder."""
    server: MCPServer[Any] = MCPServer("candlegraph", instructions=WHAT, log_level="WARNING")
    books = Reader(userdir)
    for function in (
        books.status, books.find_decisions, books.show_decision, books.why, books.what_if, books.memory_search
    ):  # fmt: skip
        server.tool()(said(function))
    return server


def said(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with our own errors as the client may read them: of others the server hides the text."""

    @wraps(function)
    def told(*given: Any, **named: Any) -> Any:
        try:
            return function(*given, **named)
        except CandlegraphError as e:
            raise ToolError(str(e)) from e

    return told


class Reader:
    """The functions; what each says of itself is read by the model that calls it."""

    def __init__(self, userdir: Path) -> None:
        self._userdir = userdir

    def status(self, namespace: str | None = None) -> dict[str, Any]:
        """Return how the bot is: last decision, models, cost, halt, open trades. namespace: live or dry_run."""
        known = bot_status(Namespace(userdir=self._userdir, namespace=namespace))
        if known is None:
            raise ConfigError(f"no bot has written anything in {self._userdir}")
        return document_of(known)

    def find_decisions(
        self,
        namespace: str | None = None,
        pair: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        limit: int = 20,
    ) -> list[dict[str, Any]]:
        """Find decisions, newest last. action: enter_long, enter_short, exit, adjust, hold, wait; wanted ones count."""
        rows = rows_of(self._ledger(), namespace)
        found = [
            row
            for row in rows
            if (pair is None or row.pair == pair)
            and (action is None or action in (row.signal.action, row.signal.wanted.action))
            and (since is None or row.as_of >= since)
        ]
        return [brief(row) for row in found[-min(limit, MOST) :]]

    def show_decision(self, decision: str) -> dict[str, Any]:
        """Return one decision whole: signal, calls, functions, models, tokens, cost, what was lowered, its fate."""
        row = self._row(decision)
        return row.model_dump(mode="json") | {"cost": row.cost}

    def why(self, pair: str, moment: datetime | None = None, namespace: str | None = None) -> list[str]:
        """Tell one candle's story in plain sentences; without `moment`: why there was no trade since the last one."""
        own = [row for row in rows_of(self._ledger(), namespace) if row.pair == pair]
        if not own:
            raise ConfigError(f"no decision on {pair!r}; find_decisions names the pairs")
        return list(story(at(own, moment)) if moment else since_last_trade(own))

    def what_if(self, decision: str) -> dict[str, Any]:
        """Return what the trade that a decision opened made, and would have made with one thing changed."""
        row = self._row(decision)
        memory = open_memory(database_of(self._userdir))
        own = (row.decision_id, "trade")
        known = memory.all_of(row.namespace).items()
        found = next(((key, one) for key, one in known if (one.source.decision_id, one.kind) == own), None)
        if found is None:
            raise ConfigError(f"decision {row.decision_id[:8]} opened no trade that has been closed: {row.fate_line}")
        key, learnt = found
        table, marks = memory.table(key), learnt.scores
        made = learnt.model_dump(mode="json", include={"reward", "lesson"}) | {"profit_pct": learnt.profit_pct}
        made |= {} if marks is None else {"score": marks.total, "grade": marks.grade}
        return {"made": made, "otherwise": None if table is None else table.model_dump(mode="json")}

    def memory_search(self, decision: str, k: int = 5) -> list[dict[str, Any]]:
        """Return the past trades most like the market of a decision, of all that its run knows by now."""
        row, inputs = kept(decision, None, self._userdir)
        state, _ = inputs.again(str(self._userdir))
        if state.situation is None or state.facts is None:
            raise ConfigError(f"decision {row.decision_id[:8]}: a component of its situation was unavailable")
        found = open_memory(database_of(self._userdir)).recall(
            state.situation,
            space_of(state.facts),
            as_of=row.recorded_at,
            namespaces=(row.namespace,),
            k=min(k, MOST),
            threshold=0.0,
        )
        return [case.model_dump(mode="json") for case in found]

    def _ledger(self) -> Ledger:
        return Ledger(database_of(self._userdir))

    def _row(self, decision: str) -> DecisionRow:
        return decision_of(self._ledger(), decision, None)


def brief(row: DecisionRow) -> dict[str, Any]:
    """Return what a list says of one decision."""
    return {
        "id": row.decision_id,
        "pair": row.pair,
        "closed": row.as_of.isoformat(),
        "action": row.signal.name,
        "source": row.signal.source,
        "confidence": row.signal.confidence,
        "reason": row.signal.reason,
        "fate": row.fate_line if row.acts else None,
        "cost": row.cost,
    }
