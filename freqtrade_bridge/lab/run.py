"""One run as a researcher holds it: frames of what it decided, traded, learnt and cost, and its single decisions."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from langchain_core.language_models import BaseChatModel

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.books.ledger import decision_of
from candlegraph.freqtrade_bridge.frames import tables
from candlegraph.freqtrade_bridge.lab.decided import Decision, stored
from candlegraph.freqtrade_bridge.report.result import RunResult, read_result
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.experience import Experience
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.books.snapshots import kept_docs
from candlegraph.memory.store import ExperienceMemory, open_memory


@dataclass(frozen=True, repr=False)
class Run:
    """What a backtest, a dry-run or a live bot left behind. Frames are read once, at first use; change none of them."""

    userdir: Path
    namespace: str
    config: Mapping[str, Any] = field(default_factory=dict)
    """As freqtrade had it; of a loaded run what its archive holds, else nothing."""
    archive: Path | None = None
    """Freqtrade's own result; None: no backtest."""
    datadir: Path | None = None
    model: BaseChatModel | None = None
    """That was handed in."""
    warnings: tuple[str, ...] = ()
    """What the log said on the way, oldest first."""

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Closed trades in the order of their ends."""
        return tables.trades_frame(self._learnt.values())

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """One row per pair and candle, by the decision's id."""
        return tables.decisions_frame(self._rows)

    @cached_property
    def fates(self) -> pd.DataFrame:
        """What became of every decision that acts."""
        return tables.fates_frame(self._rows)

    @cached_property
    def equity(self) -> pd.DataFrame:
        """The account at every candle, open positions at the last close; at the end what freqtrade counted."""
        docs = kept_docs(self.database, [row.decision_id for row in self._rows])
        if not docs:
            raise BridgeError(
                f"{self.namespace}: the account was not kept with its decisions, or is gone: see "
                "experience_config.snapshots (keep, max_days, max_mb)"
            )
        return tables.equity_frame(docs.values(), self._end)

    @cached_property
    def cases(self) -> pd.DataFrame:
        """The similar past trades that decisions were shown."""
        wanted = {one for row in self._rows for one in row.case_ids} - self._learnt.keys()
        foreign = {one: found for one in sorted(wanted) if (found := self._memory.get(one)) is not None}
        return tables.cases_frame(self._rows, self._learnt | foreign)

    @cached_property
    def lessons(self) -> pd.DataFrame:
        """What was learnt from each closed trade, in the order in which it was known."""
        return tables.lessons_frame(self._learnt.values())

    @cached_property
    def costs(self) -> pd.DataFrame:
        """One row per answered call of a model."""
        return tables.costs_frame(self._rows)

    @cached_property
    def result(self) -> RunResult | None:
        """Freqtrade's own numbers of a backtest; None: no backtest."""
        return None if self.archive is None else read_result(self.archive)

    @property
    def profit(self) -> float:
        """Net result in quote currency, fees and funding paid; of closed trades."""
        return float(self.trades["profit"].sum()) if self.result is None else self.result.profit_abs

    def decision(self, id: str) -> Decision:
        """Return one decision; the first digits of its id will do."""
        row = decision_of(Ledger(self.database), id, self.namespace)
        return stored(row, self.database, self.config, self.model)

    def report(self, *, full: bool = False) -> Path:
        """Write the report of the run, and return its file; `full`: with the briefings of all decisions."""
        from candlegraph.freqtrade_bridge.commands.reporting.report import written

        asked = {"userdir": self.userdir, "run_names": [self.namespace], "datadir": self.datadir}
        return written(Namespace(**asked, full=full, config=[]))

    @property
    def database(self) -> Path:
        """The file that holds ledger and memory."""
        return database_of(self.userdir)

    @property
    def settings(self) -> Settings:
        """The run's settings, as far as they are known."""
        return settings_of(self.config)

    @cached_property
    def _rows(self) -> Sequence[DecisionRow]:
        return Ledger(self.database).rows(self.namespace)

    @cached_property
    def _learnt(self) -> dict[int, Experience]:
        return self._memory.all_of(self.namespace)

    @property
    def _memory(self) -> ExperienceMemory:
        return open_memory(self.database, self.settings.experience_config.rag_config)

    @property
    def _end(self) -> tuple[pd.Timestamp, float] | None:
        if self.result is None:
            return None
        return pd.Timestamp(self.result.end_ms, unit="ms", tz="UTC"), self.result.final_balance

    def __repr__(self) -> str:
        told = f"{self.namespace}: {len(self._rows)} decisions, {len(self.trades)} closed trades"
        currency = "" if self.result is None else f" {self.result.currency} ({self.result.profit_ratio:+.2%})"
        return f"<Run {told}, net result {self.profit:+,.2f}{currency}>"
