"""A backtest stores several candles together; what is known of a decision later finds its row all the same."""

from datetime import timedelta

import pytest
from sqlalchemy.schema import DropTable

from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import RunOutcome
from candlegraph.graph.schema.errors import MemoryStoreError, ModelError
from candlegraph.graph.schema.fate import Fate
from candlegraph.graph.schema.signal import Clamp, TradeSignal
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.storage.tables import decisions

SIGNAL = TradeSignal(action="enter_long", confidence=70, reason="up", source="model")


@pytest.fixture
def context(make_context):
    return make_context(namespace="backtest:a")


@pytest.fixture
def decide(context, make_snapshot):
    """Decide the candle of a number, and give its row to the records."""

    def decide(records, number, **outcome):
        first = make_snapshot()
        after = number * timedelta(hours=1)
        later = {"candle": first.candle + after, "as_of": first.as_of + after}
        snapshot = first.model_copy(update=later)
        row = decision_row(context, snapshot, RunOutcome(**outcome), SIGNAL, snapshot.as_of)
        records.decisions([row], {})
        return row

    return decide


def stored(context):
    return [row.candle for row in Ledger(context.database).rows("backtest:a")]


def test_rows_wait_for_as_many_candles_as_are_stored_together(context, decide):
    records = Records(context, at_once=3)
    rows = [decide(records, number) for number in range(2)]
    assert stored(context) == []
    rows.append(decide(records, 2))
    assert stored(context) == [row.candle for row in rows]


def test_a_fate_a_clamp_and_an_answer_find_the_row_of_a_candle_that_waited(context, decide):
    records, fate = Records(context, at_once=9), Fate(kind="expired", at=decide(Records(context), 0).as_of)
    settled, clamped, answered = (decide(records, number) for number in (1, 2, 3))
    records.fate(settled.decision_id, fate)
    assert len(stored(context)) == 4
    decide(records, 4)
    records.late_clamps(clamped.decision_id, [Clamp(key="max_leverage", before=9, after=3, reason="too much")])
    assert records.answered(SIGNAL.model_copy(update={"decision_id": answered.decision_id}), "approval", None)
    found = {row.decision_id: row for row in Ledger(context.database).rows("backtest:a")}
    assert len(found) == 5 and found[settled.decision_id].fate == fate and found[clamped.decision_id].changes


def test_a_decision_that_failed_is_stored_at_once_with_those_before_it(context, decide):
    records = Records(context, at_once=9)
    rows = [decide(records, 0), decide(records, 1, error=ModelError("nobody answered", ()))]
    assert stored(context) == [row.candle for row in rows]


@pytest.mark.parametrize("known", ["fate", "clamp"])
def test_candles_that_cannot_be_stored_are_not_lost_without_a_word(context, decide, known):
    records = Records(context, at_once=9)
    row = decide(records, 0)
    with open_engine(context.database).begin() as connection:
        connection.execute(DropTable(decisions))
    with pytest.raises(MemoryStoreError, match="decisions"):
        if known == "fate":
            records.fate(row.decision_id, Fate(kind="expired", at=row.as_of))
        else:
            records.late_clamps(row.decision_id, [])
