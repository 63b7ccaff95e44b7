"""A real client against a scripted endpoint on loopback, and which model a configuration opens."""

import socket
import time

import pytest
from langchain_openai import ChatOpenAI

from candlegraph.agents.models.policy import PolicyModel
from candlegraph.agents.models.providers import base_url, open_model
from candlegraph.graph.errors import ConfigError, ModelError
from candlegraph.graph.settings import LlmConfig

WAIT, LONG = "signal_wait", "signal_entry_long"


@pytest.fixture
def over_http(server, run, make_context, make_snapshot):
    """Return the state decided by the real client: `over_http(item, item, ...)`."""

    def go(*script, side=None, **llm):
        server.script = list(script)
        llm = {"api_base": server.url, "api_key": "sk-test", "model": "m", "retry_times": 0} | llm
        return run(make_context(llm_config=llm), make_snapshot(side))

    return go


CASES = {
    "happy": ([{"tools": [(WAIT, {})]}], "model"),
    "finish_reason stop beside tool calls": ([{"tools": [(WAIT, {})], "finish": "stop"}], "model"),
    "finish_reason length beside tool calls": ([{"tools": [(WAIT, {})], "finish": "length"}], "model"),
    "thoughts beside the call": ([{"text": "<think>short!</think>", "tools": [(WAIT, {})]}], "model"),
    "memory first": ([{"tools": [("query_rag_stats", {})]}, {"tools": [(WAIT, {})]}], "model"),
    "malformed JSON, then right": ([{"tools": [(WAIT, '{"pair": "BTC')]}, {"tools": [(WAIT, {})]}], "model"),
    "NaN, then right": ([{"tools": [(WAIT, {"rsi_value": float("nan")})]}, {"tools": [(WAIT, {})]}], "model"),
    "two terminal calls, then right": (
        [{"tools": [(WAIT, {}), ("signal_entry_short", {})]}, {"tools": [(WAIT, {})]}],
        "model",
    ),
    "text, then right": ([{"text": "I would wait"}, {"tools": [(WAIT, {})]}], "model"),
    "unknown function, then right": ([{"tools": [("buy", {})]}, {"tools": [(WAIT, {})]}], "model"),
    "text for ever": ([{"text": "no"}] * 3, "fallback"),
    "malformed JSON for ever": ([{"tools": [(WAIT, "{")]}] * 3, "fallback"),
    "nothing at all": ([{"text": ""}] * 3, "fallback"),
}


@pytest.mark.parametrize("case", CASES)
def test_over_http_the_loop_ends_as_with_any_model(over_http, server, args, case):
    script, source = CASES[case]
    complete = [
        item | {"tools": [(n, a if isinstance(a, str) or n == "buy" else args(n, **a)) for n, a in item["tools"]]}
        if "tools" in item
        else item
        for item in script
    ]
    state = over_http(*complete)
    assert (state.signal.action, state.signal.source) == ("wait", source)
    assert len(server.seen) == len(script)


def test_the_request_carries_key_model_functions_and_parameters(over_http, server, right):
    over_http({"tools": [right(WAIT)]}, temperature=0.25, max_tokens=321)
    path, headers, body = server.seen[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == "Bearer sk-test"
    assert (body["model"], body["temperature"], body["max_completion_tokens"]) == ("m", 0.25, 321)
    functions = {one["function"]["name"]: one["function"]["parameters"] for one in body["tools"]}
    assert set(functions) == {LONG, "signal_entry_short", WAIT, "query_rag_stats", "cleanup_rag_history"}
    assert functions[LONG]["properties"]["leverage"]["maximum"] == 100
    assert body["tool_choice"] == "required"


def test_a_repair_answers_the_call_by_its_id(over_http, server, right):
    over_http({"tools": [right(WAIT, confidence_score=0)]}, {"tools": [right(WAIT)]})
    *_, answer, reply = server.seen[1][2]["messages"]
    assert reply["role"] == "tool"
    assert reply["tool_call_id"] == answer["tool_calls"][0]["id"]
    assert "confidence_score" in reply["content"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_retried_by_the_client(over_http, server, right, status):
    soon = {"status": status, "headers": {"retry-after-ms": "1"}}
    state = over_http(soon, {"tools": [right(WAIT)]}, retry_times=1)
    assert state.signal.source == "model"
    assert len(server.seen) == 2


@pytest.mark.parametrize("status, retry_times, requests", [(500, 0, 1), (503, 2, 3), (400, 2, 1), (401, 2, 1)])
def test_a_lasting_failure_is_an_error_after_the_retries(over_http, server, status, retry_times, requests):
    with pytest.raises(ModelError):
        over_http({"status": status, "headers": {"retry-after-ms": "1"}}, retry_times=retry_times)
    assert len(server.seen) == requests


def test_an_attempt_ends_with_its_timeout(over_http):
    started = time.monotonic()
    with pytest.raises(ModelError, match="no answer within 0.2 s"):
        over_http({"sleep": 1.5, "text": "late"}, timeout=0.2)
    assert time.monotonic() - started < 1.2


def test_a_refused_connection_is_an_error(run, make_context, make_snapshot):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ModelError, match="Connection error"):
            run(make_context(llm_config={"api_base": nobody, "model": "m", "retry_times": 0}), make_snapshot())


@pytest.mark.parametrize(
    "written", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"], ids=["bare", "slash", "v1", "v1 slash"]
)
def test_api_base_may_be_written_with_or_without_v1(written):
    assert base_url(written) == "http://h:1/v1"


def test_a_path_before_v1_is_kept():
    assert base_url("https://h/api/openai") == "https://h/api/openai/v1"


def test_without_v1_the_same_path_is_asked(over_http, server, right):
    over_http({"tools": [right(WAIT)]}, api_base=server.url.removesuffix("/v1"))
    assert server.seen[0][0] == "/v1/chat/completions"


@pytest.mark.parametrize(
    "env, literal, key",
    [
        ({"CANDLEGRAPH_API_KEY": "a", "OPENAI_API_KEY": "b"}, None, "a"),
        ({"OPENAI_API_KEY": "b"}, None, "b"),
        ({"CANDLEGRAPH_API_KEY": "", "OPENAI_API_KEY": "b"}, None, "b"),
        ({}, None, "none"),
        ({"CANDLEGRAPH_API_KEY": "a"}, "written", "written"),
    ],
)
def test_the_key_comes_from_the_environment_unless_it_is_written(env, literal, key):
    model = open_model(LlmConfig(api_base="http://127.0.0.1:9", api_key=literal, model="m"), env)
    assert isinstance(model, ChatOpenAI)
    assert model.openai_api_key.get_secret_value() == key
    assert key == "none" or f"'{key}'" not in repr(model)


def test_without_an_endpoint_the_policy_rule_decides():
    assert isinstance(open_model(LlmConfig(), {}), PolicyModel)


def test_a_model_by_name_needs_an_endpoint():
    with pytest.raises(ConfigError, match=r"llm_config.model = 'gpt-x' needs llm_config.api_base .*'policy'"):
        open_model(LlmConfig(model="gpt-x"), {})


def test_nothing_beyond_loopback_can_be_reached():
    with socket.socket() as one, pytest.raises(RuntimeError, match="tried to reach"):
        one.connect(("192.0.2.1", 80))
