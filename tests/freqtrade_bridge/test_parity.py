"""`candlegraph parity`: each planted difference between live and backtest has its cause, and the money adds up."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lived import facts_at, lived
from script import enter, leave, stay

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.decisions.admission import too_late
from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.freqtrade_bridge.parity.money import Pairing, total
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.schema.fate import Fate
from candlegraph.graph.schema.market import Reading, Sentiment
from candlegraph.graph.schema.signal import Clamp
from candlegraph.memory.books.ledger import Ledger

PAIR = "BTC/USDT:USDT"


@pytest.fixture
def decide(make_context, make_snapshot, scripted, calling):
    """Return a function that takes and writes down one decision of a run."""

    def go(namespace, side=None, call=None, *, seen=None, settings=None, remembered=(), judge=None):
        snapshot = seen or make_snapshot(side)
        call = call or (leave if snapshot.position else enter)
        answer = call(facts_at(snapshot))
        context = make_context(scripted(calling(answer)), namespace=namespace, **(settings or {}))
        for one in remembered:
            context.memory.add(one)
        outcome = Runner(context).decide({PAIR: snapshot}, None)[PAIR]
        signal = outcome.state.signal if judge is None else judge(outcome.state.signal, snapshot)
        row = decision_row(context, snapshot, outcome, signal, snapshot.as_of)
        Records(context).decisions([row], {row.decision_id: outcome.state})
        return row, context

    return go


def status_of(*words):
    try:
        return main(["parity", *map(str, words)])
    except SystemExit as ended:
        return ended.code


def parity(tmp_path, capsys, *words):
    status = status_of("--live", tmp_path, "--backtest", tmp_path, "--json", *words)
    return status, json.loads(capsys.readouterr().out)


def test_equal_runs_differ_nowhere(decide, tmp_path, capsys):
    decide("live"), decide("backtest:a")
    status, told = parity(tmp_path, capsys)
    assert (status, told["decisions"], told["differing"]) == (0, 1, [])


def of_another_close(snapshot):
    first, *rest = snapshot.timeframes
    return snapshot.model_copy(update={"timeframes": (first, *rest[:-1], changed_close(rest[-1]))})


def changed_close(view):
    return view.model_copy(update={"close": view.close * 1.0001})


def with_fear(snapshot):
    fear = Reading(value=12, at=snapshot.as_of, source="s")
    return snapshot.model_copy(update={"sentiment": Sentiment(fear_greed=fear)})


def poorer(snapshot):
    return snapshot.model_copy(update={"account": snapshot.account.model_copy(update={"equity": 9_000, "free": 9_000})})


LOW = {"risk_management": {"max_leverage": 2}}
PLANTED = {
    "a candle": ("data", "close", {"change": of_another_close, "call": stay}),
    "the sentiment": ("data", "sentiment fear_greed: 12 live, none in", {"change": with_fear, "call": stay}),
    "money lost before": ("fill", "account equity: 9000 live, 10000 in the backtest", {"change": poorer}),
    "a configuration": ("settings", "risk_management max_leverage: 2 live", {"settings": LOW}),
    "an answer": ("model", "wait live, enter_long in the backtest", {"call": stay}),
    "lateness": ("lateness", "after its deadline", {"judge": too_late}),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_each_planted_difference_has_its_cause(planted, decide, make_snapshot, tmp_path, capsys):
    cause, why, how = PLANTED[planted]
    seen = how["change"](make_snapshot()) if "change" in how else None
    decide("live", seen=seen, call=how.get("call"), settings=how.get("settings"), judge=how.get("judge"))
    decide("backtest:a")
    status, told = parity(tmp_path, capsys)
    (one,) = told["differing"]
    assert (status, one["cause"]) == (1, cause)
    assert why in one["why"]


def test_another_memory_is_named_with_the_case_that_differs(decide, make_snapshot, tmp_path, capsys):
    snapshot = make_snapshot()
    decide("live", call=stay, remembered=[lived(snapshot, 1, namespace="live")])
    decide("backtest:a")
    (one,) = parity(tmp_path, capsys)[1]["differing"]
    assert one["cause"] == "memory"
    assert one["why"] == "cases 1: long ETH/USDT:USDT trade range live, none in the backtest"


def test_a_position_on_one_side_only_is_an_earlier_fill(decide, tmp_path, capsys):
    decide("live", "long"), decide("backtest:a")
    (one,) = parity(tmp_path, capsys)[1]["differing"]
    assert (one["cause"], one["why"]) == ("fill", "long live, flat in the backtest")


def test_the_same_call_lowered_at_the_order_is_a_clamp(decide, tmp_path, capsys):
    row, _ = decide("live")
    lower = Clamp(key="max_position_size_pct", before=500, after=200, reason="little is free")
    live = row.model_copy(
        update={"decision_id": "clamped", "signal": row.signal.model_copy(update={"stake": 200, "clamps": (lower,)})}
    )
    live = live.model_copy(update={"namespace": "dry_run"})
    other, context = decide("backtest:a")
    Ledger(context.database).append([live])
    (one,) = parity(tmp_path, capsys, "--live-namespace", "dry_run")[1]["differing"]
    assert one["cause"] == "clamp"
    assert one["why"].startswith("max_position_size_pct: 500 -> 200 (little is free) live, ")
    assert other.signal.stake != 200


def test_an_order_that_came_to_nothing_on_one_side_is_a_fill(decide, make_snapshot, tmp_path, capsys):
    at = make_snapshot().as_of
    live, context = decide("live")
    backtest, _ = decide("backtest:a")
    Ledger(context.database).settle(live.decision_id, Fate(kind="expired", at=at, why="no order"))
    Ledger(context.database).settle(backtest.decision_id, Fate(kind="filled", at=at, price=100.0))
    (one,) = parity(tmp_path, capsys)[1]["differing"]
    assert (one["cause"], one["why"]) == ("fill", "expired: no order live, filled at 100 in the backtest")


def test_a_candle_that_only_one_side_decided_is_missing_within_the_common_span_only(
    decide, make_snapshot, tmp_path, capsys
):
    start = make_snapshot().as_of
    later = [make_snapshot(as_of=start + n * timedelta(minutes=30)) for n in range(-3, 1)]
    for n in (0, 1, 3):
        decide("live", seen=later[n], call=stay)
    for n in (1, 2, 3):
        decide("backtest:a", seen=later[n], call=stay)
    told = parity(tmp_path, capsys)[1]
    assert told["decisions"] == 3
    assert [(one["cause"], one["live"]) for one in told["differing"]] == [("missing", None)]


def test_the_table_names_causes_with_their_meaning(decide, tmp_path, capsys):
    decide("live", call=stay), decide("backtest:a")
    assert status_of("--live", tmp_path, "--backtest", tmp_path) == 1
    told = capsys.readouterr().out
    assert "decisions: 1, 1 differ" in told
    assert "1  model: the same question was answered otherwise" in told


def test_a_folder_without_a_backtest_and_spans_that_do_not_meet_are_refused(decide, make_snapshot, tmp_path, capsys):
    decide("live")
    words = ["--live", tmp_path, "--backtest", tmp_path]
    assert status_of(*words) == 1
    assert "no backtest there; namespaces: live" in capsys.readouterr().err
    decide("backtest:a", seen=make_snapshot(as_of=make_snapshot().as_of - timedelta(hours=2)))
    assert status_of(*words) == 1
    assert "no candle of a pair in common" in " ".join(capsys.readouterr().err.split())


results = st.tuples(st.floats(-500, 500), st.floats(0, 20), st.floats(-20, 20), st.floats(10, 900))


def with_money(trade, result):
    moved, fees, funding, stake = result
    known = {"profit_abs": moved - fees + funding, "fees": fees, "funding": funding, "stake": stake}
    return trade.model_copy(update=known)


def test_the_parts_add_up_to_the_difference(make_snapshot):
    base = lived(make_snapshot(), 1).source
    assert isinstance(base, ClosedTrade)

    @given(results, results)
    def holds(live, backtest):
        one = Pairing(first=with_money(base, live), second=with_money(base, backtest))
        assert sum(one.parts.values()) == pytest.approx(one.difference, abs=1e-6)
        assert total([one, Pairing(first=one.first, second=None)]) == one.parts

    holds()


def test_funding_that_was_paid_live_only_is_the_funding_part(make_snapshot):
    base = lived(make_snapshot(), 1).source.model_copy(update={"fees": 1.0, "funding": 0.0})
    live = base.model_copy(update={"funding": -2.5, "profit_abs": base.profit_abs - 2.5})
    assert Pairing(first=live, second=base).parts == pytest.approx({"prices": 0, "size": 0, "fees": 0, "funding": -2.5})
