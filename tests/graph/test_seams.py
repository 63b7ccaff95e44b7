"""No exception of another library crosses a seam: whatever is wrong outside arrives as one of ours, with its cause.

Each test drives the doors of one seam against a real fault: nobody listens, a page where JSON should be, a file of
rubbish, a table that is gone, a row that another version wrote.
"""

import asyncio
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import ccxt
import pytest
from langchain_core.messages import HumanMessage
from lived import lived

from candlegraph.agents.models.cassette import Cassette, KeptAnswer, Take
from candlegraph.freqtrade_bridge.host.configuration_files import parsed
from candlegraph.graph.schema.errors import (
    CandleError,
    CassetteError,
    ConfigError,
    EmbeddingError,
    MemoryStoreError,
    ModelError,
    SentimentError,
)
from candlegraph.graph.settings.experience import Cleanup, Embedding
from candlegraph.memory.books.account import AccountBook
from candlegraph.memory.books.approvals import Proposals
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.embeddings.opening import open_embedder
from candlegraph.memory.store import close_memory, open_memory
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.sentiment import load_markets, read_exchange, read_fear_greed
from candlegraph.tools.signals import FLAT_TOOLS

NOW = datetime(2025, 3, 1, tzinfo=UTC)
RUBBISH = b"no such thing\x00\xff" * 400


