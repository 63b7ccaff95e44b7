"""What decisions were made from is kept beside the ledger, deflated, and removed again by age and size."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.graph.settings.experience import SnapshotKeeping
from candlegraph.memory.books import snapshots
from candlegraph.memory.books.snapshots import SnapshotBook, kept_doc
from candlegraph.memory.storage.database import close_engine

NOW = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    yield tmp_path / "memory.sqlite"
    close_engine(tmp_path / "memory.sqlite")


def noise(size):
    """Return text of `size` bytes that does not deflate to much less than half."""
    return random.Random(size).randbytes(size // 2).hex()


def test_what_was_kept_comes_back_and_the_first_of_an_id_stays(path):
    book = SnapshotBook(path, SnapshotKeeping())
    book.keep({"a": '{"one": 1}'}, NOW)
    book.keep({"a": "other", "b": "{}"}, NOW)
    assert [kept_doc(path, one) for one in ("a", "b", "c")] == ['{"one": 1}', "{}", None]


def test_nothing_is_kept_where_that_is_turned_off(path):
    SnapshotBook(path, SnapshotKeeping(keep=False)).keep({"a": "{}"}, NOW)
    assert kept_doc(path, "a") is None


def test_what_is_too_old_is_removed(path):
    SnapshotBook(path, SnapshotKeeping()).keep({"old": "{}"}, NOW - timedelta(days=11))
    SnapshotBook(path, SnapshotKeeping()).keep({"young": "{}"}, NOW - timedelta(days=9))
    SnapshotBook(path, SnapshotKeeping(max_days=10)).keep({"new": "{}"}, NOW)
    assert [kept_doc(path, one) is None for one in ("old", "young", "new")] == [True, False, False]


def test_the_oldest_go_where_all_are_too_large(path, monkeypatch):
    monkeypatch.setattr(snapshots, "PRUNED_EVERY", 3)
    book = SnapshotBook(path, SnapshotKeeping(max_mb=0.02))
    for name in "abcdefgh":
        book.keep({name: noise(10_000)}, NOW)
    left = [name for name in "abcdefgh" if kept_doc(path, name) is not None]
    assert left == list("abcdefgh")[-len(left) :]
    assert 3 <= len(left) <= 6
