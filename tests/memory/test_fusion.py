"""Two spaces, one ranking: the pure part by tables and against brute force, the rest through the memory."""

from datetime import UTC, datetime, timedelta

import pytest
from embedding_server import EmbeddingServer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from candlegraph.graph.schema.errors import ConfigError, EmbeddingError
from candlegraph.graph.settings.experience import Embedding, RagConfig, Spaces
from candlegraph.memory.embeddings.wording import words_of_experience
from candlegraph.memory.index import search as fusion
from candlegraph.memory.index.index import Hit
from candlegraph.memory.index.search import Calibration, Searched, fused, mean_of
from candlegraph.memory.store import open_memory

NOW = datetime(2025, 6, 1, tzinfo=UTC)
LATE = datetime(2026, 1, 1, tzinfo=UTC)
V1 = "situation-v1:30m"


def searched(weight, rows, asked=None):
    """Return a space that holds `rows`: id to similarity."""
    ordered = sorted(
        (Hit(one, similarity) for one, similarity in rows.items()), key=lambda hit: (-hit.similarity, hit.id)
    )

    def nearest(count):
        if asked is not None:
            asked.append(count)
        return ordered[:count]

    return Searched(weight, nearest, lambda ids: {one: rows[one] for one in ids if one in rows})


@pytest.mark.parametrize(
    ("similarities", "weights", "mean"),
    [
        ((0.8, 0.5), (1.0, 0.5), 0.7),
        ((0.8, None), (1.0, 0.5), 0.8),
        ((None, 0.5), (1.0, 0.5), 0.5),
        ((0.8, 0.0), (1.0, 1.0), 0.4),
    ],
)
def test_weights_count_over_the_spaces_that_both_sides_have(similarities, weights, mean):
    assert mean_of(similarities, weights) == mean


def test_what_one_space_found_is_compared_in_the_other_too():
    situation = {number: 1 - number / 1000 for number in range(600)}
    text = {number: 0.0 for number in range(600)} | {599: 1.0}
    [best] = fused([searched(0.1, situation), searched(1.0, text)], 1, 0.0)
    assert best == Hit(599, mean_of((situation[599], 1.0), (0.1, 1.0)))


def test_the_threshold_cuts_before_k_and_ties_go_to_the_lower_id():
    spaces = [searched(1.0, {1: 0.6, 2: 0.8, 3: 0.8}), searched(1.0, {1: 1.0, 2: 0.8, 3: 0.8})]
    assert [hit.id for hit in fused(spaces, 9, 0.8)] == [1, 2, 3]
    assert [hit.id for hit in fused(spaces, 2, 0.8)] == [1, 2]
    assert fused(spaces, 9, 0.81) == ()


def test_no_space_finds_nothing():
    assert fused([], 5, 0.0) == ()


def test_one_space_is_asked_for_no_more_than_is_wanted():
    asked = []
    assert len(fused([searched(1.0, dict.fromkeys(range(50), 0.9), asked)], 5, 0.0)) == 5
    assert asked == [5]


def test_the_search_goes_on_until_nothing_unseen_could_come_in_and_no_longer():
    near = {number: 0.9 for number in range(2000)}
    asked = []
    clear = near | {1999: 1.0}
    assert fused([searched(1.0, clear, asked), searched(0.5, clear)], 1, 0.0)[0].id == 1999
    assert asked == [fusion.FIRST]
    asked.clear()
    # The best by text lies far down by situation, and the other way round: only deeper lists show what is best of all.
    situation = {number: 0.9 - number / 10_000 for number in range(2000)}
    text = {number: number / 10_000 for number in range(2000)}
    fused([searched(1.0, situation, asked), searched(1.0, text)], 1, 0.0)
    assert asked == [256, 1024, 4096]


EQUAL = [*[(0.5, 0.0)] * 4, *[(0.0, 0.5)] * 4, (0.5, 0.5)]
"""The last is unseen by either list of four, and exactly as similar as an unseen one can be."""
# Many rows of few similarities, and short lists at first: nearly always the first lists are not enough.
similarity = st.sampled_from([0.25, 0.5, 0.75, 1.0])
rows = st.lists(st.tuples(similarity, st.none() | similarity | similarity), min_size=20, max_size=60)


