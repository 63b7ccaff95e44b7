"""A false claim from the model's call to the ledger: noted always, and what the configuration makes of it."""

import backtests
import pytest
import script

from candlegraph.freqtrade_bridge.commands.books.why import story

FOUR_HOURS = "1764028800-1764043200"


def naming_a_support_above_the_price(facts):
    wrong = {"key_support": facts.price * 1.01, "key_resistance": facts.price * 1.2, "trend_strength": "weak"}
    return script.stay(facts) if facts.position else script.enter(facts, **wrong)


def run(sample, tmp_path, monkeypatch, scenario, **blocks):
    """Return the ledger's rows of entries and waits, and the number of trades."""
    monkeypatch.setattr(script, "decide", scenario)
    made = backtests.run(sample.datadir, tmp_path, sample.pairs[:1], FOUR_HOURS, "ScriptStrategy", **blocks)
    return [row for row in made.decisions() if row.state == "flat"], len(made.trades)


@pytest.mark.parametrize("verdict, action, trades", [(None, "enter_long", 1), ("block", "wait", 0)])
def test_the_ledger_notes_a_false_claim_and_by_default_it_only_warns(
    sample, tmp_path, monkeypatch, verdict, action, trades
):
    risk = {} if verdict is None else {"checks": {"claims": verdict}}
    rows, traded = run(sample, tmp_path, monkeypatch, naming_a_support_above_the_price, risk_management=risk)
    first = rows[0].signal
    assert (first.action, min(traded, 1)) == (action, trades)
    told = [one for one in first.claim_mismatches if one.startswith("key_support")]
    assert len(told) == 1 and "is above the price" in told[0] and "in the facts" in told[0]
    assert any(one.startswith("claims: ") and told[0] in one for one in first.warnings) == (verdict is None)
    assert any(told[0][:60] in line for line in story(rows[0]))


def test_a_script_that_reads_its_levels_from_the_facts_claims_nothing_false(sample, tmp_path, monkeypatch):
    rows, traded = run(
        sample, tmp_path, monkeypatch, lambda facts: script.stay(facts) if facts.position else script.enter(facts)
    )
    assert traded and all(row.signal.claim_mismatches == () for row in rows)
