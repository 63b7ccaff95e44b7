"""How often a person is told what stays as it is."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from candlegraph.freqtrade_bridge.audit.account import RequestUnanswered
from candlegraph.freqtrade_bridge.audit.hands import Hands
from candlegraph.freqtrade_bridge.audit.seen import Action, Stop
from candlegraph.freqtrade_bridge.audit.telling import Reporter

NOW = datetime(2025, 11, 20, 3, tzinfo=UTC)
ORPHAN = Stop(id="7", pair="BTC", side="sell", amount=0.02, trigger=99_000.0, placed_at=NOW)


def unanswered(*asked):
    raise RequestUnanswered("the exchange does not answer")


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (Action(kind="protect_unknown", pair="BTC", side="long", amount=0.02, price=99_000.0), 13),
        (Action(kind="cancel_orphan", pair="BTC", stop=ORPHAN), 2),
    ],
)
def test_in_an_hour_a_position_that_gets_no_stop_is_told_every_five_minutes_and_all_else_once(action, told):
    sent = []
    account = SimpleNamespace(place_stop=unanswered, cancel_stop=unanswered)
    reporter = Reporter(SimpleNamespace(append=lambda row: None), sent.append, "live")
    hands = Hands(None, account, reporter, None)
    for minute in range(61):
        hands.carry_out(action, NOW + timedelta(minutes=minute))
    assert len(sent) == told and all("said again" in line for line in sent)
