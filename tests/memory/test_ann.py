"""Index types against flat: recall, also under filters; removals; growth from one type into the next; snapshots."""

import faiss
import numpy as np
import pytest

from candlegraph.memory.index import index as index_module
from candlegraph.memory.index.ann import FEW, make
from candlegraph.memory.index.index import SituationIndex, type_for
from candlegraph.memory.index.labels import Labels
from candlegraph.memory.index.saved import index_path, load, save

KINDS = ("flat", "hnsw", "ivf")
ROWS, DIMENSION = 20_000, 64


def clustered(rows, dimension=DIMENSION, seed=0):
    random = np.random.default_rng(seed)
    centres = random.normal(size=(300, dimension))
    found = centres[random.integers(0, 300, rows)] + 0.7 * random.normal(size=(rows, dimension))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors():
    return clustered(ROWS)


@pytest.fixture(scope="module")
def built(vectors):
    made = {kind: make(kind, DIMENSION) for kind in KINDS}
    for one in made.values():
        one.add(vectors)
    return made


@pytest.mark.parametrize("share", [1.0, 0.9, 0.1, 0.01])
@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_recall_at_5_is_at_least_95_percent_also_under_a_filter(kind, share, built, vectors):
    selected = np.random.default_rng(1).random(ROWS) < share
    assert (selected.sum() > FEW) == (share >= 0.9)
    queries = clustered(100, seed=2)
    found = []
    for query in queries:
        true, _ = built["flat"].nearest(query, 5, selected)
        places, cosines = built[kind].nearest(query, 5, selected)
        assert selected[places].all()
        assert (np.diff(cosines) <= 1e-6).all()
        found.append(len(set(places) & set(true)) / len(true))
    assert np.mean(found) >= 0.95


def test_a_graph_is_searched_as_broadly_as_many_places_need(built):
    found, everyone = [], np.ones(ROWS, bool)
    for query in clustered(20, seed=2):
        true, _ = built["flat"].nearest(query, 512, everyone)
        found.append(len(set(built["hnsw"].nearest(query, 512, everyone)[0]) & set(true)) / 512)
    assert np.mean(found) >= 0.99


def cells(index):
    return faiss.deserialize_index(index.frozen()).nlist


def test_cells_are_trained_anew_when_there_are_four_times_as_many_rows(vectors):
    index = make("ivf", DIMENSION)
    index.add(vectors[:1000])
    assert cells(index) == 126
    index.thaw(index.frozen())  # a restart in between changes nothing
    index.add(vectors[1000:3999])
    assert cells(index) == 126
    index.add(vectors[3999:4000])
    assert (cells(index), len(index)) == (252, 4000)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_filter_that_leaves_few_rows_still_finds_every_one(kind, count, built):
    selected = np.zeros(ROWS, bool)
    selected[: 7 * count : 7] = True
    places, _ = built[kind].nearest(clustered(1, seed=3)[0], 5, selected)
    assert sorted(places) == list(np.flatnonzero(selected))


@pytest.mark.parametrize("kind", KINDS)
def test_all_vectors_come_back_in_their_order(kind, built, vectors):
    assert np.abs(built[kind].all() - vectors).max() < 2e-3


def label(number, namespace="x"):
    return Labels(number, number, False, namespace, "long", "A", None, "trade")


def filled(wanted, vectors):
    index = SituationIndex(vectors.shape[1], wanted)
    index.add([label(number) for number in range(len(vectors))], vectors)
    return index


def best(index, query):
    return index.search(query, 1, known_before=10**9, where={"namespace": ("x",)})[0].id


@pytest.mark.parametrize("wanted", KINDS)
def test_removed_rows_are_never_found_and_a_half_empty_index_is_built_anew(wanted, vectors):
    index = filled(wanted, vectors[:2000])
    gone = best(index, vectors[11])
    assert gone == 11
    index.keep_only(np.array([n for n in range(2000) if n != 11]))
    assert best(index, vectors[11]) != 11
    assert (len(index), index.count("x", 2**62)) == (1999, 1999)
    index.keep_only(np.arange(1500, 2000))
    assert (len(index), index.kind, best(index, vectors[1700])) == (500, wanted, 1700)
    index.add([label(2000)], vectors[2000:2001])
    assert best(index, vectors[2000]) == 2000


def test_removed_rows_are_carried_along_until_they_are_half_of_all(vectors):
    index = filled("hnsw", vectors[:200])
    index.keep_only(np.arange(100))
    assert len(index.snapshot().ids) == 200
    index.keep_only(np.arange(99))
    assert list(index.snapshot().ids) == list(range(99))


@pytest.mark.parametrize(
    "size, wanted, kind",
    [
        (0, "auto", "flat"),
        (9_999, "auto", "flat"),
        (10_000, "auto", "hnsw"),
        (999_999, "auto", "hnsw"),
        (1_000_000, "auto", "ivf"),
        (5, "hnsw", "hnsw"),
        (10**7, "flat", "flat"),
    ],
)
def test_the_type_is_as_wanted_and_auto_goes_by_size(size, wanted, kind):
    assert type_for(size, wanted) == kind


def test_auto_grows_into_the_next_type_and_finds_what_it_found_before(vectors):
    index = filled("auto", vectors[:9_990])
    assert index.kind == "flat"
    before = best(index, vectors[5])
    index.add([label(n) for n in range(9_990, 10_050)], vectors[9_990:10_050])
    assert (index.kind, best(index, vectors[5]), best(index, vectors[10_049])) == ("hnsw", before, 10_049)


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_a_snapshot_brings_the_index_back_without_what_was_removed_since(kind, vectors, tmp_path):
    index = filled(kind, vectors[:3000])
    path = index_path(tmp_path, "situation-v1:30m", DIMENSION, kind)
    save(path, index.snapshot())
    again = SituationIndex(DIMENSION, kind)
    again.restore(load(path), kind, {n: label(n) for n in range(3000) if n != 42})
    assert (len(again), again.kind) == (2999, kind)
    assert [best(again, vectors[n]) for n in (1, 2999)] == [1, 2999]
    assert best(again, vectors[42]) != 42
    again.add([label(3000)], vectors[3000:3001])
    assert best(again, vectors[3000]) == 3000


def test_a_flat_index_needs_no_snapshot(vectors):
    assert filled("flat", vectors[:50]).snapshot() is None
    assert filled("ivf", vectors[:50]).snapshot() is None, "too few to train on: still flat"


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "absent"])
def test_a_damaged_snapshot_is_no_snapshot(harm, vectors, tmp_path):
    path = tmp_path / "one.hnsw"
    save(path, filled("hnsw", vectors[:200]).snapshot())
    content = path.read_bytes()
    assert load(path) is not None
    if harm == "absent":
        path.unlink()
    else:
        flipped = content[:500] + bytes([content[500] ^ 1]) + content[501:]
        path.write_bytes({"cut": content[:-1], "flipped": flipped, "empty": b""}[harm])
    assert load(path) is None


def test_a_snapshot_that_cannot_be_written_costs_only_itself(vectors, tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    save(blocked / "one.hnsw", filled("hnsw", vectors[:200]).snapshot())
    assert "no index snapshot" in caplog.text


def test_thresholds_of_auto_are_those_of_the_specification():
    assert (index_module.FLAT_BELOW, index_module.HNSW_BELOW) == (10_000, 1_000_000)
