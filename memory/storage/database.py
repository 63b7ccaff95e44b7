"""The two places of durable rows, a bot's own SQLite file and a Postgres by URL, and the ways in: `reading`, `writing`.

Nothing here is one dialect's alone, except what stands behind a check of it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr, ValidationError
from sqlalchemy import (
    Connection,
    Engine,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from candlegraph.graph.schema.errors import ConfigError, MemoryAway, MemoryStoreError
from candlegraph.memory.storage.backup import back_up, backup_path
from candlegraph.memory.storage.tables import SHARED, meta, metadata

SCHEMA = 4
"""2 added the tables `account` and `proposals`, 3 those of open trades and of embeddings,
4 `retired` and `counterfactuals`."""
FIRST_TABLES = {"meta", "experiences", "vectors", "outbox", "decisions"}
COUNTERS = ("removals", "purges", "experiences", "embeddings", "outbox", "decisions", "account", "proposals", "audits")
BUSY_SECONDS = 30
CREATING = 0x63616E646C65
"""Number of the advisory lock under which the tables of a shared database are made."""
URL_KEY = "experience_config.rag_config.database_url"
URL_FORM = "postgresql+psycopg://user@host/database"
WAITS: dict[str, Any] = {
    "connect_timeout": 3,
    # Of a network that is cut: without these a lost answer is waited for two hours.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    # The server ends what takes too long; a bot that stops amid a transaction would keep all others from writing.
    "options": "-c lock_timeout=5s -c statement_timeout=60s -c idle_in_transaction_session_timeout=30s",
}
"""So long nobody waits for a shared database; a statement gets a minute, since the first one reads all vectors."""
Counter = Literal["experiences", "embeddings", "outbox", "decisions", "account", "proposals", "audits"]
COUNTED = update(meta).where(meta.c.key == bindparam("counter")).values(value=meta.c.value + 1).returning(meta.c.value)
"""Counts up, and gives the new number; made once, since making it costs more than it does."""

_engines: dict[Path | URL, Engine] = {}
_unprepared: set[Engine] = set()
_opening, _preparing = threading.Lock(), threading.Lock()


def open_engine(path: Path) -> Engine:
    """Return this process's one engine on the file, created or checked first."""
    path = path.resolve()
    with _opening:
        if path not in _engines:
            _engines[path] = _opened(path)
        return _engines[path]


def open_shared(secret: SecretStr) -> Engine:
    """Return this process's one engine on the database by URL; it is connected to when it is used."""
    url = url_of(secret)
    with _opening:
        if url not in _engines:
            _engines[url] = _shared(url)
            _unprepared.add(_engines[url])
        return _engines[url]


def url_of(secret: SecretStr) -> URL:
    """Return the URL; raise ConfigError, which does not repeat it, unless it is one of Postgres."""
    try:
        url = make_url(secret.get_secret_value())
    except (ArgumentError, ValueError):  # the latter: its port is no number
        raise ConfigError(f"config: {URL_KEY}: no URL; expected {URL_FORM}") from None
    if url.drivername != "postgresql+psycopg":
        raise ConfigError(f"config: {URL_KEY}: a URL of {url.drivername!r}; expected {URL_FORM}")
    return url


def close_engine(place: Path | URL) -> None:
    """Close every connection to the file or database; whoever opens it later starts afresh."""
    with _opening:
        engine = _engines.pop(place.resolve() if isinstance(place, Path) else place, None)
    if engine is not None:
        _unprepared.discard(engine)
        engine.dispose()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees one consistent state."""
    with _used(engine), engine.connect() as connection:
        # SQLite's transactions are so by themselves.
        yield connection if _is_sqlite(engine) else connection.execution_options(isolation_level="REPEATABLE READ")


@contextmanager
def writing(engine: Engine, counter: Counter) -> Iterator[tuple[Connection, int]]:
    """Yield a transaction and its number.

    Counting up comes first: it holds the row until the commit, so that numbers are in the order of commits, on any
    database, and whoever reads up to a number has missed nothing.
    """
    with _used(engine), engine.begin() as connection:
        yield connection, connection.execute(COUNTED, {"counter": counter}).scalar_one()


def database_path(engine: Engine) -> Path:
    """Return the file of the engine."""
    return Path(str(engine.url.database))


def place_of(engine: Engine) -> str:
    """Return where the rows are, without a password."""
    if _is_sqlite(engine):
        return str(database_path(engine))
    return engine.url.set(query={}).render_as_string(hide_password=True)  # a query may hold a password too


def stored_bytes(connection: Connection, engine: Engine) -> int:
    """Return how much room the rows take."""
    if _is_sqlite(engine):
        path = database_path(engine)
        files = (path, path.with_name(path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())
    sizes = [func.pg_total_relation_size(table.name) for table in SHARED]
    return sum(connection.execute(select(*sizes)).one())


def _opened(path: Path) -> Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise MemoryStoreError(f"the folder {path.parent} could not be made: {e}; choose another") from e
    engine = create_engine(URL.create("sqlite", database=str(path)))
    if _is_sqlite(engine):
        event.listen(engine, "connect", on_connect)
    try:
        with _renamed(engine):
            _create_or_check(engine)
    except MemoryStoreError:
        engine.dispose()
        raise
    return engine


def _shared(url: URL) -> Engine:
    """Return an engine that no candle waits for longer than some seconds; the server may go away and come back."""
    try:
        engine = create_engine(url, pool_pre_ping=True, connect_args=WAITS)
    except ImportError as e:
        raise ConfigError(f"config: {URL_KEY}: no driver ({e}): pip install 'candlegraph[postgres]'") from e
    event.listen(engine, "do_connect", Connecting())
    return engine


class Connecting:
    """Connects to a server; one that kept us waiting is left alone for as long: not every pair shall wait in turn."""

    def __init__(self) -> None:
        self._not_before, self._why = 0.0, ""

    def __call__(self, dialect: Dialect, _record: Any, arguments: Any, named: Any) -> Any:
        """Return a connection; raise the driver's error."""
        away: type[Exception] = dialect.loaded_dbapi.OperationalError
        begun = time.monotonic()
        if begun < self._not_before:
            raise away(self._why)
        try:
            return dialect.connect(*arguments, **named)
        except away as e:
            now = time.monotonic()
            self._not_before, self._why = now + (now - begun), str(e)
            raise


