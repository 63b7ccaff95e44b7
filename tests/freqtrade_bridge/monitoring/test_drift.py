"""A model that was changed without a word is noticed; chance is not, and its rate is the stated one."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from drifting import decided

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.monitoring.drift import ALPHA, MEASURES, chance, drift_of
from candlegraph.freqtrade_bridge.monitoring.drift_watch import DriftWatch
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.storage.database import close_engine

END = datetime(2025, 3, 31, tzinfo=UTC)  # a Monday
LENGTH = timedelta(minutes=30)


@pytest.mark.parametrize(
    "turns, measure",
    [
        ({"confidence": 75.0}, "confidence"),
        ({"enters": 0.5}, "actions"),
        ({"repairs": 0.8}, "repairs"),
        ({"latency": 5000.0}, "latency"),
    ],
)
def test_a_week_unlike_those_before_is_found_in_what_has_changed(turns, measure):
    report = drift_of(decided(END, turns=turns), END)
    assert [one.name for one in report.changed] == [measure]
    assert f"{measure} " in report.line and " -> " in report.line


def test_nothing_is_found_where_nothing_has_changed():
    assert [drift_of(decided(END, seed), END).changed for seed in range(3)] == [()] * 3


def test_of_shuffled_days_no_more_are_found_than_stated():
    """At an error of 0.2 a look; at the real one of 0.001 a test would have to look ten thousand times."""
    random, looks, error = np.random.default_rng(5), 150, 0.2
    values = {name: random.normal(0, 1, (35, 6 if name == "actions" else 1)).cumsum(axis=0) for name in MEASURES}
    alarms = 0
    for _ in range(looks):
        order = random.permutation(35)
        alarms += any(chance(one[order], 7, 199) < error / len(MEASURES) for one in values.values())
    assert alarms / looks < error + 3 * (error * (1 - error) / looks) ** 0.5


def test_the_resamples_can_show_what_is_asked_of_them():
    apart = np.concatenate([np.ones((7, 1)), np.zeros((28, 1))])
    assert chance(apart, 7) < ALPHA / len(MEASURES)


def test_another_model_or_prompt_begins_anew():
    report = drift_of(decided(END, turns={"model": "other", "confidence": 90.0}), END)
    assert (report.model, report.recent_days, report.before_days, report.measures) == ("other", 7, 0, ())


def test_a_running_bot_looks_once_a_week_and_tells(tmp_path):
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.append(decided(END, turns={"confidence": 75.0}))
    told, found = [], []
    watch = DriftWatch(ledger, "live", told.append, found.append, None)
    for minutes in (0, 30, 60 * 24 * 6):
        watch.decided(END + timedelta(minutes=minutes))
        watch.wait(60)
    assert [one.measures for one in found] == [("confidence",)]
    assert len(told) == 1 and told[0].startswith("m decides otherwise than in the weeks before: confidence ")
    DriftWatch(ledger, "live", told.append, found.append, found[0]).decided(END + LENGTH)  # after a restart
    assert len(told) == 1


def test_the_command_shows_both_spans(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shift = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - END
    rows = decided(END, turns={"enters": 0.5})
    moved = {"candle": None, "as_of": None}
    Ledger(tmp_path / DATABASE).append(
        [one.model_copy(update={name: getattr(one, name) + shift for name in moved}) for one in rows]
    )
    assert main(["drift", "--userdir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    close_engine(tmp_path / DATABASE)
    assert "live: m, the last 7 days against 28 before" in out
    assert "before: wait 9" in out and out.count("changed") == 1 and out.count("may be chance") == 3
    assert max(map(len, out.splitlines())) <= 80
