"""What the seeds are worth: each part that is taken out breaks a rule within the seeds of a default run."""

import pytest
from simulator.run import simulate
from simulator.test_seeds import QUICK

from candlegraph.freqtrade_bridge import session
from candlegraph.freqtrade_bridge.audit.auditor import Auditor
from candlegraph.freqtrade_bridge.decisions.book import DecisionBook
from candlegraph.freqtrade_bridge.decisions.fates import Fates

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The inplace keyword")]


def broken_rules():
    """Return the first seed's violations that has any."""
    for world in QUICK:
        if found := simulate(world).violations:
            return "\n".join(found)
    return ""


def without_auditor(monkeypatch):
    monkeypatch.setattr(session, "auditor_of", lambda *args: None)


def blind_after_a_start(monkeypatch):
    """Leave the first look of a process out: what it finds after a restart stays as it is for a loop."""
    look, looked = Auditor.look, set()

    def second_look(self, *args):
        if self in looked:
            look(self, *args)
        looked.add(self)

    monkeypatch.setattr(Auditor, "look", second_look)


def signals_for_ever(monkeypatch):
    monkeypatch.setattr(DecisionBook, "consume", lambda self, pair: None)


def no_fate_of_orders(monkeypatch):
    monkeypatch.setattr(Fates, "filled", lambda self, *args, **kwargs: None)


@pytest.mark.parametrize(
    ("take_out", "rule"),
    [
        (without_auditor, "no stop is missing or too many"),
        (blind_after_a_start, "no stop"),
        (signals_for_ever, "one opening order per candle"),
        (no_fate_of_orders, "fate"),
    ],
)
def test_what_is_taken_out_breaks_a_rule(monkeypatch, take_out, rule):
    take_out(monkeypatch)
    assert rule in broken_rules()
