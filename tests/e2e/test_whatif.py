"""A what-if over recorded decisions against the full run under the same rules, decision by decision."""

import random
import zlib

import backtests
import pytest
import script

from candlegraph.freqtrade_bridge.commands.probing.recorded import closed_trades, net_results, recorded_run
from candlegraph.freqtrade_bridge.decisions.replayed import difference
from candlegraph.freqtrade_bridge.whatif.changes import Changes
from candlegraph.freqtrade_bridge.whatif.course import placed, whatif_of
from candlegraph.freqtrade_bridge.whatif.remade import gated_again

SPAN = "20251015-20251016"
RISK = {"max_leverage": 20, "max_risk_per_trade_pct": 40, "max_position_pct": 60, "min_confidence": 40}

RULES = {"max_leverage": 2, "min_confidence": 60}
"""One makes entries smaller, the other refuses some of them."""


def decide(facts):
    """Enter at some markets and leave at some, whatever the account is like."""
    dice = random.Random(zlib.crc32(f"{facts.pair} {facts.price}".encode()))
    if facts.position is not None:
        return script.leave(facts) if dice.random() < 0.4 else script.stay(facts)
    if dice.random() < 0.6:
        return script.stay(facts)
    sure, leverage = dice.choice([45.0, 80.0]), dice.choice([2.0, 2.0, 3.0])
    return script.enter(facts, stake=200.0, leverage=leverage, stop_atr=3, confidence_score=sure)


@pytest.fixture(scope="module")
def ran(sample, tmp_path_factory):
    """Return what runs the market under some rules, once each."""
    folders = {}

    def run(**rules):
        key = str(sorted(rules.items()))
        if key not in folders:
            script.decide = decide
            folders[key] = tmp_path_factory.mktemp("ran")
            risk = RISK | rules
            backtests.run(sample.datadir, folders[key], sample.pairs[:1], SPAN, "ScriptStrategy", risk_management=risk)
        return folders[key]

    yield run
    script.decide = script.unset


def against(folder, other, changes):
    """Return the remade decisions, and what the full run decided at the same candles."""
    run, full = recorded_run(folder, None), recorded_run(other, None)
    decided = {(row.pair, row.candle): row.signal for row, _ in full.given}
    remade = [gated_again(row, inputs, changes) for row, inputs in run.given]
    return list(placed(remade)), decided


def test_where_no_answer_changes_the_arithmetic_is_the_full_run(ran):
    found, decided = against(ran(), ran(**RULES), Changes(rules=RULES))
    exact = [one for one in found if one.holds == "exact"]
    known = [one for one in found if one.remade.standing in ("same", "changed") and one.holds != "no_position"]
    for one in exact:
        assert one.remade.standing in ("same", "changed"), one.remade.why
        assert difference(one.remade.signal, decided[one.remade.row.pair, one.remade.row.candle]) is None
    assert [one for one in exact if one.remade.standing == "changed"]
    for one in known:  # the script reads no account, so that its answers hold beyond the first order that differs
        assert difference(one.remade.signal, decided[one.remade.row.pair, one.remade.row.candle]) is None
    assert len(exact) < len(known) < len(found)


def test_what_it_would_have_made_is_the_share_of_each_trade_that_is_left(ran):
    folder = ran()
    run = recorded_run(folder, None)
    made = net_results(closed_trades(folder, run.name))
    halved = whatif_of([gated_again(*one, Changes(rules={"min_confidence": 60})) for one in run.given], made, 0)
    known = placed([gated_again(*one, Changes(rules={"min_confidence": 60})) for one in run.given])
    void = {one.remade.row.decision_id for one in known if one.holds == "no_position"}
    assert not void & {one.decision_id for one in halved.trades}
    gone = {one.decision_id for one in halved.trades if one.share == 0}
    unsure = {row.decision_id for row, _ in run.given if row.signal.is_entry and row.signal.confidence < 60}
    assert gone == (unsure & made.keys()) - void and gone
    assert halved.difference == pytest.approx(-sum(made[one] for one in gone))
