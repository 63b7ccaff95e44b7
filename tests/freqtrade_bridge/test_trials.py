"""The registry of trials: every backtest that was ever begun counts, one that says the same twice is one."""

from datetime import UTC, datetime

import pytest

from candlegraph.freqtrade_bridge.host.trials import Begun, Ended, TrialBook, count_of
from candlegraph.graph.schema.errors import BridgeError

AT = datetime(2026, 1, 1, tzinfo=UTC)


def begun(run, config="c1"):
    return Begun(
        run=run, at=AT, strategy="S", model="m", prompt="p", config=config, pairs=("BTC",), timerange="1-2", days=3.0
    )


def ended(run, net=0.1):
    return Ended(run=run, at=AT, trades=4, net=net, sharpe=None)


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([begun("a"), ended("a"), begun("b"), ended("b")], 1),
        ([begun("a"), ended("a"), begun("b"), ended("b", net=0.2)], 2),
        ([begun("a"), ended("a"), begun("b", config="c2"), ended("b")], 2),
        ([begun("a"), begun("b"), begun("a")], 2),
        ([], 0),
    ],
    ids=["the same again", "a model that samples", "other settings", "never ended, one noted twice", "none"],
)
def test_a_trial_is_another_one_where_settings_or_result_are_others(tmp_path, lines, count):
    book = TrialBook(tmp_path)
    for line in lines:
        book.note(line)
    assert count_of(book.trials()) == count


def test_a_line_that_is_none_is_named(tmp_path):
    book = TrialBook(tmp_path)
    book.note(begun("a"))
    with book.path.open("a") as file:
        file.write("nothing\n")
    with pytest.raises(BridgeError, match=r"trials.jsonl, line 2: no trial"):
        book.trials()
