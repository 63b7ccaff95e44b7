"""Any OpenAI-compatible endpoint: each kind in which servers differ, over loopback HTTP, ends in the model's decision.

What cannot work ends in a message that says what the server said. Nothing is guessed: where an answer may be read in
two ways it is sent back.
"""

import json
import logging
import re

import pytest

from candlegraph.agents.asking.transcript import fault_counts
from candlegraph.agents.models.providers import open_model
from candlegraph.graph.schema.errors import ConfigError, ModelError
from candlegraph.graph.settings.llm import LlmConfig, ModelSettings
from candlegraph.graph.settings.network import advice_on, check_environment

pytestmark = pytest.mark.usefixtures("impatient")
WAIT, LONG, STATS = "signal_wait", "signal_entry_long", "query_rag_stats"


@pytest.fixture
def ask(server, run, make_context, make_snapshot):
    """Return a way to decide: `ask(item, ..., key=value)`; `ask.again()` decides once more by another context."""

    def go(*script, side=None, **llm):
        server.script = list(script)
        llm = {"api_base": server.url, "api_key": "sk-test", "model": "m", "retry_times": 0} | llm
        go.again = lambda: run(make_context(llm_config=llm), make_snapshot(side))
        return go.again()

    return go


@pytest.fixture
def wait(args):
    return args(WAIT)


def paired(ones, others):
    """Return each of both once, in pairs: how two kinds cross is shown by the longer one's turns."""
    count, ones, others = max(len(ones), len(others)), list(ones), list(others)
    return [(ones[n % len(ones)], others[n % len(others)]) for n in range(count)]


def call(name=WAIT, arguments="{}", id="c1", **more):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}} | more


def completion(message, finish="tool_calls", **more):
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    return {"raw": {"id": "x", "model": "m", "choices": [choice]} | more}


def calling(*calls, **message):
    return completion({"content": None, "tool_calls": list(calls)} | message)


def refusing(status, body):
    return {"status": status, "raw": body}


def error(message, status=400, **more):
    return refusing(status, {"error": {"message": message, "type": "invalid_request_error"} | more})


def answers_in(body):
    return [one for one in body["messages"] if one["role"] == "assistant"]


def bodies(server):
    return [body for _, _, body in server.seen]


def is_models(state):
    return state.signal.source == "model"


# -- what a provider attached is sent back ----------------------------------------------------------------------------

DEMANDS = {
    "DeepSeek": error("The `reasoning_content` in the thinking mode must be passed back to the API."),
    "DeepSeek, by index": error("Missing `reasoning_content` field in the assistant message at message index 2."),
    "Kimi": error("thinking is enabled but reasoning_content is missing in assistant tool call message at index 2"),
    "through a gateway": refusing(400, {"error": {"message": json.dumps({"detail": "reasoning_content is required"})}}),
}


@pytest.mark.parametrize("demand, turn", paired(DEMANDS, ["memory", "repair", "text"]))
def test_thoughts_are_sent_back_once_they_are_demanded_and_ever_after(ask, server, wait, caplog, demand, turn):
    first = {
        "memory": calling(call(STATS), reasoning_content="look first"),
        "repair": calling(call(WAIT, json.dumps(wait | {"confidence_score": 0})), reasoning_content="look first"),
        "text": completion({"content": "I wait, I think.", "reasoning_content": "look first"}, "stop"),
    }[turn]

    def item(path, body):
        said = answers_in(body)
        if any(not one.get("reasoning_content") for one in said):
            return DEMANDS[demand]
        return calling(call(WAIT, json.dumps(wait))) if said else first

    caplog.set_level(logging.INFO, "candlegraph.agents.models.profiles")
    assert is_models(ask(item, tool_mode="native"))
    assert answers_in(bodies(server)[-1])[0]["reasoning_content"] == "look first"
    assert len(server.seen) == 3 and is_models(ask.again()) and len(server.seen) == 5
    assert [one.getMessage() for one in caplog.records] == [
        f"m at {server.url}: its thoughts are sent back within a decision from now on"
    ]


SIGNATURE = {"google": {"thought_signature": "c2ln"}}
ATTACHED = {
    "Gemini": (calling(call(STATS, extra_content=SIGNATURE)), ("tool_calls", 0, "extra_content"), SIGNATURE),
    "LiteLLM": (
        calling(call(STATS, provider_specific_fields={"thought_signature": "s"})),
        ("tool_calls", 0, "provider_specific_fields"),
        {"thought_signature": "s"},
    ),
    "OpenRouter": (
        calling(call(STATS), reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}]),
        ("reasoning_details",),
        [{"type": "reasoning.encrypted", "data": "x"}],
    ),
    "Gemini, on the message": (calling(call(STATS), extra_content=SIGNATURE), ("extra_content",), SIGNATURE),
}


@pytest.mark.parametrize("provider, mode", paired(ATTACHED, ["live", "record"]))
def test_what_hangs_on_an_answer_goes_back_with_it(ask, server, wait, provider, mode, tmp_path):
    first, place, value = ATTACHED[provider]
    ask(first, calling(call(WAIT, json.dumps(wait))), mode=mode, cassette=str(tmp_path / "c.sqlite"))
    found = answers_in(bodies(server)[1])[0]
    for step in place:
        found = found[step]
    assert found == value


