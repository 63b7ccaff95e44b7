"""JSON as deflated base64 in script elements: nothing in it can end the element it stands in."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

GROUP = 50
"""Details of so many decisions are inflated together when one is opened: neighbours repeat each other."""

T = TypeVar("T")


def packed(name: str, value: Any) -> str:
    """Return the element that holds a value of plain JSON types."""
    return element(name, json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def element(name: str, text: str) -> str:
    """Return the element that holds a text."""
    data = base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode()
    return f'<script type="text/plain" id="data-{name}">{data}</script>\n'


def grouped(values: Sequence[T], size: int = GROUP) -> Iterator[Sequence[T]]:
    """Yield the values in groups."""
    for first in range(0, len(values), size):
        yield values[first : first + size]