@contextmanager
def _used(engine: Engine) -> Iterator[None]:
    """Rename errors; before the first use of a shared database, whose server may be away at the start, prepare it."""
    with _renamed(engine):
        if engine in _unprepared:
            with _preparing:
                _create_shared(engine)
                _unprepared.discard(engine)
        yield


def _create_shared(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(CREATING)))  # two bots may start at the same moment
        found = set(inspect(connection).get_table_names())
        if SHARED[0].name in found:
            _refuse_other_version(connection, place_of(engine))
        _create(connection, SHARED)


def _create_or_check(engine: Engine) -> None:
    _refuse_damaged(engine)
    found = set(inspect(engine).get_table_names())
    version = _version(engine, found) if found else 0
    # Only now is the file known to be ours, and may be changed.
    use_wal(engine)
    if found:
        _back_up(engine)
    if version < SCHEMA or set(metadata.tables) - found:
        with engine.begin() as connection:
            _create(connection, metadata.sorted_tables)


def _create(connection: Connection, tables: Sequence[Table]) -> None:
    """Make what is missing: all, or what a newer schema added. Harmless where another process was faster."""
    for table in tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            connection.execute(CreateIndex(index, if_not_exists=True))
    known = set(connection.scalars(select(meta.c.key)))
    first = {"schema": SCHEMA, "identity": secrets.randbits(62)} | dict.fromkeys(COUNTERS, 0)
    if new := [{"key": key, "value": value} for key, value in first.items() if key not in known]:
        connection.execute(insert(meta), new)
    connection.execute(update(meta).where(meta.c.key == "schema").values(value=SCHEMA))


def _refuse_damaged(engine: Engine) -> None:
    if not _is_sqlite(engine):
        return
    with engine.connect() as connection:
        result = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if result != "ok":
        raise MemoryStoreError(f"{database_path(engine)} is damaged ({result}); {_how_to_restore(engine)}")


def _version(engine: Engine, found: set[str]) -> int:
    """Return the schema of a file that is ours; refuse any other."""
    path = database_path(engine)
    if missing := sorted(FIRST_TABLES - found):
        raise MemoryStoreError(f"{path} belongs to another program: no table {', '.join(missing)}; choose another file")
    with engine.connect() as connection:
        return _refuse_other_version(connection, str(path))


def _refuse_other_version(connection: Connection, place: str) -> int:
    """Return the schema of what is ours; raise MemoryStoreError where it is newer than we are."""
    version = connection.scalar(select(meta.c.value).where(meta.c.key == "schema"))
    if version is None or not 1 <= version <= SCHEMA:
        raise MemoryStoreError(
            f"{place}: expected schema {SCHEMA}, was {version}; "
            "use the candlegraph that wrote it, or move it away to start an empty memory"
        )
    return int(version)


def use_wal(engine: Engine) -> None:
    """Let readers go on while one writes; transactions begin only now, since SQLite refuses the change inside one."""
    if _is_sqlite(engine):
        _switch_to_wal(engine, time.monotonic() + BUSY_SECONDS)
        event.listen(engine, "begin", _on_begin)


def _switch_to_wal(engine: Engine, deadline: float) -> None:
    """Change the journal; SQLite does not wait for other processes here, whatever its busy_timeout, so we do."""
    while True:
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            return
        except OperationalError as e:
            if "locked" not in str(e.orig) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _back_up(engine: Engine) -> None:
    if _is_sqlite(engine):
        with writing(engine, "outbox"):  # the write lock: two processes must not fill the same partial copy
            back_up(engine, database_path(engine))


def _is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def on_connect(raw: Any, _record: Any) -> None:
    """Prepare a connection to a SQLite file."""
    raw.isolation_level = None  # the driver must not begin transactions behind our back
    cursor = raw.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA synchronous = FULL")  # what was committed survives a power cut
    cursor.close()


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


@contextmanager
def _renamed(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as e:
        if type(e) is DatabaseError and _is_sqlite(engine):  # the plain class: what is stored cannot be read
            path = database_path(engine)
            raise MemoryStoreError(f"{path} is damaged ({e.orig}); {_how_to_restore(engine)}") from e
        is_away = isinstance(e, OperationalError) and not _is_sqlite(engine)
        kind = MemoryAway if is_away else MemoryStoreError
        raise kind(f"{place_of(engine)} could not be used: {e.orig}; nothing was written") from e
    except ValidationError as e:  # of a stored document: another version's, or changed by hand
        first = e.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join([e.title, *map(str, first["loc"])])
        raise MemoryStoreError(
            f"{place_of(engine)} holds a row that this candlegraph cannot read ({where}: {first['msg']}); "
            "if a newer one wrote it, use that one"
        ) from e


def _how_to_restore(engine: Engine) -> str:
    path = database_path(engine)
    if backup_path(path).exists():
        return f"to restore: stop every bot, then `candlegraph memory restore --userdir {path.parent.parent}`"
    away = f"move {path.name}, {path.name}-wal and {path.name}-shm out of {path.parent}"
    return f"there is no backup; stop every bot, {away}, and an empty memory is made at the next start"
