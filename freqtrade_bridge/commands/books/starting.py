"""A bot that was started and has ended no loop yet: nothing of it stands in a book, and people look at once."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from rich.text import Text

from candlegraph.freqtrade_bridge.commands.operations.process import BotProcess, running
from candlegraph.freqtrade_bridge.host.pause_file import KEY, HandPause, PauseFile
from candlegraph.freqtrade_bridge.monitoring.heartbeat import Heartbeat
from candlegraph.freqtrade_bridge.report.listing import console, print_json
from candlegraph.graph.schema.errors import ConfigError


def starting(userdir: Path, beat: Heartbeat | None) -> BotProcess | None:
    """Return the bot that `candlegraph start` began after the last heartbeat, None without one."""
    bot = running(userdir)
    return bot if bot is not None and (beat is None or beat.loop_at < bot.started_at) else None


def starting_told(bot: BotProcess) -> str:
    """Return it for a person."""
    return f"starts: process {bot.pid} since {bot.started_at:%Y-%m-%d %H:%M} UTC has ended no loop yet"


def pause_told(hand: HandPause) -> str:
    """Return who paused the entries, since when, and what ends it."""
    since = "" if hand.since is None else f" since {hand.since:%Y-%m-%d %H:%M} UTC"
    return f"{hand.refusal.why}{since}; `{KEY}` ends it"


def print_no_book_yet(arguments: Namespace) -> None:
    """Print that the bot starts; raise ConfigError with what to do where none does."""
    userdir: Path = arguments.userdir
    bot, hand = starting(userdir, None), PauseFile(userdir).read()
    if bot is None:
        raise ConfigError(
            f"status: {userdir}: no bot has run here yet; `candlegraph start -c config.json` starts one, "
            "--userdir names another folder"
        )
    if arguments.json:
        told = {"namespace": None, "starting": bot.model_dump(mode="json")}
        print_json(told | {"paused_by_hand": None if hand is None else hand.model_dump(mode="json")})
        return
    lines = [f"{starting_told(bot)}; `candlegraph logs -f` shows what it does"]
    console().print(Text("\n".join([*lines, *([f"entries: {pause_told(hand)}"] if hand else [])])))
