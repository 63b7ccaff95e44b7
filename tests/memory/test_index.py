import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlegraph.memory.index.index import Hit, SituationIndex
from candlegraph.memory.index.labels import Labels
from candlegraph.memory.storage.vectors import packed, unit, unpacked

sides, pairs, namespaces = ("long", "short"), ("A", "B", "C"), ("x", "y")
# Few distinct ones, so that many vectors are equal and ties must be broken.
situations = st.sampled_from([(1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 1), (-1, 0, 0)])
entries = st.lists(
    st.tuples(
        situations,
        st.integers(0, 5),
        st.sampled_from([False, False, False, True]),
        st.sampled_from(namespaces),
        st.sampled_from(sides),
        st.sampled_from(pairs),
    ),
    min_size=5,
    max_size=40,
)


def built(rows) -> SituationIndex:
    index = SituationIndex(3)
    for number, (situation, known_at, forced, namespace, side, pair) in enumerate(rows):
        index.add([Labels(number, known_at, forced, namespace, side, pair, None, "trade")], unit(situation)[None])
    return index


def brute_force(rows, query, k, known_before, where, kept) -> list[Hit]:
    hits = []
    for number, (situation, known_at, forced, namespace, side, pair) in enumerate(rows):
        labels = {"namespace": namespace, "side": side, "pair": pair}
        passes = all(labels[name] in values for name, values in where.items())
        if number in kept and passes and known_at < known_before and not forced:
            hits.append(Hit(number, float(np.clip(unit(situation) @ unit(query), 0, 1))))
    return sorted(hits, key=lambda hit: (-round(hit.similarity, 6), hit.id))[:k]


filters = st.fixed_dictionaries(
    {"namespace": st.sampled_from([("x", "y"), ("x", "y"), ("x",), ("y", "unknown"), ("unknown",)])},
    optional={"side": st.sampled_from(sides).map(lambda s: (s,)), "pair": st.sets(st.sampled_from(pairs), min_size=1)},
)


@settings(max_examples=100, deadline=None)
@given(
    entries,
    situations,
    st.integers(1, 8),
    st.sampled_from([6, 6, 4, 3, 1, 0]),
    filters,
    st.sets(st.integers(0, 40), max_size=12),
)
def test_filtered_search_equals_brute_force_also_after_removals(rows, query, k, known_before, where, gone):
    index = built(rows)
    kept = set(range(len(rows))) - gone
    index.keep_only(np.array(sorted(kept), dtype=np.int64))
    hits = index.search(unit(query), k, known_before=known_before, where=where)
    expected = brute_force(rows, query, k, known_before, where, kept)
    assert [hit.id for hit in hits] == [hit.id for hit in expected]
    assert [hit.similarity for hit in hits] == pytest.approx([hit.similarity for hit in expected], abs=1e-5)


def test_filters_never_starve_the_search():
    rng = np.random.default_rng(1)
    index = SituationIndex(8)
    near, far = np.ones(8), rng.normal(size=8) - 2
    crowd = [Labels(i, 0, False, "crowd", "long", "A", None, "trade") for i in range(5000)]
    index.add(crowd, np.repeat(unit(near)[None], 5000, axis=0))
    index.add([Labels(9999, 0, False, "mine", "long", "A", None, "trade")], unit(far)[None])
    hits = index.search(unit(near), 5, known_before=1, where={"namespace": ("mine",)})
    assert [hit.id for hit in hits] == [9999]


def test_of_many_equal_vectors_the_lowest_ids_are_found_in_whatever_order_they_came():
    index = SituationIndex(3)
    for number in reversed(range(100)):
        index.add([Labels(number, 0, False, "x", "long", "A", None, "trade")], unit((1, 0, 0))[None])
    hits = index.search(unit((1, 0, 0)), 3, known_before=1, where={})
    assert [hit.id for hit in hits] == [0, 1, 2]


def test_rows_can_be_added_after_a_removal():
    index = built([((1, 0, 0), 0, False, "x", "long", "A"), ((0, 1, 0), 0, False, "x", "long", "A")])
    index.keep_only(np.array([1]))
    index.add([Labels(7, 0, False, "x", "long", "A", None, "trade")], unit((0, 0, 1))[None])
    hits = index.search(unit((0, 0, 1)), 2, known_before=1, where={})
    assert hits == (Hit(7, 1.0), Hit(1, 0.0))
    assert (len(index), index.count("x", 2**62), index.count("y", 2**62)) == (2, 2, 0)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=30).filter(any))
def test_any_situation_but_zero_has_a_direction_that_storing_keeps(situation):
    vector = unit(situation)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    [stored] = unpacked([packed(vector)], vector.size)
    assert stored @ vector == pytest.approx(1, abs=1e-3)


def test_zero_and_nan_have_no_direction():
    assert unit((0.0, 0.0)) is None
    with pytest.raises(ValueError, match="finite"):
        unit((float("nan"),))
