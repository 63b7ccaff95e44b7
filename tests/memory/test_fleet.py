"""Several bots, one memory: a Postgres for what was learnt, a file of its own for what each bot must not lose."""

import json
import logging
import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import postgres
import pytest
from embedding_server import EmbeddingServer
from learnt import learn, waiting
from pydantic import SecretStr
from sqlalchemy import make_url, update

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.graph.context import DATABASE
from candlegraph.graph.schema.errors import ConfigError, MemoryAway, MemoryStoreError
from candlegraph.graph.settings.experience import Cleanup, Embedding, RagConfig
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.storage.database import WAITS
from candlegraph.memory.storage.tables import meta
from candlegraph.memory.store import ExperienceMemory, close_memory, open_memory

PASSWORD = "hunter2-planted"


def with_password(url):
    """Return the URL with a password, which the server does not ask for."""
    return url.set(password=PASSWORD).render_as_string(hide_password=False)


@pytest.fixture
def shared(database_url):
    """Return the URL of an empty database."""
    return with_password(make_url(database_url))


@pytest.fixture
def bot(tmp_path, shared):
    """Return the memory of a bot of the fleet: `bot(name)`."""
    names = []

    def make(name, url=shared):
        names.append(name)
        return open_memory(tmp_path / name / DATABASE, RagConfig(database_url=url))

    yield make
    for name in names:
        close_memory(tmp_path / name / DATABASE)


@pytest.fixture
def late(make_trade):
    return make_trade(10**5).known_at


def recalled(memory, late, *namespaces):
    known = {"as_of": late, "namespaces": namespaces or ("backtest:a",), "k": 200, "threshold": 0}
    return [memory.get(case.id).key for case in memory.recall((1, 1, 0.5), "test-1", **known)]


def test_what_one_bot_learns_the_others_recall_at_once_where_they_read_its_namespace(bot, make_experience, late):
    one, other = bot("one"), bot("other")
    assert recalled(other, late) == []
    one.add(make_experience(1))
    assert recalled(other, late) == ["1"]
    assert recalled(other, late, "live") == []
    one.cleanup("backtest:a", "compress", as_of=late, settings=Cleanup(keep_newest=1, max_share=1))
    other.add(make_experience(2))
    one.cleanup("backtest:a", "compress", as_of=late, settings=Cleanup(keep_newest=1, max_share=1))
    assert recalled(other, late) == recalled(one, late) == ["2"]


def test_patterns_and_statistics_follow_the_other_bots(bot, make_experience, late):
    one, other = bot("one"), bot("other")
    for number in range(3):
        reader = other.outlines(["backtest:a"])
        other.follow()
        assert (
            reader.asked(late, lambda known: known.trades) == other.stats("backtest:a")["total_experiences"] == number
        )
        one.add(make_experience(number))


def test_a_closed_trade_waits_in_the_bots_own_file_and_is_learnt_for_all(bot, make_trade, late):
    one, other = bot("one"), bot("other")
    one.enqueue(make_trade(1))
    assert (len(waiting(one, "backtest:a")), len(waiting(other, "backtest:a"))) == (1, 0)
    assert [learnt.key for learnt in learn(one, "backtest:a", before=late)] == ["1"]
    assert (len(waiting(one, "backtest:a")), recalled(other, late)) == (0, ["1"])


