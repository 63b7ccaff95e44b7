"""No dead key in `experience_config`: for every key two values, all else equal, and what a user sees of it differs."""

import json
import re
import time
from itertools import count
from pathlib import Path

import pytest
from embedding_server import EmbeddingServer
from lived import lived, near, remember

from candlegraph.freqtrade_bridge.decisions.records import commit_effects
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.block import Block
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.memory.store import close_memory

SHOWN = set()
TESTS = Path(__file__).parents[1]
RETRIEVER = "agents/test_analyst_and_retriever.py"
RANKED = (RETRIEVER, "test_the_cases_of_the_prompt_are_chosen_as_configured")
FLEET = "test_what_one_bot_learns_the_others_recall_at_once_where_they_read_its_namespace"
ELSEWHERE = {
    "rag_config.database_url": ("memory/test_fleet.py", FLEET),
    "rag_config.read_namespaces": (RETRIEVER, "test_trades_of_another_namespace_teach_only_where_they_may_be_read"),
    "rag_config.vector_store.top_k": RANKED,
    "rag_config.ranking.most_of_a_day": RANKED,
    "rag_config.ranking.least_losing": RANKED,
    "log_decisions": ("freqtrade_bridge/test_log_switches.py", "test_a_log_is_written_where_its_switch_is_on"),
    "log_trades": ("freqtrade_bridge/test_log_switches.py", "test_a_log_is_written_where_its_switch_is_on"),
    "log_prompts": (
        "freqtrade_bridge/test_log_switches.py",
        "test_the_lines_hold_the_prompt_where_that_is_wanted",
    ),
    "snapshots.keep": ("memory/test_snapshots.py", "test_nothing_is_kept_where_that_is_turned_off"),
    "snapshots.max_days": ("memory/test_snapshots.py", "test_what_is_too_old_is_removed"),
    "snapshots.max_mb": ("memory/test_snapshots.py", "test_the_oldest_go_where_all_are_too_large"),
    "rag_config.vector_store.storage_path": (
        "memory/test_mirror.py",
        "test_a_storage_path_keeps_the_snapshots_and_a_rebuild_deletes_only_those",
    ),
    "reward.mode": (RETRIEVER, "test_the_sum_of_rewards_is_of_the_configured_kind"),
    "reflection.mode": ("graph/test_reflection.py", "test_a_model_adds_its_lesson_to_the_rules"),
    "use_experience": (RETRIEVER, "test_with_use_experience_off_nothing_retrieved_reaches_the_prompt"),
    "min_trades_for_learning": (RETRIEVER, "test_fewer_trades_suffice_where_the_setting_says_so"),
}
"""Keys whose effect a test of what they are for shows, over the same boundary."""


def shows(*keys):
    """Say which keys a test shows the effect of."""
    SHOWN.update(keys)
    return lambda test: test


def keys_of(block, prefix=""):
    found = set()
    for name in type(block).model_fields:
        value = getattr(block, name)
        found |= keys_of(value, f"{prefix}{name}.") if isinstance(value, Block) else {f"{prefix}{name}"}
    return found


def test_every_key_has_a_test_that_shows_its_effect():
    assert SHOWN | set(ELSEWHERE) == keys_of(Settings().experience_config)


@pytest.mark.parametrize("key", ELSEWHERE)
def test_what_is_shown_elsewhere_is_there(key):
    file, name = ELSEWHERE[key]
    assert f"def {name}(" in (TESTS / file).read_text()


@pytest.fixture
def server():
    with EmbeddingServer() as one:
        yield one


@pytest.fixture
def opened(tmp_path):
    """Return a factory of contexts, each on a folder of its own: `opened(model, key={...})`."""
    made, number = [], count()

    def make(model, **experience):
        settings = settings_of({"experience_config": experience})
        made.append(Context(settings=settings, user_data_dir=str(tmp_path / str(next(number)))))
        return made[-1].with_model(model)

    yield make
    for context in made:
        close_memory(context.database)


class Decided:
    """One decision: its state, the messages before each answer, and the context that it ran in."""

    def __init__(self, state, model, context):
        self.state, self.model, self.context = state, model, context
        self.lessons, self.prompt = state.lessons, model.seen[0][1].content

    @property
    def similarities(self):
        return {case.id: case.similarity for case in self.lessons.cases}


@pytest.fixture
def decided(opened, run, scripted, calling, right, entering):
    """Decide one candle after some trades: `decided(*experiences, calls=[...], snapshot=..., key={...})`."""

    def go(*experiences, calls=(), snapshot=entering, **experience):
        stay = "signal_wait" if snapshot.position is None else "signal_hold"
        model = scripted(*(calling(right(name, **changes)) for name, changes in [*calls, (stay, {})]))
        context = opened(model, **experience)
        remember(context, *experiences)
        context.memory.embed_waiting(100, now=snapshot.as_of)
        return Decided(run(context, snapshot), model, context)

    return go


# -- the text model -----------------------------------------------------------------------------------------------


