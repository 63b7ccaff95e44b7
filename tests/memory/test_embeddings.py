"""Words, cache, calibration and the queue, over real HTTP on loopback."""

import logging
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from embedding_server import EmbeddingServer

from candlegraph.graph.schema.errors import EmbeddingError
from candlegraph.graph.settings.experience import Embedding, RagConfig
from candlegraph.memory.embeddings.opening import open_embedder
from candlegraph.memory.embeddings.space import OPPOSITE, PROBES, QUESTIONS, REST_SECONDS, SAME, TextSpace
from candlegraph.memory.embeddings.wording import SituationWords, without_place, words_now, words_of_experience
from candlegraph.memory.learning.report import experience_of_decision
from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.store import close_memory, open_memory
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.scene import scene_of

NOW = datetime(2025, 6, 1, tzinfo=UTC)
SITUATION = (0.5, 0.5, 0.5)
V1 = "situation-v1:30m"
"""A space whose volatility is read from the second last number, so that there are words."""


@pytest.fixture
def server():
    with EmbeddingServer() as one:
        yield one


def openai(server, **changes):
    return Embedding(**({"provider": "openai", "api_base": server.url, "model": "m"} | changes))


@pytest.fixture
def textual(make_experience):
    """Return experiences with words; `number` sets the RSI band."""

    def make(number=0, **changes):
        known = {"situation": SITUATION, "space": V1, "entry_rsi": 20 + 15 * (number % 5)}
        return make_experience(number, **known | changes)

    return make


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def space(server, path, clock):
    """Return a factory of text spaces on one database, as one process after another opens them."""

    def make(**changes):
        settings = openai(server, **changes)
        return TextSpace(open_engine(path), open_embedder(settings, {}), settings, clock)

    return make


# Words


def test_query_and_experience_of_one_market_have_the_same_words(make_snapshot, make_experience, textual):
    facts = facts_of(make_snapshot(), ("30m", "1h", "4h", "1d"), ())
    scene = scene_of(make_snapshot(), facts)
    main = next(iter(facts.timeframes.values()))
    volatility = 100 * main.atr / facts.price - 1
    experience = make_experience(
        regime=facts.regime,
        trend_strength=facts.trend_strength,
        entry_rsi=main.rsi,
        situation=(0.1, volatility, 0.5),
        space=V1,
        side="short",
        planned_stop=105,
        scene=scene,
    )
    told = words_of_experience(experience)
    assert words_now(facts, scene, "short") == SituationWords(told.setup) != words_now(facts, scene, "long")
    assert told.reason == "pullback to support"


def test_words_name_neither_pair_nor_price_nor_date(textual):
    said = "On 2025-03-01 at 10:30 BTC broke 96,324.5 (BTC/USDT:USDT, case 9b4f1b), RSI 28, +3.1 %."
    one = textual(0, entry_reason=said, self_evaluation=said)
    other = textual(5, entry_reason=said.replace("BTC", "ETH").replace("96,324.5", "4123"), pair="ETH/USDT:USDT")
    assert words_of_experience(one).reason == words_of_experience(other).reason
    assert words_of_experience(one).reason == "On at broke ( , case ), RSI , ."
    assert words_of_experience(one).setup == words_of_experience(other).setup
    assert words_of_experience(one).afterwards.startswith("On at broke")


def test_a_chinese_text_loses_its_numbers_and_nothing_else():
    assert (
        without_place("在96100附近回踩BTC支撑，RSI为28，上涨3.5%", "BTC/USDT:USDT") == "在 附近回踩 支撑，RSI为 ，上涨"
    )


def test_words_hold_side_reason_own_view_and_lesson(textual):
    one = textual(0, self_evaluation="wrong: too early")
    words = words_of_experience(one)
    assert words.setup.startswith("A long trade. The market is rising. The trend is strong. Oversold, RSI below 30.")
    assert words.reason == "pullback to support"
    assert words.afterwards == f"wrong: too early {one.lesson}"


@pytest.mark.parametrize(
    "missing, said", [({"regime": None}, "rising"), ({"trend_strength": None}, "strong"), ({"entry_rsi": None}, "RSI")]
)
def test_what_is_not_known_of_a_set_up_is_not_said(textual, missing, said):
    assert said in words_of_experience(textual()).setup
    assert said not in words_of_experience(textual(**missing)).setup


def test_a_trade_of_which_nothing_is_known_has_no_words(textual):
    assert words_of_experience(textual(regime=None, entry_reason="at 96100")) is not None
    assert words_of_experience(textual(regime=None, entry_reason="96100")) is None


def test_a_recorded_decision_has_no_words(make_recorded):
    assert words_of_experience(experience_of_decision(make_recorded())) is None


# Cache, calibration, rest


def test_a_text_is_asked_for_once_also_by_the_next_process(server, space):
    space().vectors_of(["a", "b", "a"])
    asked = [text for text in server.texts if text not in PROBES]
    again = space()
    assert np.allclose(again.vectors_of(["a"])["a"], again.vectors_of(["a"])["a"])
    assert asked == ["a", "b"]
    assert [text for text in server.texts if text not in PROBES] == asked