def started(*arguments):
    command = [sys.executable, str(Path(__file__).with_name("fleet_bot.py")), *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdout.readline() == "ready\n"
    return process


def test_bots_that_make_the_tables_and_write_at_once_lose_nothing_and_a_reader_misses_nothing(
    tmp_path, shared, bot, late
):
    with ExitStack() as stack:
        bots = [
            stack.enter_context(started("add", tmp_path / str(n) / DATABASE, shared, f"n{n}", 60)) for n in range(3)
        ]
        for one in bots:
            one.stdin.write("go\n")
        reader, sizes, until = bot("reader"), [], time.monotonic() + 60
        while (not sizes or sizes[-1] < 180) and time.monotonic() < until:
            namespaces = tuple(f"n{n}" for n in range(3))
            keys = recalled(reader, late, *namespaces)
            sizes.append(len(keys))
            counted = sum(reader.stats(name)["index"]["size"] for name in namespaces)
            assert counted >= len(keys)
        assert [one.wait(30) for one in bots] == [0, 0, 0]
    assert sizes[-1] == 180
    assert not any(reader.stats(name)["index"]["stale"] for name in namespaces)


def test_a_kill_between_the_two_databases_learns_from_a_trade_once(tmp_path, shared, bot, late):
    file = tmp_path / "one" / DATABASE
    with started("settle", file, shared) as killed:
        killed.stdin.write("go\n")
        assert killed.stdout.readline() == "enqueued\n"
        with sqlite3.connect(file) as lock:
            lock.execute("begin immediate")  # the bot can store what it learnt, and not empty its outbox
            killed.stdin.write("go\n")
            other, until = bot("other"), time.monotonic() + 20
            while not recalled(other, late) and time.monotonic() < until:
                time.sleep(0.05)
            killed.kill()
            killed.wait()
            lock.rollback()
    again = bot("one")
    assert len(waiting(again, "backtest:a")) == 1
    assert learn(again, "backtest:a", before=late) == []
    assert waiting(again, "backtest:a") == []
    assert recalled(again, late) == ["0"]


def test_a_server_that_goes_away_costs_no_trade_and_comes_back(own_server, bot, make_trade, late, caplog):
    folder, url = own_server
    memory = bot("one", with_password(url))
    memory.add(experience_of(make_trade(1)))
    assert recalled(memory, late) == ["1"]
    postgres.stop(folder)
    memory.enqueue(make_trade(2))
    for fails in (
        lambda: recalled(memory, late),
        lambda: learn(memory, "backtest:a", before=late),
        lambda: memory.add(experience_of(make_trade(3))),
    ):
        with pytest.raises(
            MemoryStoreError, match=r"postgresql\+psycopg://candlegraph:\*\*\*@.* could not be used"
        ) as e:
            fails()
        assert PASSWORD not in f"{e.value!r}{e.value.__cause__!r}{caplog.text}"
    assert len(waiting(memory, "backtest:a")) == 1
    postgres.start(folder, url.port)
    assert [one.key for one in learn(memory, "backtest:a", before=late)] == ["2"]
    assert set(recalled(memory, late)) == {"1", "2"}


def test_a_server_that_is_away_at_the_start_is_used_from_when_it_is_there(own_server, bot, make_trade, late):
    folder, url = own_server
    postgres.stop(folder)
    memory = bot("one", with_password(url))
    with pytest.raises(MemoryAway):
        recalled(memory, late)
    memory.enqueue(make_trade(1))
    postgres.start(folder, url.port)
    assert [one.key for one in learn(memory, "backtest:a", before=late)] == ["1"]
    assert recalled(memory, late) == ["1"]


@pytest.mark.parametrize(
    "url", [f"someone:{PASSWORD}@127.0.0.1:9/memory", f"127.0.0.1:9/memory?user=someone&password={PASSWORD}"]
)
def test_a_server_that_is_away_is_named_without_the_password(bot, late, url):
    secret = SecretStr(f"postgresql+psycopg://{url}")
    with pytest.raises(MemoryAway, match=r"127.0.0.1:9/memory could not be used") as refused:
        recalled(bot("one", secret), late)
    assert PASSWORD not in f"{refused.value!r}{refused.value.__cause__!r}{RagConfig(database_url=secret)!r}"


def test_a_server_that_never_answers_is_waited_for_once_and_not_by_every_pair(bot, late, monkeypatch):
    monkeypatch.setitem(WAITS, "connect_timeout", 2)  # the least that psycopg knows
    with socket.create_server(("127.0.0.1", 0)) as mute:
        memory = bot("one", f"postgresql+psycopg://u@127.0.0.1:{mute.getsockname()[1]}/d")
        begun = time.monotonic()
        for _ in range(20):
            with pytest.raises(MemoryAway, match="timeout"):
                recalled(memory, late)
        assert time.monotonic() - begun < 2 * WAITS["connect_timeout"]


def test_a_bot_that_stops_amid_a_write_makes_the_others_wait_some_seconds_and_keeps_no_reader_out(
    bot, make_experience, late, monkeypatch
):
    sooner = WAITS["options"].replace("lock_timeout=5s", "lock_timeout=500ms")
    monkeypatch.setitem(WAITS, "options", sooner)
    stopped, other = bot("stopped"), bot("other")
    other.add(make_experience(1))
    with stopped.engine.connect() as connection:
        connection.execute(update(meta).values(value=meta.c.value + 1))
        begun = time.monotonic()
        assert recalled(other, late) == ["1"]
        with pytest.raises(MemoryAway, match="lock timeout"):
            other.add(make_experience(2))
        assert 0.5 <= time.monotonic() - begun < 5
    other.add(make_experience(2))
    assert recalled(other, late) == ["1", "2"]


def test_the_server_ends_what_takes_too_long_and_a_cut_network_is_noticed(bot):
    with bot("one").engine.connect() as connection:
        shown = [
            connection.exec_driver_sql(f"show {name}").scalar()
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        ]
        descriptor = connection.connection.driver_connection.fileno()
        with socket.socket(fileno=os.dup(descriptor)) as raw:
            idle = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
    assert (shown, idle) == (["5s", "1min", "30s"], 5)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{PASSWORD}@h/d",
        f"{PASSWORD}",
        f"postgresql://u:{PASSWORD}@h/d",
        f"postgresql+psycopg://u:{PASSWORD}@h:port/d",
    ],
)
def test_another_url_is_refused_with_what_is_valid(tmp_path, url):
    with pytest.raises(ConfigError, match="database_url.*expected postgresql\\+psycopg://") as refused:
        ExperienceMemory(tmp_path / "memory.db", RagConfig(database_url=SecretStr(url)))
    assert PASSWORD not in f"{refused.value!r}{refused.value.__cause__!r}"
    close_memory(tmp_path / "memory.db")


