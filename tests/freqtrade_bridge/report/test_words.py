"""The words of a report: one table a language, with the same keys and the same places to fill in."""

import json
import re
from datetime import timedelta
from importlib.resources import files
from string import Template

import pytest

from candlegraph.freqtrade_bridge.report.page import asset
from candlegraph.freqtrade_bridge.report.words import ReportWords, number, percent

ASSETS = files("candlegraph.freqtrade_bridge.report").joinpath("assets")
TABLES = {language: json.loads(asset(f"words.{language}.json")) for language in ("en", "zh")}
SCRIPTS = {one.name: one.read_text() for one in ASSETS.iterdir() if one.name.endswith(".js")}


def test_both_languages_have_the_same_words_to_fill_in():
    filled = [{key: set(re.findall(r"{(\w+)}", text)) for key, text in table.items()} for table in TABLES.values()]
    assert filled[0] == filled[1]


def test_every_word_that_a_script_or_page_asks_for_is_there_and_none_is_left_over():
    asked = {key for text in SCRIPTS.values() for key in re.findall(r'say\([^)]*?"([a-z_.]+)"', text)}
    assert asked <= TABLES["en"].keys()
    pages = [Template(asset(name)).get_identifiers() for name in ("page.html", "comparison.html", "evaluation.html")]
    placed = {one for found in pages for one in found if one.startswith("w_page_")}
    assert placed <= {f"w_{key.replace('.', '_')}" for key in TABLES["en"]}


@pytest.mark.parametrize(
    ("hours", "told"),
    [(5, "5 hours"), (1, "an hour"), (24 * 9, "nine days"), (24 * 28, "four weeks"), (24 * 91, "three months")],
)
def test_a_span_is_told_in_the_unit_that_a_person_would_use(hours, told):
    assert ReportWords("en").span(timedelta(hours=hours)) == told.replace("5", "five")


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (percent(-0.0123), "\u22121.23\u00a0%"),
        (percent(0.0, signed=True), "0.00\u00a0%"),
        (number(1234.5, signed=True), "+1,234.50"),
    ],
)
def test_numbers_have_a_true_minus_and_nothing_has_no_sign(shown, told):
    assert shown == told
