"""The experience memory by size and index type: add, search under filters, save, load, rebuild, bytes in RAM.

The baseline of a size is the flat index over all rows, in the same process. Vectors are clustered, as markets are.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from tables import show

from candlegraph.graph.schema.experience import Experience, RecordedDecision
from candlegraph.memory.index.ann import FEW, Mask, Searchable, make
from candlegraph.memory.index.saved import SavedIndex, load, save
from candlegraph.memory.learning.report import experience_of_decision
from candlegraph.memory.storage.vectors import Vectors
from candlegraph.memory.store import ExperienceMemory, close_memory

KINDS = ("flat", "hnsw", "ivf")
SHARES = (1.0, 0.1, 0.01)
QUERIES, K = 60, 5
DURABLE = 200


def clustered(rows: int, dimension: int, seed: int = 0) -> Vectors:
    """Return unit vectors around a few hundred centres."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(1000, dimension)).astype(np.float32)
    found = centres[random.integers(0, 1000, rows)]
    found += 0.7 * random.standard_normal((rows, dimension), dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def seconds(step: Callable[[], object]) -> float:
    """Return how long `step` takes."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def searched(index: Searchable, flat: Searchable, queries: Vectors, selected: Mask) -> tuple[float, float, float]:
    """Return median ms, p95 ms and recall@5 against flat."""
    times, recalls = [], []
    for query in queries:
        began = time.perf_counter()
        places, _ = index.nearest(query, K, selected)
        times.append(1e3 * (time.perf_counter() - began))
        true, _ = flat.nearest(query, K, selected)
        recalls.append(len(set(places) & set(true)) / max(1, len(true)))
    return statistics.median(times), statistics.quantiles(times, n=20)[-1], statistics.fmean(recalls)


def rows_of(size: int, dimension: int, kinds: Sequence[str], folder: Path) -> list[list[str]]:
    """Return the table's lines of one size."""
    vectors, queries = clustered(size, dimension), clustered(QUERIES, dimension, seed=1)
    flat = make("flat", dimension)
    flat.add(vectors)
    found: list[list[str]] = []
    base = 0.0
    for kind in kinds:
        index = make(kind, dimension)  # type: ignore[arg-type]
        build = seconds(partial(index.add, vectors))
        line = [f"{size:,} {kind}", f"{build:.2f}", *saved_and_loaded(index, folder / f"{size}.{kind}")]
        for share in SHARES:
            selected = np.random.default_rng(2).random(size) < share
            median, p95, recall = searched(index, flat, queries, selected)
            base = base or median
            line.append(f"{median:.2f}  {p95:.2f}  {recall:.2f}")
            if share == 1:
                line.append(f"{median / base:.2f}")
        found.append(line)
    return found


def saved_and_loaded(index: Searchable, path: Path) -> list[str]:
    """Return seconds to save and to load a snapshot, and its megabytes; a flat index has none."""
    frozen = index.frozen()
    if frozen is None:
        return ["-", "-", "-"]
    saved = seconds(lambda: save(path, SavedIndex(np.arange(len(index)), frozen)))
    loaded = seconds(lambda: index.thaw(load(path).content))  # type: ignore[union-attr]
    size = path.stat().st_size / 1e6
    path.unlink()
    return [f"{saved:.2f}", f"{loaded:.2f}", f"{size:.0f}"]


def durable_append(folder: Path, sizes: Sequence[int]) -> list[str]:
    """Return a note per size: milliseconds of one durable append to a database that holds so many."""
    notes, memory, stored = [], ExperienceMemory(folder / "memory.sqlite"), 0
    for size in sizes:
        while stored < size:
            memory.add(decision(stored))
            stored += 1
        times = [1e3 * seconds(partial(memory.add, decision(stored + n))) for n in range(DURABLE)]
        stored += DURABLE
        notes.append(f"durable append at {size:,}: {statistics.median(times):.2f} ms median")
    close_memory(memory.path)
    return notes


def decision(number: int) -> Experience:
    """Return an experience with a situation of 35 numbers."""
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    situation = tuple(np.random.default_rng(number).normal(size=35).round(4).tolist())
    return experience_of_decision(
        RecordedDecision(
            namespace="benchmark", pair="A", side="long", entry_price=1, opened_at=at, known_at=at, regime="range",
            situation=situation, space="benchmark", decision_id=str(number), key=str(number), decision_type="hold",
            reason="r", confidence=0.5, current_profit_pct=1,
        )
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--dimension", type=int, default=1024)
    parser.add_argument("--markdown", action="store_true", help="a Markdown table on stdout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [row for size in options.sizes for row in rows_of(size, options.dimension, options.kinds, folder)]
        notes = durable_append(folder, [0, 2_000, 10_000])
    head = ["", "build s", "save s", "load s", "MB", "all: ms p95 @5", "x flat", "10 %: ms p95 @5", "1 %: ms p95 @5"]
    notes.append(
        f"@5: recall of the true five nearest; %: the share of rows that pass the filter; "
        f"up to {FEW:,} selected rows are compared one by one"
    )
    title = f"Search for the {K} nearest of {options.dimension} dimensions, one thread"
    show(title, head, rows, notes, markdown=options.markdown)


if __name__ == "__main__":
    main()
