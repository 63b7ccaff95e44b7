"""What a lesson says of a trade, in both languages."""

import re
from datetime import timedelta
from string import Formatter

import null_world
import numpy as np
import pytest
from small_paths import BEGIN, FLAT, RISE, STOPPED, path

from candlegraph.memory.counterfactual import phrases
from candlegraph.memory.counterfactual.findings import findings_of
from candlegraph.memory.counterfactual.lessons import lesson_of
from candlegraph.memory.counterfactual.outcomes import table_of

NUMBER = re.compile(r"\d+(?:\.\d+)?")


def said(one, language="en", after=70):
    return lesson_of(table_of(one, BEGIN + timedelta(minutes=30 * after)), language)


def test_a_stop_that_was_too_near_is_told_with_its_numbers():
    lesson = said(STOPPED)
    assert lesson.startswith("Long, stopped after 30 min at -4.0 %; never better than +1.0 %")
    assert "A stop of 3 ATR instead of 2 would have held until the target: +8.0 % instead of -4.0 %." in lesson
    assert lesson.endswith("Luck explains the second as well.")
    assert "若止损为3 ATR而非2，可坚持到目标：+8.0 %，而非-4.0 %。" in said(STOPPED, "zh")


def test_of_stops_that_help_alike_the_nearest_is_named():
    nearly = path(FLAT, (100.0, 100.5, 98.6, 99.0), FLAT, RISE, closing="stop", end=1, price=99.0, stop=99.0)
    assert "A stop of 1.5 ATR instead of 1 would have held until the target" in said(nearly)


def test_the_further_candles_are_in_no_lesson_before_they_have_closed():
    ran_on = path(FLAT, *[FLAT] * 4, (100, 103, 100, 103), (103, 103, 103, 103), target=None, price=100)
    assert "After the exit" not in said(ran_on, after=40)
    assert "After the exit the price ran on by 3.0 ATR within a day." in said(ran_on)


def test_a_changed_trade_says_that_its_first_fill_was_replayed():
    assert "first fill" in said(path(is_changed=True))
    assert "first fill" not in said(path())


def test_nothing_announces_what_does_not_follow():
    early = said(path(is_changed=True), after=4)
    assert "first fill" not in early and early == said(path(), after=4)


@pytest.mark.parametrize(
    ("top", "end"), [(102.0, "Luck explains that as well."), (130.0, "That is more than luck usually makes.")]
)
def test_what_trades_entered_at_random_show_too_is_called_luck(top, end):
    ran_on = path(FLAT, *[FLAT] * 4, (100.0, top, 100.0, 100.0), target=None, stop=None)
    assert said(ran_on).endswith(end)


def test_hindsight_and_bounds_say_so():
    spike = (100.0, 103.5, 100.0, 103.0)
    table = table_of(path(spike, (103, 103, 100, 100), target=None, stop=None, end=2), BEGIN + timedelta(hours=2))
    finding = next(one for one in findings_of(table) if one.outcome is not None and one.outcome.kind == "earlier")
    assert "hindsight" in finding.outcome.remarks
    assert "In hindsight" in lesson_of(table, "en")
    assert "事后看" in lesson_of(table, "zh")


@pytest.mark.parametrize("block", [phrases.COURSE, phrases.FINDING, phrases.NOTE], ids=["course", "finding", "note"])
def test_both_languages_say_the_same_with_the_same_numbers(block):
    def fields(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    english, chinese = ({name: fields(text) for name, text in block[language].items()} for language in ("en", "zh"))
    assert english == chinese


@pytest.fixture(scope="module")
def tables():
    """Return the tables of 120 trades."""
    drawn = null_world.trades(np.random.default_rng(11), 120)
    return [table_of(one, null_world.known_by(one)) for one, _ in drawn]


def test_different_trades_teach_different_things(tables):
    for language in ("en", "zh"):
        lessons = [lesson_of(table, language) for table in tables]
        assert len(set(lessons)) >= 110
        assert len({NUMBER.sub("#", one) for one in lessons}) >= 40


def test_a_lesson_is_short_and_has_no_open_field(tables):
    for table in tables:
        for language in ("en", "zh"):
            lesson = lesson_of(table, language)
            assert len(lesson) < 420
            assert "{" not in lesson and "nan" not in lesson and "None" not in lesson
    assert not any(re.search("[a-zA-Z]{4,}", lesson_of(table, "zh")) for table in tables)