@pytest.fixture
def nobody():
    """Return a loopback address at which nobody listens."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{one.getsockname()[1]}"  # bound, and never listening


# -- chat models: openai, httpx -------------------------------------------------------------------------------------

ANSWERS = {
    "refuses the key": {"status": 401},
    "is overloaded": {"status": 503},
    "redirects without a place": {"status": 302},
    "gives a page": {"raw": "<html>Sign in</html>", "headers": {"Content-Type": "text/html"}},
    "gives half a body": {"raw": '{"choices": [{"mess'},
    "gives no choices": {"raw": "{}"},
    "gives a list": {"raw": "[]"},
    "gives no text": {"raw": b"\xff\xfe\x00"},
    "lies about compression": {"raw": b"no gzip", "headers": {"Content-Encoding": "gzip"}},
}


def ask(context):
    bound = context.models.bound("decision", FLAT_TOOLS)
    return asyncio.run(bound.ainvoke([HumanMessage("hello")], prompt_version="", deadline=None))


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_chat_model_that_cannot_be_had_is_a_model_error(make_context, server, answer):
    server.script = [ANSWERS[answer]]
    endpoint = {"api_base": server.url, "model": "m", "api_key": "k", "retry_times": 0}
    with pytest.raises(ModelError):
        ask(make_context(llm_config=endpoint))


def test_a_chat_model_where_nobody_listens_is_a_model_error(make_context, nobody):
    with pytest.raises(ModelError):
        ask(make_context(llm_config={"api_base": nobody, "model": "m", "api_key": "k", "retry_times": 0}))


TAKE = Take(
    key="k",
    pair="P",
    candle="c",
    role="decision",
    turn=0,
    components={"params": "a"},
    answer=KeptAnswer(content="x", model="m", seconds=0.1, tries=()),
)


def sql(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for one in statements:
            connection.execute(one)


@pytest.mark.parametrize(
    "fault",
    ["drop table answers", "update answers set answer = '{'", """update answers set answer = '{"newer": 1}'"""],
)
def test_a_broken_cassette_is_a_cassette_error(tmp_path, fault):
    path = tmp_path / "cassette.sqlite"
    cassette = Cassette(path)
    cassette.keep(TAKE)
    sql(path, fault)
    for door in (lambda: cassette.get("k"), lambda: cassette.keep(TAKE)):
        with pytest.raises(CassetteError) as raised:
            door()
        assert str(path) in str(raised.value) and raised.value.__cause__ is not None
    cassette.close()


# -- memory: sqlalchemy, faiss, pydantic on what is stored ----------------------------------------------------------


@pytest.fixture
def memory(tmp_path, make_snapshot):
    """Return a memory with one experience, as another process finds it."""
    path = tmp_path / "rag" / "memory.db"
    memory = open_memory(path)
    memory.add(lived(make_snapshot(), 1))
    yield memory
    close_memory(path)


def doors(memory, trade):
    """Return every door of the memory by name, each as a call without arguments."""
    source, spaces = trade.source, [trade.source.namespace]
    recall = {"as_of": NOW + timedelta(days=365), "namespaces": spaces, "k": 3, "threshold": 0.0}
    return {
        "follow": memory.follow,
        "add": lambda: memory.add(trade),
        "recall": lambda: memory.recall(source.situation, source.space, **recall),
        "get": lambda: memory.get(1),
        "enqueue": lambda: memory.enqueue(source),
        "take": lambda: memory.take(source.namespace, source.key),
        "settle": lambda: memory.settle(trade, None, is_queued=True),
        "stats": lambda: memory.stats(source.namespace),
        "namespaces": memory.namespaces,
        "cleanup": lambda: memory.cleanup(source.namespace, "low_quality", as_of=NOW, settings=Cleanup()),
        "ledger": lambda: Ledger(memory.path).rows(source.namespace),
        "account": lambda: AccountBook(memory.path).mark(source.namespace),
        "proposals": lambda: Proposals(memory.path).pending(None),
    }


NEEDED = {
    "follow": "meta",
    "add": "experiences",
    "recall": "meta",
    "get": "experiences",
    "enqueue": "outbox",
    "take": "outbox",
    "settle": "outbox",
    "stats": "experiences",
    "namespaces": "experiences",
    "cleanup": "experiences",
    "ledger": "decisions",
    "account": "account",
    "proposals": "proposals",
}


@pytest.mark.parametrize("door", NEEDED)
def test_a_table_that_is_gone_is_a_memory_error(memory, make_snapshot, door):
    sql(memory.path, f"drop table {NEEDED[door]}")
    with pytest.raises(MemoryStoreError) as raised:
        doors(memory, lived(make_snapshot(), 2))[door]()
    assert str(memory.path) in str(raised.value) and raised.value.__cause__ is not None


@pytest.mark.parametrize(
    "fault", ["update experiences set doc = '{'", """update experiences set doc = json_set(doc, '$.newer', 1)"""]
)
@pytest.mark.parametrize("door", ["get", "recall"])
def test_a_row_that_another_version_wrote_is_a_memory_error(memory, make_snapshot, fault, door):
    sql(memory.path, fault)
    with pytest.raises(MemoryStoreError, match="cannot read"):
        doors(memory, lived(make_snapshot(), 2))[door]()


def test_a_vector_of_another_length_is_a_memory_error(memory, make_snapshot):
    path = memory.path
    close_memory(path)
    sql(path, "update vectors set vector = x'00'")
    with pytest.raises(MemoryStoreError, match="vector"):
        open_memory(path)


def test_a_file_of_rubbish_is_a_memory_error(tmp_path):
    (tmp_path / "memory.db").write_bytes(RUBBISH)
    with pytest.raises(MemoryStoreError):
        open_memory(tmp_path / "memory.db")


@pytest.mark.parametrize("provider", ["openai", "ollama"])
@pytest.mark.parametrize("answer", [*ANSWERS, "is not there"])
def test_a_text_model_that_cannot_be_had_is_an_embedding_error(server, nobody, provider, answer):
    server.script = [ANSWERS.get(answer, {})]
    place = server.url if answer in ANSWERS else nobody
    embedder = open_embedder(Embedding(provider=provider, api_base=place, model="m"), {})
    with pytest.raises(EmbeddingError):
        embedder.embed(["a calm market"])


# -- the market: ccxt, urllib, pyarrow ------------------------------------------------------------------------------


def test_an_exchange_that_cannot_be_had_is_a_sentiment_error(nobody):
    client = ccxt.binanceusdm({"urls": {"api": dict.fromkeys(ccxt.binanceusdm().urls["api"], nobody)}, "timeout": 2000})
    with pytest.raises(SentimentError):
        load_markets(client)
    for source in ("funding_rate", "open_interest", "long_short_ratio", "book_imbalance"):
        with pytest.raises(SentimentError):
            read_exchange(source, client, "BTC/USDT:USDT", NOW)
    with pytest.raises(SentimentError):
        read_fear_greed(nobody, 2)


def test_a_candle_file_of_rubbish_is_a_candle_error(tmp_path):
    (tmp_path / "BTC_USDT-1h.feather").write_bytes(RUBBISH)
    with pytest.raises(CandleError, match="BTC_USDT-1h"):
        read_candles(tmp_path, "BTC/USDT", "1h")


@pytest.mark.parametrize("text", [b'{"a": ', RUBBISH, b"[]"])
def test_a_configuration_of_rubbish_is_a_configuration_error(tmp_path, text):
    (tmp_path / "config.json").write_bytes(text)
    with pytest.raises(ConfigError, match="config.json"):
        parsed(tmp_path / "config.json")