def test_what_was_attached_to_a_recorded_answer_goes_back_in_the_run_that_goes_on(ask, server, wait, tmp_path):
    first, then = ATTACHED["Gemini"][0], calling(call(WAIT, json.dumps(wait)))
    with pytest.raises(ModelError):
        ask(first, {"status": 401}, mode="record", cassette=str(tmp_path / "c.sqlite"))
    server.script = [then]
    assert is_models(ask.again()) and len(server.seen) == 3
    assert answers_in(bodies(server)[2])[0]["tool_calls"][0]["extra_content"] == SIGNATURE


def test_a_call_that_another_model_made_gets_googles_placeholder(ask, server, wait):
    missing = [
        {"error": {"code": 400, "message": "Function call is missing a thought_signature in functionCall parts."}}
    ]

    def item(path, body):
        calls = [one for said in answers_in(body) for one in said["tool_calls"]]
        if any("extra_content" not in one for one in calls):
            return refusing(400, missing)
        return calling(call(WAIT, json.dumps(wait))) if calls else calling(call(STATS))

    assert is_models(ask(item)) and len(server.seen) == 3


@pytest.mark.parametrize("name", ["reasoning_details", "extra_content"])
def test_what_is_refused_on_a_message_is_left_out_of_messages(ask, server, wait, name):
    def item(path, body):
        if any(name in said for said in answers_in(body)):
            said = [
                {"type": "extra_forbidden", "loc": ["body", "messages", 2, "assistant", name], "msg": "Extra inputs"}
            ]
            return refusing(422, {"detail": said})
        return calling(call(WAIT, json.dumps(wait))) if answers_in(body) else calling(call(STATS), **{name: [{"x": 1}]})

    assert is_models(ask(item)) and len(server.seen) == 3


ID_REFUSALS = {
    "Mistral": "Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of 9.",
    "OpenAI": "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40.",
    "Anthropic": "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    "vLLM": "Invalid tool_call_id: functions.x:0. It must be 9 characters long",
}


@pytest.mark.parametrize("given, server_of", paired(["", None, 7, "functions.x:0", "x" * 60], ID_REFUSALS))
def test_ids_go_back_in_the_form_that_is_accepted(ask, server, wait, given, server_of):
    def item(path, body):
        for one in (one for said in answers_in(body) for one in said["tool_calls"]):
            if not re.fullmatch("[a-zA-Z0-9]{9}", one["id"]):
                return error(ID_REFUSALS[server_of].format(id=one["id"]))
        return calling(call(WAIT, json.dumps(wait))) if answers_in(body) else calling(call(STATS, id=given))

    assert is_models(ask(item))
    *_, answer, reply = bodies(server)[-1]["messages"]
    assert answer["tool_calls"][0]["id"] == reply["tool_call_id"]


@pytest.mark.parametrize("ids", [("a", "a"), ("", ""), (None, None), (1, 1)], ids=str)
def test_calls_with_one_id_are_answered_each_by_its_own(ask, server, wait, ids):
    two = [call(STATS, id=id, index=0) for id in ids]
    assert is_models(ask(calling(*two), calling(call(WAIT, json.dumps(wait)))))
    sent = bodies(server)[1]["messages"]
    assert len({one["id"] for one in sent[-3]["tool_calls"]}) == 2
    assert [one["tool_call_id"] for one in sent[-2:]] == [one["id"] for one in sent[-3]["tool_calls"]]


def test_a_broken_call_goes_back_as_json_under_a_name_that_every_server_accepts(ask, server, wait):
    ask(calling(call("buy it: now!", '{"pair": ')), calling(call(WAIT, json.dumps(wait))))
    (sent,) = answers_in(bodies(server)[1])[0]["tool_calls"]
    assert json.loads(sent["function"]["arguments"]) == {"unreadable": '{"pair":'} or json.loads(
        sent["function"]["arguments"]
    ) == {"unreadable": '{"pair": '}
    assert re.fullmatch("[a-zA-Z0-9_-]+", sent["function"]["name"])


def test_an_empty_answer_does_not_go_back_empty(ask, server, wait):
    ask(completion({"content": ""}, "stop"), calling(call(WAIT, json.dumps(wait))), tool_mode="native")
    assert answers_in(bodies(server)[1])[0]["content"]


