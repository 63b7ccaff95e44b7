"""Function calls by one JSON object: the request, the answer, and when `auto` goes over to it."""

import json
import logging

import jsonschema
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.utils.function_calling import convert_to_openai_tool

from candlegraph.agents.models.json_calls import as_text, called, schema_of
from candlegraph.graph.schema.errors import ModelError
from candlegraph.tools.signals import FLAT_TOOLS

WAIT = "signal_wait"
TOOLS = tuple(convert_to_openai_tool(one) for one in FLAT_TOOLS)
NO_TOOLS = {"status": 500, "raw": json.dumps({"error": {"message": "tools param requires --jinja flag"}})}
NO_FORCE = {"status": 400, "raw": json.dumps({"error": {"message": "tool_choice required: not in thinking mode"}})}


@pytest.fixture
def ask(server, run, make_context, make_snapshot):
    """Return a context's way to decide: `ask(item, item, tool_mode=...)`, as often as wanted with `again`."""

    def go(*script, **llm):
        server.script = list(script)
        llm = {"api_base": server.url, "api_key": "sk-test", "model": "m", "retry_times": 0} | llm
        context = make_context(llm_config=llm)
        go.again = lambda: run(context, make_snapshot())
        return go.again()

    return go


@pytest.fixture
def as_json(args):
    """Return a right call as the text of an answer."""
    return lambda name=WAIT, **changes: {"text": json.dumps({"name": name, "arguments": args(name, **changes)})}


def manners(server):
    """Return how each request asked for a call."""
    return [
        "json" if "response_format" in body else "forced" if body.get("tool_choice") == "required" else "offered"
        for _, _, body in server.seen
    ]


def test_one_schema_holds_every_bound_function(ask, server, as_json):
    state = ask(as_json(), tool_mode="json_schema", options={"seed": 4})
    assert (state.signal.action, state.signal.source) == ("wait", "model")
    body = server.seen[0][2]
    assert "tools" not in body and "tool_choice" not in body
    assert body["seed"] == 4
    calls = body["response_format"]["json_schema"]["schema"]["anyOf"]
    names = [one["properties"]["name"]["const"] for one in calls]
    assert set(names) >= {"signal_entry_long", WAIT} and "signal_exit" not in names
    assert all(name in body["messages"][0]["content"] for name in names)
    leverage = calls[0]["properties"]["arguments"]["properties"]["leverage"]
    assert (leverage["minimum"], leverage["maximum"]) == (1, 100)


def test_the_schema_admits_a_right_call_and_no_other(args):
    schema, right = schema_of(TOOLS), {"name": WAIT, "arguments": args(WAIT)}
    jsonschema.validate(right, schema)
    wrong = (right | {"name": "buy"}, right | {"x": 1}, right | {"arguments": {}}, {"name": WAIT})
    for one in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(one, schema)


def test_a_repair_is_plain_turns(ask, server, as_json):
    state = ask(as_json(confidence_score=0), as_json(), tool_mode="json_schema")
    assert state.signal.source == "model"
    messages = server.seen[1][2]["messages"]
    assert [one["role"] for one in messages] == ["system", "user", "assistant", "user"]
    assert not any("tool_calls" in one or "tool_call_id" in one for one in messages)
    assert json.loads(messages[2]["content"])["arguments"]["confidence_score"] == 0
    assert "confidence_score" in messages[3]["content"]


def test_the_answers_of_functions_become_one_turn():
    history = [
        SystemMessage("rules"),
        HumanMessage("facts"),
        AIMessage(
            "first",
            tool_calls=[tool_call(name="query_rag_stats", args={}, id="a")],
            invalid_tool_calls=[invalid_tool_call(name="x", args='{"broken', id="b", error=None)],
        ),
        ToolMessage("12 cases", tool_call_id="a", name="query_rag_stats"),
        ToolMessage("not JSON", tool_call_id="b", name="x"),
        AIMessage(""),
        HumanMessage("call one"),
    ]
    system, facts, answer, replies = as_text(history, TOOLS)
    assert system.content.startswith("rules\n\n") and "leverage 1..100" in system.content
    assert facts.content == "facts"
    assert answer.content == 'first\n{"name": "query_rag_stats", "arguments": {}}\n{"broken'
    assert replies.content == "query_rag_stats: 12 cases\n\nx: not JSON\n\ncall one"


RIGHT = '{"name": "signal_wait", "arguments": {"a": 1}}'


