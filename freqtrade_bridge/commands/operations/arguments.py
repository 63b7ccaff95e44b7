"""Arguments of the commands that an operator uses; loads nothing heavy."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import USERDIR, add_json, at_least_one, later
from candlegraph.freqtrade_bridge.commands.operations.first_config import CURRENCIES, PROFILES
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.places import CASSETTE

HERE = __package__


def add_init(command: ArgumentParser) -> None:
    """Let the command be told what the new bot trades, and how; what is not named is asked for in a terminal."""
    command.add_argument("folder", nargs="?", type=Path, default=Path(), help="where; default: here")
    command.add_argument("--exchange", choices=sorted(CURRENCIES), help="default: binance")
    command.add_argument("--pairs", nargs="+", metavar="PAIR", help="BTC or BTC/USDT:USDT; default: BTC ETH SOL")
    command.add_argument("--model", help="policy (a rule, no key), local, or a name that --api-base knows")
    command.add_argument("--api-base", metavar="URL", help="the OpenAI-compatible endpoint of the model")
    command.add_argument("--risk", choices=list(PROFILES), help="default: prudent")
    command.add_argument("--force", action="store_true", help="replace config.json and the passwords in .env")
    command.set_defaults(run=later(f"{HERE}.init:print_init"))


def add_doctor(command: ArgumentParser) -> None:
    """Let the command be told which bot to look over."""
    command.add_argument(
        "--config", "-c", dest="files", type=Path, action="append", required=True, help="freqtrade configuration files"
    )
    command.add_argument("--userdir", dest="where", type=Path, help="default: the configuration's, else user_data")
    add_json(command, "the verdicts")
    command.set_defaults(run=later("candlegraph.freqtrade_bridge.commands.doctor.report:print_doctor"))


def add_pause(command: ArgumentParser) -> None:
    """Let the command be told which bot shall open nothing, and why."""
    _add_place(command)
    command.add_argument("--reason", default="", help="kept with it, and shown wherever an entry is refused")
    command.set_defaults(run=later(f"{HERE}.pause:print_pause"))


def add_resume(command: ArgumentParser) -> None:
    """Let the command be told which bot may open positions again."""
    _add_place(command)
    command.set_defaults(run=later(f"{HERE}.pause:print_resume"))


def add_start(command: ArgumentParser) -> None:
    """Let the command be told what the bot in the background stands on."""
    command.add_argument(
        "--config", "-c", type=Path, action="append", required=True, help="freqtrade configuration files"
    )
    command.add_argument("--userdir", type=Path, help="default: the configuration's, else user_data")
    command.add_argument("--offline", dest="is_offline", action="store_true", help="as `trade --offline`")
    command.set_defaults(run=later(f"{HERE}.supervision:print_start"))


def add_stop(command: ArgumentParser) -> None:
    """Let the command be told which bot to end."""
    _add_place(command)
    command.set_defaults(run=later(f"{HERE}.supervision:print_stop"))


def add_restart(command: ArgumentParser) -> None:
    """Let the command be told which bot to end and to start again as it was started."""
    _add_place(command)
    command.set_defaults(run=later(f"{HERE}.supervision:print_restart"))


def add_logs(command: ArgumentParser) -> None:
    """Let the command be told whose log, how much of it, and whether to stay."""
    _add_place(command)
    command.add_argument("-n", type=at_least_one, default=50, metavar="LINES", help="the last ones; default: 50")
    command.add_argument("-f", dest="follow", action="store_true", help="stay and show what is written; Ctrl-C ends it")
    command.set_defaults(run=later(f"{HERE}.logs:print_logs"))


def add_upgrade(command: ArgumentParser) -> None:
    """Let the command be told whose decisions to take again."""
    _add_place(command)
    command.add_argument("--check", action="store_true", help="take the last 500 live decisions again; nobody is asked")
    command.add_argument("--namespace", help="default: live, else dry_run")
    add_json(command, "the list")
    command.set_defaults(run=later(f"{HERE}.upgrade:print_upgrade"))


def add_deploy(command: ArgumentParser) -> None:
    """Let the command be told which containers."""
    command.add_argument("--file", type=Path, default=Path("compose.yaml"), help="default: compose.yaml here")
    command.set_defaults(run=later(f"{HERE}.deploy:print_deploy"))


def add_clean(command: ArgumentParser) -> None:
    """Let the command be told whose regenerable files, and whether to remove them."""
    _add_place(command)
    command.add_argument("--yes", action="store_true", help="make a backup and remove them; without it they are listed")
    add_json(command, "the list")
    command.set_defaults(run=later(f"{HERE}.clean:print_clean"))


def add_prune(command: ArgumentParser) -> None:
    """Let the command be told how many runs and days stay, and whether to remove the rest."""
    _add_place(command)
    command.add_argument("--keep", type=at_least_one, metavar="N", help="of the backtests so many of the newest stay")
    command.add_argument(
        "--days", type=at_least_one, metavar="N", help="older waits, holds, sentiment and cassette leave; 62 or more"
    )
    command.add_argument("--yes", action="store_true", help="remove them; without it they are listed")
    add_json(command, "the list")
    command.set_defaults(run=later(f"{HERE}.prune:print_prune"))


def _add_place(command: ArgumentParser) -> None:
    """Let the command be told the bot's folder; no configuration needs to be sound for that."""
    command.add_argument("--userdir", dest="where", type=Path, help="default: the configuration's, else user_data")
    command.add_argument(
        "--config", "-c", dest="files", type=Path, action="append", default=[], help="only to find the folder"
    )


def refuse_json_beside_yes(arguments: Namespace) -> None:
    """Raise ConfigError where a list for another program is asked for together with what changes the folder."""
    if arguments.json and arguments.yes:
        raise ConfigError("--json lists what would be removed; leave it out where --yes removes it")


def place_of(arguments: Namespace) -> Path:
    """Return the bot's user data folder: the named one, else the configuration's, else freqtrade's usual one."""
    named: Path | None = arguments.where
    return named or Path(str(read_files(arguments.files).merged.get("user_data_dir") or USERDIR))


def cassette_of(files: Sequence[Path], userdir: Path) -> Path:
    """Return where the configuration keeps answers, without one where a run keeps them by default."""
    from candlegraph.graph.settings.settings import settings_of

    named = settings_of(read_files(files).merged).llm_config.cassette
    return Path(named) if named else userdir / CASSETTE
