"""Text from outside as harmless data: labels, tags, lessons, reasons, names.

Whatever a source writes becomes one short quoted line without markup, brackets and hidden characters. It can neither
close the block that it stands in nor open another, and no chat template reads a role or a function call in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs"})
"""Unicode categories of control, format (direction, zero width, tags), private and surrogate characters."""
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters of other categories that nobody sees."""
INERT = str.maketrans({"<": "(", ">": ")", "[": "(", "]": ")", "{": "(", "}": ")", '"': "'", "`": "'"})
NO_SYMBOL = re.compile(r"[^\w/:.-]+")
TEXT_LENGTH = 240
NAME_LENGTH = 40


def plain(text: str, length: int = TEXT_LENGTH) -> str:
    """Return outside text as one line of at most `length` visible characters, without markup."""
    known = unicodedata.normalize("NFKC", text[: 8 * length])  # full-width brackets become the ones below
    seen = known if known.isascii() and known.isprintable() else "".join(map(_visible, known))
    line = " ".join(seen.translate(INERT).split())
    return line if len(line) <= length else line[: length - 3].rstrip() + "..."


def quoted(text: str, length: int = TEXT_LENGTH) -> str:
    """Return outside text between double quotes, of which it holds none itself."""
    return f'"{plain(text, length)}"'


def quoted_lines(texts: Iterable[str], length: int = TEXT_LENGTH) -> list[str]:
    """Return outside texts, each between double quotes."""
    return [quoted(text, length) for text in texts]


def plain_lines(texts: Iterable[str]) -> list[str]:
    """Return lines of our own; Studio may give others in their place."""
    return [plain(text) for text in texts]


def symbol(text: str) -> str:
    """Return an outside name, of a pair or a pattern, as one short word that says no sentence."""
    return NO_SYMBOL.sub("_", plain(text, NAME_LENGTH)).strip("_")


def is_hidden(character: str) -> bool:
    """Return whether a reader would not see the character, or it is a variation selector."""
    code = ord(character)
    return (
        unicodedata.category(character) in HIDDEN
        or character in BLANK
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
    )


def _visible(character: str) -> str:
    return " " if is_hidden(character) else character
