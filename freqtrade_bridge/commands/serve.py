"""`candlegraph serve-policy`: the policy rule as an OpenAI-compatible endpoint, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace


def add_serve(command: ArgumentParser) -> None:
    """Let the command be told where to listen."""
    command.add_argument("--port", type=int, default=8085)
    command.set_defaults(run=_serve)


def _serve(arguments: Namespace) -> None:
    from candlegraph.agents.models.policy_server import PolicyServer

    with PolicyServer(arguments.port) as server:
        sys.stdout.write(f"the policy rule answers at {server.url} (a rule, not intelligence); Ctrl-C stops it\n")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return
