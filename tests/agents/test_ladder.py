"""The ladder over fake rungs: attempts, pauses, fallbacks, circuits, one deadline; no key in any error."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from candlegraph.agents.models.breaker import Circuit
from candlegraph.agents.models.failures import failure_of
from candlegraph.agents.models.ladder import Asked, Ladder
from candlegraph.graph.errors import ModelError
from candlegraph.graph.llm_settings import Breaker, ModelSettings

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


class Refused(Exception):
    def __init__(self, status=None, text="refused", **headers):
        super().__init__(text)
        if status is not None:
            self.status_code = status
        self.response = SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})


class FakeRung:
    """Plays a script: an exception is raised, a number is slept before the answer; the last item for ever."""

    def __init__(self, name, *script, retry_times=0, timeout=5.0):
        self.settings = ModelSettings(model=name, retry_times=retry_times, timeout=timeout)
        self.endpoint, self.script, self.asked, self.cancelled = name, script, 0, 0

    async def ask(self, messages, tools):
        self.asked += 1
        item = self.script[min(self.asked, len(self.script)) - 1]
        if isinstance(item, BaseException):
            raise item
        try:
            await asyncio.sleep(item)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return AIMessage(self.settings.model)


PATIENT = Breaker(failures=1000)


def ladder(*rungs, breaker=PATIENT, secrets=(), circuits=None):
    known = {} if circuits is None else circuits
    return Ladder(tuple(rungs), lambda name: known.setdefault(name, Circuit(breaker)), secrets)


def ask(one, seconds=None, late_counts=False):
    async def go():
        deadline = None if seconds is None else time.monotonic() + seconds
        asked = Asked([], (), deadline, late_counts)
        answer, rung = await one.ask(asked)
        return answer.content, [(t.model, t.error) for t in asked.tries]

    return asyncio.run(go())


QUICK = Refused(503, retry_after_ms="1")


def test_a_passing_failure_is_tried_again_and_the_tries_are_told():
    rung = FakeRung("a", QUICK, QUICK, 0, retry_times=2)
    answer, tries = ask(ladder(rung))
    assert (answer, rung.asked) == ("a", 3)
    assert tries == [("a", "Refused 503: refused")] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_lasting_failure_goes_to_the_next_model_at_once(status):
    first, second = FakeRung("a", Refused(status), retry_times=5), FakeRung("b", 0)
    assert ask(ladder(first, second))[0] == "b"
    assert first.asked == 1


def test_when_all_have_failed_the_error_names_every_attempt():
    with pytest.raises(ModelError) as caught:
        ask(ladder(FakeRung("a", QUICK, retry_times=1), FakeRung("b", ValueError("no JSON"))))
    assert [one.model for one in caught.value.tries] == ["a", "a", "b"]
    assert "a: Refused 503: refused; a: Refused 503: refused; b: ValueError: no JSON" in str(caught.value)


def test_a_hanging_model_leaves_its_fallback_a_share_of_the_deadline():
    first, second = FakeRung("a", 30, timeout=60), FakeRung("b", 0.05)
    started = time.monotonic()
    answer, tries = ask(ladder(first, second), seconds=0.6)
    assert (answer, first.cancelled) == ("b", 1)
    assert time.monotonic() - started < 0.6
    assert tries[0][1].startswith("TimeoutError: no answer within 0.3")


def test_everything_ends_with_the_deadline():
    rungs = [FakeRung(name, 30, retry_times=3, timeout=60) for name in "abc"]
    started = time.monotonic()
    with pytest.raises(ModelError):
        ask(ladder(*rungs), seconds=0.5)
    assert time.monotonic() - started < 0.7


def test_a_pause_that_would_pass_the_deadline_is_not_made():
    first, second = FakeRung("a", Refused(429, retry_after="30"), retry_times=3), FakeRung("b", 0)
    started = time.monotonic()
    assert ask(ladder(first, second), seconds=2.0)[0] == "b"
    assert time.monotonic() - started < 1 and first.asked == 1


def test_what_is_under_way_may_outlast_the_deadline_where_a_late_answer_counts():
    assert ask(ladder(FakeRung("a", 0.4)), seconds=0.2, late_counts=True)[0] == "a"
    with pytest.raises(ModelError):
        ask(ladder(FakeRung("a", 0.4)), seconds=0.2)


def test_without_time_nobody_is_asked():
    rung = FakeRung("a", 0)
    with pytest.raises(ModelError, match="no time was left to ask"):
        ask(ladder(rung), seconds=-1.0)
    assert rung.asked == 0


# -- the circuit breaker ------------------------------------------------------------------------------------------


def test_an_endpoint_that_failed_too_often_is_left_alone_and_the_fallback_answers():
    circuits, down = {}, FakeRung("a", Refused(500))
    one = ladder(down, FakeRung("b", 0), breaker=Breaker(failures=2, cooldown_seconds=60), circuits=circuits)
    found = [ask(one) for _ in range(4)]
    assert [answer for answer, _ in found] == ["b"] * 4
    assert down.asked == 2
    assert "left alone after failures, tried again in" in found[3][1][0][1]


def test_a_wrong_request_does_not_open_the_circuit():
    wrong = FakeRung("a", Refused(400))
    one = ladder(wrong, FakeRung("b", 0), breaker=Breaker(failures=1, cooldown_seconds=60))
    for _ in range(3):
        ask(one)
    assert wrong.asked == 3


def test_a_cancelled_probe_is_given_back():
    circuits = {}
    rung = FakeRung("a", Refused(500), 30, 0)
    one = ladder(rung, breaker=Breaker(failures=1, cooldown_seconds=0.01), circuits=circuits)
    with pytest.raises(ModelError):
        ask(one)
    time.sleep(0.02)

    async def cancelled():
        task = asyncio.create_task(one.ask(Asked([], ())))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())
    assert ask(one)[0] == "a"


def test_of_many_callers_only_one_is_the_probe():
    rung = FakeRung("a", Refused(500), 0.1)
    one = ladder(rung, breaker=Breaker(failures=1, cooldown_seconds=0.01))
    with pytest.raises(ModelError):
        ask(one)
    time.sleep(0.02)

    async def many():
        return await asyncio.gather(*(one.ask(Asked([], ())) for _ in range(10)), return_exceptions=True)

    found = asyncio.run(many())
    assert sum(not isinstance(result, BaseException) for result in found) == 1
    assert rung.asked == 2


events = st.lists(st.tuples(st.sampled_from(["ask", "ok", "fail", "gone"]), st.floats(0, 5)), max_size=60)


@given(events, st.integers(1, 4), st.floats(0.5, 10))
def test_a_circuit_opens_after_its_failures_and_never_has_two_probes(steps, failures, cooldown):
    circuit, now = Circuit(Breaker(failures=failures, cooldown_seconds=cooldown)), 0.0
    row, open_until, probing = 0, None, False
    for what, later in steps:
        now += later
        if what == "ask":
            expected = open_until is None or (not probing and now >= open_until)
            assert circuit.admits(now) == expected
            probing = probing or (expected and open_until is not None)
        elif what == "ok":
            circuit.succeeded()
            row, open_until, probing = 0, None, False
        elif what == "fail":
            circuit.failed(now)
            row += 1
            if probing or row >= failures:
                open_until = now + cooldown
            probing = False
        else:
            circuit.abandoned()
            probing = False


# -- what an exception means --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 599, None])
def test_these_may_pass(status):
    assert failure_of(Refused(status), (), NOW).is_retryable


@pytest.mark.parametrize("status, is_endpoints", [(400, False), (413, False), (422, False), (401, True), (404, True)])
def test_these_will_not_pass_and_some_are_not_the_endpoints_fault(status, is_endpoints):
    found = failure_of(Refused(status), (), NOW)
    assert (found.is_retryable, found.is_endpoints) == (False, is_endpoints)


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({}, None),
        ({"retry_after": "3"}, 3.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"retry_after": format_datetime(NOW + timedelta(seconds=7), usegmt=True)}, 7.0),
        ({"retry_after": format_datetime(NOW - timedelta(seconds=7), usegmt=True)}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "-5"}, None),
    ],
)
def test_the_endpoint_may_say_how_long_to_wait(headers, seconds):
    assert failure_of(Refused(429, **headers), (), NOW).retry_after == seconds


def test_no_key_is_quoted_and_an_error_is_one_short_line():
    text = f"Incorrect API key provided: sk-12345.\n{'x' * 2000}"
    found = failure_of(Refused(401, text), ("sk-12345",), NOW).text
    assert found.startswith("Refused 401: Incorrect API key provided: ***. x")
    assert "\n" not in found and len(found) < 400
