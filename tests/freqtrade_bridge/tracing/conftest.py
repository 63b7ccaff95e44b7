"""Decisions to be shown: some that were really made, what became of one, and a viewer on loopback that takes them."""

from datetime import timedelta

import pytest
from collectors import collecting, shown_to

from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.freqtrade_bridge.tracing.traces import traces_of
from candlegraph.graph.reflection import ReflectionState
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.schema.fate import Fate
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.learning.scores import evaluate

PAIR = "BTC/USDT:USDT"


@pytest.fixture
def decided(make_context, make_snapshot, scripted, calling):
    """Return rows and states of decisions: waits, an entry, and one in position; and a context that keeps them."""

    def go(count, **blocks):
        rows, states = [], {}
        for number in range(count):
            side = "long" if number == 2 else None
            snapshot = make_snapshot(side, as_of=make_snapshot().as_of - timedelta(hours=number))
            said = {"pair": PAIR, "confidence_score": 60, "reason": "calm"}
            entry = {"leverage": 2, "rsi_value": snapshot.main.indicators.rsi, "trend_strength": "weak"}
            entry |= {"key_support": snapshot.price * 0.9, "key_resistance": snapshot.price * 1.1}
            call = ("signal_entry_long", said | entry) if number == 1 else ("signal_wait", said)
            call = ("signal_hold", said) if side else call
            context = make_context(scripted(calling(call)), namespace="dry_run", **blocks)
            outcome = Runner(context).decide({PAIR: snapshot}, None)[PAIR]
            row = decision_row(context, snapshot, outcome, outcome.state.signal, snapshot.as_of)
            rows.append(row)
            states[row.decision_id] = outcome.state
        return rows, states, context

    return go


@pytest.fixture
def shown(monkeypatch):
    """Return a function that shows decisions to a collector and returns the traces and what arrived."""

    def go(rows, states, settings, after=lambda traces: None, **ways):
        with collecting() as found, shown_to(monkeypatch, found.url, **ways):
            traces = traces_of(settings)
            traces.decided(rows, states)
            after(traces)
            traces.close()
        return traces, found

    return go


@pytest.fixture(scope="session")
def closed():
    """Return a function that tells the bot's books of an entry's fill and of its trade's close."""

    def go(traces, row, states, context):
        ended, state = row.as_of + timedelta(hours=3), states[row.decision_id]
        records = Records(context, traces)
        records._ledger.append([row])
        records.fate(row.decision_id, Fate(kind="filled", at=row.as_of, price=100.0, amount=2, stake=100, leverage=2))
        times = {"opened_at": row.as_of, "closed_at": ended, "known_at": ended}
        prices = {"entry_price": 100, "exit_price": 98, "planned_stop": 97, "mfe_pct": 1, "mae_pct": -5}
        known = {
            "namespace": "dry_run", "trade_key": "1", "pair": PAIR, "side": "long", "leverage": 2, "stake": 100,
            "candle_minutes": 30, "profit_pct": -4, "profit_abs": -4, "exit_reason": "graph_exit", "liquidated": False,
            "forced": False, "entry_reason": "calm", "regime": "range", "trend_strength": "weak", "entry_rsi": 50,
            "situation": state.situation, "space": "t", "model_score": None, "model": "m", "prompt_version": "1",
            "decision_id": row.decision_id, "events": [],
        }  # fmt: skip
        trade = ClosedTrade.model_validate(known | times | prices)
        learnt = experience_of(trade)
        context.memory.add(learnt)
        records.reflected(
            ReflectionState(
                trade=trade, scores=evaluate(trade), experience=learnt, experience_id=1, reward=learnt.reward
            )
        )

    return go
