"""What goes wrong in a command: one line, a status that is not 0, and the trace only with --debug."""

import argparse
import errno
import io
import os
import sys

import pandas as pd
import pytest

from candlegraph.freqtrade_bridge.commands.failures import ADVICE, guarded
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.settings.places import DATABASE


def failing(error, *, debug=False):
    """Run a command that fails with `error`; return its status."""

    def run(arguments):
        raise error

    return guarded(argparse.Namespace(run=run, debug=debug), before=lambda arguments: None)


@pytest.mark.parametrize("number", sorted(ADVICE), ids=errno.errorcode.get)
def test_an_error_of_the_system_names_the_file_and_what_to_do(number, capsys):
    assert failing(OSError(number, os.strerror(number), "some/file")) == 1
    said = capsys.readouterr().err
    assert said == f"candlegraph: some/file: {os.strerror(number)}; {ADVICE[number]}\n"


def test_an_error_of_the_system_without_a_number_is_told_too(capsys):
    assert failing(OSError("odd")) == 1
    assert capsys.readouterr().err == "candlegraph: odd\n"


def test_ctrl_c_is_one_line_and_130(capsys):
    assert failing(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), MemoryStoreError("x"), KeyboardInterrupt()])
def test_debug_shows_the_trace(error):
    with pytest.raises(type(error)):
        failing(error, debug=True)


@pytest.mark.parametrize("words", [["--debug", "account", "show"], ["account", "show", "--debug"]])
def test_debug_may_stand_before_and_behind_the_command(words, tmp_path):
    with pytest.raises(MemoryStoreError):
        main([*words, "--userdir", str(tmp_path)])


def test_a_terminal_in_ascii_shows_what_it_can(monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    run = argparse.Namespace(run=lambda arguments: sys.stdout.write("趋势 · 2 – 3\n"), debug=False)
    assert guarded(run, before=lambda arguments: None) == 0
    shown.seek(0)
    assert shown.read() == "?? ? 2 ? 3\n"


CANDLES = pd.DataFrame({name: [1.0, 2.0] for name in ("open", "high", "low", "close", "volume")})
DATES = pd.date_range("2025-01-01", periods=2, freq="30min", tz="UTC")


@pytest.mark.parametrize(
    "frame, said",
    [
        (CANDLES.assign(date=DATES.tz_localize(None)), "with no time zone"),
        (CANDLES.assign(date=["a", "b"]), "with no time zone"),
        (CANDLES.assign(date=DATES, close=["a", "b"]), "no numbers in close"),
        (CANDLES, "['date'] are missing"),
        (None, "cannot be read"),
    ],
)
def test_candles_that_cannot_be_used_are_named(tmp_path, capsys, frame, said):
    file = tmp_path / "futures" / "A_B_B-30m-futures.feather"
    file.parent.mkdir()
    if frame is None:
        file.write_bytes(b"ARROW1 no more")
    else:
        frame.to_feather(file)
    words = ["decide", "--pair", "A/B:B", "--at", "2025-01-01T01:00", "--datadir", str(tmp_path)]
    assert main([*words, "--userdir", str(tmp_path / "user")]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"candlegraph: {file}: ") and said in told and "Traceback" not in told


COMMANDS = [["memory", "stats"], ["ledger", "show"], ["account", "show"], ["approvals"]]


@pytest.fixture
def userdir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    database = tmp_path / "user" / DATABASE
    database.parent.mkdir(parents=True)
    return tmp_path / "user"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_damaged_database_is_named(userdir, capsys, words):
    (userdir / DATABASE).write_bytes(b"no database, but text that is long enough" * 99)
    assert main([*words, "--userdir", str(userdir)]) == 1
    said = capsys.readouterr().err
    assert str(userdir / DATABASE) in said and "Traceback" not in said


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_missing_userdir_is_named(tmp_path, capsys, words):
    assert main([*words, "--userdir", str(tmp_path / "nowhere")]) == 1
    assert str(tmp_path / "nowhere") in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("to", ["folder/out.jsonl", "file/out.jsonl", "is_a_folder.jsonl"])
def test_an_export_to_where_nothing_can_be_written_is_one_line(userdir, tmp_path, capsys, to):
    (tmp_path / "file").write_text("")
    (tmp_path / "is_a_folder.jsonl").mkdir()
    assert main(["migrate", "c.json", "--to", to, "--force"]) == 1
    (tmp_path / "c.json").write_text("{}")
    assert main(["migrate", "c.json", "--to", to, "--force"]) == 1
    said = capsys.readouterr().err
    assert to.split("/")[0] in said and said.count("\n") == 2
