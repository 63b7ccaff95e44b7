"""A real client against a scripted endpoint on loopback, and which model a configuration opens."""

import json
import socket
import sys
import time

import pytest
from langchain_openai import ChatOpenAI

from candlegraph.agents.models.policy import PolicyModel
from candlegraph.agents.models.providers import open_model, secrets_of
from candlegraph.graph.schema.errors import ConfigError, ModelError
from candlegraph.graph.settings.llm import LlmConfig, ModelSettings

WAIT, LONG = "signal_wait", "signal_entry_long"


@pytest.fixture
def over_http(server, run, make_context, make_snapshot):
    """Return the state decided by the real client: `over_http(item, item, ...)`."""

    def go(*script, side=None, **llm):
        server.script = list(script)
        llm = {"api_base": server.url, "api_key": "sk-test", "model": "m", "retry_times": 0} | llm
        llm = {"tool_mode": "native"} | llm
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
    assert "parallel_tool_calls" not in body
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


def test_without_v1_the_same_path_is_asked(over_http, server, right):
    over_http({"tools": [right(WAIT)]}, api_base=server.url.removesuffix("/v1"))
    assert server.seen[0][0] == "/v1/chat/completions"


ENV = {"CANDLEGRAPH_API_KEY": "sk-ours", "OPENAI_API_KEY": "sk-openai", "OTHER_KEY": "sk-other"}


@pytest.mark.parametrize(
    "env, llm, key",
    [
        (ENV, {"api_key": "sk-written", "api_key_env": "OTHER_KEY"}, "sk-written"),
        (ENV, {"api_key_env": "OTHER_KEY"}, "sk-other"),
        (ENV, {}, "sk-ours"),
        (ENV | {"CANDLEGRAPH_API_KEY": ""}, {}, "sk-openai"),
        ({"OPENAI_API_KEY": "sk-openai\n"}, {}, "sk-openai"),
        ({}, {}, "none"),
    ],
    ids=["written", "named", "ours", "openai", "with a line break", "none"],
)
def test_which_key_is_sent(env, llm, key):
    settings = ModelSettings(api_base="http://127.0.0.1:9", model="m", **llm)
    model = open_model(settings, env)
    assert isinstance(model, ChatOpenAI)
    assert model.openai_api_key.get_secret_value() == key
    assert key == "none" or key not in repr(model) + repr(settings)
    assert key in (*secrets_of(settings, env), "none")


def test_a_named_variable_that_is_not_set_refuses_the_start():
    with pytest.raises(ConfigError, match="llm_config.api_key_env = 'MISSING'"):
        open_model(ModelSettings(api_base="http://127.0.0.1:9", model="m", api_key_env="MISSING"), ENV)


@pytest.mark.parametrize("bad", ["sk-sec\nret", "sk-sécret", "sk-sec\x7fret"])
def test_a_key_that_no_header_carries_is_refused_unquoted(bad):
    with pytest.raises(ConfigError, match="the key in OPENAI_API_KEY") as refused:
        open_model(ModelSettings(provider="openai", model="m"), {"OPENAI_API_KEY": bad})
    assert "sk-" not in str(refused.value)


@pytest.mark.parametrize(
    "api_base, said",
    [
        ("http://me:sk-secret@h:1", "user name"),
        ("https://sk-secret@h", "user name"),
        ("https://h/v1?key=sk-secret", "query"),
        ("http://[h", "no URL"),
        ("h:8080", "must begin with http"),
        ("file:///h", "must begin with http"),
    ],
)
def test_an_endpoint_that_holds_a_key_or_is_none_is_refused(api_base, said):
    with pytest.raises(ConfigError, match=said) as refused:
        open_model(ModelSettings(api_base=api_base, model="m"), {})
    assert "sk-secret" not in str(refused.value)


def test_a_key_among_the_options_is_refused():
    with pytest.raises(ConfigError, match="options.api_key") as refused:
        open_model(ModelSettings(api_base="http://h", model="m", options={"api_key": "sk-secret"}), {})
    assert "sk-secret" not in str(refused.value)


def test_short_keys_of_local_servers_are_no_secrets():
    assert secrets_of(ModelSettings(api_base="http://h", model="m", api_key="x"), {}) == ()


def test_secrets_of_a_provider_of_langchain_are_all_keys_that_it_might_read():
    env = {"GROQ_API_KEY": "sk-groq", "AWS_SECRET_ACCESS_KEY": "sk-aws", "HOME": "/home/x", "OPENAI_API_KEY": "sk-open"}
    assert secrets_of(ModelSettings(provider="groq", model="m"), env) == ("sk-aws", "sk-groq", "sk-open")
    assert secrets_of(ModelSettings(provider="openai", model="m"), env) == ("sk-open",)
    assert secrets_of(ModelSettings(), env) == ("sk-open",)
    assert secrets_of(ModelSettings(provider="local"), env) == ()


