import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learnt import learn, waiting

from candlegraph.graph.schema.experience import Experience, Occasion, PartialExit
from candlegraph.memory.learning.report import experience_of_decision
from candlegraph.memory.store import ExperienceMemory, close_memory, open_memory

BOTH_DATABASES = True
LATE = timedelta(days=365)
OWN = ("backtest:a",)


@pytest.fixture
def recall(memory, make_trade):
    late = make_trade().known_at + LATE

    def call(situation=(1.0, 0.0, 0.5), space="test-1", **changes):
        return memory.recall(situation, space, **({"as_of": late, "namespaces": OWN, "k": 5, "threshold": 0} | changes))

    return call


def test_a_stored_trade_is_recalled_with_its_outcome(memory, recall, make_experience):
    experience = make_experience()
    row_id = memory.add(experience)
    [case] = recall()
    assert (case.id, case.kind, case.pair, case.side) == (row_id, "trade", "BTC/USDT:USDT", "long")
    assert case.similarity == pytest.approx(1, abs=1e-5)
    assert (case.profit_pct, case.score, case.grade) == (4, experience.scores.total, experience.scores.grade)
    assert (case.entry_price, case.duration_minutes, case.lesson) == (100, 60, experience.lesson)
    assert memory.get(row_id) == experience
    assert memory.get(row_id + 1) is None


def test_a_partial_exit_is_recalled_and_counted_in_no_reward(memory, recall, make_trade):
    part = PartialExit(
        **make_trade().model_dump(include={*Occasion.model_fields} - {"known_at"}),
        known_at=make_trade().opened_at,
        key="0|part 1",
        share=0.5,
        profit_pct=-3,
        exit_price=99,
        reason="graph_reduce",
    )
    memory.enqueue(part)
    [learnt] = learn(memory, "backtest:a", before=make_trade().known_at)
    assert learnt.source == part
    [case] = recall()
    assert (case.kind, case.profit_pct, case.score) == ("lesson", -3, None)
    assert case.lesson == "Long in trend_up: cut 50% of it at -3.0 %."
    stats = memory.stats("backtest:a")
    assert (stats["by_kind"], stats["reward_stats"]["total_trades"]) == ({"lesson": 1}, 0)


def test_the_same_trade_is_stored_once(memory, recall, make_experience):
    assert memory.add(make_experience()) is not None
    assert memory.add(make_experience()) is None
    assert memory.add(make_experience(namespace="live")) is not None
    assert len(recall()) == 1


def test_most_similar_first_ties_by_id_and_cut_at_threshold_and_k(memory, recall, make_experience):
    situations = [(0, 1, 0), (1, 0.1, 0), (1, 0, 0), (1, 0.1, 0), (-1, 0, 0)]
    ids = [memory.add(make_experience(i, situation=s)) for i, s in enumerate(situations)]
    order = [ids[i] for i in (2, 1, 3, 0, 4)]
    assert [case.id for case in recall((1, 0, 0))] == order
    assert [case.id for case in recall((1, 0, 0), k=2)] == order[:2]
    assert [case.id for case in recall((1, 0, 0), threshold=0.7)] == order[:3]
    assert recall((1, 0, 0))[-1].similarity == 0  # the opposite is not less than unlike


def test_side_pair_and_namespace_filter(memory, recall, make_experience):
    memory.add(make_experience(0))
    short = memory.add(make_experience(1, side="short", planned_stop=105))
    other = memory.add(make_experience(2, pair="ETH/USDT:USDT"))
    live = memory.add(make_experience(3, namespace="live"))
    assert [case.id for case in recall(side="short")] == [short]
    assert [case.id for case in recall(pair="ETH/USDT:USDT")] == [other]
    assert [case.id for case in recall(namespaces=("live",))] == [live]
    assert len(recall(namespaces=("live", "backtest:a"))) == 4
    assert recall(namespaces=()) == ()


def test_recorded_decisions_are_recalled_forced_exits_are_not(memory, recall, make_experience, make_recorded):
    decision = memory.add(experience_of_decision(make_recorded()))
    memory.add(make_experience(forced=True))
    [case] = recall()
    assert (case.id, case.kind, case.score, case.grade, case.profit_pct) == (decision, "decision", None, "", 7)


def test_spaces_and_dimensions_never_meet(memory, recall, make_experience):
    memory.add(make_experience(0))
    memory.add(make_experience(1, space="test-2"))
    memory.add(make_experience(2, situation=(1.0, 0.0)))
    assert len(recall()) == len(recall(space="test-2")) == len(recall((1.0, 0.0))) == 1
    assert recall(space="test-3") == ()


def test_trades_without_direction_are_kept_but_like_nothing(memory, recall, make_experience):
    memory.add(make_experience(0, situation=None, space=""))
    memory.add(make_experience(1, situation=(0.0, 0.0, 0.0)))
    assert recall() == recall((0.0, 0.0, 0.0)) == ()
    assert memory.stats("backtest:a")["total_experiences"] == 2


def test_the_moment_of_knowing_is_not_yet_the_past(memory, recall, make_experience):
    experience = make_experience()
    memory.add(experience)
    known_at = experience.source.known_at
    assert recall(as_of=known_at) == ()
    assert len(recall(as_of=known_at + timedelta(microseconds=1))) == 1


