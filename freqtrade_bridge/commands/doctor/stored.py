"""What is stored: the memory and its index, a halt, candles for backtests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.doctor.diagnosis import Diagnosis, Patient, fail, ok, warn
from candlegraph.graph.schema.errors import CandleError, MemoryStoreError
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.account import AccountBook
from candlegraph.memory.index.saved import OURS, index_folder
from candlegraph.memory.storage.backup import Copy, checked
from candlegraph.memory.storage.database import SCHEMA
from candlegraph.tools.market.candle_files import candle_file, read_frame
from candlegraph.tools.market.frames import duration

MB = 1_000_000
WINDOW = 600
"""Closed candles that a decision sees of each timeframe."""


def stored(patient: Patient) -> Iterator[Diagnosis]:
    """Yield memory, index, halt and candles."""
    database = patient.userdir / DATABASE
    if database.is_file():
        yield from _memory(patient, database)
    else:
        yield ok("memory", "none yet: it begins with the first start")
    yield _candles(patient)


def _memory(patient: Patient, database: Path) -> Iterator[Diagnosis]:
    try:
        found = checked(database)
    except MemoryStoreError as e:
        said = str(e).removesuffix("; nothing was changed")
        yield fail("memory", said, "stop the bot, then `candlegraph memory restore`")
        return
    if found.version > SCHEMA:
        yield fail(
            "memory", f"{database}: schema {found.version}, this candlegraph knows {SCHEMA}", "use the newer one"
        )
        return
    told = f"{found.experiences} experiences, {found.decisions} decisions, {found.bytes / MB:.1f} MB"
    yield ok("memory", told)
    yield _index(patient, database, found)
    yield _halt(patient, database)


def _index(patient: Patient, database: Path, found: Copy) -> Diagnosis:
    vectors = patient.settings.experience_config.rag_config.vector_store
    if vectors.index_type in ("flat", "auto") or not found.experiences:
        return ok("index", f"{vectors.index_type}: built at each start")
    folder = index_folder(database, vectors.storage_path)
    if folder.is_dir() and any(OURS.fullmatch(one.name) for one in folder.iterdir()):
        return ok("index", f"{vectors.index_type}, in {folder}")
    return warn(
        "index", f"{vectors.index_type}: none in {folder}, the next start builds it", "`candlegraph memory rebuild`"
    )


def _halt(patient: Patient, database: Path) -> Diagnosis:
    name = "live" if patient.is_live else "dry_run"
    mark = AccountBook(database).mark(name)
    if mark is not None and mark.reason is not None:
        return warn("account", f"halted: {mark.reason}", f"`candlegraph account reset --namespace {name}`")
    return ok("account", "not halted" if mark is None else f"not halted; peak {mark.peak:.2f}")


def _candles(patient: Patient) -> Diagnosis:
    """Return what backtests can run on; a live bot asks the exchange."""
    datadir = patient.userdir / "data" / str(patient.exchange.get("name", "")).lower()
    timeframe = patient.settings.context_config.timeframes[0]
    load = "a backtest needs them, a bot does not: `freqtrade download-data`"
    named = [pair for pair in patient.pairs if "/" in pair and "*" not in pair]
    told, missing = [], []
    for pair in named:
        try:
            frame = read_frame(candle_file(datadir, pair, timeframe, patient.config.get("dataformat_ohlcv")))
        except CandleError as e:
            if "no candle file" not in str(e):
                return fail("candles", str(e), "or remove the file")
            missing.append(pair)
            continue
        steps = frame["date"].diff().iloc[1:].dt.total_seconds() / duration(timeframe).total_seconds()
        if (gaps := int((steps - 1).clip(lower=0).sum())) or len(frame) < WINDOW:
            short = f"{gaps} candles missing" if gaps else f"{len(frame)} candles, a decision sees {WINDOW}"
            return warn("candles", f"{pair} {timeframe}: {short}", load)
        told.append(f"{pair} {frame['date'].iloc[0]:%Y-%m-%d} to {frame['date'].iloc[-1]:%Y-%m-%d}")
    if missing:
        return warn("candles", f"none of {', '.join(missing)} in {datadir}", load)
    return ok("candles", ", ".join(told) or "no pair is named")
