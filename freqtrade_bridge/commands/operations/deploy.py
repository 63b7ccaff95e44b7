"""`candlegraph deploy`: build the containers, start them, follow their log; the engine does all of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

from candlegraph.graph.schema.errors import BridgeError, ConfigError

ENGINES = ("docker", "podman")


def print_deploy(arguments: Namespace) -> None:
    """Build, start and follow; Ctrl-C ends the following alone. Raise BridgeError for a step that fails."""
    file: Path = arguments.file
    needed = [file, file.parent / "config.json", file.parent / ".env"]
    if missing := [str(one) for one in needed if not one.is_file()]:
        raise ConfigError(
            f"deploy: {', '.join(missing)}: not there; expected compose.yaml of a checkout of candlegraph, and beside "
            "it what `candlegraph init` writes"
        )
    engine = next((found for name in ENGINES if (found := shutil.which(name))), None)
    if engine is None:
        raise BridgeError(
            f"deploy: no container engine here, neither {' nor '.join(ENGINES)} is on the PATH; install one, or "
            "let the bot run without: candlegraph start -c config.json"
        )
    _need_compose(engine)
    compose = [engine, "compose", "--file", str(file)]
    for words in (["build"], ["up", "--detach"]):
        _run([*compose, *words])
    sys.stdout.write(f"started; its log follows, Ctrl-C leaves it running. End: {' '.join(compose)} down\n")
    sys.stdout.flush()
    _run([*compose, "logs", "--follow", "--tail", "50"])


def _need_compose(engine: str) -> None:
    """Raise BridgeError where the engine is there and its compose command is not: it would talk of unknown flags."""
    if subprocess.run([engine, "compose", "version"], capture_output=True, check=False).returncode:
        name = Path(engine).name
        raise BridgeError(
            f"deploy: {name} is here, but `{name} compose version` fails: its compose plugin is not installed "
            "(docker-compose-plugin or docker-compose-v2, podman-compose). Without it: candlegraph start -c config.json"
        )


def _run(words: list[str]) -> None:
    status = subprocess.run(words, check=False).returncode
    if status:
        raise BridgeError(f"deploy: {' '.join(words[1:])} ended with status {status}; what it said is above")