@pytest.fixture(scope="module")
def full_memory(tmp_path_factory, make_experience):
    path = tmp_path_factory.mktemp("full") / "memory.db"
    memory = open_memory(path)
    for number in range(40):
        memory.add(make_experience(number, side="long" if number % 3 else "short", planned_stop=None))
    yield memory
    close_memory(path)


@settings(max_examples=60, deadline=None)
@given(
    minutes=st.integers(-10, 45 * 60),
    situation=st.tuples(*[st.floats(-2, 2)] * 3),
    k=st.integers(1, 50),
    side=st.sampled_from([None, "long", "short"]),
)
def test_the_future_is_never_recalled(full_memory, make_trade, minutes, situation, k, side):
    as_of = make_trade(0).known_at + timedelta(minutes=minutes)
    cases = full_memory.recall(situation, "test-1", as_of=as_of, namespaces=OWN, k=k, threshold=0, side=side)
    known = [full_memory.get(case.id).source.known_at for case in cases]
    assert all(time < as_of for time in known)
    past = [n for n in range(40) if make_trade(n).known_at < as_of and side in (None, "long" if n % 3 else "short")]
    assert len(cases) == (min(k, len(past)) if any(situation) else 0)  # and the past is not withheld


def test_a_restart_finds_everything(path, rag, make_experience, make_trade):
    first = open_memory(path, rag)
    stored = {first.add(make_experience(number)): make_experience(number) for number in range(20)}
    first.enqueue(make_trade(99))
    close_memory(path)
    again = open_memory(path, rag)
    assert again is not first
    assert {row_id: again.get(row_id) for row_id in stored} == stored
    late = make_trade().known_at + LATE
    cases = again.recall((1, 0, 0.5), "test-1", as_of=late, namespaces=OWN, k=50, threshold=0)
    assert {case.id for case in cases} == set(stored)
    assert len(waiting(again, "backtest:a")) == 1


def test_open_memory_gives_one_memory_per_file(path):
    assert open_memory(path) is open_memory(path.parent / ".." / path.parent.name / path.name)


def test_another_memory_on_the_database_is_followed(memory, recall, path, rag, make_experience, make_trade):
    recall()
    other = ExperienceMemory(path, rag)
    row_id = other.add(make_experience())
    assert [case.id for case in recall()] == [row_id]


def test_many_threads_may_write_and_recall_at_once(memory, recall, make_experience):
    def work(number: int) -> int | None:
        recall()
        return memory.add(make_experience(number % 50))

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(work, range(100)))
    assert len({row_id for row_id in ids if row_id is not None}) == 50
    assert len(recall(k=50)) == 50
    assert memory.stats("backtest:a")["index"] == {"type": "flat", "dimension": 3, "size": 50, "stale": False}


def test_stats_of_an_empty_namespace(memory, path, rag):
    stats = memory.stats("live")
    assert stats["total_experiences"] == 0
    assert stats["reward_stats"]["win_rate"] is stats["embedding"]["model"] is None
    assert stats["storage"]["path"] == (str(path) if rag.database_url is None else rag.database_url.get_secret_value())
    assert stats["storage"]["bytes"] > 0


def test_stats_count_really(memory, make_experience, make_recorded):
    wins = [make_experience(number) for number in range(15)]
    losses = [make_experience(number, profit_pct=-8, side="short", planned_stop=105) for number in range(15, 20)]
    for experience in [*wins, *losses, make_experience(50, forced=True, profit_pct=90)]:
        memory.add(experience)
    memory.add(experience_of_decision(make_recorded()))
    memory.add(make_experience(60, namespace="live"))
    stats = memory.stats("backtest:a")
    assert json.loads(json.dumps(stats)) == stats
    assert (stats["total_experiences"], stats["forced"]) == (22, 1)
    assert stats["by_kind"] == {"decision": 1, "trade": 21}
    assert stats["by_side"] == {"long": 17, "short": 5}
    assert sum(stats["by_grade"].values()) == 21
    assert stats["index"] == {"type": "flat", "dimension": 3, "size": 22, "stale": False}
    assert stats["embedding"] == {"provider": "situation", "model": "test-1"}
    _check_rewards(stats["reward_stats"], wins, losses)


def _check_rewards(rewards: dict, wins: list[Experience], losses: list[Experience]) -> None:
    trades = [*wins, *losses]
    assert (rewards["total_trades"], rewards["win_rate"]) == (20, 0.75)
    assert next(iter(rewards.items())) == ("net_result", pytest.approx(sum(one.source.profit_abs for one in trades)))
    assert rewards["avg_score"] == pytest.approx(sum(trade.scores.total for trade in trades) / 20)
    assert rewards["cumulative_reward"] == pytest.approx(sum(trade.reward for trade in trades))
    assert rewards["recent_trend"] == pytest.approx((losses[0].reward - wins[0].reward) / 2)


def test_namespaces_are_listed_newest_first(memory, make_experience):
    for number, namespace in enumerate(["live", "backtest:a", "live", "dry_run"]):
        memory.add(make_experience(number, namespace=namespace))
    assert memory.namespaces() == ("dry_run", "live", "backtest:a")