MESSAGES = {
    "a null content": ("messages[2].content: Input should be a valid string", lambda m: m["content"] is None),
    "content required": ("Invalid request: missing field `content`", lambda m: m["content"] is None),
    "a system message": ("System role not supported", lambda m: m["role"] == "system"),
    "o1-mini": (
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        lambda m: m["role"] == "system",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_messages_are_sent_as_the_server_reads_them(ask, server, wait, case):
    said, is_refused = MESSAGES[case]

    def item(path, body):
        if any(is_refused(one) for one in body["messages"]):
            return error(said)
        return calling(call(WAIT, json.dumps(wait))) if answers_in(body) else calling(call(STATS))

    assert is_models(ask(item))


# -- the address ------------------------------------------------------------------------------------------------------

CHAT = "/chat/completions"
ADDRESSES = {
    "": ["/v1" + CHAT],
    "/": ["/v1" + CHAT],
    "/v1": ["/v1" + CHAT],
    "/v1/": ["/v1" + CHAT],
    "/v1/chat/completions": ["/v1" + CHAT],
    "/v1/chat/completions/": ["/v1" + CHAT],
    "/api/paas/v4": ["/api/paas/v4" + CHAT],
    "/v1beta/openai/": ["/v1beta/openai" + CHAT],
    "/compatible-mode/v1": ["/compatible-mode/v1" + CHAT],
    "/api/v3/chat/completions": ["/api/v3" + CHAT],
    "/openai": ["/openai" + CHAT],
    "/openai/chat/completions": ["/openai" + CHAT],
    "/openai/deployments/m?api-version=2024-10-21": ["/openai/deployments/m" + CHAT + "?api-version=2024-10-21"],
    "/o/chat/completions?api-version=1": ["/o" + CHAT + "?api-version=1"],
}
ELSEWHERE = {
    "": ["/v1" + CHAT, CHAT],
    "/api": ["/api" + CHAT, "/api/v1" + CHAT],
}


def at(path, item):
    """Return an item that is there under one path only."""
    not_there = refusing(404, {"timestamp": "2026", "status": 404, "error": "Not Found"})
    return lambda asked, body: item if asked == path else not_there


@pytest.mark.parametrize("written", ADDRESSES)
def test_an_address_is_taken_as_it_is_written(ask, server, right, written):
    paths = ADDRESSES[written]
    base = server.url.removesuffix("/v1") + written
    assert is_models(ask(at(paths[-1], {"tools": [right(WAIT)]}), api_base=base))
    assert [path for path, _, _ in server.seen] == paths


@pytest.mark.parametrize("written", ELSEWHERE)
def test_without_a_version_two_addresses_are_tried_once(ask, server, right, written):
    base = server.url.removesuffix("/v1") + written
    assert is_models(ask(at(ELSEWHERE[written][-1], {"tools": [right(WAIT)]}), api_base=base))
    ask.again()
    assert [path for path, _, _ in server.seen] == [*ELSEWHERE[written], ELSEWHERE[written][-1]]


@pytest.mark.parametrize(
    "nothing", [refusing(404, "404 page not found"), refusing(405, {"detail": "Method Not Allowed"})]
)
def test_where_nothing_is_the_message_names_every_address(ask, server, nothing):
    base = server.url.removesuffix("/v1")
    with pytest.raises(ModelError) as caught:
        ask(nothing, api_base=base)
    assert f"{base}/v1{CHAT}: " in str(caught.value) and f"{base}{CHAT}: " in str(caught.value)


def test_a_model_that_is_not_there_is_no_wrong_address(ask, server):
    with pytest.raises(ModelError, match="model `m` does not exist"):
        ask(error("The model `m` does not exist", 404), api_base=server.url.removesuffix("/v1"))
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "base, said",
    [
        ("http://h/v1?key=sk-secret", "a key in its query"),
        ("http://h/v1?subscription-key=sk-secret", "a key in its query"),
        ("http://me:sk-secret@h/v1", "holds a user name"),
        ("http://h:port/v1", "no URL"),
        ("h/v1", "must begin with http"),
    ],
)
def test_an_address_with_a_secret_or_that_is_none_refuses_the_start(base, said):
    with pytest.raises(ConfigError, match=said) as refused:
        open_model(ModelSettings(api_base=base, model="m"), {})
    assert "sk-secret" not in str(refused.value)


def test_a_server_that_wants_the_key_in_its_own_header_gets_it_there(ask, server, right):
    def item(path, body):
        told = server.seen[-1][1]
        denied = "Access denied due to missing subscription key."
        return {"tools": [right(WAIT)]} if "api-key" in told else error(denied, 401)

    assert is_models(ask(item))
    first, then = (headers for _, headers, _ in server.seen)
    assert then["api-key"] == "sk-test" and "authorization" not in then and "api-key" not in first


# -- parameters -------------------------------------------------------------------------------------------------------

LIMIT, OTHER = "max_completion_tokens", "max_tokens"


def pydantic(name):
    return [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted", "input": 1}]


PARAMETERS = {
    "OpenAI": ("temperature", error("Unsupported parameter: 'temperature' is not supported with this model.")),
    "OpenAI, by param": ("temperature", error("Unsupported value for this model.", param="temperature")),
    "only the default": (
        "temperature",
        error("'temperature' does not support 0.7. Only the default (1) value is supported."),
    ),
    "Kimi": ("temperature", error("invalid temperature: only 1 is allowed for this model")),
    "Anthropic": ("temperature", error("`temperature` may only be set to 1 when thinking is enabled.")),
    "Azure": (LIMIT, error("Unrecognized request argument supplied: max_completion_tokens")),
    "FastAPI": (LIMIT, refusing(422, {"detail": pydantic(LIMIT)})),
    "Mistral": (LIMIT, refusing(422, {"object": "error", "message": {"detail": pydantic(LIMIT)}, "code": "1210"})),
    "vLLM": (LIMIT, refusing(400, {"object": "error", "message": str(pydantic(LIMIT)), "code": 400})),
    "NIM": (
        LIMIT,
        refusing(422, {"title": "Unprocessable", "detail": f"body -> {LIMIT}\n  Extra inputs are not permitted"}),
    ),
    "Gemini": ("seed", refusing(400, [{"error": {"code": 400, "message": 'Unknown name "seed": Cannot find field.'}}])),
    "Bedrock": (
        "seed",
        refusing(400, {"message": "Malformed input request: #: extraneous key [seed] is not permitted"}),
    ),
    "Groq": ("top_k", error("property 'top_k' is unsupported")),
    "Rust": (
        "top_k",
        refusing(422, "Failed to deserialize the JSON body: unknown field `top_k`, expected one of `model`"),
    ),
    "xAI": ("presence_penalty", error("Argument not supported on this model: presencePenalty")),
    "plain": ("seed", refusing(400, "unknown parameter: seed")),
    "an event": (
        "seed",
        {"status": 400, "raw": 'event: error\ndata: {"error": {"message": "seed is not supported"}}\n\n'},
    ),
    "Chinese": ("top_k", error("参数 top_k 不支持")),
    "a status of the server": ("seed", error("parameter seed is not supported", 500)),
    "not in everyday words": ("user", error("Unknown parameter: 'user'")),
}


@pytest.mark.parametrize("server_of", PARAMETERS)
def test_a_refused_parameter_is_left_out_once_and_for_every_role(ask, server, right, server_of):
    name, refusal = PARAMETERS[server_of]
    options = {"seed": 4, "top_k": 5, "presence_penalty": 0.1, "user": "me"}
    kept = {"temperature", *options} - {name}
    assert is_models(ask(lambda _, body: refusal if name in body else {"tools": [right(WAIT)]}, options=options))
    assert is_models(ask.again())
    assert [name in body for body in bodies(server)] == [True, False, False]
    assert kept <= bodies(server)[1].keys()
    assert name != LIMIT or bodies(server)[1][OTHER] == 2000


@pytest.mark.parametrize("refused", [{LIMIT, OTHER}, {OTHER}, {LIMIT}], ids=["both", "the old one", "the new one"])
def test_the_limit_goes_under_the_name_that_is_accepted_or_under_none(ask, server, right, refused):
    def item(path, body):
        bad = sorted(refused & body.keys())
        return error(f"Unsupported parameter: '{bad[0]}'. Use another instead.") if bad else {"tools": [right(WAIT)]}

    assert is_models(ask(item))
    assert {LIMIT, OTHER} & bodies(server)[-1].keys() == ({LIMIT} if refused == {OTHER} else {LIMIT, OTHER} - refused)


@pytest.mark.parametrize("name", ["model", "messages", "tools"])
def test_what_a_request_means_is_never_left_out(ask, server, name):
    with pytest.raises(ModelError, match="not supported"):
        ask(error(f"Unsupported parameter: '{name}' is not supported.", param=name), tool_mode="native")
    assert all(name in body for body in bodies(server))


def test_a_refusal_that_only_mentions_a_parameter_teaches_nothing(ask, server):
    with pytest.raises(ModelError, match="insufficient balance"):
        ask(error("insufficient balance for a request with temperature 0.7", 402))
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "llm, gone",
    [
        ({"temperature": None}, "temperature"),
        ({"max_tokens": None}, LIMIT),
        ({"options": {"temperature": None}}, "temperature"),
        ({"options": {"max_tokens": None}}, LIMIT),
        ({"options": {"max_tokens": 50}}, LIMIT),
        ({"options": {"tool_choice": None}}, "tool_choice"),
    ],
    ids=str,
)
def test_null_takes_a_parameter_out_and_options_win(ask, server, right, llm, gone):
    assert is_models(ask({"tools": [right(WAIT)]}, **llm))
    assert gone not in bodies(server)[0]
    assert bodies(server)[0].get("max_tokens") == (llm.get("options") or {}).get("max_tokens")


def test_null_in_a_role_leaves_out_what_the_others_send():
    config = LlmConfig(model="m", api_base="http://h", roles={"decision": {"temperature": None, "timeout": None}})
    (decision,) = config.models_of("decision")
    assert (decision.temperature, decision.timeout, config.models_of("analyst")[0].temperature) == (None, 60, 0.7)


UNKNOWN_NAME = (
    'Invalid JSON payload received. Unknown name "exclusiveMinimum" at '
    "'tools[0].function_declarations[0].parameters.properties[6].value': Cannot find field."
)
SCHEMAS = {
    "Gemini": refusing(
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": UNKNOWN_NAME,
                }
            }
        ],
    ),
    "Cerebras": error("Unsupported JSON schema fields: {'minLength'}"),
    "Moonshot": error("tools.function.parameters is not a valid moonshot flavored json schema"),
    "Anthropic": error("tools.0.custom.input_schema: For 'number' type, properties maximum, minimum are not supported"),
    "llama.cpp": refusing(500, {"error": {"code": 500, "message": "failed to parse grammar"}}),
}
STRICT = (
    "exclusiveMinimum",
    "additionalProperties",
    "const",
    "anyOf",
    "default",
    "title",
    "$ref",
    "minLength",
    "maximum",
)


