"""`candlegraph studio`: `langgraph dev` with both graphs and our assistants, on loopback, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from candlegraph.freqtrade_bridge.commands.studio.assistants import base_of, make_assistants
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.places import STUDIO_NAMESPACES

GRAPHS = {
    "candlegraph": {
        "path": "candlegraph.graph.studio:candle_graph",
        "description": "decide one closed candle: analyst, retriever, decision, reviewer; nothing is traded",
    },
    "reflection": {
        "path": "candlegraph.graph.studio:reflection_graph",
        "description": "learn from one closed trade: evaluate, review, remember, reward; in the namespace studio",
    },
}
QUIET = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_NO_VERSION_CHECK": "1"}
LOG = Path("logs") / "studio.log"
STARTS_WITHIN, ENDS_WITHIN = 90, 20
"""Seconds."""
STUDIO = "https://smith.langchain.com/studio/?baseUrl="
"""LangChain's page; the browser alone reaches it, and it asks the server on this machine."""


def print_studio(arguments: argparse.Namespace) -> None:
    """Serve until Ctrl-C."""
    base = base_of(arguments.config, arguments.userdir)
    with serving(arguments.port, arguments.userdir, arguments.allow) as (url, process):
        made = asyncio.run(make_assistants(url, base))
        told = ending(arguments.userdir, arguments.allow)
        sys.stdout.write(f"Studio: {STUDIO}{url}\nassistants: {', '.join(made)}\n{told}\n")
        sys.stdout.flush()
        process.wait()


def ending(userdir: Path, allowed: Sequence[str] = ()) -> str:
    """Return where runs may write, how the server ends, and where it tells what it does."""
    where = f" or, where the context says so, {' or '.join(allowed)}" if allowed else ""
    kept = f"what runs here is kept in the namespace studio{where}"
    return f"Nothing is traded; {kept}. Log: {userdir / LOG}. Ctrl-C ends it."


@contextmanager
def serving(port: int, userdir: Path, allowed: Sequence[str] = ()) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start the server, and end it afterwards, at Ctrl-C and SIGTERM too; raise ConfigError if it does not start.

    `allowed`: what its runs may read and write beside the namespace studio.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    log = userdir / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, log.open("wb") as out:
        process = _started(Path(folder) / "langgraph.json", port, out, allowed)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, log)
            yield url, process
        finally:
            process.terminate()
            process.wait(ENDS_WITHIN)


def _started(config: Path, port: int, out: object, allowed: Sequence[str]) -> subprocess.Popen[bytes]:
    config.write_text(json.dumps({"dependencies": ["."], "graphs": GRAPHS}))
    program = str(Path(sys.executable).parent / "langgraph")
    words = ["dev", "--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(port), "--config", str(config)]
    env = {"LANGSMITH_TRACING": "false"} | dict(os.environ) | QUIET
    env |= {STUDIO_NAMESPACES: " ".join(allowed)} if allowed else {}
    return subprocess.Popen([program, *words], env=env, stdout=out, stderr=subprocess.STDOUT)  # type: ignore[call-overload,no-any-return]


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < until and process.poll() is None:
            try:
                if client.get(f"{url}/ok").is_success:
                    return
            except httpx.TransportError:  # it does not listen yet
                time.sleep(0.1)
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    raise ConfigError(f"studio: the server did not start at {url}; {log} ends with: {' '.join(last)}")
