"""What a person sees while a command works for more than a moment: on stderr, in a terminal alone, gone at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Thing = TypeVar("Thing")


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is under way while the block lasts; nothing where nobody looks."""
    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield
        return
    with screen.status(what):
        yield


def counted(things: Sequence[Thing], what: str) -> Iterator[Thing]:
    """Yield the things, and show how many are done and how long the rest will take."""
    screen = Console(stderr=True)
    yield from track(things, what, console=screen, transient=True, disable=not screen.is_terminal)