@pytest.mark.parametrize("server_of, mode", paired(SCHEMAS, ["native", "json_schema"]))
def test_a_strict_server_gets_plain_schemas_with_the_ranges_in_words(ask, server, right, server_of, mode):
    def item(path, body):
        text = json.dumps([body.get("tools"), body.get("response_format")])
        if any(f'"{one}":' in text for one in STRICT):
            return SCHEMAS[server_of]
        name, arguments = right(WAIT)
        written = json.dumps({"name": name, "arguments": arguments})
        return {"tools": [(name, arguments)]} if mode == "native" else {"text": written}

    assert is_models(ask(item, tool_mode=mode)) and len(server.seen) == 2
    if mode == "native":
        functions = {one["function"]["name"]: one["function"]["parameters"] for one in bodies(server)[1]["tools"]}
        assert functions[LONG]["properties"]["leverage"]["description"] == "times the margin; at least 1, at most 100"
        assert functions[LONG]["required"] == bodies(server)[0]["tools"][0]["function"]["parameters"]["required"]


@pytest.mark.parametrize("known", ["json_object", None])
def test_where_a_format_is_not_known_json_is_asked_for_in_plainer_ways(ask, server, wait, known):
    def item(path, body):
        kind = (body.get("response_format") or {}).get("type")
        written = json.dumps({"name": WAIT, "arguments": wait})
        return {"text": written} if kind == known else error("This response_format type is unavailable now")

    assert is_models(ask(item, tool_mode="json_schema"))