def text_model(server, **changes):
    return {"rag_config": {"embedding": {"provider": "openai", "api_base": server.url, "model": "m"} | changes}}


@shows("rag_config.embedding.provider")
@pytest.mark.parametrize(
    "provider, paths", [("openai", {"/v1/embeddings"}), ("ollama", {"/api/embed"}), ("none", set())]
)
def test_the_provider_decides_the_protocol(decided, server, provider, paths):
    named = {} if provider == "none" else {"api_base": server.url, "model": "m"}
    decided(rag_config={"embedding": {"provider": provider} | named})
    assert {path for path, _, _ in server.seen} == paths


@pytest.mark.parametrize(
    "named", [{"model": "bge"}, {"api_base": "http://127.0.0.1:1"}, {"api_key": "geheim"}, {"api_key_env": "MY_KEY"}]
)
def test_a_text_model_that_would_never_be_asked_is_refused_by_its_key(named):
    (key,) = named
    with pytest.raises(ConfigError, match=f"embedding = .*{key}: provider is 'none'") as refused:
        settings_of({"experience_config": {"rag_config": {"embedding": named}}})
    assert "geheim" not in str(refused.value)
    assert settings_of({"experience_config": {"rag_config": {"embedding": dict.fromkeys(("api_base", "api_key"))}}})


@shows("rag_config.embedding.model", "rag_config.embedding.api_base")
def test_the_named_model_of_the_named_endpoint_is_asked(decided, server):
    with EmbeddingServer() as other:
        decided(**text_model(server))
        decided(**text_model(other, model="another"))
        assert [{body["model"] for _, _, body in one.seen} for one in (server, other)] == [{"m"}, {"another"}]


@shows("rag_config.embedding.api_key", "rag_config.embedding.api_key_env")
def test_the_key_that_is_named_is_sent(decided, server, monkeypatch):
    monkeypatch.setenv("CANDLEGRAPH_API_KEY", "from-env")
    monkeypatch.setenv("MY_KEY", "from-mine")
    sent = []
    for changes in ({}, {"api_key": "literal"}, {"api_key_env": "MY_KEY"}):
        decided(**text_model(server, **changes))
        sent.append(server.seen[-1][1]["authorization"])
    assert sent == ["Bearer from-env", "Bearer literal", "Bearer from-mine"]


@shows("rag_config.embedding.timeout")
def test_after_the_timeout_the_numbers_answer_alone(decided, server, entering):
    def slow(rows, texts):
        time.sleep(0.3)
        return rows

    server.spoil = slow
    unlike = lived(entering, 1, situation=near(entering, 20))
    patient, hasty = (decided(unlike, **text_model(server, timeout=timeout)) for timeout in (10, 0.05))
    assert patient.similarities[1] != hasty.similarities[1] == decided(unlike).similarities[1]


@shows("rag_config.embedding.batch_size")
@pytest.mark.parametrize("size", [1, 3])
def test_a_request_has_no_more_texts_than_that(decided, server, size):
    decided(**text_model(server, batch_size=size))
    assert max(len(body["input"]) for _, _, body in server.seen) == size


def by_text(server, **changes):
    """Return settings under which the similarity is that of the texts alone."""
    rag = text_model(server, **changes)["rag_config"]
    return {"rag_config": rag | {"spaces": {"situation": 0}, "vector_store": {"similarity_threshold": 0}}}


@pytest.fixture
def reworded(entering):
    """Return a trade of the same numbers in other words: another band of the RSI."""
    return lived(entering, 1, entry_rsi=95.0)


@shows("rag_config.embedding.unlike_cosine", "rag_config.embedding.alike_cosine")
def test_similarity_goes_from_the_unlike_to_the_alike_cosine(decided, server, reworded):
    def similarity(**cosines):
        return decided(reworded, **by_text(server, **cosines)).similarities[1]

    cosine = similarity(unlike_cosine=0, alike_cosine=1)
    assert 0.5 < cosine < 0.9
    assert similarity(unlike_cosine=0.4, alike_cosine=1) == pytest.approx((cosine - 0.4) / 0.6, abs=1e-5)
    assert similarity(unlike_cosine=0, alike_cosine=0.95) == pytest.approx(cosine / 0.95, abs=1e-5)


@shows("rag_config.spaces.situation", "rag_config.spaces.text")
def test_the_weights_of_the_spaces_order_the_cases(decided, server, entering, reworded):
    """Case 1 has the present numbers in other words, 2 the present words for other numbers, 3 has no words."""
    moved, wordless = lived(entering, 2, situation=near(entering, 60)), lived(entering, 3, regime=None, entry_reason="")

    def found(situation, text):
        rag = by_text(server)["rag_config"] | {"spaces": {"situation": situation, "text": text}}
        return decided(reworded, moved, wordless, rag_config=rag).similarities

    numbers, words = found(1, 0), found(0, 1)
    assert (list(numbers), list(words)) == ([1, 3, 2], [2, 1])
    for situation, text in ((1, 0.2), (0.2, 1)):
        mean = {id: (situation * numbers[id] + text * words[id]) / (situation + text) for id in words} | {3: 1.0}
        assert found(situation, text) == pytest.approx(mean, abs=1e-5)


