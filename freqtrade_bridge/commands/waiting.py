"""What a person sees while a command works for more than a moment: on stderr, in a terminal alone, gone at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Thing = TypeVar("Thing")


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show that something is under way while the block lasts, and yield what says more; nothing where nobody looks."""
    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield lambda _: None
        return
    with screen.status(what) as status:
        yield status.update


def counted(things: Sequence[Thing], what: str) -> Iterator[Thing]:
    """Yield the things, and show how many are done and how long the rest will take."""
    screen = Console(stderr=True)
    yield from track(things, what, console=screen, transient=True, disable=not screen.is_terminal)


def stages(names: Sequence[str]) -> Iterator[str]:
    """Yield the names, and head each; for steps that say the rest themselves, as freqtrade does."""
    screen, began = Console(stderr=True, highlight=False), time.monotonic()
    for number, name in enumerate(names, 1):
        if screen.is_terminal:
            before = f", {time.monotonic() - began:.0f} s so far" if number > 1 else ""
            screen.rule(f"{number} of {len(names)}: {name}{before}")
        yield name