def test_a_fresh_vector_is_the_one_that_the_cache_gives_back(space):
    fresh = space().vectors_of(["a"])["a"]
    assert np.array_equal(space().vectors_of(["a"])["a"], fresh)


def test_requests_have_at_most_batch_size_texts(server, space):
    space(batch_size=3).vectors_of([f"text {n}" for n in range(7)])
    assert [len(body["input"]) for _, _, body in server.seen] == [3, 3, 3, 1, 3, 3, 1]


def test_a_trade_in_the_opposite_situation_reads_as_unlike_and_one_in_the_same_as_alike(space):
    one = space()
    _, scale = one.open()
    for answers, found in ((OPPOSITE, scale.unlike), (SAME, scale.alike)):
        cosines = [float(one.vector_of(a) @ one.vector_of(b)) for a, b in zip(QUESTIONS, answers, strict=True)]
        assert found == pytest.approx(np.mean(cosines), abs=1e-6)
    assert 0 < scale.unlike < scale.alike < 1
    assert scale.similarities([scale.unlike, scale.alike, -1.0]) == [0, 1, 0]


def test_of_words_that_say_more_than_a_set_up_only_the_very_same_are_alike(space):
    one = space()
    assert one.scale_of(QUESTIONS[0]) == one.open()[1]
    assert one.scale_of(SAME[0]).alike == 1


def test_the_parts_of_words_count_by_their_weights(space):
    one = space()
    parts = one.vectors_of(["set-up", "why", "after"])
    total = parts["set-up"] + parts["why"] + 0.5 * parts["after"]
    assert np.allclose(
        one.vector_of(SituationWords("set-up", "why", "after")), total / np.linalg.norm(total), atol=1e-6
    )
    assert np.allclose(one.vector_of(SituationWords("set-up")), parts["set-up"], atol=1e-3)


def test_configured_cosines_win_over_measured_ones(space):
    _, scale = space(unlike_cosine=0.2, alike_cosine=0.6).open()
    assert scale.similarities([0.2, 0.4, 0.6, 0.8]) == [0, 0.5, 1, 1]


def test_a_model_that_tells_nothing_apart_is_refused(server, space):
    server.spoil = lambda rows, texts: [[1.0] * 32 for _ in rows]
    with pytest.raises(EmbeddingError, match="reads opposite situations as the same"):
        space().open()


def test_a_model_that_is_down_is_asked_again_after_a_rest(server, space, clock):
    server.status = 500
    one = space()
    for _ in range(3):
        with pytest.raises(EmbeddingError):
            one.vectors_of(["a"])
    assert len(server.seen) == 1
    server.status = 200
    clock.now = REST_SECONDS + 1
    assert one.vectors_of(["a"])["a"].size == 32


def test_known_texts_have_their_vector_while_the_model_is_down(server, space):
    before = space().vectors_of(["a"])["a"]
    server.status = 503
    one = space()
    assert np.array_equal(one.vectors_of(["a"])["a"], before)
    with pytest.raises(EmbeddingError, match="503"):
        one.vectors_of(["new"])


def test_another_model_behind_the_same_name_is_refused(server, space):
    space().vectors_of(["a"])
    server.seed = 1
    with pytest.raises(EmbeddingError, match="another model answers behind this name"):
        space().vectors_of(["new"])


def test_another_model_that_comes_back_in_the_place_of_one_that_was_down_is_refused(server, space, clock):
    space().vectors_of(["a"])
    server.status = 503
    one = space()
    one.vectors_of(["a"])  # by the cache alone
    server.status, server.seed, clock.now = 200, 1, REST_SECONDS + 1
    with pytest.raises(EmbeddingError, match="another model answers behind this name"):
        one.vectors_of(["new"])


def test_another_dimension_behind_the_same_name_is_another_space(server, space, caplog):
    one = space()
    old = one.name_of(one.vectors_of(["a"])["a"])
    server.dimension = 16
    again = space()
    new = again.vectors_of(["a"])["a"]
    assert (old, again.name_of(new), again.open()[0]) == (
        "words-2:openai:m:32",
        "words-2:openai:m:16",
        again.name_of(new),
    )
    assert "the dimension changed from 32 to 16; run `candlegraph memory reembed`" in caplog.text


# The queue


@pytest.fixture
def opened(server, path):
    return lambda **changes: open_memory(path, RagConfig(embedding=openai(server, **changes)))


def test_a_stored_experience_waits_until_it_is_embedded(server, opened, textual):
    memory = opened()
    for number in range(5):
        memory.add(textual(number))
    assert (memory.without_vector(), server.seen) == (5, [])
    step = memory.embed_waiting(3, now=NOW)
    assert (step.looked_at, step.stored, step.problem, memory.without_vector()) == (3, 3, None, 2)
    assert memory.embed_waiting(10, now=NOW).stored == 2
    assert memory.embed_waiting(10, now=NOW).looked_at == 0


