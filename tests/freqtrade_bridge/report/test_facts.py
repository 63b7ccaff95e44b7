"""What stands in for a briefing that a report leaves out: the facts of the snapshot, all of them, compactly."""

from types import SimpleNamespace

from candlegraph.freqtrade_bridge.report.facts import fact_tables, facts_in
from candlegraph.graph.schema.facts import render_facts
from candlegraph.tools.market.facts import facts_of


def test_all_that_a_snapshot_says_of_the_market_is_told_with_four_digits_and_whole_prices(make_snapshot):
    snapshot = make_snapshot()
    told = facts_in(snapshot.model_dump(mode="json"))
    lines = dict(line.split(": ", 1) for line in render_facts(facts_of(snapshot, (), ())).splitlines()[1:-1])
    left_out = {name for name, text in lines.items() if text == "none"} | {"pair", "price", "regime"}
    assert set(told) == set(lines) - left_out and len(told) > 60
    assert told["30m.close"] == lines["30m.close"]
    assert told["4h.rsi"] == f"{float(lines['4h.rsi']):.4g}" != lines["4h.rsi"]


def test_what_another_version_kept_has_no_facts():
    assert facts_in({"as_of": "2025-01-01T00:00:00Z"}) == {}


def test_a_column_says_only_what_changes():
    rows = [SimpleNamespace(decision_id=str(n), pair="A" if n % 2 else "B") for n in range(6)]
    facts = {"1": {"rsi": "50"}, "3": {"rsi": "50", "stop": "9"}, "5": {"rsi": "51", "stop": "9"}, "4": {"rsi": "1"}}
    tables = fact_tables(rows, facts)
    assert tables["facts"] == {"A": 0, "B": 1}
    assert tables["facts-0"] == {"steps": [1, 2, 2], "columns": {"rsi": "50;;51", "stop": "none;9;"}}
    assert tables["facts-1"] == {"steps": [4], "columns": {"rsi": "1"}}
