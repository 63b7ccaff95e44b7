import resource
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.experience import Experience
from candlegraph.graph.schema.facts import AccountFacts, Facts, TimeframeFacts
from candlegraph.graph.settings.experience import Cleanup, Reward
from candlegraph.memory.cases import Question, cases_of, similar_trades
from candlegraph.memory.learning.patterns import guidance_of
from candlegraph.memory.learning.ranking import placed
from candlegraph.memory.learning.report import experience_of_decision
from candlegraph.memory.storage.database import writing
from candlegraph.memory.storage.rows import retire
from candlegraph.memory.store import RECALLED, ExperienceMemory, close_memory, open_memory
from candlegraph.memory.transfer.files import parse_export, read_lines, store

BOTH_DATABASES = True
ALL = Cleanup(max_share=1)


@pytest.fixture
def now(make_trade):
    return make_trade(30).known_at


@pytest.fixture
def ids(memory, make_experience):
    """Ten trades an hour apart in one market: the first four losses, ever worse; one in a foreign namespace."""
    memory.add(make_experience(0, namespace="live", **_loss(50)))
    losses = [memory.add(make_experience(number, **_loss(10 + number))) for number in range(4)]
    return losses + [memory.add(make_experience(number, **SAME)) for number in range(4, 10)]


SAME = {"situation": (1.0, 0.0, 0.5)}


def _loss(pct: float) -> dict:
    return {"profit_pct": -pct, "mae_pct": -pct, "exit_price": 80, "leverage": 30, **SAME}


def recalled(memory: ExperienceMemory, now) -> set[int]:
    cases = memory.recall((1, 0, 0.5), "test-1", as_of=now, namespaces=("backtest:a",), k=50, threshold=0)
    return {case.id for case in cases}


def test_a_poor_trade_that_three_others_are_like_leaves_the_retrieval_and_stays_counted(memory, ids, now, path):
    before, known = memory.get(ids[0]), memory.stats("backtest:a")
    report = memory.cleanup("backtest:a", "low_quality", as_of=now, settings=ALL)
    assert (report.total, report.matched, report.allowed, report.removed) == (10, 1, 1, 1)
    assert recalled(memory, now) == set(ids[1:])  # the newest three losers of the set-up stay
    assert memory.get(ids[0]) == before
    [archive] = path.parent.glob("*.jsonl")
    assert str(archive) == report.archive
    assert [Experience.model_validate_json(line) for line in archive.read_text().splitlines()] == [before]
    after = memory.stats("backtest:a")
    assert (after["retired"], after["index"]["size"], after["index"]["stale"]) == (1, 9, False)
    assert {name: after[name] for name in COUNTED} == {name: known[name] for name in COUNTED}


COUNTED = ("total_experiences", "by_kind", "by_side", "by_grade", "reward_stats")


def test_what_is_like_nothing_else_stays_however_poor(memory, make_experience, now):
    for number in range(8):
        memory.add(make_experience(number, **_loss(10) | {"situation": tuple(float(number == n) for n in range(8))}))
    assert memory.preview_cleanup("backtest:a", "low_quality", as_of=now, settings=ALL).matched == 0


def test_the_alike_that_go_count_no_more_for_those_that_are_looked_at_later(memory, make_experience, now):
    for number in range(12):
        memory.add(make_experience(number, **_loss(10), regime="trend_up" if number < 9 else "range"))
    report = memory.cleanup("backtest:a", "low_quality", as_of=now, settings=ALL)
    assert report.removed == 6  # three of each set-up are its last losers, and they are the others that stay
    assert memory.cleanup("backtest:a", "low_quality", as_of=now, settings=ALL).removed == 0


def test_the_three_that_stay_must_be_of_the_same_side_and_outcome(memory, make_experience, now):
    won = [memory.add(make_experience(number, **SAME)) for number in range(9)]
    lost = [memory.add(make_experience(number, **_loss(10), trade_key=f"lost {number}")) for number in range(9, 12)]
    other = memory.add(make_experience(8, **_loss(60), trade_key="other", side="short", regime="range"))
    poor = Cleanup(low_quality_below=100, max_share=1)
    assert memory.cleanup("backtest:a", "low_quality", as_of=now, settings=poor).removed == 6
    assert recalled(memory, now) >= {*lost, other}
    assert len(recalled(memory, now) & set(won)) == 3


def test_a_score_at_the_bound_is_kept(memory, ids, now):
    worst, next_worst = (memory.get(row_id).scores.total for row_id in (ids[3], ids[0]))
    assert worst < next_worst
    below = {bound: Cleanup(low_quality_below=bound, max_share=1) for bound in (next_worst, next_worst + 0.01)}
    matched = [
        memory.preview_cleanup("backtest:a", "low_quality", as_of=now, settings=one).matched for one in below.values()
    ]
    assert matched == [0, 1]


