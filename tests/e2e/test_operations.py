"""From an empty folder to a bot in the background and back, by the commands that a newcomer is told to type."""

import os
import re
import socket
from contextlib import contextmanager

import pytest
import rapidjson

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.operations.process import alive
from candlegraph.freqtrade_bridge.host.configuration_files import PARSE_MODE
from candlegraph.freqtrade_bridge.host.environment_file import read_variables
from candlegraph.freqtrade_bridge.loopback.configuration import offline_exchange
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.storage.database import close_engine


@pytest.fixture
def typed(tmp_path, monkeypatch, capfd):
    """Return a function that types a command in an empty folder and returns its status and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("PYTEST_VERSION")  # freqtrade opens no log where it finds this

    def run(line):
        with a_new_shell():
            status = main(line.split())
        said = capfd.readouterr()
        return status, said.out + said.err

    yield run
    run("stop")
    close_engine(tmp_path / "user_data" / DATABASE)


@contextmanager
def a_new_shell():
    """Forget what the command has read from `.env`: the next one has to read it itself."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


PLANTED = {
    name: f"planted-{number:02}-{name[-6:].lower()}-0123456789abcdef"
    for number, name in enumerate(
        (
            "CANDLEGRAPH_API_KEY",
            "OPENAI_API_KEY",
            "LANGSMITH_API_KEY",
            "FREQTRADE__EXCHANGE__KEY",
            "FREQTRADE__EXCHANGE__SECRET",
            "FREQTRADE__EXCHANGE__PASSWORD",
            "FREQTRADE__EXCHANGE__UID",
            "FREQTRADE__EXCHANGE__ACCOUNT_ID",
            "FREQTRADE__EXCHANGE__WALLET_ADDRESS",
            "FREQTRADE__EXCHANGE__PRIVATE_KEY",
            "FREQTRADE__WEBHOOK__URL",
            "FREQTRADE__DISCORD__WEBHOOK_URL",
            "FREQTRADE__COINGECKO__API_KEY",
            "FREQTRADE__TELEGRAM__TOKEN",
            "FREQTRADE__TELEGRAM__CHAT_ID",
            "FREQTRADE__LLM_CONFIG__API_KEY",
            "MY_OWN_SECRET",
        )
    )
}
"""What a person may have put into `.env` beside the three passwords that `init` makes."""


def test_a_newcomer_makes_a_bot_starts_it_looks_at_it_and_stops_it_and_no_secret_leaves_env(typed, tmp_path):
    told = []

    def types(line, expected=0):
        status, said = typed(line)
        told.append(said)
        assert status == expected, said
        assert line.startswith(("logs", "start")) or max(map(len, said.splitlines())) <= 80  # their paths are long
        return said

    types("init --pairs BTC")
    on_a_free_port(tmp_path / "config.json")
    plant(tmp_path / ".env")
    types("check -c config.json")
    said = types("doctor -c config.json", expected=1)  # the exchange is not to be reached here
    assert re.findall("FAIL  (.+?)  ", said) == ["exchange"], said
    pid = int(re.search(r"started: process (\d+)", types("start -c config.json --offline"))[1])
    assert "Changing state to: RUNNING" in types("logs -n 200")
    types("pause --reason news")
    assert "paused by hand: news since" in " ".join(types("status").split())
    types("resume")
    assert types("stop").startswith(f"stopped: process {pid}, after")
    assert not alive(pid)
    secrets = read_variables(tmp_path / ".env").values()
    assert len(secrets) == len(PLANTED) + 3 == 20
    written = [path for path in (tmp_path / "user_data").rglob("*") if path.is_file()]
    everything = b"".join(path.read_bytes() for path in [*written, tmp_path / "config.json"]) + "".join(told).encode()
    assert not [secret for secret in secrets if secret.encode() in everything]


def plant(env):
    """Fill in what `init` left blank, and more."""
    kept = [line for line in env.read_text().splitlines() if line.partition("=")[0] not in PLANTED]
    env.write_text("\n".join([*kept, *(f"{name}={secret}" for name, secret in PLANTED.items()), ""]))
    env.chmod(0o600)


def on_a_free_port(path):
    """Change the one port that other bots of this machine may have, and the way to an exchange."""
    header, _, content = path.read_text().partition("{")
    config = rapidjson.loads("{" + content, parse_mode=PARSE_MODE)
    with socket.create_server(("127.0.0.1", 0)) as one:
        config["api_server"]["listen_port"] = one.getsockname()[1]
    config["exchange"] |= offline_exchange("http://127.0.0.1:9", ["BTC/USDT:USDT"])
    path.write_text(header + rapidjson.dumps(config))
