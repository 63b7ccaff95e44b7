"""The machine and the folder: where the bot runs, what it may write, who could read its secrets, its versions."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from candlegraph.freqtrade_bridge.commands.doctor.diagnosis import Diagnosis, Patient, fail, ok, warn
from candlegraph.freqtrade_bridge.commands.operations.process import foreign, is_traded_on, running
from candlegraph.freqtrade_bridge.commands.trade import ADDRESS, PORT, is_free
from candlegraph.freqtrade_bridge.host.configuration_files import merged_files
from candlegraph.freqtrade_bridge.host.environment_file import NAME
from candlegraph.freqtrade_bridge.host.pause_file import PauseFile
from candlegraph.graph.settings.places import DATABASE, LOG

GB = 1_000_000_000
LEAST, ENOUGH = 0.5, 5.0
"""GB: below the first one a database may fail to grow within a day, with the second one it lasts for years."""
SECRETS = (
    *("key", "apiKey", "api_key", "secret", "password", "uid", "token", "jwt_secret_key", "ws_token"),
    *("walletAddress", "wallet_address", "privateKey", "private_key"),
)
"""Names of secrets in freqtrade's configuration and in ours."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def machine(patient: Patient) -> Iterator[Diagnosis]:
    """Yield folder, secrets, API, process, disk and versions."""
    yield _folder(patient)
    yield from _secrets(patient)
    yield from _api(patient)
    yield _process(patient)
    yield _disk(patient)
    yield _versions()


def _folder(patient: Patient) -> Diagnosis:
    userdir = patient.userdir
    if userdir.is_dir():
        closed = [one for one in (userdir, *_written_to(userdir)) if not os.access(one, os.W_OK)]
        if not closed:
            return ok("folder", str(userdir))
        advice = f"was the bot once started by root? chown -R the user that runs it, here {os.getuid()}"
        return fail("folder", f"{', '.join(map(str, closed))} cannot be written", advice)
    beside = patient.files[0].resolve().parent / userdir
    if not userdir.is_absolute() and beside.is_dir():
        what = f"{userdir} is not here, but beside the configuration: a bot started here would know none of its trades"
        return fail("folder", what, f"cd {beside.parent}")
    return warn("folder", f"{userdir} is not there yet", "the first start makes it")


def _written_to(userdir: Path) -> Iterator[Path]:
    """Yield the folders and files below it that a bot writes to, as far as they are there."""
    for place in (LOG, DATABASE):
        yield from (one for one in (userdir / place.parent, userdir / place) if one.exists())
    yield from userdir.glob("tradesv3*.sqlite")


def _secrets(patient: Patient) -> Iterator[Diagnosis]:
    """Yield who else may read `.env`, and which secrets stand in a configuration file."""
    file = patient.files[0].parent / NAME
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0
    if mode & 0o077:
        yield fail("secrets", f"{file} can be read by others, mode {mode:o}", f"chmod 600 {file}")
    if found := list(_written(merged_files(patient.files))):
        where = "move them to .env: FREQTRADE__EXCHANGE__SECRET=… and so on"
        yield warn("secrets", f"{', '.join(found)}: in a configuration file", where)
    elif not mode & 0o077:
        yield ok("secrets", f"{file}, mode {mode:o}" if mode else "none in files")


def _written(block: dict[str, Any], above: str = "") -> Iterator[str]:
    """Yield the names of secrets that have a value."""
    for name, value in block.items():
        if isinstance(value, dict):
            yield from _written(value, f"{above}{name}.")
        elif name in SECRETS and isinstance(value, str) and value:
            yield f"{above}{name}"


def _api(patient: Patient) -> Iterator[Diagnosis]:
    api = patient.config.get("api_server") or {}
    if not api.get("enabled"):
        yield ok("api", "off")
        return
    address, port = str(api.get("listen_ip_address", ADDRESS)), int(api.get("listen_port", PORT))
    if missing := [key for key in ("password", "jwt_secret_key") if not api.get(key)]:
        yield fail("api", f"no {' and no '.join(missing)}", "`candlegraph init` in an empty folder shows the variables")
    if not is_free(address, port) and not is_traded_on(patient.userdir):
        yield fail("api", f"port {port}: another program has it", "stop that, or set api_server.listen_port")
    if address not in LOOPBACK:
        yield warn("api", f"listens on {address}: others can reach it", "127.0.0.1, and a tunnel or proxy with TLS")
    else:
        yield ok("api", f"http://{address}:{port}")


def _process(patient: Patient) -> Diagnosis:
    pause = PauseFile(patient.userdir).read()
    if pause is not None:
        return warn("bot", f"entries are {pause.refusal.why}", "`candlegraph resume` ends it")
    bot, others = running(patient.userdir), foreign(patient.userdir)
    if len(others) > 1:
        pids = ", ".join(map(str, others))
        return fail("bot", f"{len(others)} processes trade on {patient.userdir}: {pids}", "end all but one")
    if bot or others:
        return ok("bot", f"runs, process {bot.pid if bot else others[0]}")
    return ok("bot", "does not run")


def _disk(patient: Patient) -> Diagnosis:
    there = next(one for one in (patient.userdir, *patient.userdir.resolve().parents) if one.is_dir())
    free = shutil.disk_usage(there).free / GB
    told = f"{free:.1f} GB free"
    if free < LEAST:
        return fail("disk", told, "free some: `candlegraph clean`, `candlegraph prune`; a full one stops the ledger")
    return ok("disk", told) if free >= ENOUGH else warn("disk", told, "docs/operations.md says what grows")


def _versions() -> Diagnosis:
    """Return whether what is installed is what this candlegraph was tested with."""
    wanted = _pins()
    found = {name: metadata.version(name) for name in ("freqtrade", "ccxt", "langgraph")}
    told = ", ".join(f"{name} {version}" for name, version in found.items())
    wrong = [f"{name} {found[name]}, expected {pin}" for name, pin in wanted.items() if not _fits(found[name], pin)]
    if wrong:
        return fail("versions", "; ".join(wrong), "pip install -r requirements.lock")
    return ok("versions", told)


def _pins() -> dict[str, str]:
    """Return the versions of the lock beside the code, else what the installed package asks for."""
    lock = Path(__file__).parents[3] / "requirements.lock"
    lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else metadata.requires("candlegraph") or []
    asked = [Requirement(line) for line in lines if line and line[0].isalnum()]
    return {one.name: str(one.specifier) for one in asked if one.name in ("freqtrade", "ccxt", "langgraph")}


def _fits(version: str, pin: str) -> bool:
    return Requirement(f"x{pin}").specifier.contains(version, prereleases=True)
