"""The ladder over fake rungs, in virtual time: attempts, pauses, fallbacks, circuits, one deadline."""

import asyncio
import selectors
from types import SimpleNamespace

import pytest
from langchain_core.messages import AIMessage

from candlegraph.agents.models.breaker import Circuit
from candlegraph.agents.models.ladder import Inquiry, Ladder
from candlegraph.graph.schema.errors import ModelError
from candlegraph.graph.settings.llm import Breaker, ModelSettings


class Virtual(selectors.DefaultSelector):
    """A selector that does not wait: its time jumps to the next thing that is due."""

    now = 0.0

    def select(self, timeout=None):
        assert timeout is not None, "nothing is due any more: the test would hang"
        self.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.virtual = Virtual()
        super().__init__(self.virtual)

    def time(self):
        return self.virtual.now


@pytest.fixture
def loop():
    """Return an event loop on which an hour takes no time."""
    loop = VirtualLoop()
    yield loop
    loop.close()


class Refused(Exception):
    def __init__(self, status=None, retry_after=None):
        super().__init__("refused")
        self.status_code = status
        self.response = SimpleNamespace(headers={} if retry_after is None else {"retry-after": str(retry_after)})


class FakeRung:
    """Plays a script: an exception is raised, a number is slept before the answer; the last item for ever."""

    def __init__(self, name, *script, endpoint=None, retry_times=0, timeout=60.0):
        self.settings = ModelSettings(model=name, retry_times=retry_times, timeout=timeout)
        self.endpoint, self.script, self.asked, self.cancelled = endpoint or name, script, 0, 0

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


HANGS, DOWN, BUSY = 10_000, Refused(503), Refused(429)
PATIENT = Breaker(failures=1000)


@pytest.fixture
def ladder(loop):
    """Return a factory of ladders on the virtual loop."""

    def make(*rungs, breaker=PATIENT):
        circuits = {}
        return Ladder(tuple(rungs), lambda name: circuits.setdefault(name, Circuit(breaker)), clock=loop.time)

    return make


@pytest.fixture
def ask(loop):
    """Return answer, tries and seconds taken of `ask(ladder, seconds until the deadline)`; no answer is None."""

    async def one(ladder, seconds=None, late_counts=False):
        started = loop.time()
        asked = Inquiry([], (), None if seconds is None else started + seconds, late_counts)
        result = (await asyncio.gather(ladder.ask(asked), return_exceptions=True))[0]
        assert isinstance(result, ModelError | tuple), result
        tries = [(one.model, one.error) for one in asked.tries]
        if isinstance(result, ModelError):
            assert list(result.tries) == asked.tries
        return result[0].content if isinstance(result, tuple) else None, tries, loop.time() - started

    def go(ladder, seconds=None, late_counts=False, times=1):
        async def many():
            return await asyncio.gather(*(one(ladder, seconds, late_counts) for _ in range(times)))

        found = loop.run_until_complete(many())
        return found if times > 1 else found[0]

    return go


def later(loop, seconds):
    loop.run_until_complete(asyncio.sleep(seconds))


# -- attempts, pauses, fallbacks ----------------------------------------------------------------------------------


def test_a_passing_failure_is_tried_again_and_the_tries_are_told(ladder, ask):
    rung = FakeRung("a", DOWN, DOWN, 0, retry_times=2)
    assert ask(ladder(rung)) == ("a", [("a", "Refused 503: refused")] * 2, 1.5)
    assert rung.asked == 3


@pytest.mark.parametrize("retry_times, seconds", [(0, 0), (1, 0.5), (2, 1.5), (4, 7.5), (6, 23.5)])
def test_pauses_double_up_to_eight_seconds_and_none_follows_the_last_attempt(ladder, ask, retry_times, seconds):
    rung = FakeRung("a", DOWN, retry_times=retry_times)
    assert ask(ladder(rung))[2] == seconds
    assert rung.asked == retry_times + 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_lasting_failure_goes_to_the_next_model_at_once(ladder, ask, status):
    first, second = FakeRung("a", Refused(status), retry_times=5), FakeRung("b", 0)
    assert ask(ladder(first, second)) == ("b", [("a", f"Refused {status}: refused")], 0)


def test_when_all_have_failed_the_error_names_every_attempt(loop, ladder):
    one = ladder(FakeRung("a", DOWN, retry_times=1), FakeRung("b", ValueError("no JSON")))
    with pytest.raises(ModelError) as caught:
        loop.run_until_complete(one.ask(Inquiry([], ())))
    assert [one.model for one in caught.value.tries] == ["a", "a", "b"]
    assert "a: Refused 503: refused (2 times); b: unreadable answer: ValueError: no JSON" in str(caught.value)


