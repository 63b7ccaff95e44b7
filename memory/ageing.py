"""Decisions that called for nothing leave the ledger when they are old; whatever acted, or was to act, stays.

old decisions of bots -> those that called for nothing, and were not stood in for -> archived deflated, then erased
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, select

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.settings.places import BACKTEST, OFFLINE
from candlegraph.memory.books.ledger import DecisionRow
from candlegraph.memory.storage.database import open_engine, reading, writing
from candlegraph.memory.storage.rows import micros
from candlegraph.memory.storage.tables import decisions, snapshots
from candlegraph.memory.storage.text_files import keep_names

LEAST_DAYS = 62
"""Drift compares five weeks; costs, budgets and the status count a calendar month."""
AT_ONCE = 500
"""Ids in one statement."""


class QuietDecisions:
    """The waits and holds of bots on candles before a time; backtests leave as a whole, by `prune`."""

    def __init__(self, path: Path, before: datetime) -> None:
        self._path, self._engine = path, open_engine(path)
        self._rows = list(self._found(before))

    @property
    def size(self) -> int:
        """Return their bytes in the ledger."""
        return sum(len(doc.encode()) for _, _, doc in self._rows)

    def counts(self) -> Counter[str]:
        """Return how many there are by namespace."""
        return Counter(namespace for _, namespace, _ in self._rows)

    def erase(self, at: datetime) -> Path:
        """Write them into a deflated archive, then erase them; return the archive. The file does not shrink."""
        archive = self._path.with_name(f"{self._path.stem}.decisions.{at.astimezone(UTC):%Y%m%dT%H%M%SZ}.jsonl.gz")
        _write_new(archive, "".join(f"{doc}\n" for _, _, doc in self._rows))
        with writing(self._engine, "decisions") as (connection, _):
            for ids in _batches([key for key, *_ in self._rows]):
                connection.execute(delete(snapshots).where(snapshots.c.decision_id.in_(ids)))
                connection.execute(delete(decisions).where(decisions.c.decision_id.in_(ids)))
        return archive

    def _found(self, before: datetime) -> Iterator[tuple[str, str, str]]:
        """Yield id, namespace and document."""
        query = select(decisions.c.decision_id, decisions.c.namespace, decisions.c.doc)
        with reading(self._engine) as connection:
            for key, namespace, doc in connection.execute(query.where(decisions.c.candle < micros(before))):
                if not namespace.startswith((BACKTEST, OFFLINE)) and _is_quiet(DecisionRow.model_validate_json(doc)):
                    yield key, namespace, doc


def _is_quiet(row: DecisionRow) -> bool:
    return not row.acts and row.fate is None


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, whole and durable; raise MemoryStoreError with nothing removed."""
    try:
        with path.open("xb") as file:
            file.write(gzip.compress(text.encode()))
            file.flush()
        keep_names(path.parent)
    except OSError as e:
        raise MemoryStoreError(f"the archive {path} could not be written: {e}; nothing was removed") from e


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), AT_ONCE):
        yield ids[first : first + AT_ONCE]
