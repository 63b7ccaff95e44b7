"""The index over restarts: a snapshot saves building it, and never says anything that the database does not."""

import shutil

import numpy as np
import pytest
from sqlalchemy import update

from candlegraph.graph.settings.experience import Cleanup, RagConfig, VectorStore
from candlegraph.memory.index.saved import index_folder
from candlegraph.memory.storage.database import open_engine, writing
from candlegraph.memory.storage.tables import vectors
from candlegraph.memory.store import close_memory, open_memory
from candlegraph.memory.transfer.restore import rebuild

COUNT, DIMENSION = 150, 16
HNSW = RagConfig(vector_store=VectorStore(index_type="hnsw"))


def at(number):
    """Return a situation that is like no other."""
    return tuple(np.random.default_rng(number).normal(size=DIMENSION))


@pytest.fixture
def filled(path, make_experience):
    """Return the path of a memory of so many experiences, each in a situation of its own, closed."""
    memory = open_memory(path, HNSW)
    for number in range(COUNT):
        memory.add(make_experience(number, situation=at(number)))
    close_memory(path)
    yield path
    close_memory(path)


def nearest(path, number, later, rag=HNSW):
    """Return the keys nearest to a trade's situation, after a restart."""
    close_memory(path)
    memory = open_memory(path, rag)
    found = memory.recall(at(number), "test-1", as_of=later, namespaces=("backtest:a",), k=3, threshold=0)
    return [memory.get(case.id).key for case in found]


@pytest.fixture
def later(make_trade):
    return make_trade(10**5).known_at


def files(path):
    return sorted(index_folder(path).glob("*"))


def test_a_start_keeps_a_snapshot_and_the_next_one_builds_nothing(filled, later):
    before = nearest(filled, 40, later)
    (file,) = files(filled)
    kept = file.stat().st_mtime_ns
    with writing(open_engine(filled), "outbox") as (connection, _):
        connection.execute(
            update(vectors).values(vector=np.ones(DIMENSION, np.float16).tobytes())
        )  # whoever reads these finds nothing alike
    assert nearest(filled, 40, later) == before
    assert file.stat().st_mtime_ns == kept
    assert nearest(filled, 40, later, RagConfig()) != before, "flat has no snapshot"


def test_what_was_added_and_removed_since_the_snapshot_counts(filled, later, make_experience):
    nearest(filled, 40, later)
    memory = open_memory(filled, HNSW)
    memory.cleanup("backtest:a", "compress", as_of=later, settings=Cleanup(keep_newest=COUNT - 41, max_share=1))
    memory.add(make_experience(COUNT, situation=at(41)))
    assert set(nearest(filled, 41, later)[:2]) == {"41", str(COUNT)}
    assert "40" not in nearest(filled, 40, later)
    assert open_memory(filled, HNSW).stats("backtest:a")["index"] == {
        "type": "hnsw", "dimension": DIMENSION, "size": COUNT - 40, "stale": False
    }  # fmt: skip


@pytest.mark.parametrize("harm", ["damaged", "missing"])
def test_a_damaged_or_missing_snapshot_is_made_anew(filled, later, harm):
    before = nearest(filled, 40, later)
    (file,) = files(filled)
    sound = file.read_bytes()
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(sound[:-9])
    assert nearest(filled, 40, later) == before
    assert file.read_bytes() == sound


@pytest.mark.parametrize("change", ["another", "earlier"])
def test_a_snapshot_of_another_database_or_of_a_later_state_is_not_believed(
    filled, tmp_path, later, make_experience, change
):
    earlier = tmp_path / "earlier.db"
    close_memory(filled)
    shutil.copy(filled, earlier)
    memory = open_memory(filled, HNSW)
    for number in range(COUNT, 2 * COUNT):
        memory.add(make_experience(number, situation=at(number)))
    nearest(filled, 40, later)  # keeps a snapshot of all of them
    other = tmp_path / "other" / "memory.db"
    memory = open_memory(other, HNSW)
    if change == "another":
        for number in range(2 * COUNT):
            memory.add(make_experience(number, situation=at(2 * COUNT - number)))
    close_memory(other)
    if change == "earlier":
        shutil.copy(earlier, other)
        memory = open_memory(other, HNSW)
        memory.add(make_experience(7 * COUNT, situation=at(9)))  # its id means another row in the snapshot
        close_memory(other)
    shutil.copytree(index_folder(filled), index_folder(other), dirs_exist_ok=True)
    number = 2 * COUNT - 40 if change == "another" else 40
    assert nearest(other, 40, later)[0] == str(number)
    if change == "earlier":
        assert set(nearest(other, 9, later)[:2]) == {"9", str(7 * COUNT)}
    assert open_memory(other, HNSW).stats("backtest:a")["index"]["size"] == (
        2 * COUNT if change == "another" else COUNT + 1
    )
    close_memory(other)


def test_a_snapshot_is_written_again_only_when_much_is_new(filled, later, make_experience):
    nearest(filled, 40, later)
    (file,) = files(filled)
    first = file.read_bytes()
    for number in range(COUNT, COUNT + 10):
        open_memory(filled, HNSW).add(make_experience(number, situation=at(number)))
    nearest(filled, 40, later)
    assert file.read_bytes() == first
    for number in range(COUNT + 10, COUNT + 30):
        open_memory(filled, HNSW).add(make_experience(number, situation=at(number)))
    nearest(filled, 40, later)
    assert file.read_bytes() != first


def test_each_space_and_dimension_has_an_index_and_a_snapshot_of_its_own(path, later, make_experience):
    kinds = [("test-1", DIMENSION), ("test-1", 8), ("test-2", DIMENSION)]
    memory = open_memory(path, HNSW)
    for number in range(61):
        space, dimension = kinds[number % 3]
        memory.add(make_experience(number, situation=at(number)[:dimension], space=space))
    for _ in range(2):  # from the rows, then from the snapshots
        close_memory(path)
        memory = open_memory(path, HNSW)
        assert len(files(path)) == 3
        for first, (space, dimension) in enumerate(kinds):
            cases = memory.recall(
                at(first)[:dimension], space, as_of=later, namespaces=("backtest:a",), k=99, threshold=0
            )
            assert [cases[0].id, *sorted(case.id for case in cases)] == [first + 1, *range(first + 1, 62, 3)]
        assert memory.stats("backtest:a")["index"]["size"] == 21


def test_a_flat_index_keeps_none(path, later, make_experience):
    open_memory(path).add(make_experience(0))
    close_memory(path)
    open_memory(path)
    assert files(path) == []


def test_a_storage_path_keeps_the_snapshots_and_a_rebuild_deletes_only_those(filled, later, tmp_path):
    folder = tmp_path / "elsewhere"
    elsewhere = RagConfig(vector_store={"index_type": "hnsw", "storage_path": str(folder)})
    nearest(filled, 40, later, elsewhere)
    (kept,) = folder.iterdir()
    assert files(filled) == []
    (folder / "mine.txt").write_text("not an index")
    close_memory(filled)
    forgotten, _ = rebuild(filled, elsewhere)
    assert forgotten == (kept,)
    assert (folder / "mine.txt").exists()
