"""Messages to people by freqtrade's own way: Telegram, webhook, the API; one or two lines that a phone shows whole.

Freqtrade sends them as Markdown, and Telegram refuses a whole message in which one of its marks stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

NAME = re.compile(r"[^\W_][\w.]*_[\w.]*\w")
"""A key of the configuration, a namespace, a tag: its underscores would be marks."""
MARKS = str.maketrans("_*[", "  (")
Tell = Callable[[str], None]


def teller(provider: Any) -> Tell:
    """Return what sends a message at once, through freqtrade's data provider; thread-safe, and silent in a backtest."""

    def tell(text: str) -> None:
        provider.send_msg(f"candlegraph: {readable(text)}", always_send=True)

    return tell


def readable(text: str) -> str:
    """Return text that is the same to a person in Markdown and without: names stand in backticks, no mark alone."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one backtick is alone
        parts = [" ".join(parts)]
    return "`".join(part if place % 2 else _marked(part) for place, part in enumerate(parts))


def _marked(text: str) -> str:
    found, end = [], 0
    for name in NAME.finditer(text):
        found += [text[end : name.start()].translate(MARKS), f"`{name[0]}`"]
        end = name.end()
    return "".join([*found, text[end:].translate(MARKS)])