def test_no_key_is_told(loop):
    one = Ladder((FakeRung("a", ValueError("bad key sk-1234")),), lambda name: Circuit(PATIENT), ("sk-1234",))
    with pytest.raises(
        ModelError, match=r"no model answered: a: unreadable answer: ValueError: bad key \*\*\*"
    ) as caught:
        loop.run_until_complete(one.ask(Inquiry([], ())))
    assert "sk-1234" not in str(caught.value.tries)


def test_the_endpoint_says_how_long_to_wait(ladder, ask):
    assert ask(ladder(FakeRung("a", Refused(429, 7), 0, retry_times=1)))[2] == 7


@pytest.mark.parametrize("seconds", [121, 1e9, 1e300])
def test_without_a_deadline_an_endpoint_that_asks_for_hours_is_passed_over(ladder, ask, seconds):
    first = FakeRung("a", Refused(429, seconds), retry_times=3)
    assert ask(ladder(first, FakeRung("b", 0)))[::2] == ("b", 0)


# -- one deadline -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retry_times", [0, 5])
def test_a_hanging_model_leaves_each_fallback_its_share_however_often_it_may_be_tried(ladder, ask, retry_times):
    first, second = (FakeRung(name, HANGS, retry_times=retry_times) for name in "ab")
    answer, tries, seconds = ask(ladder(first, second, FakeRung("c", 3.9)), 12.0)
    assert (answer, seconds) == ("c", pytest.approx(11.9))
    assert tries == [(name, "TimeoutError: no answer within 4 s") for name in "ab"]
    assert (first.cancelled, second.cancelled) == (1, 1)


def test_a_model_that_fails_at_once_leaves_its_share_to_the_next(ladder, ask):
    assert ask(ladder(FakeRung("a", Refused(401)), FakeRung("b", 9)), 10)[0] == "b"


def test_an_attempt_ends_with_its_own_timeout_and_is_tried_again(ladder, ask):
    rung = FakeRung("a", HANGS, 1, timeout=3, retry_times=1)
    assert ask(ladder(rung), 60) == ("a", [("a", "TimeoutError: no answer within 3 s")], 4.5)


@pytest.mark.parametrize("script", [HANGS, DOWN, BUSY, Refused(429, 3), 11])
@pytest.mark.parametrize("rungs", [1, 3])
def test_nothing_outlasts_the_deadline(ladder, ask, script, rungs):
    answer, _, seconds = ask(ladder(*(FakeRung(str(n), script, retry_times=10) for n in range(rungs))), 10)
    assert answer is None and seconds <= 10.001


def test_a_pause_that_would_take_the_fallbacks_share_is_not_made(ladder, ask):
    first = FakeRung("a", Refused(429, 6), retry_times=3)
    assert ask(ladder(first, FakeRung("b", 0)), 10)[::2] == ("b", 0)
    assert ask(ladder(FakeRung("a", Refused(429, 4), 0, retry_times=3), FakeRung("b", 0)), 10)[::2] == ("a", 4)


def test_what_is_under_way_may_outlast_the_deadline_where_a_late_answer_counts(ladder, ask):
    assert ask(ladder(FakeRung("a", 15)), 10, late_counts=True) == ("a", [], 15)
    assert ask(ladder(FakeRung("a", 15)), 10)[0] is None


def test_late_or_not_an_attempt_keeps_its_timeout_and_the_first_model_its_share(ladder, ask):
    assert ask(ladder(FakeRung("a", 15, timeout=12)), 10, late_counts=True)[::2] == (None, 12)
    assert ask(ladder(FakeRung("a", 7), FakeRung("b", 15)), 10, late_counts=True)[::2] == ("b", 20)


@pytest.mark.parametrize("late_counts", [True, False])
def test_without_time_nobody_is_asked(ladder, ask, late_counts):
    rung = FakeRung("a", 0)
    assert ask(ladder(rung), -1.0, late_counts) == (None, [("a", "no time was left to ask")], 0)
    assert rung.asked == 0


# -- circuits -----------------------------------------------------------------------------------------------------


def test_an_endpoint_that_failed_too_often_is_left_alone_and_the_fallback_answers(ladder, ask):
    down = FakeRung("a", DOWN)
    one = ladder(down, FakeRung("b", 0), breaker=Breaker(failures=2, cooldown_seconds=60))
    found = [ask(one) for _ in range(4)]
    assert [answer for answer, _, _ in found] == ["b"] * 4
    assert down.asked == 2
    assert found[3][1] == [("a", "left alone after failures, tried again in 60 s")]


@pytest.mark.parametrize("script", [[Refused(400)], [DOWN, DOWN, 0] * 9, [DOWN, DOWN, Refused(400)] * 9])
def test_a_wrong_request_and_an_answer_show_that_the_endpoint_is_there(ladder, ask, script):
    rung = FakeRung("a", *script)
    one = ladder(rung, FakeRung("b", 0), breaker=Breaker(failures=3, cooldown_seconds=60))
    for _ in range(9):
        ask(one)
    assert rung.asked == 9


