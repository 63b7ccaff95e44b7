import json
from datetime import UTC, datetime

import pytest

from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.transfer.ancestor import parse_ancestor
from candlegraph.memory.transfer.files import read_lines, store

FLAT = {
    "timestamp": "2024-05-01T12:00:05",
    "trade_id": 17,
    "pair": "BTC/USDT:USDT",
    "side": "long",
    "entry_time": "2024-05-01T10:00:00",
    "entry_price": 100,
    "entry_reason": "breakout above resistance",
    "exit_time": "2024-05-01T12:00:00",
    "exit_price": 101,
    "exit_reason": "signal_exit",
    "profit_pct": 8,
    "leverage": 10,
    "stake_amount": 250,
    "duration_minutes": 120,
    "lessons": "wait for the retest",
}
NESTED = {key: value for key, value in FLAT.items() if not key.startswith(("entry_", "exit_"))} | {
    "entry": {"time": FLAT["entry_time"], "price": 100, "reason": FLAT["entry_reason"]},
    "exit": {"time": FLAT["exit_time"], "price": 101, "reason": FLAT["exit_reason"]},
}


def parsed(**changes):
    return parse_ancestor(json.dumps(FLAT | changes))


def without(*names):
    return parse_ancestor(json.dumps({key: value for key, value in FLAT.items() if key not in names}))


def refused(tmp_path, line) -> tuple[str, str]:
    file = tmp_path / "old.jsonl"
    file.write_text(f"{json.dumps(line)}\n")
    ((), (bad,)) = read_lines(file, parse_ancestor)
    return bad.field, bad.problem


@pytest.mark.parametrize("line", [FLAT, NESTED, FLAT | {"market": {"rsi": 40}}])
def test_flat_and_nested_lines_say_the_same(line):
    one = parse_ancestor(json.dumps(line))
    assert one == parsed()
    assert (one.source.entry_reason, one.source.profit_abs, one.duration_minutes) == (FLAT["entry_reason"], 20, 120)
    assert one.lesson == "wait for the retest"


def test_what_the_ancestor_did_not_keep_is_none():
    source = parsed().source
    missing = (source.situation, source.planned_stop, source.regime, source.trend_strength, source.entry_rsi)
    assert missing == (None,) * 5
    assert (source.model, source.namespace) == ("ancestor", "ancestor")


@pytest.mark.parametrize(
    "time",
    ["2024-05-01T10:00:00", "2024-05-01 10:00:00Z", "2024-05-01T18:00:00+08:00", "2024-05-01T10:00:00.0+00:00"],
)
def test_a_time_without_zone_is_utc(time):
    assert parsed(entry_time=time).source.opened_at == datetime(2024, 5, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "number"),
    [("8", 8), ("8%", 8), ("+8.5 %", 8.5), ("-3,5%", -3.5), ("1,234.5", 1234.5), ("1,234", 1234), ("12,34", 12.34)],
)
def test_numbers_may_be_written_for_people(text, number):
    assert parsed(profit_pct=text).profit_pct == number


@pytest.mark.parametrize("word", ["short", "Short", " SHORT "])
def test_a_side_may_be_written_in_any_case(word):
    assert parsed(side=word).source.side == "short"


def test_a_liquidation_is_told_by_its_reason():
    assert parsed(exit_reason="Liquidation", profit_pct=-100, exit_price=90).source.liquidated
    assert not parsed().source.liquidated


def test_leverage_may_carry_its_x():
    assert parsed(leverage="10x").source.leverage == 10


@pytest.mark.parametrize(("lessons", "lesson"), [(["one.", "two."], "one. two."), (None, "won"), ("", "won")])
def test_lessons_are_kept_and_ours_stands_where_there_are_none(lessons, lesson):
    assert lesson in parsed(lessons=lessons).lesson


def test_nothing_is_known_before_it_was_logged():
    assert parsed().source.known_at == datetime(2024, 5, 1, 12, 0, 5, tzinfo=UTC)
    assert parsed(timestamp="2024-05-01T09:00:00").source.known_at == datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_missing_times_come_from_what_is_there():
    assert without("entry_time") == parsed()
    assert without("exit_time").source.closed_at == datetime(2024, 5, 1, 12, 0, 5, tzinfo=UTC)


def test_scores_use_only_the_prices_that_are_known():
    win, loss = parsed(), parsed(profit_pct=-8, exit_price=99)
    assert (win.source.mfe_pct, win.source.mae_pct) == (8, 0)
    assert (loss.source.mfe_pct, loss.source.mae_pct) == (0, -8)
    # 12.5 + (stop 0 + leverage 0 + give-back 5) / 2, and 12.5 + (entry 12 + exit 13) / 2: as the page says
    assert (win.scores.risk, win.scores.timing) == (15, 25)
    assert (loss.scores.risk, loss.scores.timing) == (12.5, pytest.approx(12.5 + (-7.2 - 13) / 2))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"pair": None}, "pair"),
        ({"side": "up"}, "side"),
        ({"entry_price": 0}, "entry_price"),
        ({"profit_pct": "much"}, "profit_pct"),
        ({"profit_pct": float("nan")}, "profit_pct"),
        ({"leverage": 0.5}, "leverage"),
        ({"stake_amount": 0}, "stake_amount"),
        ({"exit_time": "2024-05-01T09:00:00"}, "exit_time"),
        ({"exit_time": None, "timestamp": None}, "exit_time"),
        ({"entry_time": None, "duration_minutes": None}, "entry_time"),
        ({"entry_time": "yesterday"}, "entry_time"),
    ],
)
def test_a_bad_line_is_named_by_the_ancestors_own_field(tmp_path, changes, field):
    assert refused(tmp_path, FLAT | changes)[0] == field


def test_a_migrated_trade_is_stored_once_and_never_recalled_by_situation(memory, path, tmp_path):
    file = tmp_path / "old.jsonl"
    lines = [FLAT, NESTED, FLAT | {"trade_id": 18}, FLAT | {"entry_time": "2024-05-01T11:00:00"}, {"pair": 1}]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    found, bad = read_lines(file, parse_ancestor)
    assert store(open_engine(path), found) == (3, 1)  # one id in two databases is two trades
    assert store(open_engine(path), found, "elsewhere") == (3, 1)
    assert (store(open_engine(path), found), len(bad)) == ((0, 4), 1)
    stats = memory.stats("ancestor")
    assert (stats["total_experiences"], stats["index"]["size"], stats["reward_stats"]["total_trades"]) == (3, 0, 3)