def test_only_the_named_namespace_is_embedded(opened, textual):
    memory = opened()
    memory.add(textual(0))
    memory.add(textual(1, namespace="live"))
    assert memory.embed_waiting(9, now=NOW, namespace="live").stored == 1
    assert (memory.without_vector("live"), memory.without_vector("backtest:a")) == (0, 1)


def test_nothing_is_lost_while_the_model_is_down(server, opened, textual, path):
    server.status = 500
    memory = opened()
    memory.add(textual(0))
    step = memory.embed_waiting(9, now=NOW)
    assert (step.stored, memory.without_vector()) == (0, 1) and "status 500" in step.problem
    server.status = 200
    close_memory(path)
    assert opened().embed_waiting(9, now=NOW).stored == 1


def test_a_refused_text_waits_twice_as_long_each_time_and_holds_no_other_up(server, opened, textual):
    bad = words_of_experience(textual(1)).setup

    def spoil(rows, texts):
        assert bad not in PROBES
        return [[math.nan] * 32 if text == bad else row for row, text in zip(rows, texts, strict=True)]

    server.spoil = spoil
    memory = opened()
    for number in range(3):
        memory.add(textual(number))
    step = memory.embed_waiting(9, now=NOW)
    assert (step.stored, step.refused, memory.without_vector()) == (2, 1, 1)
    minutes = []
    for minute in range(1, 9):
        if memory.embed_waiting(9, now=NOW + timedelta(minutes=minute)).refused:
            minutes.append(minute)
    assert minutes == [1, 3, 7]
    late = NOW + timedelta(days=20)
    for _ in range(12):  # by now it would wait for months
        late += timedelta(days=1)
        assert memory.embed_waiting(9, now=late).refused == 1
    server.spoil = lambda rows, texts: rows
    assert memory.embed_waiting(9, now=late + timedelta(days=2)).stored == 1


def test_the_newest_are_embedded_first(opened, textual, path):
    memory = opened()
    for number in range(4):
        memory.add(textual(number))
    memory.embed_waiting(2, now=NOW)
    assert sql(path, "select experience_id from text_vectors order by 1") == [(3,), (4,)]


def test_what_has_no_words_is_looked_at_once(opened, textual, make_recorded):
    memory = opened()
    memory.add(textual(0, regime=None, entry_reason=""))
    memory.add(textual(1, forced=True))
    memory.add(experience_of_decision(make_recorded()))
    step = memory.embed_waiting(9, now=NOW)
    assert (step.looked_at, step.stored, step.without_words) == (1, 0, 1)
    assert (memory.embed_waiting(9, now=NOW).looked_at, memory.without_vector()) == (0, 0)


def test_what_is_stored_after_a_step_that_found_nothing_is_embedded_by_the_next(opened, textual):
    memory = opened()
    for number in range(3):
        assert memory.embed_waiting(9, now=NOW, namespace="backtest:a").looked_at == 0
        memory.add(textual(number))
        assert memory.embed_waiting(9, now=NOW, namespace="backtest:a").stored == 1


def test_an_experience_that_was_removed_meanwhile_gets_no_vector(server, opened, textual, path):
    memory = opened()
    memory.add(textual(0))

    def remove(rows, texts):
        if words_of_experience(textual(0)).setup in texts and not memory_is_empty(path):
            sql(path, "delete from experiences")
        return rows

    server.spoil = remove
    step = memory.embed_waiting(9, now=NOW)
    assert (step.looked_at, step.stored) == (1, 0)
    assert sql(path, "select count(*) from text_vectors") == [(0,)]


def sql(path, statement):
    with open_engine(path).begin() as connection:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


def memory_is_empty(path):
    return sql(path, "select count(*) from experiences") == [(0,)]


def test_a_change_of_model_is_said_at_open_with_the_command(server, opened, textual, path, caplog):
    memory = opened()
    for number in range(4):
        memory.add(textual(number))
    memory.embed_waiting(9, now=NOW)
    close_memory(path)
    with caplog.at_level(logging.WARNING):
        opened()
        assert "have no vector" not in caplog.text
        changed = opened(model="other")
    assert "4 experiences have no vector of words-2:openai:other" in caplog.text
    assert "`candlegraph memory reembed`" in caplog.text
    assert changed is open_memory(path)


def test_stats_say_what_the_text_model_is_and_how_far_it_is(opened, textual, path):
    memory = opened()
    for number in range(3):
        memory.add(textual(number))
    before = {"provider": "openai", "model": "m", "dimension": None, "size": 0, "waiting": 3}
    assert memory.stats("backtest:a")["embedding"] == before
    memory.embed_waiting(2, now=NOW)
    assert memory.stats("backtest:a")["embedding"] == before | {"dimension": 32, "size": 2, "waiting": 1}
    assert memory.stats("live")["embedding"] == before | {"dimension": 32, "waiting": 0}