@settings(max_examples=100, deadline=None)
@given(rows, st.integers(1, 3), similarity | st.just(0.0), st.sampled_from([(1.0, 0.5), (1.0, 1.0), (0.3, 1.0)]))
@example([(1 - n / 60, n / 60) for n in range(60)], 3, 0.0, (1.0, 0.5))
@example([*[(0.5, None)] * 4, *[(0.2, 1.0)] * 4, (0.45, 0.95)], 1, 0.6, (1.0, 1.0))
@example(EQUAL, 1, 0.5, (1.0, 1.0))
@example([*EQUAL, (1.0, 0.0)], 1, 0.0, (1.0, 1.0))
def test_the_result_is_that_of_comparing_all(rows, k, threshold, weights):
    situation = {one: pair[0] for one, pair in enumerate(rows)}
    text = {one: pair[1] for one, pair in enumerate(rows) if pair[1] is not None}
    every = [Hit(one, mean_of(pair, weights)) for one, pair in enumerate(rows)]
    kept = sorted((hit for hit in every if hit.similarity >= threshold), key=lambda hit: (-hit.similarity, hit.id))
    spaces = [searched(weights[0], situation), searched(weights[1], text)]
    found = fused(spaces, k, threshold, first=2)
    assert list(found) == kept[:k]


def test_a_scale_reads_cosines_linearly_between_its_ends():
    scale = Calibration(0.2, 0.7)
    assert scale.similarities([-1, 0.2, 0.45, 0.7, 1]) == [0, 0, 0.5, 1, 1]


# Through the memory


@pytest.fixture
def server():
    with EmbeddingServer() as one:
        yield one


@pytest.fixture
def memory(server, path):
    return open_memory(path, rag(server))


def rag(server, **changes):
    return RagConfig(embedding=Embedding(provider="openai", api_base=server.url, model="m"), **changes)


@pytest.fixture
def textual(make_experience):
    """Return experiences whose words differ by the RSI band; the volatility, second last, is the same for all."""

    def make(number=0, situation=(0.5, 0.5, 0.5), rsi=20, **changes):
        return make_experience(number, **({"situation": situation, "space": V1, "entry_rsi": rsi} | changes))

    return make


@pytest.fixture
def recall(memory, textual):
    def call(situation=(0.5, 0.5, 0.5), rsi=20, **changes):
        known = {"as_of": LATE, "namespaces": ("backtest:a",), "k": 9, "threshold": 0.0}
        words = words_of_experience(textual(rsi=rsi))
        return memory.recall(situation, V1, **(known | {"words": words} | changes))

    return call


def ids(cases):
    return [case.id for case in cases]


def test_the_words_change_the_order_by_their_weight(memory, recall, textual):
    near_other_words = memory.add(textual(0, rsi=90))
    far_same_words = memory.add(textual(1, situation=(-0.1, 0.5, 0.5)))
    memory.embed_waiting(9, now=NOW)
    assert ids(recall(weights=Spaces(situation=1, text=0))) == [near_other_words, far_same_words]
    assert ids(recall(weights=Spaces(situation=0.1, text=1))) == [far_same_words, near_other_words]
    assert ids(recall(words=None)) == [near_other_words, far_same_words]


def test_the_similarity_is_the_weighted_mean_of_both(memory, recall, textual):
    memory.add(textual(0, rsi=90, situation=(-0.1, 0.5, 0.5)))
    memory.embed_waiting(9, now=NOW)
    alone = {name: recall(weights=weights)[0].similarity for name, weights in ALONE.items()}
    both = recall(weights=Spaces(situation=0.8, text=0.4))[0].similarity
    assert both == pytest.approx((0.8 * alone["situation"] + 0.4 * alone["text"]) / 1.2, abs=2e-6)
    assert 0 < alone["text"] < 1


ALONE = {"situation": Spaces(situation=1, text=0), "text": Spaces(situation=0, text=1)}


def test_one_without_a_text_vector_competes_by_its_situation(memory, recall, textual):
    wordless = memory.add(textual(0, regime=None, entry_reason=""))
    memory.add(textual(1, rsi=90))
    memory.embed_waiting(9, now=NOW)
    assert ids(recall(k=1)) == [wordless]
    assert recall(k=1)[0].similarity == 1


