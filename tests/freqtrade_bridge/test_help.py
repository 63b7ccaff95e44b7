"""What `candlegraph` says of itself: every command once, for a terminal of 80 columns."""

import re
from importlib import metadata

import pytest

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.parser import NAMES


def told(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 0
    return capsys.readouterr().out


def test_the_help_shows_every_command_once_in_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = told(capsys, "--help")
    assert sorted(re.findall(r"^  ([a-z][\w-]+) {2,}\S", said, re.MULTILINE)) == sorted(NAMES)
    assert max(map(len, said.splitlines())) <= 80


def test_the_version_is_that_of_the_package_and_of_what_it_stands_on(capsys):
    said = told(capsys, "--version")
    assert said.startswith(
        f"candlegraph {metadata.version('candlegraph')}, freqtrade {metadata.version('freqtrade')}, "
    )
