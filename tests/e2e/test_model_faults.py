"""The real HTTP client and the whole graph against an endpoint on loopback that misbehaves in every way we know."""

import json
import socket
import struct
import threading
import time
from contextlib import contextmanager

import pytest

from candlegraph.agents.asking.transcript import fault_counts
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.graph.schema.errors import ModelError

pytestmark = pytest.mark.usefixtures("impatient")
PAIR, OTHER = "BTC/USDT:USDT", "ETH/USDT:USDT"


def completion(*calls, text=None, finish="tool_calls", **changes):
    """Return the body of an answer; `calls` are (name, arguments or raw text)."""
    made = [
        {
            "id": f"c{n}",
            "type": "function",
            "function": {"name": name, "arguments": a if isinstance(a, str) else json.dumps(a)},
        }
        for n, (name, a) in enumerate(calls)
    ]
    message = {"role": "assistant", "content": text} | ({"tool_calls": made} if made else {})
    choice = {"index": 0, "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    whole = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    return json.dumps(whole | changes).encode()


def http(body=b"", status="200 OK", kind="application/json", length=None, **headers):
    """Return a whole response."""
    told = {"Content-Type": kind, "Content-Length": str(len(body) if length is None else length), "Connection": "close"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


class Endpoint:
    """Plays `script` request by request, the last for ever: bytes, or a function of the connection."""

    def __init__(self, *script):
        self.script, self.asked, self.lock = script, 0, threading.Lock()

    def serve(self, connection):
        with connection:
            connection.settimeout(10)
            if not read_request(connection):
                return
            with self.lock:
                self.asked += 1
                item = self.script[min(self.asked, len(self.script)) - 1]
            try:
                item(connection) if callable(item) else connection.sendall(item)
            except OSError:
                return  # the client left at its time-out

    @contextmanager
    def __call__(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()


def read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        if not (part := connection.recv(65536)):
            return False
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return True


def dripping(body, seconds):
    """Send the body byte by byte, so that no single read takes long."""

    def send(connection):
        connection.sendall(http(length=len(body)))
        for byte in body:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)

    return send


def reset(connection):
    """Break off in the middle of the answer, without a farewell."""
    connection.sendall(http(length=500) + b'{"id": "x", "choi')
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hanging(connection):
    """Answer nothing until the client leaves."""
    connection.settimeout(5)
    connection.recv(1)


@pytest.fixture(scope="module")
def wait(make_snapshot):
    rsi = make_snapshot().main.indicators.rsi
    return ("signal_wait", {"pair": PAIR, "confidence_score": 60, "rsi_value": round(rsi, 1), "reason": "none"})


@pytest.fixture
def decided(make_context, make_snapshot):
    """Return outcome and requests of a decision through the runner: `decided(url, key=value)`."""

    def go(url, *fallbacks, deadline=5.0, **llm):
        known = {"api_base": url, "model": "m", "retry_times": 0, "tool_mode": "native", "timeout": 3}
        config = known | {"fallbacks": [{"api_base": one, "model": "second"} for one in fallbacks]} | llm
        return Runner(make_context(llm_config=config)).decide({PAIR: make_snapshot()}, deadline)[PAIR]

    return go


TRUNCATED = b'{"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": {"role"'
UNREADABLE, BROKEN_OFF = "unreadable answer: ", "Connection error at http://127.0.0.1:"
BROKEN = {
    "truncated JSON, right length": (http(TRUNCATED), UNREADABLE),
    "truncated JSON, longer length": (http(TRUNCATED, length=5000), "without sending complete message body"),
    "no JSON at all": (http(b"the model is loading"), UNREADABLE),
    "wrong content type": (http(b"<html>hello</html>", kind="text/html"), UNREADABLE),
    "200 with an error body": (http(b'{"error": {"message": "overloaded", "code": 503}}'), "overloaded"),
    "no choices": (http(completion(choices=[])), UNREADABLE),
    "choices that are null": (http(completion(choices=None)), UNREADABLE),
    "a null message": (http(completion(choices=[{"index": 0, "message": None, "finish_reason": "stop"}])), UNREADABLE),
    "a message of another role": (http(completion(choices=[{"index": 0, "message": {"role": "user"}}])), "m: "),
    "a list instead of an object": (http(b"[1, 2]"), UNREADABLE),
    "an empty body": (http(b""), UNREADABLE),
    "no content": (http(b"", status="204 No Content"), UNREADABLE),
    "garbage behind gzip": (http(b"not gzip", Content_Encoding="gzip"), BROKEN_OFF),
    "a connection reset in mid-answer": (reset, "reset by peer"),
    "an answer without a head": (b"gibberish\r\n\r\n", BROKEN_OFF),
    "500": (http(b'{"error": {"message": "x"}}', status="500 Internal Server Error"), "500 from http://127.0.0.1:"),
    "503": (http(b"", status="503 Service Unavailable"), "503 from http://127.0.0.1:"),
    "429": (
        http(b'{"error": {"message": "slow down"}}', status="429 Too Many Requests", Retry_After="0.01"),
        "slow down",
    ),
    "401": (http(b'{"error": {"message": "bad key"}}', status="401 Unauthorized"), "/v1/chat/completions: bad key"),
    "404": (http(b'{"error": {"message": "no such model"}}', status="404 Not Found"), "no such model"),
    "a redirect to itself": (http(b"", status="302 Found", Location="/v1/chat/completions"), BROKEN_OFF),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_answer_is_one_failed_attempt_and_the_fallback_answers(fault, decided, wait):
    response, told = BROKEN[fault]
    first, second = Endpoint(response), Endpoint(http(completion(wait)))
    with first() as url, second() as other:
        outcome = decided(url, other)
    assert outcome.error is None, outcome.error
    assert (outcome.state.signal.action, outcome.state.signal.source) == ("wait", "model")
    record = outcome.state.messages[2].response_metadata["candlegraph"]
    assert (record["model"], [one["model"] for one in record["tries"]]) == ("second", ["m"])
    assert told in f"m: {record['tries'][0]['error']}"
    assert (first.asked, second.asked) == (1, 1)


@pytest.mark.parametrize("fault", BROKEN)
def test_without_a_fallback_a_broken_answer_ends_as_an_error_that_names_it(fault, decided):
    response, told = BROKEN[fault]
    with Endpoint(response)() as url:
        outcome = decided(url)
    assert isinstance(outcome.error, ModelError)
    assert told in str(outcome.error) and len(outcome.error.tries) == 1
    assert outcome.latency_ms < 5000


@pytest.mark.parametrize(
    "fault", ["500", "503", "429", "truncated JSON, right length", "a connection reset in mid-answer"]
)
def test_what_may_pass_is_tried_again(fault, decided, wait):
    endpoint = Endpoint(BROKEN[fault][0], http(completion(wait)))
    with endpoint() as url:
        outcome = decided(url, retry_times=1)
    assert (outcome.error, endpoint.asked, outcome.state.signal.source) == (None, 2, "model")


@pytest.mark.parametrize("fault", ["401", "404"])
def test_what_will_not_pass_is_not(fault, decided):
    endpoint = Endpoint(BROKEN[fault][0])
    with endpoint() as url:
        assert isinstance(decided(url, retry_times=3).error, ModelError)
    assert endpoint.asked == 1


def test_every_attempt_of_every_model_is_named(decided):
    with Endpoint(BROKEN["503"][0], BROKEN["429"][0])() as url, Endpoint(BROKEN["401"][0])() as other:
        tries = decided(url, other, retry_times=1).error.tries
    assert [one.model for one in tries] == ["m", "m", "second"]
    assert ["503" in tries[0].error, "429" in tries[1].error, "401" in tries[2].error] == [True] * 3


def test_the_endpoint_says_how_long_to_wait(decided, wait):
    busy = http(b"{}", status="429 Too Many Requests", Retry_After="0.4")
    endpoint = Endpoint(busy, http(completion(wait)))
    with endpoint() as url:
        outcome = decided(url, retry_times=1)
    assert outcome.error is None and outcome.latency_ms > 400


def test_a_slow_drip_ends_with_the_attempts_timeout_however_short_its_reads(decided):
    with Endpoint(dripping(completion(text="x" * 400), 0.05))() as url:
        outcome = decided(url, timeout=0.5)
    assert "no answer within 0.5 s" in str(outcome.error)
    assert outcome.latency_ms < 1500


def test_a_slow_drip_that_comes_in_time_is_an_answer(decided, wait):
    with Endpoint(dripping(completion(wait), 0.0005))() as url:
        assert decided(url).error is None


def test_nobody_listens(decided, wait):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with Endpoint(http(completion(wait)))() as other:
            outcome = decided(nobody, other)
    assert outcome.error is None
    assert (
        "connection attempts failed" in outcome.state.messages[2].response_metadata["candlegraph"]["tries"][0]["error"]
    )


def test_a_hanging_model_leaves_its_fallback_time_before_the_deadline(decided, wait):
    with Endpoint(hanging)() as url, Endpoint(http(completion(wait)))() as other:
        outcome = decided(url, other, deadline=1.5, timeout=60)
    assert outcome.error is None
    assert outcome.latency_ms < 1500


def test_an_attempt_that_is_given_up_closes_its_connection(decided):
    left = threading.Event()

    def watched(connection):
        connection.settimeout(5)
        left.set() if connection.recv(1) == b"" else None

    with Endpoint(watched)() as url:
        assert "no answer within 0.2 s" in str(decided(url, timeout=0.2).error)
        assert left.wait(1)


def test_one_deadline_covers_attempts_fallbacks_and_repairs(decided):
    with Endpoint(http(completion(text="no")), hanging)() as url, Endpoint(hanging)() as other:
        started = time.monotonic()
        outcome = decided(url, other, deadline=1.0, timeout=60, retry_times=3)
    assert time.monotonic() - started < 1.2
    assert outcome.error is not None


def test_one_hanging_pair_does_not_keep_another_from_its_answer(make_context, make_snapshot, wait):
    answers = {PAIR: hanging, OTHER: http(completion((wait[0], wait[1] | {"pair": OTHER})))}

    class ByPair(Endpoint):
        def serve(self, connection):
            with connection:
                connection.settimeout(5)
                data = connection.recv(200_000)
                while b"<facts>" not in data:
                    data += connection.recv(200_000)
                item = answers[OTHER if b"ETH/USDT" in data else PAIR]
                item(connection) if callable(item) else connection.sendall(item)

    with ByPair()() as url:
        context = make_context(llm_config={"api_base": url, "model": "m", "retry_times": 0, "tool_mode": "native"})
        pairs = {pair: make_snapshot().model_copy(update={"pair": pair}) for pair in (PAIR, OTHER)}
        started = time.monotonic()
        found = Runner(context).decide(pairs, 1.0)
    assert time.monotonic() - started < 1.3
    assert found[OTHER].state is not None and found[OTHER].latency_ms < 900
    assert found[PAIR].error is not None


# -- answers that are read, and are wrong -------------------------------------------------------------------------

ENTRY = {"leverage": 3, "key_support": 1.0, "key_resistance": 1e9, "trend_strength": "weak"}
BAD = {
    "text_only": dict(text="I would wait."),
    "empty": dict(text=""),
    "malformed_json": dict(calls=[("signal_wait", '{"pair": "BTC')]),
    "unknown_function": dict(calls=[("buy_everything", {})]),
    "not_allowed": dict(calls=[("signal_exit", {})]),
    "wrong_pair": dict(calls=[("signal_wait", {"pair": "DOGE/USDT:USDT"})]),
    "not_a_number": dict(calls=[("signal_wait", {"rsi_value": float("nan")})]),
    "out_of_range": dict(calls=[("signal_wait", {"confidence_score": 1000})]),
    "wrong_arguments": dict(calls=[("signal_wait", {"surprise": 1})]),
    "too_long": dict(calls=[("signal_wait", {"reason": "x" * 3000})]),
    "several_signals": dict(calls=[("signal_wait", {}), ("signal_entry_long", ENTRY)]),
    "both_sides": dict(calls=[("signal_entry_long", ENTRY), ("signal_entry_short", ENTRY)]),
    "surplus_memory_call": dict(calls=[("query_rag_stats", None)] * 3),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("ends", ["right", "never"])
def test_a_bad_answer_is_repaired_or_ends_safely_and_its_kind_is_counted(kind, ends, decided, wait):
    given = BAD[kind].get("calls", [])
    calls = [(name, told(wait[1], args)) for name, args in given]
    bad = http(completion(*calls, text=BAD[kind].get("text")))
    endpoint = Endpoint(bad, http(completion(wait))) if ends == "right" else Endpoint(bad)
    with endpoint() as url:
        outcome = decided(url)
    signal = outcome.state.signal
    assert outcome.error is None
    assert (signal.action, signal.source) == ("wait", "model" if ends == "right" else "fallback")
    assert fault_counts(outcome.state) == {kind: 1 if ends == "right" else 3}


NO_OBJECT = {
    "partial": '{"pair": "BTC/USDT:USDT", "rea',
    "a list": "[1, 2]",
    "null": "null",
    "text": '"wait"',
    "a number": "3",
    "nothing": "",
    "two objects": "{}{}",
    "nesting without end": "[" * 50_000,
    "an object of objects": '{"a":' * 3000 + "1" + "}" * 3000,
    "more digits than are read": '{"rsi_value": ' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("arguments", NO_OBJECT)
def test_arguments_that_are_no_json_object_are_sent_back(arguments, decided, wait):
    endpoint = Endpoint(http(completion(("signal_wait", NO_OBJECT[arguments]))), http(completion(wait)))
    with endpoint() as url:
        outcome = decided(url)
    assert (outcome.error, outcome.state.signal.source, endpoint.asked) == (None, "model", 2)
    assert fault_counts(outcome.state) == {"malformed_json": 1}


def failed(status, error):
    return http(json.dumps({"error": error}).encode(), status=f"{status} Failed")


WRITTEN = "<function=signal_wait>{...}"
FAILED_GENERATIONS = {
    "Groq": failed(
        400, {"message": "Failed to call a function.", "code": "tool_use_failed", "failed_generation": WRITTEN}
    ),
    "Groq, against the schema": failed(
        400, {"message": "tool call validation failed: `/leverage`: expected number", "code": "tool_use_failed"}
    ),
    "Groq, JSON": failed(400, {"message": "Failed to generate JSON", "code": "json_validate_failed"}),
    "Gemini": failed(400, {"message": "MALFORMED_FUNCTION_CALL"}),
    "Ollama": failed(500, "error parsing tool call: raw='{' err=unexpected end of JSON input"),
    "llama.cpp": failed(500, {"code": 500, "message": "Failed to parse input at pos 12: <tool_call>"}),
    "OpenAI": failed(500, {"message": "The model produced invalid content.", "type": "model_error"}),
}


@pytest.mark.parametrize("mode", ["native", "auto"])
@pytest.mark.parametrize("server", FAILED_GENERATIONS)
def test_a_generation_that_its_server_calls_failed_is_repaired_like_any_other(server, mode, decided, wait):
    endpoint = Endpoint(FAILED_GENERATIONS[server], http(completion(wait)))
    with endpoint() as url:
        outcome = decided(url, tool_mode=mode)
    assert (outcome.error, outcome.state.signal.source, endpoint.asked) == (None, "model", 2)
    assert fault_counts(outcome.state) == {"malformed_json": 1}


def test_a_generation_that_fails_for_ever_ends_safely_and_says_why(decided):
    with Endpoint(FAILED_GENERATIONS["Groq"])() as url:
        signal = decided(url).state.signal
    assert (signal.action, signal.source) == ("wait", "fallback")
    assert "Failed to call a function." in signal.reason


def told(right, args):
    """Return arguments: raw text as it is, none for None, else right ones with some changed."""
    if args is None or isinstance(args, str):
        return args or {}
    return right | args


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter", "weird"])
def test_a_call_counts_whatever_the_finish_reason_says(finish, decided, wait):
    with Endpoint(http(completion(wait, finish=finish)))() as url:
        assert decided(url).state.signal.source == "model"


def test_a_huge_answer_neither_fills_the_next_prompt_nor_the_signal(decided, wait):
    huge = http(completion(("signal_wait", wait[1] | {"reason": "x" * 3_000_000}), text="y" * 3_000_000))
    with Endpoint(huge)() as url:
        outcome = decided(url)
    assert outcome.state.signal.source == "fallback"
    assert len(outcome.state.model_dump_json()) < 500_000
    assert len(outcome.state.signal.reason) < 2000
