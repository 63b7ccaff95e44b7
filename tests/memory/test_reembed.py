"""Another model, another dimension, a kill in between: every experience ends with one vector of the present model."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from embedding_server import EmbeddingServer
from sqlalchemy import text

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.memory.reembed import Reembedded, reembed
from candlegraph.graph.schema.errors import ConfigError, EmbeddingError
from candlegraph.graph.settings.experience import Embedding, RagConfig, Spaces
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.embeddings.space import PROBES
from candlegraph.memory.embeddings.wording import words_of_experience
from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.store import close_memory, open_memory

NOW = datetime(2025, 6, 1, tzinfo=UTC)
LATE = datetime(2026, 1, 1, tzinfo=UTC)
V1 = "situation-v1:30m"
TEXT_ONLY = Spaces(situation=0, text=1)


@pytest.fixture
def server():
    with EmbeddingServer() as one:
        yield one


def rag(server, model="m"):
    return RagConfig(embedding=Embedding(provider="openai", api_base=server.url, model=model, batch_size=8))


@pytest.fixture
def textual(make_experience):
    bands = (20, 40, 50, 60, 65)  # none of the probes
    return lambda number=0, **changes: make_experience(
        number, **({"situation": (0.5, 0.5, 0.5), "space": V1, "entry_rsi": bands[number % 5]} | changes)
    )


@pytest.fixture
def filled(server, path, textual):
    memory = open_memory(path, rag(server))
    for number in range(20):
        memory.add(textual(number, namespace="live" if number % 4 == 0 else "backtest:a"))
    return memory


def vectors(path):
    """Return how many vectors each space has."""
    with open_engine(path).connect() as connection:
        return Counter(connection.scalars(text("select space from text_vectors")))


def test_all_or_one_namespace_is_embedded_and_counted(filled, path):
    seen = []
    assert reembed(filled, "live", at=NOW) == Reembedded(stored=5)
    assert reembed(filled, None, at=NOW, progress=seen.append) == Reembedded(stored=15)
    assert seen == [Reembedded(stored=15)]
    assert reembed(filled, None, at=NOW) == Reembedded()
    assert vectors(path) == {"words-2:openai:m:32": 20}


@pytest.mark.parametrize("change", ["model", "dimension"])
def test_a_changed_model_finds_by_text_only_what_was_embedded_anew(server, filled, path, textual, change):
    reembed(filled, None, at=NOW)
    close_memory(path)
    server.seed = 1
    server.dimension = 16 if change == "dimension" else 32
    memory = open_memory(path, rag(server, "m" if change == "dimension" else "other"))
    question = {"as_of": LATE, "namespaces": ("backtest:a", "live"), "k": 50, "threshold": 0.0}
    words = words_of_experience(textual(0))
    assert memory.recall((0.5, 0.5, 0.5), V1, **question, words=words, weights=TEXT_ONLY) == ()
    assert reembed(memory, None, at=NOW).stored == 20
    found = memory.recall((0.5, 0.5, 0.5), V1, **question, words=words, weights=TEXT_ONLY)
    assert len(found) == 20 and found[0].similarity == 1
    assert sorted(vectors(path).values()) == [20, 20]


def test_a_model_that_goes_down_stops_it_and_the_next_run_goes_on(server, filled, path):
    server.status = 500
    with pytest.raises(EmbeddingError, match="status 500.*0 were embedded, run the command again"):
        reembed(filled, None, at=NOW)
    server.status = 200
    close_memory(path)
    assert reembed(open_memory(path, rag(server)), None, at=NOW).stored == 20


def test_what_was_refused_is_tried_at_once(server, filled):
    server.spoil = lambda rows, texts: rows if set(texts) <= set(PROBES) else [[0.0] * 32 for _ in rows]
    assert reembed(filled, None, at=NOW) == Reembedded(refused=20)
    server.spoil = lambda rows, texts: rows
    assert reembed(filled, None, at=NOW) == Reembedded(stored=20)


def test_without_a_text_model_it_is_refused(path):
    with pytest.raises(ConfigError, match="provider = 'none'"):
        reembed(open_memory(path), None, at=NOW)


@pytest.fixture
def commands(server, tmp_path, textual, monkeypatch, capsys):
    """Return what runs an action on a bot's memory of three markets, with a text model: `commands(action, ...)`."""
    monkeypatch.setenv("COLUMNS", "200")
    database = tmp_path / "user" / DATABASE
    memory = open_memory(database)
    for number in range(3):
        memory.add(textual(number, namespace="live"))
    close_memory(database)
    embedding = {"provider": "openai", "api_base": server.url, "model": "m"}
    config = tmp_path / "config.json"
    ours = {"experience_config": {"rag_config": {"embedding": embedding}}}
    config.write_text(json.dumps(ours | {"exchange": {"name": "binance"}}))

    def run(*words, configs=(config,)):
        capsys.readouterr()
        options = ["--userdir", str(tmp_path / "user"), *(word for one in configs for word in ("-c", str(one)))]
        status = main(["memory", *words, *options])
        return status, "".join(capsys.readouterr())

    yield run
    close_memory(database)


def test_the_commands_embed_and_then_search_by_words(commands, textual):
    assert commands("reembed") == (0, "embedded 3, refused 0, without words 0\n")
    assert commands("reembed") == (0, "embedded 0, refused 0, without words 0\n")
    status, shown = commands("search", "--text", words_of_experience(textual(1)).setup, "-k", "1")
    (row,) = [line for line in shown.splitlines() if "BTC/USDT:USDT" in line]
    assert status == 0 and row.split()[0] == "2" and "1.000" in row


def test_words_without_a_text_model_are_refused_with_the_key(commands):
    status, shown = commands("search", "--text", "The market is rising.", configs=())
    assert status == 1 and "--text needs a text model: experience_config.rag_config.embedding.provider" in shown


WORKER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from candlegraph.freqtrade_bridge.commands.memory.reembed import reembed
from candlegraph.graph.settings.experience import Embedding, RagConfig
from candlegraph.memory.store import open_memory
embedding = Embedding(provider="openai", api_base=sys.argv[2], model="m", batch_size=8)
memory = open_memory(Path(sys.argv[1]), RagConfig(embedding=embedding))
now = datetime(2025, 6, 1, tzinfo=UTC)
reembed(memory, None, at=now, batch=3, progress=lambda done: print(done.stored, flush=True))
"""


def test_killed_it_goes_on_where_it_stopped(server, path, textual):
    memory = open_memory(path, rag(server))
    for number in range(60):
        memory.add(textual(number))
    server.spoil = lambda rows, texts: time.sleep(0.02) or rows
    said = run_and_kill(path, server.url, 4)
    stored = vectors(path)["words-2:openai:m:32"]
    assert stored >= said > 0
    assert 0 < stored < 60
    assert reembed(open_memory(path, rag(server)), None, at=NOW).stored == 60 - stored
    assert vectors(path) == {"words-2:openai:m:32": 60}


def run_and_kill(path: Path, url: str, stop_after: int) -> int:
    """Return how many the worker had said were stored when it was killed."""
    with subprocess.Popen([sys.executable, "-c", WORKER, path, url], stdout=subprocess.PIPE, text=True) as worker:
        said = [int(worker.stdout.readline()) for _ in range(stop_after)]
        os.kill(worker.pid, signal.SIGKILL)
        said += [int(line) for line in worker.stdout if line.endswith("\n")]
    return said[-1]
