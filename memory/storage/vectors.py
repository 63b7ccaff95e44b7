"""Situations as unit vectors, and their durable form: little-endian float16."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from candlegraph.graph.schema.errors import MemoryStoreError

Vectors = NDArray[np.float32]


def unit(situation: Sequence[float] | NDArray[np.float64]) -> Vectors | None:
    """Return the direction of `situation`; None where all are zero, since such a vector is like nothing."""
    vector = np.asarray(situation, dtype=np.float64)
    if not np.isfinite(vector).all():
        raise ValueError("expected finite numbers in a situation")
    largest = np.abs(vector).max(initial=0.0)
    if largest == 0:
        return None
    vector = vector / largest  # before the norm: squares of large numbers would overflow
    return cast(Vectors, (vector / np.linalg.norm(vector)).astype(np.float32))


def packed(vector: Vectors) -> bytes:
    """Return the bytes to store."""
    return vector.astype("<f2").tobytes()


def unpacked(blobs: Sequence[bytes], dimension: int) -> Vectors:
    """Return stored vectors as rows, made unit length again after the rounding; raise MemoryStoreError for others."""
    stored = b"".join(blobs)
    if len(stored) != 2 * dimension * len(blobs):
        raise MemoryStoreError(
            f"a stored vector is damaged: expected {2 * dimension} bytes of {dimension} numbers; "
            "restore the memory from its backup"
        )
    rows = np.frombuffer(stored, dtype="<f2").astype(np.float32).reshape(len(blobs), dimension)
    return cast(Vectors, rows / np.linalg.norm(rows, axis=1, keepdims=True))
