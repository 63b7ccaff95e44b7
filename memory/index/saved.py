"""A built hnsw or ivf index on disk, so that the next start need not build it again: one file, whole or absent.

It is derived: a missing, damaged or foreign one is built anew from the database. Layout: SHA-256 of the rest, then a
numpy archive of ids and FAISS's own bytes. Nothing in it is a pickle.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from candlegraph.graph.settings.experience import IndexType
from candlegraph.memory.index.ann import IndexBytes

logger = logging.getLogger(__name__)

SNAPSHOTS = "vector_store"
"""Folder of the index snapshots, beside the database."""
OURS = re.compile(r"[0-9a-f]+\.(hnsw|ivf)(\.\d+\.partial)?")
"""What we write into it; the folder may be anybody's."""
DIGEST = hashlib.sha256().digest_size


class SavedIndex(NamedTuple):
    """The vectors of these ids, in this order, as FAISS wrote them."""

    ids: NDArray[np.int64]
    content: IndexBytes
    identity: int = 0
    """Of the database; ids of another one mean other rows."""
    revision: int = 0
    """Every row of that revision or an older one is in it, or was removed."""

    def is_of(self, identity: int, newest: int) -> bool:
        """Return whether it was made from that database, not from a later state of it: ids may mean others since."""
        return self.identity == identity and self.revision <= newest


def index_folder(database: Path, storage_path: str | None = None) -> Path:
    """Return where index snapshots of the database are kept: in `storage_path`, else beside it."""
    return database.with_name(SNAPSHOTS) if storage_path is None else Path(storage_path).expanduser()


def index_path(folder: Path, space: str, dimension: int, kind: IndexType) -> Path:
    """Return the file of one index; the name of a space may hold anything, so it is hashed."""
    name = hashlib.sha256(f"{space}|{dimension}|{kind}".encode()).hexdigest()[:16]
    return folder / f"{name}.{kind}"


def save(path: Path, snapshot: SavedIndex) -> None:
    """Write the file whole or not at all; a full disk costs the snapshot and nothing else."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        body = io.BytesIO()
        np.savez(body, ids=snapshot.ids, content=snapshot.content, of=[snapshot.identity, snapshot.revision])
        with partial.open("wb") as file:
            file.write(hashlib.sha256(body.getbuffer()).digest())
            file.write(body.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as e:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        logger.warning("no index snapshot at %s: %s; the next start builds the index anew", path, e)


def load(path: Path) -> SavedIndex | None:
    """Return what was saved; None where there is nothing or nothing sound."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as e:
        logger.warning("the index snapshot %s cannot be read: %s; the index is built anew", path, e)
        return None
    if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        logger.warning("the index snapshot %s is damaged; the index is built anew", path)
        return None
    with np.load(io.BytesIO(content[DIGEST:]), allow_pickle=False) as archive:
        return SavedIndex(archive["ids"], archive["content"], *map(int, archive["of"]))
