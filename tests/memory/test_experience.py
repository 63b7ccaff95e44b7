from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from candlegraph.graph.schema.experience import Experience


def test_experience_survives_json(make_experience):
    experience = make_experience()
    assert Experience.model_validate_json(experience.model_dump_json()) == experience


@pytest.mark.parametrize(
    "changes",
    [
        {"known_at": datetime(2025, 1, 2)},  # naive
        {"situation": ()},
        {"space": ""},
        {"situation": (float("nan"),)},
        {"candle_minutes": 0},
        {"stake": 0},
        {"surprise": 1},
    ],
)
def test_bad_facts_are_refused(make_trade, changes):
    with pytest.raises(ValidationError):
        make_trade(**changes)


def test_a_trade_cannot_be_known_before_it_closed(make_trade):
    closed_at = make_trade().closed_at
    with pytest.raises(ValidationError, match="opened_at <= closed_at <= known_at"):
        make_trade(known_at=closed_at - timedelta(seconds=1))
