"""Lists and tables of the commands: whole and readable in a terminal of 80 columns.

An entry of a list is one line of short cells and, indented beneath it, what is long; or all of it in one line (--wide).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

GAP = "  "
INDENT = 4
LONGEST = 240
"""Characters of a text beneath an entry; --wide and --json have the rest."""


class Entry(NamedTuple):
    """One thing of a list."""

    cells: tuple[str, ...]
    below: tuple[str, ...]


def console() -> Console:
    """Return a console on which brackets in a lesson are brackets, not markup."""
    return Console(markup=False, highlight=False)


def print_entries(title: str, head: Sequence[str], entries: Sequence[Entry], *, wide: bool, empty: str = "") -> None:
    """Print a list with the names of its cells above; where there is nothing in it, the sentence that says so."""
    screen = console()
    screen.print(Text(title if entries else empty or f"{title}: none"), soft_wrap=True)
    if not entries:
        return
    widths = [max(map(cell_len, column)) for column in zip(head, *(one.cells for one in entries), strict=True)]
    screen.print(Text(_line(head, widths), style="bold"))
    for one in entries:
        if wide:
            screen.print(Text(GAP.join([_line(one.cells, widths), *one.below])), soft_wrap=True)
            continue
        screen.print(Text(_line(one.cells, widths).rstrip()))
        for text in one.below:
            screen.print(Padding(Text(text), (0, 0, 0, INDENT), expand=False))


def print_values(title: str, values: Iterable[tuple[str, str]]) -> None:
    """Print names with their values; a path is worth nothing without its end, so nothing is cut."""
    table = Table("what", title=title, title_justify="left")
    table.add_column("value", overflow="fold")
    for name, value in values:
        table.add_row(name, value)
    console().print(table)


def print_json(value: Any) -> None:
    """Print plain JSON types for another program."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def one_line(text: str, length: int | None = LONGEST) -> str:
    """Return text as one line without characters that move a cursor, cut to `length`."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if length is None or len(line) <= length else f"{line[: length - 3].rstrip()}..."


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True))