def test_what_a_text_model_says_in_bytes_that_postgres_refuses_holds_nothing_up(tmp_path, shared, make_experience):
    now, file = datetime(2025, 6, 1, tzinfo=UTC), tmp_path / "one" / DATABASE
    words = {"situation": (0.5, 0.5, 0.5), "space": "situation-v1:30m"}
    with EmbeddingServer() as server:
        embedding = Embedding(provider="openai", api_base=server.url, model="m")
        memory = open_memory(file, RagConfig(database_url=shared, embedding=embedding))
        memory.add(make_experience(0, **words, entry_rsi=20))
        assert memory.embed_waiting(9, now=now).stored == 1
        memory.add(make_experience(1, **words, entry_rsi=35))
        server.status, server.refusal = 400, b"no\0text"
        assert memory.embed_waiting(9, now=now).refused == 1
        close_memory(file)


def test_the_commands_reach_it_by_a_configuration(tmp_path, shared, bot, make_experience, capsys):
    memory = bot("one")
    for number in range(4):
        memory.add(make_experience(number, namespace="live"))
    config = tmp_path / "config.json"
    ours = {"experience_config": {"rag_config": {"database_url": shared}}}
    config.write_text(json.dumps(ours | {"exchange": {"name": "binance"}}))
    logging.getLogger().setLevel(logging.WARNING)
    given = ["--userdir", str(tmp_path / "one"), "-c", str(config)]
    assert main(["memory", "stats", *given]) == 0
    shown = capsys.readouterr().out
    assert "total_experiences" in shown and PASSWORD not in shown
    target = tmp_path / "out.jsonl"
    assert main(["memory", "export", *given, "--to", str(target)]) == 0
    assert len(target.read_text().splitlines()) == 4
    assert main(["memory", "import", str(target), *given, "--namespace", "study"]) == 0
    assert set(memory.namespaces()) == {"live", "study"}
    assert main(["memory", "rebuild", *given]) == 0
