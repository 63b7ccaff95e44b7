"""Every list and table in a terminal of 80 columns: no line longer, no value lost, and --json for the rest."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console

from candlegraph.freqtrade_bridge.commands.decide import table_of
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.memory.ablation import Taken, ablation_table, parts_of
from candlegraph.freqtrade_bridge.report.listing import LONGEST, Entry, one_line, print_entries
from candlegraph.freqtrade_bridge.report.summary import Summary, print_summary
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.places import DATABASE
from candlegraph.graph.settings.settings import Settings
from candlegraph.memory.books.account import AccountBook, AccountMark
from candlegraph.memory.books.approvals import ApprovalRequest, Proposals
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.store import close_memory, open_memory

WIDTH = 80
AT = datetime(2025, 3, 1, tzinfo=UTC)
PAIR = "1000PEPE/USDT:USDT"
MODEL = "accounts/fireworks/models/qwen3-235b-a22b-thinking-2507-instruct"
NAMESPACE = "backtest:20250301T101112-abcdef"
REASON = "[bold]the rally is weak[/nope] :warning: and volume fades below the 20-period mean; " + "so we wait, " * 40


def row(namespace, confidence=75):
    entry = {"action": "enter_short", "side": "short", "leverage": 5, "stake": 66.0, "stop": 0.00712}
    return DecisionRow(
        decision_id=f"1234567890-{namespace}", namespace=namespace, pair=PAIR, candle=AT,
        as_of=AT + timedelta(minutes=30), recorded_at=AT, state="flat", price=0.007, regime="trend_down", model=MODEL,
        prompt_version="1", prompt_hash="h", calls=3, repairs=2, tokens_in=123_000, tokens_out=456, latency_ms=12_345.0,
        case_ids=(), similarities=(), error=None,
        signal=TradeSignal(**entry, confidence=confidence, reason=REASON, source="model"),
        model_calls=(CallRecord(role="decision", model=MODEL, cost=12.3456),), reasoning="thought " * 50 + namespace,
    )  # fmt: skip


def trade(number):
    return ClosedTrade(
        namespace=NAMESPACE, trade_key=str(number), pair=PAIR, side="short", leverage=5, stake=100, entry_price=0.007,
        exit_price=0.0069, planned_stop=0.0072, opened_at=AT + timedelta(hours=number),
        closed_at=AT + timedelta(hours=number + 1), known_at=AT + timedelta(hours=number + 1), candle_minutes=30,
        profit_pct=-123.45, profit_abs=4, mfe_pct=5, mae_pct=-2, exit_reason="exit_signal", liquidated=False,
        forced=False, entry_reason=REASON, regime="trend_up", trend_strength="strong", entry_rsi=45,
        situation=(1.0, float(number), 0.5), space="test-1", model_score=None, model=MODEL, prompt_version="1",
        decision_id="d", events=(),
    )  # fmt: skip


def proposal():
    now = datetime.now(UTC)
    return ApprovalRequest(
        namespace="dry_run", pair=PAIR, candle=AT, as_of=now, expires_at=now + timedelta(minutes=10),
        action="enter_short", side="short", leverage=5, stake=None, stop=0.0072345, take_profit=0.0061234,
        price=0.0071234, risk=12.34, confidence=75, reason=REASON,
    )  # fmt: skip


@pytest.fixture(scope="module")
def userdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a_user_data_folder_whose_name_is_long_enough_for_a_path_to_be_broken")
    path = folder / DATABASE
    Ledger(path).append([row(NAMESPACE), row("backtest:b", confidence=61)])
    memory = open_memory(path)
    for number in range(3):
        memory.add(experience_of(trade(number)))
    halted = AccountMark(peak=12345.67, day="2025-03-01", day_equity=10_000, reason="emergency stop " * 8 + "END")
    AccountBook(path).keep(NAMESPACE, halted)
    Proposals(path).ask(proposal(), datetime.now(UTC))
    yield folder
    close_memory(path)


@pytest.fixture
def run(userdir, capsys, monkeypatch):
    """Run a command in a terminal of 80 columns and return what it printed."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))

    def running(*words):
        try:
            main([*words, "--userdir", str(userdir)])
        except SystemExit as end:
            assert end.code == 1, "two runs that differ"
        return capsys.readouterr().out

    return running


