"""`candlegraph start`, `stop`, `restart`, `logs`, `deploy`, `clean`; the bot is a program that writes and waits."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.operations import supervision
from candlegraph.freqtrade_bridge.commands.operations.process import PID_FILE, foreign, running
from candlegraph.graph.settings.places import DATABASE, LOG
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.storage.database import close_engine

BOT = """#!{python} -SE
import os, signal, sys, time
words = sys.argv[1:]
userdir = words[words.index("--userdir") + 1]
print("before its log is open")
if any(word.endswith("bad.json") for word in words):
    print("candlegraph: bad.json: nothing is right")
    sys.exit(1)
with open(userdir + "/logs/freqtrade.log", "a") as log:
    log.write(" ".join(words[2:]) + "\\nworker - INFO - Changing state to: RUNNING\\n")
if not any(word.endswith("stubborn.json") for word in words):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(60)
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Return a function that runs a command line in a folder of its own; every bot it leaves is ended."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(supervision, "LOOK", 0.02)
    for name in ("c", "bad", "stubborn"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"exchange": {"name": "binance"}}))
    python = tmp_path / "python"
    python.write_text(BOT.format(python=sys.executable))
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))

    def command(line):
        status = main(line.split())
        said = capfd.readouterr()
        return status, said.out + said.err

    yield command
    if bot := running(tmp_path / "user_data"):
        os.kill(bot.pid, signal.SIGKILL)


def bot(tmp_path):
    return running(tmp_path / "user_data")


def test_a_bot_is_started_once_and_stopped_gently(run, tmp_path):
    status, said = run("start -c c.json --offline")
    assert status == 0 and said.startswith(f"started: process {bot(tmp_path).pid}, log {tmp_path / 'user_data' / LOG}")
    assert f"trade --quiet --userdir {tmp_path}/user_data --offline -c {tmp_path}/c.json" in run("logs")[1]
    status, said = run("start -c c.json")
    assert status == 1 and f"a bot runs already, process {bot(tmp_path).pid} since" in said
    status, said = run("stop")
    assert status == 0 and said.startswith("stopped: process") and "Open positions stay open" in said
    assert bot(tmp_path) is None and not (tmp_path / "user_data" / PID_FILE).exists()
    status, said = run("stop")
    assert status == 1 and "stop: user_data: no bot runs in the background; `candlegraph start -c CONFIG` does" in said


def test_a_restart_uses_the_words_and_the_folder_of_the_start(run, tmp_path, monkeypatch):
    run("start -c c.json --offline")
    first = bot(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run(f"restart --userdir {tmp_path}/user_data")[0] == 0
    second = bot(tmp_path)
    assert (second.words, second.folder) == (first.words, tmp_path) and second.pid != first.pid


def test_a_bot_that_ends_at_once_is_told_with_its_reason(run, tmp_path):
    status, said = run("start -c bad.json")
    assert status == 1 and "start: the bot ended at once: bad.json: nothing is right" in said
    assert "logs/console.log. What a bot needs: candlegraph doctor -c " in said and said.endswith("bad.json\n")
    assert bot(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "somebody else"])
def test_a_stale_process_file_does_not_keep_a_bot_from_starting(run, tmp_path, content):
    run("start -c c.json")
    known = bot(tmp_path)
    run("stop")
    if content == "somebody else":  # the number was given to another process meanwhile
        content = known.model_copy(update={"pid": os.getppid()}).model_dump_json()
    (tmp_path / "user_data" / PID_FILE).write_text(content)
    assert bot(tmp_path) is None
    assert run("start -c c.json")[0] == 0


def test_a_bot_that_does_not_end_is_told_instead_of_waited_for_for_ever(run, tmp_path, monkeypatch):
    monkeypatch.setattr(supervision, "STOPPING", 0.2)
    run("start -c stubborn.json")
    status, said = run("stop")
    assert status == 1 and f"process {bot(tmp_path).pid} is still ending after 0 s" in said


def test_a_freqtrade_that_somebody_else_started_on_the_folder_is_named(run, tmp_path):
    userdir = tmp_path / "user_data"
    words = [sys.executable, "-m", "freqtrade", "trade", "--userdir", str(userdir)]
    (userdir / "logs").mkdir(parents=True)
    other = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        while foreign(userdir) != [other.pid]:
            time.sleep(0.01)
        status, said = run("start -c c.json")
    finally:
        other.kill()
        other.wait()
    assert status == 1 and f"freqtrade trades on it already, process {other.pid}" in said