def test_one_without_a_situation_of_the_space_is_found_by_its_words(memory, recall, textual):
    memory.add(textual(0, rsi=90))
    other = memory.add(textual(1, space="situation-v1:1h"))
    memory.embed_waiting(9, now=NOW)
    found = recall()
    assert ids(found)[0] == other and found[0].similarity == 1


@pytest.mark.parametrize("weights", ALONE.values(), ids=ALONE)
@pytest.mark.parametrize(
    ("only", "stored"),
    [
        ({"side": "short"}, {"side": "short", "planned_stop": 105}),
        ({"pair": "ETH/USDT:USDT"}, {"pair": "ETH/USDT:USDT"}),
        ({"namespaces": ("live",)}, {"namespace": "live"}),
    ],
)
def test_filters_hold_in_both_spaces(memory, recall, textual, weights, only, stored):
    memory.add(textual(0))
    wanted = memory.add(textual(1, **stored))
    memory.add(textual(2, forced=True))
    memory.embed_waiting(9, now=NOW)
    assert ids(recall(weights=weights, **only)) == [wanted]


@pytest.mark.parametrize("weights", [*ALONE.values(), Spaces()], ids=[*ALONE, "both"])
def test_a_changed_future_changes_nothing(memory, recall, textual, weights):
    for number in range(6):
        memory.add(textual(number, rsi=20 + 15 * (number % 4)))
    memory.embed_waiting(99, now=NOW)
    as_of = textual(3).source.known_at + timedelta(microseconds=1)
    before = recall(as_of=as_of, weights=weights)
    for number in range(100, 140):  # winners of the very same words and situation, known later
        memory.add(textual(number, profit_pct=90))
    exactly_now = memory.add(textual(3, trade_key="now", known_at=as_of))
    memory.embed_waiting(99, now=NOW)
    assert recall(as_of=as_of, weights=weights) == before
    assert len(before) == 4
    assert exactly_now in ids(recall(as_of=as_of + timedelta(microseconds=1), weights=weights))


def test_while_the_model_is_down_the_situation_answers_with_full_weight(server, memory, recall, textual):
    memory.add(textual(0, rsi=90))
    server.status = 500
    [case] = recall()
    assert case.similarity == 1
    with pytest.raises(EmbeddingError, match="status 500"):
        recall(is_strict=True)  # a backtest, which must not come out otherwise because a model was away


@pytest.mark.parametrize("situation", [(0.5, 0.5, 0.5), (0.0, 0.0, 0.0), ()])
def test_where_neither_space_can_be_searched_an_error_says_why(server, recall, situation):
    server.status = 500
    weights = Spaces(situation=0, text=1) if any(situation) else Spaces()
    with pytest.raises(EmbeddingError, match="status 500"):
        recall(situation, weights=weights)


def test_without_a_situation_the_words_answer_alone(memory, recall, textual):
    row = memory.add(textual(0))
    memory.embed_waiting(9, now=NOW)
    assert ids(recall(())) == [row]


def test_no_weight_for_the_situation_needs_a_text_model(path):
    with pytest.raises(ConfigError, match="spaces.situation = 0 leaves only texts"):
        open_memory(path, RagConfig(spaces=Spaces(situation=0)))
    with pytest.raises(ValueError, match="was 0 for both"):
        Spaces(situation=0, text=0)


def test_the_same_question_has_the_same_answer_in_any_order_of_embedding(
    server, path, recall, memory, textual, tmp_path
):
    other = open_memory(tmp_path / "other.sqlite", rag(server))
    for one in (memory, other):
        for number in range(30):
            one.add(textual(number, situation=(number % 7 / 7, 0.5, 0.5), rsi=20 + 15 * (number % 5)))
    memory.embed_waiting(99, now=NOW)
    while other.embed_waiting(1, now=NOW).looked_at:
        pass
    known = {"as_of": LATE, "namespaces": ("backtest:a",), "k": 9, "threshold": 0.0}
    words = words_of_experience(textual())
    assert recall() == other.recall((0.5, 0.5, 0.5), V1, **known, words=words)
