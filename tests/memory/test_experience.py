import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import update

from candlegraph.agents.prompt.case_text import case_line
from candlegraph.agents.prompt.phrases import WORDS
from candlegraph.graph.schema.experience import Experience
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.memory.cases import Question, cases_of, similar_trades
from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.storage.tables import experiences


def test_experience_survives_json(make_experience):
    experience = make_experience()
    assert Experience.model_validate_json(experience.model_dump_json()) == experience


NEW = ("scene", "self_evaluation", "additions")
"""Fields that a trade has only since a case tells them."""


def test_a_trade_that_was_stored_before_a_case_told_so_much_is_read_and_found(memory, make_experience):
    number, wanted = memory.add(make_experience()), make_experience()
    old = json.loads(wanted.model_dump_json())
    for name in NEW:
        del old["source"][name]
    with open_engine(memory.path).begin() as connection:
        connection.execute(update(experiences).values(doc=json.dumps(old)))
    assert memory.get(number) == wanted
    asked = {"as_of": datetime(2026, 1, 1, tzinfo=UTC), "namespaces": ("backtest:a",), "threshold": 0.0}
    question = Question((1.0, 0.0, 0.5), "test-1", kinds=("trade",), **asked)
    reader = memory.outlines(question.namespaces)
    (one,) = similar_trades(memory, reader, question, count=5, most_of_a_day=2)
    assert one.outline.id == number
    (case,) = cases_of(memory, reader, [one], question)
    assert (case.regime, case.scene, case.self_evaluation, case.moments) == ("trend_up", None, "", ())


def test_lessons_that_were_kept_before_a_case_told_so_much_are_read():
    told = {
        "id": 3,
        "kind": "decision",
        "pair": "X",
        "side": "long",
        "similarity": 0.9,
        "profit_pct": 5.1,
        "score": None,
    }
    told |= {"grade": "", "entry_price": 96324.4, "duration_minutes": 210, "lesson": "hold at +5.1 %: trend"}
    (case,) = Lessons.model_validate({"cases": [told], "summary": None, "guidance": None, "unavailable": None}).cases
    assert case.regime is None and case_line(case, WORDS["en"]).startswith(f"case {case.label}: long X, still open")


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