def test_the_last_lines_are_shown_and_those_of_a_new_file_followed(run, tmp_path, monkeypatch):
    log = tmp_path / "user_data" / LOG
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {n}\n" for n in range(9)))
    assert run("logs -n 2")[1] == "line 7\nline 8\n"
    deeds = [
        lambda: log.open("a").write("more\n"),
        lambda: (log.rename(f"{log}.1"), log.write_text("new file\n")),
        lambda: None,
        lambda: (_ for _ in ()).throw(KeyboardInterrupt),
    ]
    monkeypatch.setattr("time.sleep", lambda seconds: deeds.pop(0)())
    status, said = run("logs -n 1 -f")
    assert status == 130 and said.startswith("line 8\nmore\nnew file\n")


def test_where_no_log_is_it_says_so(run):
    status, said = run("logs")
    assert status == 1 and "logs: no user_data/logs/freqtrade.log" in said


ENGINE = """#!{python} -SE
import sys
print("engine:", *sys.argv[1:], flush=True)
sys.exit({status!r} if "up" in sys.argv else 0)
"""


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_deploy_builds_starts_and_follows_with_the_engine_that_is_there(run, tmp_path, monkeypatch, capfd, name):
    engine_at(tmp_path, monkeypatch, name)
    for needed in ("compose.yaml", "config.json", ".env"):
        (tmp_path / needed).touch()
    assert main(["deploy"]) == 0
    steps = [line.removeprefix("engine: compose --file compose.yaml ") for line in engine_lines(capfd)]
    assert steps == ["build", "up --detach", "logs --follow --tail 50"]


def test_a_step_of_a_deployment_that_fails_ends_it(run, tmp_path, monkeypatch, capfd):
    engine_at(tmp_path, monkeypatch, "docker", status=17)
    for needed in ("compose.yaml", "config.json", ".env"):
        (tmp_path / needed).touch()
    assert main(["deploy"]) == 1
    said = capfd.readouterr()
    assert "deploy: compose --file compose.yaml up --detach ended with status 17" in said.err
    assert "logs" not in said.out


def test_an_engine_without_compose_is_named(run, tmp_path, monkeypatch):
    engine_at(tmp_path, monkeypatch, "docker")
    (tmp_path / "bin" / "docker").write_text("#!/bin/sh\necho unknown command: docker compose >&2\nexit 1\n")
    for needed in ("compose.yaml", "config.json", ".env"):
        (tmp_path / needed).touch()
    status, said = run("deploy")
    assert status == 1 and "docker is here, but `docker compose version` fails: its compose plugin" in said


def test_without_an_engine_or_its_files_deploy_says_so(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    status, said = run("deploy --file here/compose.yaml")
    assert status == 1 and "here/compose.yaml, here/config.json, here/.env: not there" in said
    for needed in ("compose.yaml", "config.json", ".env"):
        (tmp_path / needed).touch()
    status, said = run("deploy")
    assert status == 1 and "no container engine here, neither docker nor podman is on the PATH" in said


def engine_at(tmp_path, monkeypatch, name, status=0):
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(
        ENGINE.format(python=os.path.realpath(sys.base_exec_prefix + "/bin/python3"), status=status)
    )
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def engine_lines(capfd):
    return [line for line in capfd.readouterr().out.splitlines() if line.startswith("engine: ")]


def test_clean_lists_and_with_yes_backs_up_and_removes_what_can_be_made_again(run, tmp_path):
    userdir = tmp_path / "user_data"
    gone = ["rag/vector_store/0123.hnsw", "reports/a.html", "data/sample/futures/x.feather", "offline/1.sqlite"]
    kept = ["rag/vector_store/mine.txt", "rag/cassette.sqlite", "logs/freqtrade.log", "data/binance/x.feather"]
    for name in [*gone, *kept]:
        (userdir / name).parent.mkdir(parents=True, exist_ok=True)
        (userdir / name).write_bytes(b"x" * 100_000)
    Ledger(userdir / DATABASE)
    close_engine(userdir / DATABASE)
    status, said = run("clean")
    assert status == 0 and "Nothing was removed; --yes makes a backup and removes these." in said
    assert all((userdir / name).exists() for name in [*gone, *kept])
    status, said = run("clean --yes")
    assert status == 0 and "removed: 0.4 MB" in said
    assert not any((userdir / name).exists() for name in gone)
    assert all((userdir / name).exists() for name in [*kept, DATABASE])
    (copy,) = (userdir / "backups").iterdir()
    assert f"backup: user_data/backups/{copy.name}" in said
    assert run("clean --yes") == (0, "user_data: nothing to clean\n")


def test_clean_waits_for_a_bot_to_be_stopped(run, tmp_path):
    run("start -c c.json")
    (tmp_path / "user_data" / "reports").mkdir()
    status, said = run("clean --yes")
    assert status == 1 and f"clean: the bot runs, process {bot(tmp_path).pid}; `candlegraph stop` first" in said
