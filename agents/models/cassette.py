"""Kept answers of models: under a key of what the model was told, and nothing of where, when or by which run."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage
from pydantic import Field, ValidationError
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from candlegraph.graph.schema.calls import Role, Try
from candlegraph.graph.schema.errors import CassetteError
from candlegraph.graph.schema.market import Frozen
from candlegraph.memory.storage.database import BUSY_SECONDS, on_connect, use_wal

VERSION = 1

metadata = MetaData()

UNSAID = {"query_rag_stats": "storage"}
"""Parts of a function's answer that name the machine: a path, a file's size."""

answers = Table(
    "answers",
    metadata,
    Column("key", String(64), primary_key=True, comment="hash of all components"),
    Column("pair", String(60), nullable=False),
    Column("candle", String(40), nullable=False),
    Column("role", String(20), nullable=False),
    Column("turn", Integer, nullable=False, comment="answers that the request already held"),
    Column("components", Text, nullable=False, comment="their hashes as JSON"),
    Column("answer", Text, nullable=False, comment="the KeptAnswer as JSON"),
    Column("recorded_at", BigInteger, nullable=False, comment="microseconds since 1970, UTC"),
    Index("answers_by_candle", "pair", "candle", "role", "turn"),
)
KEPT = select(answers.c.answer).where(answers.c.key == bindparam("key"))
"""Made once: a replay asks for nothing else, and making it takes as long as asking."""


class KeptAnswer(Frozen):
    """One answer, as much of it as later code reads."""

    content: str
    reasoning: str = ""
    attached: dict[str, Any] = Field({}, description="what the provider wants back within the decision")
    tool_calls: tuple[dict[str, Any], ...] = ()
    invalid_tool_calls: tuple[dict[str, Any], ...] = ()
    usage: dict[str, Any] | None = None
    about: dict[str, Any] = Field({}, description="the plain response metadata")
    model: str
    tries: tuple[Try, ...] = ()
    seconds: float = Field(ge=0)


class Take(Frozen):
    """An answer with what it answers; pair and candle are those that asked first."""

    key: str
    pair: str
    candle: str
    role: Role
    turn: int = Field(ge=0)
    components: dict[str, str]
    answer: KeptAnswer


class Cassette:
    """One file of answers; safe for many threads and processes."""

    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        self._path = path
        if must_exist and not path.exists():
            raise CassetteError(f"there is no cassette {path}: record one first, with llm_config.mode = 'record'")
        self._engine = _opened(path)

    def get(self, key: str) -> KeptAnswer | None:
        """Return the answer kept under `key`."""
        with self._renamed(), self._engine.connect() as connection:
            found = connection.scalar(KEPT, {"key": key})
            return None if found is None else KeptAnswer.model_validate_json(found)

    def keep(self, take: Take) -> KeptAnswer:
        """Keep an answer; return the one that is kept: the first one's, whoever wrote it."""
        row = take.model_dump(include={"key", "pair", "candle", "role", "turn"}) | {
            "components": _stored(take.components),
            "answer": take.answer.model_dump_json(),
            "recorded_at": int(datetime.now(UTC).timestamp() * 1e6),
        }
        with self._renamed(), self._engine.begin() as connection:
            connection.execute(insert(answers).values(row).on_conflict_do_nothing())
            kept = connection.scalar(KEPT, {"key": take.key})
            return KeptAnswer.model_validate_json(str(kept))

    def components(self, key: str) -> Mapping[str, str] | None:
        """Return the hashes of what the answer under `key` was given to; None where none is kept."""
        with self._renamed(), self._engine.connect() as connection:
            found = connection.scalar(select(answers.c.components).where(answers.c.key == key))
        return None if found is None else _parsed(found)

    def components_at(self, pair: str, candle: str, role: str, turn: int) -> Mapping[str, str] | None:
        """Return the hashes of what was asked there when it was recorded last; None if nothing was."""
        there = (answers.c.pair == pair) & (answers.c.candle == candle)
        query = select(answers.c.components).where(there & (answers.c.role == role) & (answers.c.turn == turn))
        with self._renamed(), self._engine.connect() as connection:
            found = connection.scalar(query.order_by(answers.c.recorded_at.desc()).limit(1))
        return None if found is None else _parsed(found)

    def old(self, before: datetime) -> tuple[int, int]:
        """Return how many answers were recorded before that time, and their bytes."""
        size = func.coalesce(func.sum(func.length(answers.c.answer) + func.length(answers.c.components)), 0)
        with self._renamed(), self._engine.connect() as connection:
            count, taken = connection.execute(select(func.count(), size).where(_recorded(before))).one()
        return int(count), int(taken)

    def forget(self, before: datetime) -> None:
        """Remove the answers that were recorded before that time, and give their room back to the disk."""
        with self._renamed(), self._engine.begin() as connection:
            connection.execute(delete(answers).where(_recorded(before)))
        with self._renamed(), closing(self._engine.raw_connection()) as raw:  # not in a transaction, SQLite says
            driver: Any = raw.driver_connection
            driver.execute("VACUUM")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _renamed(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as e:
            raise CassetteError(f"the cassette {self._path} could not be used: {e.orig}") from e
        except ValidationError as e:
            why = e.errors(include_url=False, include_input=False)[0]["msg"]
            raise CassetteError(
                f"the cassette {self._path} holds an answer that cannot be read ({why}); record it anew, or use the "
                "candlegraph that wrote it"
            ) from e


def _opened(path: Path) -> Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise CassetteError(f"the folder {path.parent} of the cassette could not be made: {e}; choose another") from e
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", on_connect)
    try:
        _patiently(lambda: _create_or_check(engine, path))
    except (DBAPIError, CassetteError) as e:
        engine.dispose()
        if isinstance(e, CassetteError):
            raise
        raise CassetteError(f"{path} is locked, damaged or no cassette ({e.orig}); choose another file") from e
    return engine


def _patiently(step: Callable[[], None]) -> None:
    """Do `step` again while another process makes the file: SQLite does not wait for that, whatever its time-out."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return step()
        except OperationalError as e:
            if "locked" not in str(e.orig) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _create_or_check(engine: Engine, path: Path) -> None:
    with engine.connect() as connection:
        version = connection.exec_driver_sql("PRAGMA user_version").scalar() or 0
        found = set(inspect(connection).get_table_names())
    if found and (found != {answers.name} or version not in (0, VERSION)):
        raise CassetteError(f"{path}: expected a cassette of version {VERSION}, was {version} with {sorted(found)}")
    # Only now is the file known to be ours, and may be changed.
    if version < VERSION:
        _create(engine)
    use_wal(engine)


def _create(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # a plain BEGIN fails where another process is creating it, too
        connection.execute(CreateTable(answers, if_not_exists=True))
        for index in answers.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        connection.commit()


def _recorded(before: datetime) -> ColumnElement[bool]:
    return answers.c.recorded_at < int(before.timestamp() * 1e6)


def _stored(components: Mapping[str, str]) -> str:
    return json.dumps(dict(components), sort_keys=True)


def _parsed(components: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(components)
    return found


def components_of(
    params: Mapping[str, Any], messages: Sequence[BaseMessage], tools: tuple[dict[str, Any], ...], prompt_version: str
) -> dict[str, str]:
    """Return the hash of each part of a request."""
    system = [str(one.content) for one in messages if isinstance(one, SystemMessage)]
    told = [one for one in messages if not isinstance(one, SystemMessage)]
    return {
        "params": _hash(_json(dict(params))),
        "prompt_version": prompt_version,
        "system": _hash(_json(system)),
        "messages": _hash(_json(canonical(told))),
        "tools": _hash(_json(tools)),
    }


def key_of(components: Mapping[str, str]) -> str:
    """Return the key: 64 hex digits."""
    return hashlib.sha256(_json(dict(components)).encode()).hexdigest()


def canonical(messages: Sequence[BaseMessage]) -> list[list[Any]]:
    """Return what a model sees of the messages; ids of calls become their number, for servers draw them by lot."""
    numbers: dict[str | None, int] = {}
    return [_seen(message, numbers) for message in messages]


def _seen(message: BaseMessage, numbers: dict[str | None, int]) -> list[Any]:
    if isinstance(message, AIMessage):
        calls = [*message.tool_calls, *message.invalid_tool_calls]
        said = [[call["name"], call["args"], numbers.setdefault(call["id"], len(numbers))] for call in calls]
        return [message.type, message.content, said]
    if isinstance(message, ToolMessage):
        number = numbers.setdefault(message.tool_call_id, len(numbers))
        return [message.type, message.name, _said(message), message.status, number]
    return [message.type, message.content]


def _said(message: ToolMessage) -> Any:
    unsaid = UNSAID.get(message.name or "")
    if unsaid is None or message.status != "success":
        return message.content
    told = json.loads(str(message.content))
    return {name: value for name, value in told.items() if name != unsaid}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
