"""What is derived from the database is forgotten and made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from candlegraph.graph.errors import MemoryStoreError
from candlegraph.graph.experience_settings import RagConfig
from candlegraph.memory.snapshot import snapshot_folder
from candlegraph.memory.store import close_memory, open_memory


def forget_snapshots(database: Path) -> tuple[Path, ...]:
    """Delete the index snapshots of the database, half-written ones too; return what there was."""
    folder = snapshot_folder(database)
    found = tuple(sorted(file for file in folder.glob("*") if file.is_file()))
    try:
        for file in found:
            file.unlink(missing_ok=True)
    except OSError as e:
        raise MemoryStoreError(f"the index snapshots in {folder} could not be removed: {e}") from e
    return found


def rebuild(database: Path, rag: RagConfig) -> tuple[tuple[Path, ...], list[dict[str, Any]]]:
    """Build every index from the rows alone; return the forgotten snapshots, and the statistics of each namespace."""
    close_memory(database)
    forgotten = forget_snapshots(database)
    memory = open_memory(database, rag)
    return forgotten, [memory.stats(namespace) for namespace in memory.namespaces()]
