"""The pause is a file: whatever cannot be read of it is a pause, and only `candlegraph resume` ends it."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.host.pause_file import PauseFile
from candlegraph.tools.risk.possible import closed_lines, possible_of

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_pausing_twice_keeps_the_beginning_and_takes_the_new_reason(tmp_path):
    switch = PauseFile(tmp_path)
    switch.begin("first", NOW)
    switch.begin("  second\nline ", NOW + timedelta(hours=1))
    assert (switch.read().since, switch.read().why) == (NOW, "second line")
    assert switch.end().why == "second line" and switch.read() is None and switch.end() is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"since": 1, "other": 2}'])
def test_a_file_that_cannot_be_read_is_a_pause(tmp_path, content):
    (tmp_path / "paused.json").write_bytes(content)
    pause = PauseFile(tmp_path).read()
    assert pause.since is None and "cannot be read" in pause.refusal.line


def test_a_folder_that_cannot_be_looked_into_is_a_pause(tmp_path):
    (tmp_path / "file").touch()
    assert PauseFile(tmp_path / "file").read() is not None  # NotADirectoryError


def test_it_is_said_once_when_it_begins_and_once_when_it_ends(tmp_path, caplog):
    switch = PauseFile(tmp_path)
    for deed in (lambda: None, lambda: switch.begin("news", NOW), lambda: None, switch.end, lambda: None):
        deed()
        switch.look()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["candlegraph resume: paused by hand: news", "entries go on: `candlegraph resume` ended the pause"]


def test_a_model_in_a_position_reads_that_entries_are_paused_and_no_command(make_snapshot, make_context, scripted):
    snapshot = make_snapshot("long").model_copy(update={"paused": "candlegraph resume: paused by hand: a: b"})
    possible = possible_of(snapshot, make_context(scripted()).settings.risk_management)
    assert (possible.add.key, possible.add.why) == ("candlegraph resume", "paused by hand: a: b")
    assert closed_lines(possible, snapshot)["add"] == "paused"


@pytest.mark.parametrize(
    ("command", "said"),
    [("pause", "no such folder; --userdir: expected the folder of a bot"), ("resume", "no such folder; --userdir")],
)
def test_a_folder_that_is_not_there_is_named(tmp_path, capsys, command, said):
    assert main([command, "--userdir", str(tmp_path / "none")]) == 1
    assert said in capsys.readouterr().err


def test_resume_says_that_nothing_was_paused(tmp_path, capsys):
    assert main(["resume", "--userdir", str(tmp_path)]) == 1
    assert "entries were not paused" in capsys.readouterr().err


def test_the_folder_is_the_configurations_and_the_message_names_the_way_back(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("mine")
    (tmp_path / "c.json").write_text('{"user_data_dir": "mine", "risk_management": {"broken": 1}}')
    assert main(["pause", "-c", "c.json"]) == 0  # in an emergency nobody is asked for a sound configuration
    assert "`candlegraph resume -c c.json` ends it" in capsys.readouterr().out
    assert PauseFile(tmp_path / "mine").read() is not None