# -- cases --------------------------------------------------------------------------------------------------------


@shows("rag_config.vector_store.index_type")
@pytest.mark.parametrize("kind, used", [("auto", "flat"), ("flat", "flat"), ("hnsw", "hnsw"), ("ivf", "ivf")])
def test_the_model_is_told_the_index_that_was_chosen(decided, entering, kind, used):
    one = decided(
        lived(entering, 1), calls=[("query_rag_stats", {})], rag_config={"vector_store": {"index_type": kind}}
    )
    assert json.loads(one.model.seen[1][-1].content)["index"]["type"] == used
    assert one.similarities == {1: 1.0}


@shows("rag_config.vector_store.similarity_threshold")
def test_less_similar_cases_are_not_shown(decided, entering):
    far = lived(entering, 1, situation=near(entering, 100), pair="FAR/USDT:USDT")

    def at(threshold):
        return decided(far, rag_config={"vector_store": {"similarity_threshold": threshold}})

    similarity = at(0.1).similarities[1]
    assert 0.1 < similarity < 0.99
    shown, hidden = at(similarity - 0.001), at(similarity + 0.001)
    assert ("FAR/USDT" in shown.prompt, "FAR/USDT" in hidden.prompt) == (True, False)
    assert hidden.lessons.cases == ()


# -- forgetting ---------------------------------------------------------------------------------------------------


FORGETTING = {
    "low_quality_below": ("low_quality", {"max_share": 1}, (0, 6), (50, 4)),
    "old_after_days": ("old_records", {"max_share": 1}, (3.5, 3), (30, 6)),
    "keep_newest": ("compress", {"max_share": 1}, (2, 2), (4, 4)),
    "max_share": ("compress", {"keep_newest": 1}, (0.2, 5), (0.5, 3)),
}
"""By key: the strategy, what else is set, and two values with how many of six trades they leave."""


@shows(*(f"rag_config.cleanup.{key}" for key in FORGETTING))
@pytest.mark.parametrize("key", FORGETTING)
def test_the_model_forgets_as_much_as_the_settings_say_and_is_told_how_much(decided, entering, key):
    strategy, others, *rows = FORGETTING[key]
    for value, left in rows:
        one = decided(
            *(lived(entering, n, profit) for n, profit in enumerate((-2, -4, -30, -40, -60, 4))),
            calls=[("cleanup_rag_history", {"strategy": strategy})],
            rag_config={"cleanup": others | {key: value}},
        )
        told = one.model.seen[1][-1].content
        assert (f" {6 - left} of 6 experiences leave" if left < 6 else " none of 6 experiences may leave") in told
        commit_effects(one.context, one.state)
        stats = one.context.memory.stats("studio")
        assert (stats["total_experiences"], stats["index"]["size"]) == (6, left)


def test_statistics_that_the_model_asks_for_hold_what_was_known_at_the_candle(decided, entering):
    at = entering.as_of
    known_later = lived(entering, 1, closed_at=at, known_at=at, trade_key="later")
    one = decided(lived(entering, 1), known_later, calls=[("query_rag_stats", {})])
    told = json.loads(one.model.seen[1][-1].content)
    assert (told["total_experiences"], told["reward_stats"]["total_trades"], told["index"]["size"]) == (1, 1, 1)
    assert one.context.memory.stats("studio")["total_experiences"] == 2


# -- learning -----------------------------------------------------------------------------------------------------


@pytest.fixture
def learnt(decided, entering):
    """Return the prompt's line of the present pattern after losses and one win; None: it has none."""

    def go(losses, **reward):
        trades = [lived(entering, 0, 4.0), *(lived(entering, n + 1) for n in range(losses))]
        prompt = decided(*trades, reward=reward, min_trades_for_learning=1).prompt
        return next((line for line in prompt.splitlines() if "mean result" in line), None)

    return go


@shows("reward.confidence_level")
def test_more_confidence_widens_the_intervals_that_are_shown(learnt):
    narrow, wide = (re.search(r"17% won \((\d+)% to (\d+)%\)", learnt(5, confidence_level=one)) for one in (0.8, 0.99))
    assert int(wide[1]) < int(narrow[1]) < 17 < int(narrow[2]) < int(wide[2])


@shows("reward.min_pattern_trades")
def test_fewer_trades_are_no_pattern(learnt):
    assert learnt(5, min_pattern_trades=6).startswith("undecided")
    assert learnt(5, min_pattern_trades=7) is None


@shows("record_min_profit_pct")
def test_a_winner_may_be_recorded_from_the_profit_that_is_set(decided, make_snapshot):
    def is_offered(least):
        one = decided(snapshot=make_snapshot("long", profit_pct=6.0), record_min_profit_pct=least)
        return "record_decision_to_rag" in one.model.offered[0]

    assert (is_offered(6), is_offered(6.5)) == (True, False)