def test_no_step_takes_more_than_its_share_of_a_kind_and_says_so(memory, ids, now, make_recorded):
    for number in range(10):
        memory.add(experience_of_decision(make_recorded(number)))
    settings = Cleanup(keep_newest=1, max_share=0.25)
    plan = memory.preview_cleanup("backtest:a", "compress", as_of=now, settings=settings)
    assert plan.plan == "compress: 4 of 20 experiences leave the retrieval, 19 matched, limited to 4 by max_share"
    report = memory.cleanup("backtest:a", "compress", as_of=now, settings=settings)
    assert (report.matched, report.allowed, report.removed) == (19, 4, 4)  # two trades, two decisions
    assert ids[0] not in recalled(memory, now) and ids[2] in recalled(memory, now)
    assert "took 4 of 20 out of the retrieval, 19 matched, limited to 4 by max_share; archived in " in report.message


def test_old_records_go_by_data_time_oldest_first(memory, ids, make_trade, now):
    as_of = make_trade(6).known_at + timedelta(days=30)
    report = memory.cleanup("backtest:a", "old_records", as_of=as_of, settings=Cleanup())
    assert (report.matched, report.removed) == (6, 5)
    assert recalled(memory, now) == set(ids[5:])


def test_compress_keeps_the_newest(memory, ids, now):
    report = memory.cleanup("backtest:a", "compress", as_of=now, settings=Cleanup(keep_newest=7))
    assert (report.matched, report.removed) == (3, 3)
    assert recalled(memory, now) == set(ids[3:])


def test_what_is_not_known_yet_is_not_touched(memory, ids, make_trade, now):
    settings = Cleanup(keep_newest=1, max_share=1)
    report = memory.cleanup("backtest:a", "compress", as_of=make_trade(2).known_at, settings=settings)
    assert (report.total, report.removed) == (2, 1)
    assert recalled(memory, now) == set(ids[1:])


def test_foreign_namespaces_are_not_touched(memory, ids, now):
    memory.cleanup("backtest:a", "low_quality", as_of=now, settings=ALL)
    assert memory.stats("live")["index"]["size"] == 1
    assert memory.cleanup("nobody", "low_quality", as_of=now, settings=ALL).removed == 0


def test_a_preview_counts_and_removes_nothing(memory, ids, now, path):
    report = memory.preview_cleanup("backtest:a", "low_quality", as_of=now, settings=ALL)
    assert (report.matched, report.allowed, report.removed, report.archive) == (1, 1, 0, None)
    assert recalled(memory, now) == set(ids)
    assert list(path.parent.glob("*.jsonl")) == []


def test_two_cleanups_of_one_moment_keep_both_archives(memory, ids, now, path):
    for _ in range(2):
        memory.cleanup("backtest:a", "compress", as_of=now, settings=Cleanup(keep_newest=1, max_share=0.2))
    assert len(list(path.parent.glob("*.jsonl"))) == 2


