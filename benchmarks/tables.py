"""One table for people, the same one in Markdown for documents."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

Row = Sequence[str]
WIDTH = 110


def show(title: str, head: Row, rows: Sequence[Row], notes: Sequence[str], *, markdown: bool) -> None:
    """Print the table with rich; with `markdown` that goes to stderr, and stdout is a document."""
    table = Table()
    for number, name in enumerate(head):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(stderr=markdown, soft_wrap=True, highlight=False)
    console.width = max(console.width, WIDTH)  # a pipe counts as 80 columns, and cells would be cut
    console.print(f"{title}; {cores()}")
    console.print(table)
    for note in notes:
        console.print(note)
    if markdown:
        print(in_markdown(title, head, rows, notes))


def in_markdown(title: str, head: Row, rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Return the table as Markdown, numbers to the right."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)]
    return "\n".join([f"{title}; {cores()}", "", *lines, "", *(f"- {note}" for note in notes)])


def cores() -> str:
    """Return what a time depends on first: how many cores this process may use."""
    return f"{len(os.sched_getaffinity(0))} cores"
