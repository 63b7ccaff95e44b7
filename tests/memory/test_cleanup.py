import resource
from datetime import timedelta
from pathlib import Path

import pytest

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.experience import Experience
from candlegraph.graph.settings.experience import Cleanup
from candlegraph.memory.store import ExperienceMemory
from candlegraph.memory.transfer.files import parse_export, read_lines, store

BOTH_DATABASES = True
ALL = Cleanup(max_share=1)


@pytest.fixture
def now(make_trade):
    return make_trade(30).known_at


@pytest.fixture
def ids(memory, make_experience):
    """Ten trades an hour apart: the first four careless losses, ever worse; one in a foreign namespace."""
    memory.add(make_experience(0, namespace="live", **_loss(50)))
    losses = [memory.add(make_experience(number, **_loss(10 + number))) for number in range(4)]
    return losses + [memory.add(make_experience(number)) for number in range(4, 10)]


def _loss(pct: float) -> dict:
    return {"profit_pct": -pct, "mae_pct": -pct, "exit_price": 80, "leverage": 30}


def recalled(memory: ExperienceMemory, now) -> set[int]:
    cases = memory.recall((1, 0, 0.5), "test-1", as_of=now, namespaces=("backtest:a",), k=50, threshold=0)
    return {case.id for case in cases}


def test_low_quality_is_archived_then_deleted(memory, ids, now, path):
    before = [memory.get(row_id) for row_id in ids]
    report = memory.cleanup("backtest:a", "low_quality", as_of=now, settings=ALL)
    assert (report.total, report.matched, report.allowed, report.removed) == (10, 4, 4, 4)
    assert recalled(memory, now) == set(ids[4:])
    assert [memory.get(row_id) for row_id in ids[:4]] == [None] * 4
    [archive] = path.parent.glob("*.jsonl")
    assert str(archive) == report.archive
    archived = [Experience.model_validate_json(line) for line in archive.read_text().splitlines()]
    assert archived == before[3::-1]  # the worst first
    assert memory.stats("backtest:a")["index"]["stale"] is False


def test_a_score_at_the_bound_is_kept(memory, ids, now):
    at_bound = Cleanup(low_quality_below=memory.get(ids[0]).scores.total, max_share=1)
    kept = sum(memory.get(row_id).scores.total >= at_bound.low_quality_below for row_id in ids)
    assert memory.cleanup("backtest:a", "low_quality", as_of=now, settings=at_bound).removed == len(ids) - kept
    assert memory.get(ids[0]) is not None


def test_no_step_removes_more_than_its_share_and_says_so(memory, ids, now):
    report = memory.cleanup("backtest:a", "low_quality", as_of=now, settings=Cleanup(max_share=0.25))
    assert (report.matched, report.allowed, report.removed) == (4, 2, 2)
    assert recalled(memory, now) == {*ids[:2], *ids[4:]}  # the two worst are gone
    assert "removed 2 of 10, 4 matched, limited to 2 by max_share; archived in " in report.message


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
    report = memory.cleanup("backtest:a", "low_quality", as_of=make_trade(2).known_at, settings=ALL)
    assert (report.total, report.removed) == (2, 2)
    assert recalled(memory, now) == set(ids[2:])


def test_foreign_namespaces_are_not_touched(memory, ids, now):
    memory.cleanup("backtest:a", "low_quality", as_of=now, settings=ALL)
    assert memory.stats("live")["total_experiences"] == 1
    assert memory.cleanup("nobody", "low_quality", as_of=now, settings=ALL).removed == 0


def test_a_preview_counts_and_removes_nothing(memory, ids, now, path):
    report = memory.preview_cleanup("backtest:a", "low_quality", as_of=now, settings=ALL)
    assert (report.matched, report.allowed, report.removed, report.archive) == (4, 4, 0, None)
    assert recalled(memory, now) == set(ids)
    assert list(path.parent.glob("*.jsonl")) == []


def test_two_cleanups_of_one_moment_keep_both_archives(memory, ids, now, path):
    for _ in range(2):
        memory.cleanup("backtest:a", "low_quality", as_of=now, settings=Cleanup(max_share=0.2))
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


def test_an_archive_can_be_imported_again(memory, ids, now, path):
    before = recalled(memory, now)
    report = memory.cleanup("backtest:a", "low_quality", as_of=now, settings=ALL)
    archived = read_lines(Path(report.archive), parse_export)
    assert store(memory.engine, archived.experiences) == (4, 0)
    assert len(recalled(memory, now)) == len(before)


def test_removals_by_another_memory_are_followed_and_ids_never_return(memory, ids, now, path, rag, make_experience):
    recalled(memory, now)
    ExperienceMemory(path, rag).cleanup(
        "backtest:a", "compress", as_of=now, settings=Cleanup(keep_newest=1, max_share=1)
    )
    assert recalled(memory, now) == {ids[-1]}
    assert memory.add(make_experience(0)) > ids[-1]
