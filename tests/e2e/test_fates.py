"""In random worlds every call that acts has exactly one fate; trades, orders and fates add up, backtest and dry-run."""

import json
import random
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta

import backtests
import pytest
import script
from freqtrade.enums import State
from freqtrade.persistence import Order, Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.decisions.fates import without_fate
from candlegraph.freqtrade_bridge.host.tags import ADD_TAG, ENTRY_TAGS, EXIT_TAG, REDUCE_TAG
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.graph.schema.facts import parse_facts
from candlegraph.memory.books.ledger import Ledger

LENGTH = timedelta(minutes=30)
TAGS = {**dict.fromkeys(ENTRY_TAGS, "enter"), EXIT_TAG: "exit", ADD_TAG: "adjust", REDUCE_TAG: "adjust"}
PROTECTIONS = [
    {"method": "CooldownPeriod", "stop_duration_candles": 3},
    {"method": "StoplossGuard", "lookback_period_candles": 24, "trade_limit": 1, "stop_duration_candles": 6,
     "only_per_side": True},
]  # fmt: skip
RISK = {
    "max_open_trades": 1,
    "max_risk_per_trade_pct": 40,
    "max_position_pct": 60,
    "min_confidence": 40,
    "max_daily_loss_pct": 30,
    "emergency_stop_loss": -0.5,
    "protections": PROTECTIONS,
}
SMALL = {"dry_run_wallet": 400, "risk_management": RISK}


def at_random(seed):
    """Return a scenario that enters, adds, reduces and leaves in all sizes, the same for the same market."""

    def decide(facts):
        dice = random.Random(zlib.crc32(f"{seed} {facts.pair} {facts.price} {facts.position is None}".encode()))
        if facts.position is None:
            size = {"leverage": dice.choice([1.0, 3.0, 20.0]), "stake": dice.choice([None, 2.0, 15.0, 60.0, 500.0])}
            side, stop = dice.choice(["long", "short"]), dice.choice([0.1, 0.5, 3.0])
            can_enter = f"enter_{side}" not in facts.closed and dice.random() < 0.5
            sure = dice.choice([30.0, 80.0, 80.0])
            return (
                script.enter(facts, side, stop_atr=stop, confidence_score=sure, **size)
                if can_enter
                else script.stay(facts)
            )
        roll, pct = dice.random(), dice.choice([-99.0, -60.0, -10.0, 5.0, 80.0])
        can_adjust = "add" not in facts.closed or facts.closed.get("reduce", "above").startswith("above")
        if roll < 0.35 and can_adjust:
            return script.adjust(facts, pct, confidence_score=80.0)
        return script.leave(facts) if roll < 0.5 else script.stay(facts)

    return decide


def kind(action):
    return "enter" if action.startswith("enter") else action


def check_each_has_one(rows, end):
    """Fail unless what acts has a fate, and nothing else has."""
    assert without_fate(rows, end, LENGTH) == []
    assert [row for row in rows if row.fate is not None and not row.acts] == []
    for row in rows:
        if row.fate is not None and row.fate.is_filled:
            assert row.signal.acts and row.fate.price and row.fate.amount and row.fate.order_id


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_in_a_backtest_trades_orders_and_fates_add_up(sample, tmp_path, monkeypatch, seed):
    monkeypatch.setattr(script, "decide", at_random(seed))
    result = backtests.run(sample.datadir, tmp_path, sample.pairs[:2], "20251015-20251017", "ScriptStrategy", **SMALL)
    rows = result.decisions()
    check_each_has_one(rows, datetime(2026, 1, 1, tzinfo=UTC))
    acting = [row for row in rows if row.acts]
    orders = [order for trade in result.trades["orders"] for order in trade if order["ft_order_tag"] in TAGS]
    filled = [row for row in acting if row.fate.is_filled]
    assert sorted(round(order["amount"], 6) for order in orders) == sorted(round(row.fate.amount, 6) for row in filled)
    assert Counter(TAGS[one["ft_order_tag"]] for one in orders) == Counter(kind(row.signal.action) for row in filled)
    assert sum(row.signal.is_entry for row in filled) == len(result.trades)
    doors = {row.fate.refusal.door for row in acting if row.fate.refusal}
    assert {"gate", "exchange_minimum"} <= doors, doors
    unasked = [row for row in rows if row.signal.source in ("locked", "triage")]
    assert {row.signal.source for row in unasked} == {"locked", "triage"}
    assert sum(row.calls for row in unasked) == 0
    check_journal(tmp_path, acting)


def check_journal(userdir, acting):
    """Fail unless the lines for people tell the same fates, each once."""
    lines = [json.loads(line) for line in (userdir / "logs/llm_decisions.jsonl").read_text().splitlines()]
    told = Counter(line["decision_id"] for line in lines if line.get("fate"))
    assert told == Counter(row.decision_id for row in acting)


def test_in_a_dry_run_trades_orders_and_fates_add_up(sample, monkeypatch):
    monkeypatch.setattr(script, "decide", at_random(4))
    start = datetime(2025, 10, 15, 0, 0, 2, tzinfo=UTC)
    config = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)} | SMALL
    with VirtualDryRun(config, [market_of(pair, sample_series(pair)) for pair in sample.pairs[:2]], start) as run:
        run.run_until(start + timedelta(hours=16))
        context = run.bot.strategy.session.context
        rows = Ledger(context.database).rows(context.namespace)
        check_each_has_one(rows, rows[-1].as_of)
        placed = {order.order_id: order for order in Order.session.query(Order).all() if order.ft_order_tag in TAGS}
        filled = {row.fate.order_id: row for row in rows if row.fate is not None and row.fate.is_filled}
        assert filled.keys() == placed.keys()
        for key, row in filled.items():
            assert row.fate.amount == pytest.approx(placed[key].filled)
            assert kind(row.signal.action) == TAGS[placed[key].ft_order_tag]
        assert sum(row.signal.is_entry for row in filled.values()) == len(Trade.get_trades().all())
        assert len(filled) > 5
        run.bot.state = State.PAUSED  # as `/pause` does
        run.run_until(run.now() + timedelta(hours=2))
        newest = [row for row in Ledger(context.database).rows(context.namespace) if row.as_of > rows[-1].as_of]
        flat = {(row.signal.source, row.calls) for row in newest if row.state == "flat"}
        assert ("paused", 0) in flat
        assert {source for source, calls in flat if calls} == set()


def test_the_model_server_reads_what_became_of_its_last_call(sample, tmp_path, server):
    def answer(path, body):
        facts = parse_facts(body["messages"][1]["content"])
        return {"tools": [script.enter(facts, stake=2.0)]}

    server.script = [answer]
    llm = {"api_base": server.url, "model": "m", "retry_times": 0, "decision": {"max_repairs": 0}}
    result = backtests.run(sample.datadir, tmp_path, sample.pairs[:1], "20251015-20251016", llm_config=llm)
    read = [body["messages"][1]["content"] for _, _, body in server.seen]
    assert "last call" not in read[0]
    assert "the last call, signal_entry_long, made 1 candles ago, was not carried out: too small: " in read[1]
    assert "failed 3 times in a row, for the first time 3 candles ago" in read[3]
    assert {row.fate.refusal.door for row in result.decisions()} == {"exchange_minimum"}
