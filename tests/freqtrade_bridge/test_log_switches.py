"""`log_decisions` and `log_trades`: the files for people are written, or not; the databases are, whatever they say."""

import pytest

from candlegraph.freqtrade_bridge.decisions.records import DECISIONS, EXPERIENCES, REWARDS, Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import Outcome
from candlegraph.graph.reflection import ReflectionState
from candlegraph.graph.schema.signal import Clamp, TradeSignal
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.transfer.ancestor import experience_from

TRADE = {"trade_id": 1, "pair": "A/B", "side": "long", "entry_time": "2024-05-01", "exit_time": "2024-05-02"}
TRADE |= {"entry_price": 1, "exit_price": 2, "profit_pct": 5, "leverage": 1, "stake_amount": 9}


@pytest.mark.parametrize("decisions", [True, False])
@pytest.mark.parametrize("trades", [True, False])
def test_a_log_is_written_where_its_switch_is_on(make_context, make_snapshot, tmp_path, decisions, trades):
    context = make_context(experience_config={"log_decisions": decisions, "log_trades": trades}, namespace="dry_run")
    snapshot, records = make_snapshot(), Records(context)
    signal = TradeSignal(action="wait", confidence=50, reason="calm", source="model")
    records.decisions([decision_row(context, snapshot, Outcome(), signal, snapshot.as_of)], {})
    experience = experience_from(TRADE, fee=0)
    records.reflected(ReflectionState(trade=experience.source, experience=experience))
    assert (tmp_path / DECISIONS).exists() == decisions
    assert (tmp_path / EXPERIENCES).exists() == trades
    assert (tmp_path / REWARDS).exists()
    assert len(Ledger(context.database).rows("dry_run")) == 1


def test_a_clamp_reads_without_a_tail_of_digits():
    clamp = Clamp(key="max_position_pct", before=1234.56789012345678, after=None, reason="too much")
    assert clamp.line == "max_position_pct: 1234.57 -> none (too much)"