@pytest.mark.parametrize(
    "text, good, bad",
    [
        (RIGHT, 1, 0),
        (f"```json\n{RIGHT}\n```", 1, 0),
        (f"I wait. {RIGHT} Done.", 1, 0),
        (RIGHT + RIGHT, 2, 0),
        (RIGHT[:-6], 0, 1),
        ("{a set} of " + RIGHT, 0, 1),
        ('{"name": "signal_wait"}', 0, 1),
        ('{"name": 3, "arguments": {}}', 0, 1),
        ('{"name": "x", "arguments": [1]}', 0, 1),
        ('{"a": ' * 100_000, 0, 1),
    ],
    ids=["alone", "fenced", "in a sentence", "two", "cut off", "no JSON", "no arguments", "number", "list", "deep"],
)
def test_what_of_a_text_is_a_call(text, good, bad):
    answer = called(AIMessage(text))
    assert (len(answer.tool_calls), len(answer.invalid_tool_calls), answer.content) == (good, bad, "")
    for one in answer.invalid_tool_calls:
        assert one["args"] == text


def test_text_without_an_object_stays_text():
    assert called(AIMessage("I wait")) == AIMessage("I wait")


def test_a_thought_is_never_read_as_a_call(ask, server, as_json, args):
    thought = json.dumps({"name": "signal_entry_long", "arguments": args("signal_entry_long")})
    state = ask({"text": f"<think>{thought}</think>{as_json()['text']}"}, tool_mode="json_schema")
    assert state.signal.action == "wait" and len(server.seen) == 1


def test_an_answer_that_was_cut_off_is_repaired(ask, server, as_json):
    cut = {"text": as_json()["text"][:40], "finish": "length"}
    state = ask(cut, as_json(), tool_mode="json_schema")
    assert state.signal.source == "model" and len(server.seen) == 2


AUTO = {
    "native calls": ([{"tools": 1}], ["forced"], ["forced"]),
    "a server without tool calls": ([NO_TOOLS, {"json": 1}], ["forced", "json"], ["json"]),
    "text first": ([{"text": "I wait"}, {"json": 1}], ["forced", "json"], ["json"]),
    "not to be forced": ([NO_FORCE, {"tools": 1}], ["forced", "offered"], ["offered"]),
    "neither": ([NO_FORCE, NO_TOOLS, {"json": 1}], ["forced", "offered", "json"], ["json"]),
    "a model that talks": (
        [{"text": "hm"}, {"text": "hm"}, {"tools": 1}],
        ["forced", "json", "forced"],
        ["forced"],
    ),
    "JSON refused": (
        [{"text": "hm"}, {"status": 400}, {"text": "hm"}, {"tools": 1}],
        ["forced", "json", "forced", "forced"],
        ["forced"],
    ),
    "JSON failed in passing": (
        [{"text": "hm"}, {"status": 503}, {"text": "hm"}, {"json": 1}],
        ["forced", "json", "forced", "json"],
        ["json"],
    ),
}


@pytest.mark.parametrize("case", AUTO)
def test_auto_stays_with_the_first_manner_that_brings_a_call(ask, server, right, as_json, case):
    script, first, then = AUTO[case]
    filled = [{"tools": [right(WAIT)]} if "tools" in one else as_json() if "json" in one else one for one in script]
    assert ask(*filled).signal.source == "model"
    assert manners(server) == first
    assert ask.again().signal.source == "model"
    assert manners(server)[len(first) :] == then


def test_going_over_to_json_is_logged_once(ask, caplog, as_json):
    with caplog.at_level(logging.INFO, logger="candlegraph.agents.models.rung"):
        ask(NO_TOOLS, as_json())
        ask.again()
    assert [one.getMessage() for one in caplog.records] == [
        "m calls no functions by itself: it is asked for JSON from now on"
    ]


def test_both_requests_of_a_first_try_are_counted(ask, as_json):
    answer = next(one for one in ask({"text": "I wait"}, as_json()).messages if one.type == "ai")
    assert answer.usage_metadata["total_tokens"] == 4


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_an_error_of_access_or_load_says_nothing_of_tools(ask, server, status):
    said = "function quota of this tool is used up" if status != 503 else "overloaded"
    with pytest.raises(ModelError):
        ask({"status": status, "raw": json.dumps({"error": {"message": said}})})
    assert manners(server) == ["forced"]


@pytest.mark.parametrize("mode, requests", [("native", ["forced"]), ("json_schema", ["json"])])
def test_a_named_manner_is_kept(ask, server, mode, requests):
    with pytest.raises(ModelError):
        ask(NO_TOOLS, tool_mode=mode)
    assert manners(server) == requests
