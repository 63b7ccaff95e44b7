"""From an empty folder to a bot in the background and back, by the commands that a newcomer is told to type."""

import os
import re
import socket
import subprocess
import sys

import pytest
import rapidjson

from candlegraph.freqtrade_bridge.commands.operations.process import alive
from candlegraph.freqtrade_bridge.host.configuration_files import PARSE_MODE
from candlegraph.freqtrade_bridge.loopback.configuration import offline_exchange

MAIN = [sys.executable, "-m", "candlegraph.freqtrade_bridge.commands.main"]


@pytest.fixture
def typed(tmp_path):
    """Return a function that types a command in an empty folder and returns its status and what it said."""

    # Freqtrade opens no log where it finds this.
    variables = {name: text for name, text in os.environ.items() if name != "PYTEST_VERSION"}
    told = {"cwd": tmp_path, "env": variables, "capture_output": True, "text": True, "timeout": 180}

    def run(line):
        done = subprocess.run([*MAIN, *line.split()], **told)
        return done.returncode, done.stdout + done.stderr

    yield run
    run("stop")


def test_a_newcomer_makes_a_bot_starts_it_looks_at_it_and_stops_it(typed, tmp_path):
    assert typed("init --pairs BTC")[0] == 0
    on_a_free_port(tmp_path / "config.json")
    assert typed("check -c config.json")[0] == 0
    status, said = typed("doctor -c config.json")  # the exchange is not to be reached here
    assert re.findall("FAIL  (.+?)  ", said) == ["exchange"] and status == 1, said
    status, said = typed("start -c config.json --offline")
    assert status == 0, said
    pid = int(re.search(r"started: process (\d+)", said)[1])
    assert "Changing state to: RUNNING" in typed("logs -n 100")[1]
    assert typed("pause --reason news")[0] == 0
    status, said = typed("status")
    assert status == 0 and "pause: candlegraph resume: paused by hand: news" in " ".join(said.split()), said
    secrets = [line.partition("=")[2] for line in (tmp_path / ".env").read_text().splitlines() if "API_SERVER" in line]
    status, said = typed("stop")
    assert status == 0 and said.startswith(f"stopped: process {pid}, after")
    assert not alive(pid)
    written = b"".join(path.read_bytes() for path in (tmp_path / "user_data").rglob("*") if path.is_file())
    assert len(secrets) == 3 and not any(secret.encode() in written for secret in secrets)


def on_a_free_port(path):
    """Change the one port that other bots of this machine may have, and the way to an exchange."""
    header, _, content = path.read_text().partition("{")
    config = rapidjson.loads("{" + content, parse_mode=PARSE_MODE)
    with socket.create_server(("127.0.0.1", 0)) as one:
        config["api_server"]["listen_port"] = one.getsockname()[1]
    config["exchange"] |= offline_exchange("http://127.0.0.1:9", ["BTC/USDT:USDT"])
    path.write_text(header + rapidjson.dumps(config))
