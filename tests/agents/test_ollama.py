"""Ollama's own protocol: what is sent to /api/chat, and what is made of its lines."""

import json
import sys

import pytest

from candlegraph.agents.models.providers import open_model, secrets_of
from candlegraph.graph.schema.errors import ConfigError, ModelError
from candlegraph.graph.settings.llm import ModelSettings

WAIT = "signal_wait"


def line(content="", calls=(), **message):
    """Return the one line of an answer, as Ollama sends it."""
    found = [{"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    message = {"role": "assistant", "content": content, "tool_calls": found} | message
    counts = {"prompt_eval_count": 11, "eval_count": 5, "total_duration": 1, "load_duration": 1}
    whole = {"model": "qwen3", "created_at": "2024-01-01T00:00:00Z", "message": message, "done": True} | counts
    return {
        "raw": json.dumps(whole | {"done_reason": "stop"}) + "\n",
        "headers": {"Content-Type": "application/x-ndjson"},
    }


@pytest.fixture
def ask(server, run, make_context, make_snapshot):
    """Return the state decided by the real client: `ask(line, line, ...)`."""

    def go(*script, **llm):
        server.script = list(script)
        known = {"provider": "ollama", "api_base": server.url.removesuffix("/v1"), "model": "qwen3", "retry_times": 0}
        return run(make_context(llm_config=known | llm), make_snapshot())

    return go


def test_a_decision_over_the_protocol_of_ollama(ask, server, right):
    state = ask(line(calls=[right(WAIT)]), temperature=0.25, max_tokens=321, options={"num_ctx": 8192})
    assert (state.signal.action, state.signal.source) == ("wait", "model")
    path, headers, body = server.seen[0]
    assert path == "/api/chat" and "authorization" not in headers
    assert body["model"] == "qwen3"
    assert body["options"] == {"temperature": 0.25, "num_predict": 321, "num_ctx": 8192}
    assert WAIT in [one["function"]["name"] for one in body["tools"]]
    answer = next(one for one in state.messages if one.type == "ai")
    assert answer.usage_metadata["input_tokens"] == 11
    assert answer.response_metadata["finish_reason"] == "stop"


def test_thoughts_of_ollama_are_kept_and_not_sent_back(ask, server, right):
    thinking = [line(calls=[right(WAIT, confidence_score=score)], thinking="hm, wait") for score in (0, 60)]
    state = ask(*thinking, options={"reasoning": True})
    assert server.seen[0][2]["think"] is True
    answers = [one for one in state.messages if one.type == "ai"]
    assert [one.additional_kwargs for one in answers] == 2 * [{"reasoning_content": "hm, wait"}]
    assert "hm, wait" not in json.dumps(server.seen[1][2])


def test_ollama_is_held_to_the_schema_by_format(ask, server, args):
    state = ask(line(json.dumps({"name": WAIT, "arguments": args(WAIT)})), tool_mode="json_schema")
    assert state.signal.source == "model"
    body = server.seen[0][2]
    assert len(body["format"]["anyOf"]) == 5 and not body.get("tools")


def test_a_model_of_ollama_without_tools_is_asked_for_json(ask, server, args):
    refused = {"status": 400, "raw": json.dumps({"error": "smollm2:135m does not support tools"})}
    state = ask(refused, line(json.dumps({"name": WAIT, "arguments": args(WAIT)})))
    assert state.signal.source == "model"
    assert ["format" in body and bool(body["format"]) for _, _, body in server.seen] == [False, True]


def test_an_attempt_at_ollama_is_one_request_and_ends_with_its_timeout(ask, server):
    with pytest.raises(ModelError, match="500"):
        ask({"status": 500, "raw": json.dumps({"error": "out of memory"})})
    assert len(server.seen) == 1
    with pytest.raises(ModelError, match="no answer within 0.2 s"):
        ask({"sleep": 0.6, "raw": "{}"}, timeout=0.2)


def test_only_a_key_that_is_named_is_sent_to_ollama(ask, server, right, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    ask(line(calls=[right(WAIT)]))
    assert "authorization" not in server.seen[-1][1]
    ask(line(calls=[right(WAIT)]), api_key="sk-named")
    assert server.seen[-1][1]["authorization"] == "Bearer sk-named"


def test_ollama_is_looked_for_on_this_machine():
    model = open_model(ModelSettings(provider="ollama", model="m"), {})
    assert model.base_url == "http://127.0.0.1:11434"
    assert (
        open_model(ModelSettings(provider="ollama", model="m", api_base="http://h:1/v1/"), {}).base_url == "http://h:1"
    )


def test_a_key_of_ollama_is_in_no_text_and_among_the_secrets():
    settings = ModelSettings(provider="ollama", model="m", api_key_env="HOST_KEY")
    model = open_model(settings, {"HOST_KEY": "sk-host"})
    assert "sk-host" not in repr(model) and "sk-host" not in str(model)
    assert "sk-host" in secrets_of(settings, {"HOST_KEY": "sk-host"})


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_ollama", None)
    with pytest.raises(ConfigError, match=r"pip install 'candlegraph\[ollama\]'"):
        open_model(ModelSettings(provider="ollama", model="m"), {})
