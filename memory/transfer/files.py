"""Experiences out of the memory into a file, and back: each whole, in JSON lines, or its main columns as CSV.

rows → lines → a file that is whole or absent; a file → lines, each checked → rows, exactly once

A line has how the trade went and its counterfactual table, too. Vectors are not exported: they are made anew from the
situation that an experience carries.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, select

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.memory.counterfactuals import KeptTable, restore_table
from candlegraph.memory.learning.track import Track
from candlegraph.memory.outbox import insert_course
from candlegraph.memory.storage.database import reading, writing
from candlegraph.memory.storage.lines import line_of, whole
from candlegraph.memory.storage.rows import insert_experience, is_retired
from candlegraph.memory.storage.tables import experiences
from candlegraph.memory.storage.text_files import write_whole

Format = Literal["jsonl", "csv"]
BATCH = 500
"""Rows of one transaction: others wait for the lock no longer than that takes."""
COLUMNS = (
    "namespace,kind,key,pair,side,regime,opened_at,known_at,entry_price,exit_price,leverage,stake,profit_pct,"
    "profit_abs,mfe_pct,mae_pct,score,grade,reward,reward_quality,duration_minutes,forced,entry_reason,exit_reason,"
    "lesson"
).split(",")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class BadLine:
    """A line that is no experience, and why."""

    file: Path
    number: int
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file} line {self.number}: {self.field}: {self.problem}"


class FieldError(ValueError):
    """A field of a line is not as expected."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field, self.problem = field, problem


class Exported(Experience):
    """An experience with what is kept beside it; of an older export, and of what is no trade, nothing is."""

    track: Track | None = None
    counterfactual: KeptTable | None = None

    @property
    def alone(self) -> Experience:
        """Return the experience as it is stored."""
        return Experience.model_construct(**{name: getattr(self, name) for name in Experience.model_fields})


class Lines(NamedTuple):
    """What a file holds."""

    experiences: tuple[Experience, ...]
    bad: tuple[BadLine, ...]


class Stored(NamedTuple):
    """How many experiences are new, and how many were there already."""

    added: int
    present: int


def format_of(target: Path) -> Format:
    """Return the format that the name asks for."""
    if target.suffix == ".jsonl":
        return "jsonl"
    if target.suffix == ".csv":
        return "csv"
    raise MemoryStoreError(f"{target}: expected a name that ends in .jsonl or .csv")


def export(engine: Engine, namespace: str, target: Path, *, replace: bool = False) -> int:
    """Write the experiences of a namespace, oldest first; return how many."""
    how = format_of(target)
    if target.exists() and not replace:
        raise MemoryStoreError(f"{target} is there already; --force replaces it")
    docs = _whole_lines(engine, namespace) if how == "jsonl" else stored_docs(engine, namespace)
    try:
        write_whole(target, (f"{doc}\n" for doc in docs) if how == "jsonl" else _table(docs))
    except OSError as e:
        raise MemoryStoreError(f"{target} could not be written: {e}; it is as it was") from e
    return len(docs)


def _whole_lines(engine: Engine, namespace: str) -> Sequence[str]:
    own = whole().where(experiences.c.namespace == namespace)
    with reading(engine) as connection:
        return [line_of(row) for row in connection.execute(own.order_by(experiences.c.known_at, experiences.c.id))]


def stored_docs(engine: Engine, namespace: str, *, with_retired: bool = True) -> Sequence[str]:
    """Return the experiences of a namespace as JSON, oldest first."""
    own = experiences.c.namespace == namespace
    own = own if with_retired else own & ~is_retired()
    query = select(experiences.c.doc).where(own).order_by(experiences.c.known_at, experiences.c.id)
    with reading(engine) as connection:
        return connection.scalars(query).all()


def read_lines(file: Path, parse: Callable[[str], Experience]) -> Lines:
    """Return the experiences of a file, and the lines that `parse` refused; blank lines are nothing."""
    found, bad = list[Experience](), list[BadLine]()
    for number, line in _numbered(file):
        try:
            found.append(parse(line))
        except FieldError as e:
            bad.append(BadLine(file, number, e.field, e.problem))
        except ValidationError as e:
            bad.append(BadLine(file, number, *problem_of(e)))
    return Lines(tuple(found), tuple(bad))


def parse_export(line: str) -> Experience:
    """Return the experience of one line of our own export, as an `Exported` where something is kept beside it."""
    found = Exported.model_validate_json(line)
    return found.alone if found.track is None and found.counterfactual is None else found


def problem_of(error: ValidationError) -> tuple[str, str]:
    """Return the first field that is wrong, and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    given = repr(first["input"])
    field = ".".join(str(part) for part in first["loc"]) or "line"
    return field, f"{first['msg']}, was {given if len(given) <= 60 else f'{given[:57]}...'}"


def store(engine: Engine, found: Sequence[Experience], namespace: str | None = None) -> Stored:
    """Add experiences, into `namespace` where one is given; one that is there already is counted and left as it is."""
    added = 0
    for start in range(0, len(found), BATCH):
        batch = [one if namespace is None else moved(one, namespace) for one in found[start : start + BATCH]]
        with writing(engine, "experiences") as (connection, revision):
            added += sum(_insert(connection, revision, one) for one in batch)
    return Stored(added, len(found) - added)


def _insert(connection: Connection, revision: int, one: Experience) -> bool:
    """Store an experience with what is kept beside it; return whether it is new."""
    if not isinstance(one, Exported):
        return insert_experience(connection, revision, one) is not None
    row_id = insert_experience(connection, revision, one.alone)
    if row_id is None:
        return False
    if one.track is not None:
        insert_course(connection, row_id, one.track)
    if one.counterfactual is not None and isinstance(one.source, ClosedTrade):
        restore_table(connection, revision, row_id, one.source, one.counterfactual)
    return True


def moved(experience: Experience, namespace: str) -> Experience:
    """Return the experience as one of another namespace."""
    there = {"namespace": namespace}
    changed: dict[str, object] = {"source": experience.source.model_copy(update=there)}
    if isinstance(experience, Exported) and experience.track is not None:
        changed["track"] = experience.track.model_copy(update=there)
    return experience.model_copy(update=changed)


def _numbered(file: Path) -> Iterator[tuple[int, str]]:
    try:
        with file.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as e:
        raise MemoryStoreError(f"{file} cannot be read: {e}; nothing was stored") from e


def _table(docs: Sequence[str]) -> Iterator[str]:
    yield _csv(COLUMNS)
    for doc in docs:
        facts = _facts(Experience.model_validate_json(doc))
        yield _csv([_safe(facts.get(name)) for name in COLUMNS])


def _facts(experience: Experience) -> dict[str, object]:
    source, scores = experience.source, experience.scores
    facts = source.model_dump(mode="json") | experience.model_dump(mode="json", exclude={"source", "scores"})
    if not isinstance(source, ClosedTrade):
        facts["entry_reason"] = source.reason
    return facts | {
        "key": experience.key,
        "profit_pct": experience.profit_pct,
        "forced": experience.forced,
        "duration_minutes": experience.duration_minutes,
        "score": scores and scores.total,
        "grade": scores and scores.grade,
    }


def _safe(value: object) -> object:
    """Return the value as a spreadsheet may read it: a text that a model wrote must not become a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _csv(row: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(row)  # lines end with CRLF (RFC 4180): only then is a bare CR in a text quoted
    return text.getvalue()
