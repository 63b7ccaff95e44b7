"""`log_decisions` and `log_trades`: the files for people are written, or not; the databases are, whatever they say."""

import json

import pytest

from candlegraph.freqtrade_bridge.decisions.records import DECISIONS, EXPERIENCES, REWARDS, Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Runner, RunOutcome
from candlegraph.graph.reflection import ReflectionState
from candlegraph.graph.schema.signal import Clamp, TradeSignal
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.transfer.ancestor import logged_from

TRADE = {"trade_id": 1, "pair": "A/B", "side": "long", "entry_time": "2024-05-01", "exit_time": "2024-05-02"}
TRADE |= {"entry_price": 1, "exit_price": 2, "profit_pct": 5, "leverage": 1, "stake_amount": 9}


@pytest.mark.parametrize("decisions", [True, False])
@pytest.mark.parametrize("trades", [True, False])
def test_a_log_is_written_where_its_switch_is_on(make_context, make_snapshot, tmp_path, decisions, trades):
    context = make_context(experience_config={"log_decisions": decisions, "log_trades": trades}, namespace="dry_run")
    snapshot, records = make_snapshot(), Records(context)
    signal = TradeSignal(action="wait", confidence=50, reason="calm", source="model")
    records.decisions([decision_row(context, snapshot, RunOutcome(), signal, snapshot.as_of)], {})
    experience = logged_from(TRADE, fee=0).experience
    records.reflected(ReflectionState(trade=experience.source, experience=experience))
    assert (tmp_path / DECISIONS).exists() == decisions
    assert (tmp_path / EXPERIENCES).exists() == trades
    assert (tmp_path / REWARDS).exists()
    assert len(Ledger(context.database).rows("dry_run")) == 1


def test_a_clamp_reads_without_a_tail_of_digits():
    clamp = Clamp(key="max_position_pct", before=1234.56789012345678, after=None, reason="too much")
    assert clamp.line == "max_position_pct: 1234.57 -> none (too much)"


@pytest.mark.parametrize("wanted", [True, False])
def test_the_lines_hold_the_prompt_where_that_is_wanted(
    make_context, make_snapshot, scripted, calling, tmp_path, wanted
):
    wait = ("signal_wait", {"pair": "BTC/USDT:USDT", "confidence_score": 60, "reason": "calm"})
    context = make_context(scripted(calling(wait)), experience_config={"log_prompts": wanted}, namespace="dry_run")
    snapshot = make_snapshot()
    outcome = Runner(context).decide({snapshot.pair: snapshot}, None)[snapshot.pair]
    row = decision_row(context, snapshot, outcome, outcome.state.signal, snapshot.as_of)
    Records(context).decisions([row], {row.decision_id: outcome.state})
    (line,) = [json.loads(one) for one in (tmp_path / DECISIONS).read_text().splitlines()]
    assert ("prompt" in line) == wanted
    if wanted:
        assert [one["role"] for one in line["prompt"]] == ["system", "human"]
        assert line["prompt"][1]["content"].startswith("<facts>\npair: BTC/USDT:USDT\n")