@pytest.mark.parametrize("llm", [{}, {"provider": "policy", "model": "named"}])
def test_without_an_endpoint_the_policy_rule_decides(llm):
    assert isinstance(open_model(LlmConfig(**llm), {}), PolicyModel)


def test_a_model_by_name_needs_an_endpoint_or_a_provider():
    with pytest.raises(ConfigError, match=r"llm_config.model = 'gpt-x' needs llm_config.api_base .*'policy'"):
        open_model(LlmConfig(model="gpt-x"), {})
    model = open_model(LlmConfig(model="gpt-x", provider="openai"), {})
    assert model.openai_api_base == "https://api.openai.com/v1"


def test_options_go_into_the_body(over_http, server, right):
    over_http({"tools": [right(WAIT)]}, options={"top_k": 5, "chat_template_kwargs": {"enable_thinking": False}})
    body = server.seen[0][2]
    assert (body["top_k"], body["chat_template_kwargs"]) == (5, {"enable_thinking": False})


def answer_with(calls, **message):
    """Return a completion as thinking models give it."""
    calls = [
        {"id": None, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for name, arguments in calls
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls} | message
    return {"raw": {"id": "1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}}


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_beside_the_text_are_kept_and_not_sent_back(over_http, server, right, name):
    thinking = {name: "long? no: wait", "content": "<think>and once more</think>I wait"}
    wrong = answer_with([right(WAIT, confidence_score=0)], **thinking)
    state = over_http(wrong, answer_with([right(WAIT)], **thinking))
    assert state.signal.source == "model"
    for answer in (one for one in state.messages if one.type == "ai"):
        assert answer.additional_kwargs == {"reasoning_content": "long? no: wait\nand once more"}
        assert answer.content == "I wait"
        assert answer.tool_calls[0]["id"] == "call_0"
    assert "and once more" not in json.dumps(server.seen[1][2])
    assert "long? no" not in json.dumps(server.seen[1][2])


def test_a_provider_of_langchain_is_opened_by_its_name(over_http, server, right):
    options = {"api_version": "2024-10-21", "seed": 4}
    state = over_http(
        {"tools": [right(WAIT)]},
        provider="azure_openai",
        api_base=server.url.removesuffix("/v1"),
        options=options,
        temperature=0.25,
        max_tokens=321,
    )
    assert state.signal.source == "model"
    path, headers, body = server.seen[0]
    assert path == "/openai/deployments/m/chat/completions?api-version=2024-10-21"
    assert headers["api-key"] == "sk-test"
    tokens = body.get("max_tokens") or body.get("max_completion_tokens")
    assert (body["temperature"], tokens, body["seed"]) == (0.25, 321, 4)


def test_the_client_of_a_provider_tries_once(over_http, server):
    with pytest.raises(ModelError):
        over_http(
            {"status": 500},
            provider="azure_openai",
            api_base=server.url.removesuffix("/v1"),
            options={"api_version": "2024-10-21"},
        )
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "llm, said",
    [
        ({"provider": "nobody"}, r"provider = 'nobody'.*anthropic.*groq"),
        ({"provider": "groq"}, r"pip install langchain-groq"),
        ({"provider": "azure_openai", "options": {"azure_endpoint": "http://h", "api_version": 3}}, "api_version: "),
        ({"provider": "azure_openai", "options": {"azure_endpoint": "http://h", "api_version": "1"}}, "[cC]redentials"),
    ],
    ids=["unknown", "not installed", "wrong option", "no key"],
)
def test_a_provider_that_cannot_be_opened_says_why(llm, said):
    with pytest.raises(ConfigError, match=said) as refused:
        open_model(ModelSettings(model="m", **llm), {"OPENAI_API_KEY": "sk-secret"})
    assert "sk-secret" not in str(refused.value)


def test_a_key_for_openai_does_not_travel_to_another_provider():
    options = {"azure_endpoint": "http://h", "api_version": "1"}
    model = open_model(ModelSettings(provider="azure_openai", model="m", options=options), ENV)
    assert model.openai_api_key.get_secret_value() == "sk-ours"


def test_without_langchain_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    with pytest.raises(ConfigError, match=r"'groq' is none of auto, openai.*pip install 'candlegraph\[providers\]'"):
        open_model(ModelSettings(provider="groq", model="m"), {})


def test_nothing_beyond_loopback_can_be_reached():
    with socket.socket() as one, pytest.raises(RuntimeError, match="tried to reach"):
        one.connect(("192.0.2.1", 80))