def squeezed(text):
    """Return text without what a terminal adds."""
    return "".join(one for one in text if not one.isspace() and not 0x2500 <= ord(one) <= 0x257F)


def assert_whole(shown, *values):
    assert [line for line in shown.splitlines() if cell_len(line) > WIDTH] == []
    assert [value for value in values if squeezed(value) not in squeezed(shown)] == []


LISTS = {
    "ledger show": (
        ["ledger", "show", "--namespace", NAMESPACE],
        [NAMESPACE, "2025-03-01 00:00", PAIR, "flat", "enter_short", "by model", "75", MODEL, "3 (2 repaired)"],
        ["123,456", "12.3456", "12.35", "id 12345678", "[bold]the rally is weak[/nope] :warning:"],
    ),
    "ledger diff": (
        ["ledger", "diff", NAMESPACE, "backtest:b"],
        ["2025-03-01 00:00", PAIR, "signal.confidence", "75.0", "61.0", "reasoning"],
        [NAMESPACE, "second:"],
    ),
    "memory search": (
        ["memory", "search", "--like", "3"],
        ["2", "trade", PAIR, "short", "similarity", "-123.45"],
        [],
    ),
    "account show": (["account", "show"], [NAMESPACE, "12345.67", "2025-03-01", "10000.00", "emergency stop END"], []),
    "approvals": (
        ["approvals"],
        [PAIR, "short", "dry_run", "leverage 5", "0.0071234", "as freqtrade sizes it", "0.0072345", "0.0061234"],
        ["at most 12.34", " ago", "9 min", "[bold]the rally is weak[/nope] :warning:"],
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_whole_and_no_line_is_longer_than_the_terminal(name, run):
    words, *values = LISTS[name]
    shown = run(*words)
    assert_whole(shown, *sum(values, []))
    assert any(PAIR in line or NAMESPACE in line for line in shown.splitlines()), "a name stands in one line"
    assert len(shown.splitlines()) < 40


@pytest.mark.parametrize("name", LISTS)
def test_a_wide_list_has_one_line_for_each_entry_and_shortens_nothing(name, run):
    words, *_ = LISTS[name]
    lines = run(*words, "--wide").splitlines()
    long = [line for line in lines if len(line) > WIDTH]
    assert long and all(PAIR in line or NAMESPACE in line for line in long)
    if name == "ledger show":
        assert REASON.strip() in long[0]


@pytest.mark.parametrize("name", LISTS)
def test_json_has_all_of_each_entry(name, run):
    words, *_ = LISTS[name]
    found = json.loads(run(*words, "--json"))
    if name == "ledger diff":
        found = found["differences"]
        assert {"thought " * 50 + NAMESPACE} == {one["first"] for one in found if one["field"] == "reasoning"}
    assert found and all(isinstance(one, dict) for one in found)
    told = json.dumps(found)
    assert {"ledger show": REASON, "approvals": REASON, "account show": "END"}.get(name, PAIR) in told


def test_json_has_the_whole_id_that_an_answer_needs(run):
    assert json.loads(run("approvals", "--json"))[0]["id"] == proposal_id(run)


def proposal_id(run):
    shown = run("approvals").splitlines()
    prefix = next(line for line in shown if PAIR in line).split()[0]
    return next(one["id"] for one in json.loads(run("approvals", "--json")) if one["id"].startswith(prefix))


def test_memory_tables_keep_long_paths(run, userdir):
    path = str(userdir / DATABASE)
    assert_whole(run("memory", "stats", "--namespace", NAMESPACE), NAMESPACE, path, "cumulative_reward_quality")
    assert json.loads(run("memory", "stats", "--json"))["storage"]["path"] == path
    rebuilt = run("memory", "rebuild")
    assert any(line.split() == [NAMESPACE, "3", "3", "flat", "3", "yes"] for line in rebuilt.splitlines())
    cleaned = run("memory", "cleanup", "--strategy", "old_records", "--yes", "--as-of", "2027-01-01")
    assert f"archived in {userdir}" in cleaned, "a path can be copied"


def test_an_empty_list_says_so(run):
    assert run("approvals", "--namespace", "live") == "No entry waits for you.\n"


def printed(*renderables):
    console = Console(width=WIDTH)
    with console.capture() as capture:
        console.print(*renderables)
    return capture.get()


def test_the_table_of_an_ablation_keeps_each_measure_in_one_line():
    profits = [Taken(AT + timedelta(hours=n), -1234.5 + 700 * (n % 4)) for n in range(60)]
    shown = printed(ablation_table(parts_of(profits, profits[::2], AT, AT + timedelta(hours=60))))
    assert_whole(shown, "first third", "profit in all, % of stake", "95% interval")
    measures = [line for line in shown.splitlines() if "profit" in line]
    assert len(measures) == 8 and all(" to " in line for line in measures)


def test_the_table_of_a_run_breaks_no_name_off():
    counts = {"wait": 1200, "enter_short": 300, "hold": 5000}
    known = {
        "model": MODEL * 2, "is_rule": False, "prices": "candle folder", "currency": "USDT", "decisions": 6500,
        "actions": counts, "sources": {"model": 6500}, "repairs": 0, "clamps": {"[max_leverage]": 3}, "warnings": {},
        "fates": {}, "emergency_exits": 0,
        "trades": 1, "long_trades": 1, "short_trades": 0, "won_trades": 1, "additions": 0,
        "partial_exits": 0, "profit_abs": 1.0, "profit_ratio": 0.1, "max_drawdown_ratio": 0.1,
        "buy_and_hold_ratio": 0.1, "calls": "6,500 (decision 6500), depth fast", "faults": {},
        "cost": f"unknown for {MODEL}", "median_ms": 1.0, "p95_ms": 2.0, "remembered": {}, "cumulative_reward": 0.0,
        "self_scores": None, "luck": None,
        "with_cases": 0, "notes": {}, "asked": 6500, "fallbacks": 0, "failed": 0,
    }  # fmt: skip
    console = Console(width=WIDTH)
    with console.capture() as capture:
        print_summary(Summary(**known), console)
    assert_whole(capture.get(), MODEL * 2, f"unknown for {MODEL}", "wait 1200, enter_short 300", "[max_leverage] 3")


def test_the_table_of_a_prompt_says_whole_what_was_left_out():
    left_out = "the ten oldest candles of 4h, and the history of " + ", ".join(f"indicator_{n}" for n in range(20))
    shown = printed(table_of([("multi_timeframe", 1234, 5000, left_out)], 1234, Settings()))
    assert_whole(shown, "multi_timeframe", "1234", left_out)


def test_wide_letters_keep_the_cells_in_their_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    print_entries("t", ("a", "b"), [Entry(("回调", "1"), ("做多" * 60,)), Entry(("x", "2"), ())], wide=False)
    lines = capsys.readouterr().out.splitlines()
    assert [cell_len(line.split(end)[0]) for line, end in ((lines[2], "1"), (lines[-1], "2"))] == [6, 6]
    assert max(map(cell_len, lines)) <= WIDTH


@pytest.mark.parametrize(
    ("text", "length", "told"),
    [("a\nb\x1b[31m\u202ec", 80, "a b [31m c"), ("word " * 99, 12, "word word..."), ("x" * 500, None, "x" * 500)],
)
def test_a_text_is_one_line_that_moves_no_cursor(text, length, told):
    assert one_line(text, length) == told
    assert LONGEST > 3 * 70
