"""What is shown while a command works: on stderr, in a terminal alone."""

import io

import pytest

from candlegraph.freqtrade_bridge.commands.waiting import counted, stages, working


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("file, is_shown", [(Terminal(), True), (io.StringIO(), False)])
def test_progress_is_shown_in_a_terminal_alone_and_never_on_stdout(monkeypatch, capsys, file, is_shown):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", file)
    with working("asking the exchange"):
        pass
    assert list(counted([1, 2, 3], "taken again")) == [1, 2, 3]
    assert list(stages(["with memory", "without"])) == ["with memory", "without"]
    assert ("asking the exchange" in file.getvalue()) is is_shown
    assert ("taken again" in file.getvalue()) is is_shown
    assert ("2 of 2: without, 0 s so far" in file.getvalue()) is is_shown
    assert is_shown or not file.getvalue()
    assert capsys.readouterr().out == ""
