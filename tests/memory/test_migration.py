import json
from datetime import UTC, datetime

import pytest

from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.transfer.ancestor import logged_from
from candlegraph.memory.transfer.ancestor_log import read_ancestor
from candlegraph.memory.transfer.files import store

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
    return logged_from(FLAT | changes, fee=0).experience


def without(*names):
    return logged_from({key: value for key, value in FLAT.items() if key not in names}, fee=0).experience


def refused(tmp_path, line) -> tuple[str, str]:
    file = tmp_path / "old.jsonl"
    file.write_bytes(line if isinstance(line, bytes) else json.dumps(line).encode())
    ((), (bad,), ()) = read_ancestor(file, fee=0)
    return bad.field, bad.problem


def read(tmp_path, content: bytes):
    """Return what a log of these bytes holds."""
    file = tmp_path / "old.jsonl"
    file.write_bytes(content)
    return read_ancestor(file, fee=0)


@pytest.mark.parametrize("line", [FLAT, NESTED, FLAT | {"market": {"rsi": 40}}])
def test_flat_and_nested_lines_say_the_same(line):
    one = logged_from(line, fee=0).experience
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
    [
        "2024-05-01T10:00:00",
        "2024/5/1 10:00",
        1714557600000,
        1714557600,
        "2024-05-01 10:00:00Z",
        "2024-05-01T18:00:00+08:00",
        "2024-05-01T10:00:00.0+00:00",
    ],
)
def test_a_time_without_zone_is_utc(time):
    assert parsed(entry_time=time).source.opened_at == datetime(2024, 5, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "number"),
    [("8", 8), ("8%", 8), ("+8.5 %", 8.5), ("-3,5%", -3.5), ("1,234.5", 1234.5), ("1,234", 1234), ("12,34", 12.34)]
    + [("3.4\uff05", 3.4), ("\u22123.4%", -3.4), ("\uff13.4", 3.4), (8, 8), (8.5, 8.5)],
)
def test_numbers_may_be_written_for_people(text, number):
    assert parsed(profit_pct=text).profit_pct == number


@pytest.mark.parametrize("word", ["short", "Short", " SHORT ", "\u505a\u7a7a"])
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


def test_scores_use_only_the_prices_that_are_known_and_give_nothing_for_the_others():
    win, loss = parsed(), parsed(profit_pct=-8, exit_price=99)
    assert not win.source.excursions_known
    assert (win.source.mfe_pct, win.source.mae_pct) == (8, 0)
    assert (loss.source.mfe_pct, loss.source.mae_pct) == (0, -8)
    # 12.5 + (stop 0 + leverage 0 + give-back 0) / 2, and 12.5 + (entry 0 + exit 0) / 2: as the page says
    assert (win.scores.risk, win.scores.timing) == (12.5, 12.5)
    assert (loss.scores.risk, loss.scores.timing) == (12.5, pytest.approx(12.5 + (-7.2 - 13) / 2))


@pytest.mark.parametrize("profit_pct", [8, -8])
def test_nothing_is_said_of_a_stop_or_a_path_that_the_log_did_not_keep(profit_pct):
    one = parsed(profit_pct=profit_pct, lessons=None)
    said = " ".join([*one.strengths, *one.weaknesses, one.lesson])
    for word in ("stop", "first went", "never in profit", "best p", "hardly", "given back"):
        assert word not in said


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
        ({"side": "sell"}, "side"),  # of the order, or of the position?
        ({"pair": "bitcoin"}, "pair"),
        ({"profit_pct": -100_000}, "profit_pct"),
        ({"profit_pct": 1e308}, "profit_pct"),
        ({"profit_pct": 10**400}, "profit_pct"),
        ({"profit_pct": True}, "profit_pct"),
        ({"leverage": 100_000}, "leverage"),
        ({"leverage": True}, "leverage"),
        ({"stake_amount": 1e300}, "stake_amount"),
        ({"exit_price": 1e-300}, "exit_price"),
        ({"entry_time": None, "duration_minutes": 1e300}, "duration_minutes"),
        ({"entry_time": "0001-01-01T00:00:00+08:00"}, "entry_time"),
        ({"exit_time": "9999-12-31T23:59:59-08:00"}, "exit_time"),
        ({"entry_time": 0}, "entry_time"),
        ({"entry_time": {"at": 1}}, "entry_time"),
        ({"trade_id": "9" * 500}, "trade_id"),
        ({"trade_id": []}, "trade_id"),
    ],
)
def test_a_bad_line_is_named_by_the_ancestors_own_field(tmp_path, changes, field):
    assert refused(tmp_path, FLAT | changes)[0] == field