def test_without_an_archive_nothing_is_removed(memory, ids, now, path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # a full disk
    try:
        with pytest.raises(MemoryStoreError, match="archive .* could not be written: .*nothing was removed"):
            memory.cleanup("backtest:a", "low_quality", as_of=now, settings=ALL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert recalled(memory, now) == set(ids)
    assert not list(path.parent.glob("*.jsonl*"))


@pytest.mark.parametrize("what, left", [("retired", 9), ("all", 0)])
def test_a_purge_erases_for_good_and_its_archive_can_be_imported_again(memory, ids, now, path, what, left):
    memory.cleanup("backtest:a", "low_quality", as_of=now, settings=ALL)
    before = memory.outlines(["backtest:a"])
    memory.follow()
    assert before.asked(now, lambda known: known.trades) == 10
    assert memory.to_purge("backtest:a", what) == 10 - left
    archived = read_lines(memory.purge("backtest:a", what, at=now), parse_export)
    memory.follow()
    assert memory.stats("backtest:a")["total_experiences"] == left
    assert before.asked(now, lambda known: known.trades) == left
    assert memory.purge("backtest:a", "retired", at=now) is None
    assert memory.stats("live")["total_experiences"] == 1
    assert store(memory.engine, archived.experiences) == (10 - left, 0)
    assert len(recalled(memory, now)) == 10


def test_removals_by_another_memory_are_followed_and_ids_never_return(memory, ids, now, path, rag, make_experience):
    recalled(memory, now)
    ExperienceMemory(path, rag).cleanup(
        "backtest:a", "compress", as_of=now, settings=Cleanup(keep_newest=1, max_share=1)
    )
    assert recalled(memory, now) == {ids[-1]}
    assert memory.add(make_experience(0)) is None  # it is still known
    assert memory.add(make_experience(20)) > ids[-1]


STRATEGIES = ("low_quality", "compress", "old_records")
TRADES = st.lists(
    st.tuples(st.floats(-40, 40), st.integers(0, 2), st.sampled_from(["long", "short"]), st.sampled_from([4, 15])),
    min_size=4,
    max_size=12,
)
FACTS = Facts(
    pair="X", price=100.0, regime="trend_up", trend_strength="strong", alignment=2, support=None, resistance=None,
    timeframes={"30m": TimeframeFacts(**dict.fromkeys(TimeframeFacts.model_fields) | {"close": 100.0, "rsi": 45.0})},
    account=AccountFacts(**dict.fromkeys(AccountFacts.model_fields, 0) | {"halted": "none"}),
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trades=TRADES, calls=st.lists(st.sampled_from(STRATEGIES), min_size=1, max_size=3), share=st.floats(0.1, 1))
def test_no_cleanup_changes_a_digit_of_what_is_counted(trades, calls, share, make_experience, tmp_path_factory):
    """One memory is cleaned after every trade, the other never."""
    rules = Cleanup(low_quality_below=100, old_after_days=0.1, keep_newest=2, max_share=share)
    cleaned, left = (open_memory(tmp_path_factory.mktemp(name) / "memory.db") for name in ("cleaned", "left"))
    taken = 0

    def counted(memory):
        reader, stats = memory.outlines(["backtest:a"]), memory.stats("backtest:a")
        memory.follow()
        rules = Reward(min_pattern_trades=2)
        guidance = reader.asked(now, lambda known: guidance_of(known, FACTS, rules=rules, needed=1))
        return guidance, {name: stats[name] for name in COUNTED}

    try:
        for number, (profit, market, side, leverage) in enumerate(trades):
            stop, situation = (95 if side == "long" else 105), (1.0, float(market), 0.5)
            facts = {"side": side, "planned_stop": stop, "leverage": leverage, "situation": situation}
            one = make_experience(number, **facts, profit_pct=profit, mfe_pct=max(1, profit), mae_pct=min(-1, profit))
            now = one.source.known_at + timedelta(microseconds=1)
            assert cleaned.add(one) == left.add(one)
            taken += sum(cleaned.cleanup("backtest:a", how, as_of=now, settings=rules).removed for how in calls)
            assert counted(cleaned) == counted(left)
        assert cleaned.stats("backtest:a")["retired"] == taken
        assert counted(ExperienceMemory(cleaned.path)) == counted(left)
    finally:
        for memory in (cleaned, left):
            close_memory(memory.path)


LATE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def held(memory, make_experience, make_recorded):
    """Return a memory of a trade with a recorded hold that is like now, and of another trade that is less like now."""
    facts = {"situation": (1.0, 0.0, 0.0), "opened_at": make_experience(0).source.opened_at}
    numbers = [memory.add(make_experience(0)), memory.add(experience_of_decision(make_recorded(0, **facts)))]
    return memory, [*numbers, memory.add(make_experience(30, situation=(1.0, 0.5, 0.0)))]


def asked_about(memory, **changes):
    asked = Question((1.0, 0.0, 0.0), "test-1", LATE, ("backtest:a",), RECALLED, threshold=0.0, **changes)
    return asked, similar_trades(memory, memory.outlines(asked.namespaces), asked, count=2, most_of_a_day=2)


def test_a_trade_that_a_cleanup_took_out_takes_no_place_where_a_hold_of_it_stayed(held):
    memory, (trade, hold, other) = held
    asked, before = asked_about(memory)
    assert {one.outline.id for one in before} == {trade, other}
    with writing(memory.engine, "experiences") as (connection, revision):
        retire(connection, revision, [trade])
    asked, after = asked_about(memory)
    assert [one.outline.id for one in after] == [other]
    [place] = placed(after, places=1, least_losing=0, draw=0.9).taken
    assert [case.id for case in cases_of(memory, memory.outlines(asked.namespaces), [place], asked)] == [other]


def test_an_open_trade_is_told_by_the_newest_hold_that_stayed(memory, make_recorded):
    opened_at = make_recorded(0).opened_at
    first, newest = (
        memory.add(experience_of_decision(make_recorded(hour, opened_at=opened_at, current_profit_pct=hour)))
        for hour in (1, 2)
    )
    with writing(memory.engine, "experiences") as (connection, revision):
        retire(connection, revision, [newest])
    asked, [one] = asked_about(memory)
    [case] = cases_of(memory, memory.outlines(asked.namespaces), [one], asked)
    assert (case.id, case.profit_pct, case.is_open) == (first, 1, True)