STREAM_ONLY = {
    "Qwen": "parameter.enable_thinking must be set to false for non-streaming calls",
    "QwQ": "This model only support stream mode, please enable the stream parameter to access the model.",
    "a gateway": "Stream must be set to true",
    "Anthropic": "Streaming is required for operations that may take longer than 10 minutes",
}


def chunk(finish=None, **delta):
    return {"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def part(index, name=None, arguments=None, id=None):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"index": index, "function": function} | ({"id": id} if id else {})


def stream(*chunks, end="\n\n", head=""):
    text = head + "".join(f"data: {json.dumps(one)}{end}" for one in chunks) + f"data: [DONE]{end}"
    return {"raw": text, "headers": {"Content-Type": "text/event-stream"}}


def halves(text):
    return text[: len(text) // 2], text[len(text) // 2 :]


STREAMS = {
    "in parts": lambda one, two: [chunk(tool_calls=[part(0, WAIT, one, "a")]), chunk(tool_calls=[part(0, None, two)])],
    "the name each time": lambda one, two: [chunk(tool_calls=[part(0, WAIT, a, "a")]) for a in (one, two)],
    "no index": lambda one, two: [
        chunk(tool_calls=[{"id": "a", "function": {"name": WAIT, "arguments": one}}]),
        chunk(tool_calls=[{"function": {"arguments": two}}]),
    ],
    "thoughts first": lambda one, two: [
        chunk(role="assistant", reasoning_content="hm"),
        chunk(tool_calls=[part(0, WAIT, one + two, "a")]),
    ],
    "all in one message": lambda one, two: [
        {"choices": [{"index": 0, "message": {"tool_calls": [call(WAIT, one + two)]}, "finish_reason": "stop"}]}
    ],
    "a legacy call": lambda one, two: [
        chunk(function_call={"name": WAIT, "arguments": one}),
        chunk(function_call={"arguments": two}),
    ],
}


@pytest.mark.parametrize("form, server_of", paired(STREAMS, STREAM_ONLY))
def test_an_endpoint_that_only_streams_is_read_as_a_stream(ask, server, wait, server_of, form):
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    chunks = [*STREAMS[form](*halves(json.dumps(wait))), chunk("tool_calls"), usage]
    refused = error(STREAM_ONLY[server_of])
    state = ask(lambda _, body: stream(*chunks) if body.get("stream") else refused, options={"enable_thinking": True})
    assert is_models(state) and [body.get("stream") for body in bodies(server)] == [None, True]
    assert bodies(server)[1]["enable_thinking"] is True
    assert next(one for one in state.messages if one.type == "ai").usage_metadata["total_tokens"] == 10


@pytest.mark.parametrize("end, head", [("\n\n", ": PROCESSING\n\n"), ("\r\n\r\n", ""), ("\n\n", "event: x\n")])
def test_a_stream_that_nobody_asked_for_is_read_too(ask, wait, end, head):
    two = [chunk(tool_calls=[part(0, STATS, "{}", "a")]), chunk(tool_calls=[part(0, STATS, "{}", "b")])]
    last = [chunk(tool_calls=[part(0, WAIT, json.dumps(wait), "c")])]
    state = ask(stream(*two, end=end, head=head), stream(*last, end=end, head=head))
    assert is_models(state)
    assert [len(one.tool_calls) for one in state.messages if one.type == "ai"] == [2, 1]


# -- answers ----------------------------------------------------------------------------------------------------------


def tagged(name, arguments):
    return json.dumps({"name": name, "arguments": arguments})


def pythonic(name, arguments):
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def by_tags(arguments, form):
    return "".join(form.format(key, value) for key, value in arguments.items())


QWEN, GLM = "<parameter={}>\n{}\n</parameter>\n", "<arg_key>{}</arg_key>\n<arg_value>{}</arg_value>\n"
NAMED = '<parameter name="{}">{}</parameter>'
NAMES = [
    "functions.{}", "default_api.{}", "tools.{}", "default_api:{}", "{}:0", "functions.{}:3", " {} ", "'{}'", "{}()",
    "{}<|channel|>commentary", "{}<|channel|>json", "functions.{}<|constrain|>json", "to=functions.{}",
]  # fmt: skip
ARGUMENTS = {
    "an object": lambda a: a,
    "a string of JSON": lambda a: json.dumps(json.dumps(a)),
    "a string in a string": lambda a: json.dumps(json.dumps(json.dumps(a))),
    "a code fence": lambda a: f"```json\n{json.dumps(a)}\n```",
    "a bare fence": lambda a: f"```\n{json.dumps(a)}\n```",
    "behind an empty one": lambda a: "{}" + json.dumps(a),
    "twice the same": lambda a: json.dumps(a) * 2,
    "in a box": lambda a: json.dumps({"arguments": a}),
    "in a box of text": lambda a: json.dumps({"parameters": json.dumps(a)}),
    "an empty optional": lambda a: json.dumps(a | {"stop_loss": "", "take_profit": None}),
}
MARKUPS = {
    "Hermes": lambda n, a: f"<tool_call>\n{tagged(n, a)}\n</tool_call>",
    "Hermes, unclosed": lambda n, a: f"<tool_call>{tagged(n, a)}",
    "Hermes, after prose": lambda n, a: f"The range is quiet.\n<tool_call>{tagged(n, a)}</tool_call>",
    "Hermes, twice the same": lambda n, a: f"<tool_call>{tagged(n, a)}</tool_call>" * 2,
    "Granite": lambda n, a: f"<|tool_call|>[{tagged(n, a)}]",
    "Phi": lambda n, a: f"<|tool_call|>[{tagged(n, a)}]<|/tool_call|>",
    "Mistral": lambda n, a: f"[TOOL_CALLS][{tagged(n, a)}]",
    "Mistral, new": lambda n, a: f"[TOOL_CALLS]{n}[ARGS]{json.dumps(a)}",
    "Llama": lambda n, a: f"<function={n}>{json.dumps(a)}</function>",
    "Llama, as Groq tells it": lambda n, a: f"<function={n}{json.dumps(a)}</function>",
    "Llama, JSON": lambda n, a: f"<|python_tag|>{json.dumps({'type': 'function', 'name': n, 'parameters': a})}",
    "Llama, pythonic": lambda n, a: f"[{pythonic(n, a)}]",
    "Gemini": lambda n, a: f"```tool_code\nprint(default_api.{pythonic(n, a)})\n```",
    "Qwen coder": lambda n, a: f"<tool_call>\n<function={n}>\n{by_tags(a, QWEN)}</function>\n</tool_call>",
    "GLM": lambda n, a: f"<tool_call>{n}\n{by_tags(a, GLM)}</tool_call>",
    "Kimi": lambda n, a: (
        f"<|tool_calls_section_begin|><|tool_call_begin|>functions.{n}:0<|tool_call_argument_begin|>{json.dumps(a)}"
        "<|tool_call_end|><|tool_calls_section_end|>"
    ),
    "DeepSeek": lambda n, a: (
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{n}\n```json\n{json.dumps(a)}\n```"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>"
    ),
    "DeepSeek 3.1": lambda n, a: (
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{n}<｜tool▁sep｜>{json.dumps(a)}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    "MiniMax": lambda n, a: (
        f'<minimax:tool_call>\n<invoke name="{n}">\n' + by_tags(a, NAMED) + "</invoke>\n</minimax:tool_call>"
    ),
    "Anthropic": lambda n, a: f'<function_calls><invoke name="{n}">' + by_tags(a, NAMED) + "</invoke></function_calls>",
    "gpt-oss": lambda n, a: (
        f"<|channel|>commentary to=functions.{n} <|constrain|>json<|message|>{json.dumps(a)}<|call|>"
    ),
    "fenced": lambda n, a: f"```json\n{tagged(n, a)}\n```",
    "bare": tagged,
    "bare, parameters": lambda n, a: json.dumps({"name": n, "parameters": a}),
    "bare, nested": lambda n, a: json.dumps({"type": "function", "function": {"name": n, "arguments": json.dumps(a)}}),
    "bare, listed": lambda n, a: json.dumps({"tool_calls": [{"function": {"name": n, "arguments": a}}]}),
    "name and object": lambda n, a: f"{n}{json.dumps(a)}</function>",
}


def unwrapped_by(state, server, requests=1):
    """Fail unless the model decided at once, without a fault, and with a note."""
    assert is_models(state), state.signal.reason
    assert fault_counts(state) == {} and len(server.seen) == requests
    (answer,) = (one for one in state.messages if one.type == "ai")
    notes = answer.response_metadata["notes"]
    assert notes and answer.response_metadata["candlegraph"]["notes"] == notes


@pytest.mark.parametrize("form", NAMES)
def test_a_name_in_a_wrapping_is_the_name(ask, server, wait, form):
    unwrapped_by(ask(calling(call(form.format(WAIT), json.dumps(wait)))), server)


@pytest.mark.parametrize("form", ARGUMENTS)
def test_arguments_in_a_wrapping_are_the_arguments(ask, server, args, form):
    unwrapped_by(ask(calling(call(LONG, ARGUMENTS[form](args(LONG) | {"stop_loss": None})))), server)


@pytest.mark.parametrize("empty", ["", None, "null", '""', "```\n```"])
def test_no_arguments_are_right_where_none_are_needed(ask, server, wait, empty):
    state = ask(calling(call(STATS, empty)), calling(call(WAIT, json.dumps(wait))))
    assert is_models(state) and len(server.seen) == 2 and fault_counts(state) == {}


@pytest.mark.parametrize("form, mode", paired(MARKUPS, ["auto", "auto", "json_schema"]))
def test_one_call_in_the_text_is_a_call(ask, server, wait, form, mode):
    unwrapped_or_read = ask(completion({"content": MARKUPS[form](WAIT, wait)}, "stop"), tool_mode=mode)
    assert is_models(unwrapped_or_read) and len(server.seen) == 1
    assert unwrapped_or_read.signal.confidence == wait["confidence_score"]
    if mode == "auto":
        unwrapped_by(unwrapped_or_read, server)


def test_a_generation_that_failed_but_can_be_read_is_no_fault(ask, server, wait):
    written = MARKUPS["Llama, as Groq tells it"](WAIT, wait)
    unwrapped_by(ask(error("Failed to call a function.", code="tool_use_failed", failed_generation=written)), server)


def test_a_legacy_call_and_a_call_without_a_type_are_calls(ask, server, wait):
    for message in (
        {"content": None, "function_call": {"name": WAIT, "arguments": json.dumps(wait)}},
        {"content": None, "tool_calls": [call(WAIT, json.dumps(wait), type=None)]},
        {"content": None, "tool_calls": call(WAIT, json.dumps(wait))},
        {"tool_calls": [{"name": WAIT, "arguments": json.dumps(wait)}]},
        {
            "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}],
            "tool_calls": [call(WAIT, json.dumps(wait))],
        },
    ):
        assert is_models(ask(completion(message)))
        assert fault_counts(ask.again()) == {}


DOUBTFUL = {
    "two calls": lambda w, e: f"<tool_call>{w}</tool_call><tool_call>{e}</tool_call>",
    "two objects": lambda w, e: f"[{w}, {e}]",
    "prose behind": lambda w, e: f"<tool_call>{e}</tool_call> is what I decided against.",
    "an example": lambda w, e: f"An example of the format: <tool_call>{e}</tool_call>",
    "what could be": lambda w, e: f"With a higher RSI I would answer <tool_call>{e}</tool_call>",
    "another name before": lambda w, e: f"signal_wait is right here. <tool_call>{e}</tool_call>",
    "a fence in prose": lambda w, e: f"I call:\n```json\n{e}\n```",
    "an object in prose": lambda w, e: f"So it is {e}",
    "another object beside": lambda w, e: f'<tool_call>{e}</tool_call>{{"note": 1}}',
    "not to be called": lambda w, e: f"Do not call this: <tool_call>{e}</tool_call>",
    "an unknown name": lambda w, e: '<tool_call>{"name": "buy", "arguments": {}}</tool_call>',
    "broken JSON": lambda w, e: f"<tool_call>{e[:-3]}</tool_call>",
    "more keys": lambda w, e: json.dumps(json.loads(e) | {"confidence": 3}),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_may_be_read_in_two_ways_is_sent_back(ask, server, right, case):
    texts = [tagged(*right(name)) for name in (WAIT, LONG)]
    item = completion({"content": DOUBTFUL[case](*texts)}, "stop")
    state = ask(item, {"tools": [right(WAIT)]}, tool_mode="native")
    assert (state.signal.action, len(server.seen)) == ("wait", 2)
    assert fault_counts(state) == {"text_only": 1}


@pytest.mark.parametrize("name", ["signal_wait_now", "my.signal_wait", "signal_wait.signal_entry_long", "Signal_Wait"])
def test_a_name_that_is_another_stays_unknown(ask, wait, name):
    state = ask(calling(call(name, json.dumps(wait))), calling(call(WAIT, json.dumps(wait))))
    assert fault_counts(state) == {"unknown_function": 1}


@pytest.mark.parametrize("arguments", ['{"a": 1}{"b": 2}', "", "null", "[1]", '{"reason": "x", ', '"wait"'])
def test_arguments_that_are_no_one_object_are_sent_back(ask, wait, arguments):
    state = ask(calling(call(WAIT, arguments)), calling(call(WAIT, json.dumps(wait))))
    assert is_models(state) and fault_counts(state) == {"malformed_json": 1}


@pytest.mark.parametrize("pair", ["BTC/USDT", "BTCUSDT", "btc-usdt", "BTC_USDT:USDT"])
def test_the_pair_may_be_named_in_the_other_usual_ways(ask, wait, pair):
    state = ask(calling(call(WAIT, json.dumps(wait | {"pair": pair}))))
    assert is_models(state) and fault_counts(state) == {}


@pytest.mark.parametrize("wrong", [{"confidence_score": 0.55}, {"pair": "BTC/USDC"}, {"pair": "BTC"}], ids=str)
def test_what_a_value_may_mean_is_not_guessed(ask, wait, wrong):
    state = ask(calling(call(WAIT, json.dumps(wait | wrong))), calling(call(WAIT, json.dumps(wait))))
    assert is_models(state) and sum(fault_counts(state).values()) == 1


# -- what is cut off --------------------------------------------------------------------------------------------------

CUT = {
    "the call": ({"content": None, "tool_calls": [call(WAIT, '{"pair": "BTC')]}, "cut the call"),
    "by thoughts": ({"content": "", "reasoning_content": "and then, " * 9}, "was used up by thoughts"),
    "by thoughts in the text": ({"content": "<think>and then"}, "was used up by thoughts"),
    "the text": ({"content": "The market"}, "cut the text"),
}


@pytest.mark.parametrize("case, finish", paired(CUT, ["length", "MAX_TOKENS", "max_tokens"]))
def test_an_answer_that_is_cut_off_is_asked_for_once_more_and_then_says_what_to_change(ask, server, case, finish):
    message, told = CUT[case]
    state = ask(completion(message, finish), max_tokens=321)
    assert (state.signal.source, len(server.seen)) == ("fallback", 2)
    assert state.signal.reason.startswith(f"llm_config.max_tokens = 321 {told}: raise it")
    assert fault_counts(state) == {"cut_off": 2}
    assert bodies(server)[0] != bodies(server)[1]
    assert "cut off" in str(bodies(server)[1]["messages"][-1]["content"])


# -- errors keep their reason -----------------------------------------------------------------------------------------

REASONS = {
    "an object": ({"error": {"message": "the reason", "code": "x"}}, "the reason"),
    "a text": ({"error": "the reason"}, "the reason"),
    "a list": ([{"error": {"code": 400, "message": "the reason"}}], "the reason"),
    "nested": ({"error": {"message": json.dumps({"error": {"message": "the reason"}})}}, "the reason"),
    "OpenRouter": ({"error": {"message": "Provider returned error", "metadata": {"raw": "the reason"}}}, "the reason"),
    "FastAPI": ({"detail": [{"loc": ["body", "x"], "msg": "the reason"}]}, "body.x: the reason"),
    "MiniMax": ({"base_resp": {"status_code": 1004, "status_msg": "the reason"}}, "the reason"),
    "msg": ({"code": 1000, "msg": "the reason"}, "the reason"),
    "plain": ("the reason", "the reason"),
    "a page": (
        "<html><head><title>the reason</title></head><body>b</body></html>",
        'a page, not an answer: "the reason"',
    ),
    "a page without a title": ("<!doctype html><body><h1>the&nbsp;reason</h1></body>", "the reason"),
    "an event stream": ('data: {"error": {"message": "the reason"}}\n\ndata: [DONE]\n\n', "the reason"),
}


@pytest.mark.parametrize("form, status", paired(REASONS, [402, 200, 418]))
def test_an_error_says_why_where_and_with_which_status(ask, server, form, status):
    body, told = REASONS[form]
    with pytest.raises(ModelError) as caught:
        ask({"status": status, "raw": body})
    said = str(caught.value)
    assert told in said and f"{status} from {server.url}{CHAT}" in said and "sk-test" not in said


@pytest.mark.parametrize("where", ["body", "choice"])
def test_an_error_within_a_200_is_tried_again_by_its_own_status(ask, server, right, where):
    told = {"message": "Provider returned error", "code": 429}
    whole = {"error": told} if where == "body" else {"choices": [{"index": 0, "error": told, "finish_reason": "error"}]}
    assert is_models(ask({"raw": whole}, {"tools": [right(WAIT)]}, retry_times=1))
    with pytest.raises(ModelError, match="error 401 in it"):
        ask({"raw": {"error": {"message": "bad key", "code": 401}}}, retry_times=3)
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    "wrap",
    [lambda b: "\ufeff" + json.dumps(b), lambda b: "\n\n  " + json.dumps(b), lambda b: [b], lambda b: {"data": b}],
)
def test_a_completion_is_found_behind_marks_and_in_envelopes(ask, wait, wrap):
    item = calling(call(WAIT, json.dumps(wait)))
    assert is_models(ask({"raw": wrap(item["raw"])}))


@pytest.mark.parametrize("usage", [{"prompt_tokens": None}, {"prompt_tokens": "7"}, [], "none", None], ids=str)
def test_tokens_that_cannot_be_counted_are_not(ask, wait, usage):
    state = ask(calling(call(WAIT, json.dumps(wait))) | {})
    item = calling(call(WAIT, json.dumps(wait)))
    item["raw"]["usage"] = usage
    state = ask(item)
    assert is_models(state) and next(m for m in state.messages if m.type == "ai").usage_metadata is None


@pytest.mark.parametrize(
    "item, seconds",
    [
        ({"headers": {"Retry-After": "0.2s"}}, 0.2),
        ({"raw": {"error": {"details": [{"retryDelay": "0.2s"}]}}}, 0.2),
        ({"raw": {"error": {"message": "Please try again in 200ms."}}}, 0.2),
    ],
)
def test_a_server_may_say_in_its_own_words_how_long_to_wait(ask, server, right, item, seconds):
    state = ask({"status": 429} | item, {"tools": [right(WAIT)]}, retry_times=1)
    record = next(one for one in state.messages if one.type == "ai").response_metadata["candlegraph"]
    assert len(server.seen) == 2 and record["seconds"] >= seconds  # longer than the pause of our own


def test_the_environment_is_told_by_its_variable(tmp_path):
    for name, value in (("HTTPS_PROXY", "ftp://me:geheim@p"), ("SSL_CERT_FILE", str(tmp_path / "no.pem"))):
        with pytest.raises(ConfigError, match=f"environment: {name}") as refused:
            check_environment({name: value})
        assert "geheim" not in str(refused.value)
    check_environment({"HTTPS_PROXY": "http://p:3128", "all_proxy": "socks5://p:1", "SSL_CERT_DIR": str(tmp_path)})
    told = advice_on(
        "https://h/v1", "certificate verify failed", {"REQUESTS_CA_BUNDLE": "x", "HTTPS_PROXY": "http://u:geheim@p"}
    )
    assert all(one in told for one in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "NO_PROXY=h"))
    assert "geheim" not in told and advice_on("https://h/v1", "refused", {}) == ""


def test_a_bad_proxy_refuses_the_start_and_not_a_candle():
    with pytest.raises(ConfigError, match="environment: HTTP_PROXY"):
        open_model(ModelSettings(api_base="http://h/v1", model="m"), {"HTTP_PROXY": "nonsense://p"})


def test_settings_may_leave_temperature_and_limit_out():
    assert ModelSettings(temperature=None, max_tokens=None).temperature is None
