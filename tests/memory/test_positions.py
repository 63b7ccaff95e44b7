import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.graph.schema.indicators import Indicators
from candlegraph.graph.schema.market import TimeframeView
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.learning.track import KEPT_REASONS, KEPT_WARNINGS, Change, PositionTracker, Track
from candlegraph.memory.storage.database import close_engine, open_engine

OPENED = datetime(2025, 3, 1, 12, tzinfo=UTC)
LENGTH = timedelta(minutes=30)
NOTHING = Indicators(**dict.fromkeys(Indicators.model_fields))


def track(side="long", **changes):
    known = {"namespace": "dry_run", "trade_key": "k", "pair": "BTC/USDT:USDT", "side": side, "leverage": 5}
    prices = {"entry_price": 100, "best": 100, "worst": 100}
    return Track(**known | prices | {"opened_at": OPENED} | changes)


def candle(number, high, low, close):
    """Return the candle `number` after the entry, and when it closed."""
    at = OPENED + number * LENGTH
    known = {"rows": 1, "open": close, "volume": 1, "past_closes": ()}
    prices = {"high": high, "low": low, "close": close}
    return TimeframeView(timeframe="30m", candle=at, indicators=NOTHING, **known | prices), at + LENGTH


def signal(action="hold", reason="r", warnings=()):
    return TradeSignal(action=action, confidence=50, reason=reason, source="model", warnings=warnings)


@pytest.mark.parametrize(("side", "best", "worst"), [("long", 107, 96), ("short", 96, 107)])
def test_best_and_worst_are_the_highs_and_lows_of_every_candle(side, best, worst):
    one = track(side)
    for number, prices in enumerate([(104, 99, 101), (107, 101, 106), (103, 96, 97)]):
        one = one.after_candle(*candle(number, *prices))
    assert (one.best, one.worst, one.candles) == (best, worst, 3)


def test_a_candle_counts_once_and_none_from_before_the_entry_counts():
    first = track().after_candle(*candle(0, 104, 99, 101))
    assert first.after_candle(*candle(0, 200, 50, 101)) == first
    assert first.after_candle(*candle(-1, 200, 50, 101)) == first
    assert track().after_candle(*candle(-1, 200, 50, 101)) == track()


@pytest.mark.parametrize(("late", "best"), [(0, 110), (60, 110), (61, 102), (1799, 102)])
def test_of_the_candle_in_which_it_was_opened_late_only_the_close_counts(late, best):
    one = track(opened_at=OPENED + timedelta(seconds=late)).after_candle(*candle(0, 110, 90, 102))
    assert (one.best, one.worst) == (best, 90 if best == 110 else 100)


@pytest.mark.parametrize(
    ("side", "closes", "pct"),
    [("long", (103, 108, 104, 106), 20), ("short", (97, 92, 96, 94), 20), ("long", (100,), 0)],
)
def test_the_deepest_give_back_stays_known(side, closes, pct):
    one = track(side)
    for number, close in enumerate(closes):
        one = one.after_candle(*candle(number, close, close, close))
    assert one.deepest_give_back_pct == pytest.approx(pct)


def test_holds_count_in_a_row_and_in_all():
    one = track()
    for action in ("hold", "hold", "adjust", "hold"):
        one = one.after_signal(signal(action))
    assert (one.decisions, one.holds, one.all_holds) == (4, 1, 3)


def test_the_newest_reasons_are_kept():
    one = track()
    for number in range(KEPT_REASONS + 3):
        one = one.after_signal(signal(reason=str(number)))
    assert (one.reasons[0], one.reasons[-1], len(one.reasons)) == ("3", str(KEPT_REASONS + 2), KEPT_REASONS)


def test_a_rule_that_warns_again_replaces_its_older_warning():
    one = track().after_signal(signal(warnings=("erosion: 3 % gone", "no_progress: 5 candles")))
    one = one.after_signal(signal(warnings=("erosion: 4 % gone",)))
    assert one.warnings == ("no_progress: 5 candles", "erosion: 4 % gone")
    for number in range(KEPT_WARNINGS + 2):
        one = one.after_signal(signal(warnings=(f"rule_{number}: w",)))
    assert len(one.warnings) == KEPT_WARNINGS
    assert (one.warnings[0], one.warnings[-1]) == ("rule_2: w", f"rule_{KEPT_WARNINGS + 1}: w")  # the newest


def test_adds_and_reductions_are_kept_with_the_average_price():
    change = Change(kind="add", at=OPENED, price=104, stake=50, profit=None, tag="graph_add")
    one = track().after_change(change, 102)
    assert (one.changes, one.entry_price) == ((change,), 102)
    out = change.model_copy(update={"kind": "reduction", "profit": 3})
    assert one.after_change(out, 102).changes == (change, out)


def test_recorded_decisions_add_up():
    assert track().after_records(2).after_records(1).recorded == 3


@pytest.fixture
def engine(tmp_path):
    path = tmp_path / "rag" / "memory.sqlite"
    yield open_engine(path)
    close_engine(path)


def rows(engine):
    with closing(sqlite3.connect(engine.url.database)) as raw:
        return raw.execute("select namespace, trade_key from positions order by 1, 2").fetchall()


def test_a_restart_finds_every_open_trade_of_its_own_namespace(engine):
    tracker = PositionTracker(engine, "dry_run", is_durable=True)
    newest = track().after_candle(*candle(0, 104, 99, 101)).after_signal(signal())
    tracker.put(track(), track(trade_key="other"))
    tracker.put(newest)
    PositionTracker(engine, "live", is_durable=True).put(track(namespace="live"))
    again = PositionTracker(engine, "dry_run", is_durable=True)
    assert again.tracks.get("k") == newest
    assert {one.trade_key for one in again.open()} == {"k", "other"}
    assert again.tracks.get("unknown") is None


def test_what_has_not_changed_is_not_written(engine):
    tracker = PositionTracker(engine, "dry_run", is_durable=True)
    tracker.put(track())
    with closing(sqlite3.connect(engine.url.database)) as raw:
        raw.execute("delete from positions")
        raw.commit()
    tracker.put(track())
    assert rows(engine) == []


def test_a_backtest_writes_no_open_trade(engine):
    tracker = PositionTracker(engine, "backtest:a", is_durable=False)
    tracker.put(track(namespace="backtest:a"))
    assert tracker.tracks.get("k") is not None and rows(engine) == []


def test_a_dropped_trade_is_followed_no_more_but_its_row_waits(engine):
    tracker = PositionTracker(engine, "dry_run", is_durable=True)
    tracker.put(track())
    tracker.drop("k")
    assert tracker.tracks.get("k") is None
    assert rows(engine) == [("dry_run", "k")]
