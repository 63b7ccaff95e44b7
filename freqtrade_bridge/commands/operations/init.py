"""`candlegraph init`: a configuration, its secrets and its folders, from a few answers."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from candlegraph.freqtrade_bridge.commands.arguments import USERDIR
from candlegraph.freqtrade_bridge.commands.operations.first_config import (
    ADDRESS,
    CURRENCIES,
    HEADER,
    LOCAL,
    POLICY,
    PORT,
    PROFILES,
    NewBot,
    blank_secrets_of,
    config_of,
    new_passwords,
    pairs_of,
    risk_told,
)
from candlegraph.freqtrade_bridge.host.environment_file import NAME
from candlegraph.freqtrade_bridge.migration.secrets_file import OWNER_ONLY, keep_secrets, write_beside
from candlegraph.graph.schema.errors import ConfigError

CONFIG = "config.json"
FOLDERS = ("data", "logs", "rag")
READABLE = 0o644
T = TypeVar("T")


def print_init(arguments: Namespace) -> None:
    """Write the new bot into the folder, and print what was written and what to do next."""
    folder: Path = arguments.folder
    config, secrets = folder / CONFIG, folder / NAME
    if not arguments.force and (there := [str(one) for one in (config, secrets) if one.exists()]):
        raise ConfigError(f"init: {' and '.join(there)}: there already; --force replaces it, or name another folder")
    answers = _answers(arguments)
    content = json.dumps(config_of(answers), indent=4)
    for name in FOLDERS:
        (folder / USERDIR / name).mkdir(parents=True, exist_ok=True)
    if not secrets.exists():
        write_beside(secrets, blank_secrets_of(answers.exchange), OWNER_ONLY)
    keep_secrets(secrets, new_passwords(), replace=True)
    write_beside(config, f"{HEADER.format(name=CONFIG)}{content}\n", READABLE)
    sys.stdout.write("\n".join(_told(answers, folder)) + "\n")


def _answers(arguments: Namespace) -> NewBot:
    """Return what was named; the rest is asked for in a terminal, and elsewhere as prudent as can be."""
    exchange = arguments.exchange or _asked(f"Exchange ({', '.join(CURRENCIES)})", "binance", _one_of(CURRENCIES))
    pairs = arguments.pairs or _asked("Pairs", "BTC ETH SOL", lambda text: pairs_of(text.split(), exchange))
    model = arguments.model or _asked(f"Model ({POLICY}: a rule, no key; {LOCAL}; or a name)", POLICY, str)
    api_base = arguments.api_base
    if api_base is None and model not in (POLICY, LOCAL) and sys.stdin.isatty():
        api_base = _asked("Its OpenAI-compatible endpoint", "https://api.openai.com/v1", str)
    choices = "; ".join(map(risk_told, PROFILES))
    risk = arguments.risk or _asked(f"Risk (leverage, loss at a stop: {choices})", "prudent", _one_of(PROFILES))
    return NewBot(exchange, pairs_of(pairs, exchange), model, api_base, risk)


def _asked(question: str, usual: str, parse: Callable[[str], T]) -> T:
    """Return a person's answer, asked again until it can be read; where nobody is, the usual one."""
    while sys.stdin.isatty():
        try:
            return parse(input(f"{question} [{usual}]: ").strip() or usual)
        except ConfigError as e:
            sys.stdout.write(f"{e}\n")
        except EOFError:
            break
    return parse(usual)


def _one_of(valid: Collection[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in valid:
            raise ConfigError(f"{text!r}: expected one of {', '.join(valid)}")
        return text

    return parse


def _told(answers: NewBot, folder: Path) -> list[str]:
    """Return what was written, and the next three commands, as they can be typed."""
    place = "" if folder == Path() else f"cd {folder} && "
    lines = [
        f"Written: {folder / CONFIG}: a dry-run on {answers.exchange}, risk {answers.risk}",
        f"           {', '.join(answers.pairs)}",
        f"         {folder / NAME}, mode 600: passwords of the API; every command with -c reads it",
        f"         {folder / USERDIR}: {', '.join(FOLDERS)}",
    ]
    if answers.model == POLICY:
        lines.append("Decided by a fixed rule: enough to see everything run, not to earn money.")
    elif answers.model != LOCAL:
        lines += [f"Put the key of {answers.api_base} into {folder / NAME}:", "  CANDLEGRAPH_API_KEY=…"]
    return [
        *lines,
        "Next:",
        f"  {place}candlegraph doctor -c {CONFIG}  is all there that a bot needs",
        f"  candlegraph start -c {CONFIG}   in the background; --offline: no network",
        "  candlegraph status                 what it does, and why",
        "FreqUI, once it runs and `freqtrade install-ui` was typed:",
        f"  http://{ADDRESS}:{PORT}, user candlegraph, its password is in {NAME}",
    ]
