"""Text files for people: each line, or the whole file, is complete or absent, also after a kill or a power cut."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

SECRET = re.compile(r"api_?key|secret|passw|authorization", re.IGNORECASE)
BLOCK = 64 * 1024


class Journal:
    """One file and its rotated predecessors: `name.1` is the newest of them."""

    def __init__(self, path: Path, *, max_bytes: int = 50_000_000, keep: int = 5) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._lock = threading.Lock()
        self._is_open = False

    def append(self, records: Sequence[dict[str, Any]]) -> None:
        """Write all records by one write; raise OSError, with nothing half-written, if the disk refuses."""
        lines = (json.dumps(_without_secrets(record), ensure_ascii=False, allow_nan=False) for record in records)
        batch = "".join(f"{line}\n" for line in lines).encode()
        if not batch:
            return
        with self._lock:
            self._open_once()
            self._rotate_for(len(batch))
            _write_whole(self.path, batch)

    def _open_once(self) -> None:
        if not self._is_open:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                _cut_torn_tail(self.path)
            self._is_open = True

    def _rotate_for(self, coming: int) -> None:
        size = self.path.stat().st_size if self.path.exists() else 0
        if size == 0 or size + coming <= self._max_bytes:
            return
        for number in range(self._keep - 1, 0, -1):
            if self._old(number).exists():
                self._old(number).replace(self._old(number + 1))
        self.path.replace(self._old(1))

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "***" if SECRET.search(str(key)) else _without_secrets(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(inner) for inner in value]
    return value


def _write_whole(path: Path, batch: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        before = os.fstat(file).st_size
        written = os.write(file, batch)
        if written < len(batch):  # the disk is full: take the part back
            os.ftruncate(file, before)
            raise OSError(f"{path}: only {written} of {len(batch)} bytes could be written")
    finally:
        os.close(file)


def _cut_torn_tail(path: Path) -> None:
    """Cut what a killed process left behind the last complete line."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """Write lines, each with its own end, under another name first; raise OSError with nothing left behind."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    keep_names(path.parent)


def keep_names(folder: Path) -> None:
    """Make the names in the folder survive a power cut, too."""
    if os.name != "posix":
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
