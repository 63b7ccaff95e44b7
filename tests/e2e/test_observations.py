"""Each observation of stock freqtrade's live trading: a fault without the auditor, health with it."""

import pytest
from observations import OBSERVATIONS, play

pytestmark = pytest.mark.slow


def is_healthy(found):
    """Return whether every position has its one stop, no stop is left over, and closed trades say what was earned."""
    is_told = found.true == found.booked or found.trades
    return found.bare <= 60 and len(found.stops) == len(found.positions) == found.trades and bool(is_told)


@pytest.mark.parametrize("one", OBSERVATIONS, ids=lambda one: one.name)
def test_it_is_a_fault_without_the_auditor_and_none_with_it(one):
    without, audited = play(one, has_auditor=False), play(one, has_auditor=True)
    assert is_healthy(audited), audited
    assert audited.bare < without.bare or not is_healthy(without), without
    assert audited.asked and not without.asked