def test_a_migrated_trade_is_stored_once_and_never_recalled_by_situation(memory, path, tmp_path):
    file = tmp_path / "old.jsonl"
    lines = [FLAT, NESTED, FLAT | {"trade_id": 18}, FLAT | {"entry_time": "2024-05-01T11:00:00"}, {"pair": 1}]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    logged, bad, repeated = read_ancestor(file, fee=0)
    found = [one.experience for one in logged]
    assert store(open_engine(path), found) == (3, 0)  # one id in two databases is two trades
    assert store(open_engine(path), found, "elsewhere") == (3, 0)
    assert (store(open_engine(path), found), len(bad), len(repeated)) == ((0, 3), 1, 1)
    stats = memory.stats("ancestor")
    assert (stats["total_experiences"], stats["index"]["size"], stats["reward_stats"]["total_trades"]) == (3, 0, 3)


LINE = json.dumps(FLAT).encode()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (LINE[:200], "was it cut off?"),
        (b"not json", "was it cut off?"),
        (b"[1, 2]", "expected an object, was '[1, 2]'"),
        (b"42", "expected an object, was '42'"),
        (b"null", "expected an object, was 'null'"),
        (b'"a text"', "expected an object"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "cannot be read"),
        (b"\x00" * 40, "40 zero bytes"),
        ("{'pair': '\u8d8b\u52bf'}".encode("gb18030"), "expected UTF-8, was byte 0xc7"),
        (LINE[:-1] + b', "profit_pct": 9}', "stands twice, as 8 and as 9"),
        (LINE.replace(b'"profit_pct": 8', b'"profit_pct": NaN'), "finite number"),
        (LINE.replace(b'"profit_pct": 8', b'"profit_pct": -Infinity'), "finite number"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_a_damaged_line_is_named_and_the_others_are_read(tmp_path, bad, said):
    log = read(tmp_path, b"\n".join([LINE, bad, json.dumps(FLAT | {"trade_id": 18}).encode()]))
    assert len(log.logged) == 2
    ((number, problem),) = [(one.number, str(one)) for one in log.bad]
    assert number == 2 and said in problem and len(problem) < 400


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + LINE,
        LINE + b"\r\n\r\n",
        b"\n" + LINE + b"\r",
        LINE.decode().encode("utf-16"),
        b"\xfe\xff" + LINE.decode().encode("utf-16-be"),
        LINE.replace(b'"leverage": 10', b'"leverage": 10, "max_drawdown": NaN'),
        LINE.replace(b'"leverage": 10', b'"leverage": 10, "leverage": 10'),
    ],
)
def test_a_strange_file_is_read_as_it_was_meant(tmp_path, content):
    log = read(tmp_path, content)
    assert ([one.experience for one in log.logged], log.bad) == ([parsed()], ())


def test_two_objects_glued_together_are_two_trades(tmp_path):
    log = read(tmp_path, LINE + json.dumps(FLAT | {"trade_id": 18}).encode())
    assert (len(log.logged), log.bad) == (2, ())


@pytest.mark.parametrize("dirt", ["a\x00b", "\ud83d broken"])
def test_a_text_loses_what_no_database_takes(tmp_path, dirt):
    (one,), (), () = read(tmp_path, json.dumps(FLAT | {"lessons": dirt, "entry_reason": dirt}).encode())
    assert one.lessons == dirt.replace("\x00", " ").replace("\ud83d", " ") and one.lessons.encode()


def test_of_a_trade_that_was_logged_twice_the_last_line_counts_and_is_said(tmp_path):
    later = FLAT | {"profit_pct": -20, "exit_reason": "stop_loss"}
    log = read(tmp_path, b"\n".join(json.dumps(one).encode() for one in (FLAT, FLAT | {"trade_id": 18}, later)))
    assert [(one.trade.profit_pct, one.trade.trade_key[:11]) for one in log.logged] == [
        (-20, "ancestor:17"),
        (8, "ancestor:18"),
    ]
    assert log.repeated == ("17:20240501T100000 BTC/USDT:USDT: lines 1, 3: the last one counts",)


def test_gross_profit_becomes_net_by_the_fees_of_both_sides():
    one = logged_from(FLAT, fee=0.0005).experience
    # 10x: 0.5 % of the margin at the entry, 0.505 % at the exit
    assert one.profit_pct == pytest.approx(8 - 0.5 - 0.505)
    assert one.source.profit_abs == pytest.approx(2.5 * one.profit_pct)


def test_a_loss_ends_with_the_margin():
    assert logged_from(FLAT | {"profit_pct": -99.9, "exit_price": 90}, fee=0.0005).trade.profit_pct == -100
    assert logged_from(FLAT | {"profit_pct": -101}, fee=0.0005).trade.profit_pct == -101


def test_a_log_that_cannot_be_read_at_all_says_so(tmp_path):
    with pytest.raises(MemoryStoreError, match="nothing was stored"):
        read_ancestor(tmp_path, fee=0)
