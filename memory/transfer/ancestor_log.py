"""The ancestor's `trade_experience.jsonl` as it is found: written while it ran, cut by crashes, edited by hand.

bytes → lines in their encoding → JSON objects → trades; of a trade that was logged twice the last line counts
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.experience import ANCESTOR
from candlegraph.memory.transfer.ancestor import LoggedTrade, logged_from
from candlegraph.memory.transfer.files import BadLine, FieldError, problem_of

MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""How a file begins that is not in UTF-8; PowerShell writes such ones."""
LINE_END = re.compile(rb"\r\n|\n|\r")
DECODER = json.JSONDecoder(object_pairs_hook=lambda pairs: _once(pairs))


class AncestorLog(NamedTuple):
    """What the log holds; `repeated` names each trade with more than one line."""

    logged: tuple[LoggedTrade, ...]
    bad: tuple[BadLine, ...]
    repeated: tuple[str, ...]


def read_ancestor(file: Path, fee: float) -> AncestorLog:
    """Return the trades of the log, each once, with `fee` (ratio of the notional, per side) taken off their profit."""
    last, lines, bad = dict[str, LoggedTrade](), dict[str, list[int]](), list[BadLine]()
    for number, raw in enumerate(_raw_lines(file), 1):
        try:
            for found in _objects(raw):
                one = logged_from(found, fee)
                last[one.trade.key] = one
                lines.setdefault(one.trade.key, []).append(number)
        except FieldError as e:
            bad.append(BadLine(file, number, e.field, e.problem))
        except ValidationError as e:
            bad.append(BadLine(file, number, *problem_of(e)))
    return AncestorLog(tuple(last.values()), tuple(bad), tuple(_repeated(last, lines)))


def _repeated(last: dict[str, LoggedTrade], lines: dict[str, list[int]]) -> Iterator[str]:
    for key, numbers in lines.items():
        if len(numbers) > 1:
            where = ", ".join(map(str, numbers))
            yield f"{key.removeprefix(f'{ANCESTOR}:')} {last[key].trade.pair}: lines {where}: the last one counts"


def _raw_lines(file: Path) -> Sequence[bytes]:
    """Return the lines as UTF-8; raise MemoryStoreError where the file cannot be read at all."""
    try:
        content = file.read_bytes()
        mark = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), None)
        return LINE_END.split(content if mark is None else content.decode(mark).encode())
    except (OSError, UnicodeError) as e:
        raise MemoryStoreError(f"{file} cannot be read: {e}; nothing was stored") from e


def _objects(raw: bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of one line; a crash may have glued two together. Raise FieldError where it holds another."""
    text = _text(raw)
    while text:
        try:
            found, end = DECODER.raw_decode(text)
        except json.JSONDecodeError as e:
            raise FieldError("line", f"{e.msg} at character {e.pos + 1}; was it cut off? was {_short(text)}") from e
        except (RecursionError, ValueError) as e:  # nested without end, or a whole number of thousands of digits
            if isinstance(e, FieldError):
                raise
            raise FieldError("line", f"cannot be read: {e}, was {_short(text)}") from e
        if not isinstance(found, dict):
            raise FieldError("line", f"expected an object, was {_short(text)}")
        yield found
        text = text[end:].strip()


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as e:
        raise FieldError("line", f"expected UTF-8, was byte {raw[e.start]:#04x} at {e.start + 1}") from e
    text = text.strip("\ufeff \t")
    if text and not text.strip("\0"):
        raise FieldError("line", f"expected an object, was {len(text)} zero bytes: the machine went down as it wrote")
    return text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; raise FieldError for a key that says two things."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and found[key] != value:
            raise FieldError(key, f"stands twice, as {_short(found[key])} and as {_short(value)}")
        found[key] = value
    return found


def _short(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