def test_a_model_out_of_its_quota_does_not_close_the_way_to_another_at_the_same_endpoint(ladder, ask):
    first, second = FakeRung("large", BUSY, endpoint="one"), FakeRung("small", 1, endpoint="one")
    one = ladder(first, second, breaker=Breaker(failures=1, cooldown_seconds=60))
    assert {answer for answer, _, _ in ask(one, 10, times=20)} == {"small"}
    assert ask(one)[0] == "small" and first.asked == 20


ONE = Breaker(failures=1, cooldown_seconds=60)


def test_of_many_callers_one_is_the_probe_and_the_others_go_on_after_its_success(loop, ladder, ask):
    rung = FakeRung("a", DOWN, 2)
    one = ladder(rung, breaker=ONE)
    ask(one)
    later(loop, 60)
    found = ask(one, 10, times=20)
    assert sorted((answer, seconds) for answer, _, seconds in found) == [("a", 2)] + [("a", 4)] * 19


def test_when_the_probe_fails_the_others_ask_nobody(loop, ladder, ask):
    rung = FakeRung("a", DOWN)
    one = ladder(rung, breaker=ONE)
    ask(one)
    later(loop, 60)
    assert [answer for answer, _, _ in ask(one, 10, times=20)] == [None] * 20
    assert rung.asked == 2


def test_a_probe_that_hangs_costs_the_others_no_more_than_their_deadline(loop, ladder, ask):
    rung = FakeRung("a", DOWN, HANGS)
    one = ladder(rung, breaker=ONE)
    ask(one)
    later(loop, 60)
    found = ask(one, 10, times=5)
    assert [(answer, seconds) for answer, _, seconds in found] == [(None, 10)] * 5
    assert rung.asked == 2


def test_who_waits_for_a_probe_ends_with_his_own_deadline(loop, ladder, ask):
    one = ladder(FakeRung("a", DOWN, HANGS), breaker=ONE)
    ask(one)
    later(loop, 60)
    probe = loop.create_task(one.ask(Inquiry([], ())))
    later(loop, 1)
    told = "left alone after failures, another call tries whether it is back"
    assert ask(one, 10) == (None, [("a", told)], 10)
    probe.cancel()
    loop.run_until_complete(asyncio.gather(probe, return_exceptions=True))


def test_a_probe_without_time_to_ask_is_given_back(loop, ladder, ask):
    one = ladder(FakeRung("a", DOWN, 0), breaker=ONE)
    ask(one)
    later(loop, 60)
    assert ask(one, -1)[1] == [("a", "no time was left to ask")]
    assert ask(one)[0] == "a"


def test_nobody_waits_for_a_probe_where_a_fallback_can_answer(loop, ladder, ask):
    one = ladder(FakeRung("a", DOWN, 5), FakeRung("b", 1), breaker=ONE)
    ask(one)
    later(loop, 60)
    found = ask(one, 20, times=3)
    assert sorted((answer, seconds) for answer, _, seconds in found) == [("a", 5), ("b", 1), ("b", 1)]
    assert found[1][1] == [("a", "left alone after failures, another call tries whether it is back")]


def test_a_cancelled_probe_is_given_back_to_one_who_waits(loop, ladder, ask):
    rung = FakeRung("a", DOWN, HANGS, 1)
    one = ladder(rung, breaker=ONE)
    ask(one)
    later(loop, 60)

    async def go():
        probe, waiting = (asyncio.ensure_future(one.ask(Inquiry([], ()))) for _ in range(2))
        await asyncio.sleep(5)
        probe.cancel()
        return await asyncio.gather(waiting, probe, return_exceptions=True)

    (answer, _), cancelled = loop.run_until_complete(go())
    assert answer.content == "a" and isinstance(cancelled, asyncio.CancelledError)
    assert (rung.asked, rung.cancelled, loop.time()) == (3, 1, 66)


def test_a_call_from_before_the_outage_does_not_give_the_probe_away(loop, ladder):
    rung = FakeRung("a", HANGS, DOWN, HANGS)
    one = ladder(rung, FakeRung("b", 0), breaker=ONE)

    async def go():
        old = asyncio.ensure_future(one.ask(Inquiry([], ())))
        await asyncio.sleep(0)
        await one.ask(Inquiry([], ()))
        await asyncio.sleep(60)
        probe = asyncio.ensure_future(one.ask(Inquiry([], ())))
        await asyncio.sleep(0)
        old.cancel()
        await asyncio.gather(old, return_exceptions=True)
        await one.ask(Inquiry([], ()))
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)

    rung.settings = rung.settings.model_copy(update={"timeout": 1000})
    loop.run_until_complete(go())
    assert rung.asked == 3
