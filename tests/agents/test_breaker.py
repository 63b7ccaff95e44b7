"""The circuit breaker, by table and by any order of calls: opens after n failures in a row, one probe at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.agents.models.breaker import Circuit
from candlegraph.graph.settings.llm import Breaker

RULES = Breaker(failures=3, cooldown_seconds=60)


def opened(at=0.0, rules=RULES):
    """Return a circuit that has just opened."""
    circuit = Circuit(rules)
    for _ in range(rules.failures):
        circuit.failed(circuit.admits(at), at)
    return circuit


@pytest.mark.parametrize(
    "ends, is_open",
    [("", False), ("ff", False), ("fff", True), ("ffsff", False), ("ffsfff", True), ("ffaf", True), ("aaa", False)],
)
def test_it_opens_after_so_many_failures_in_a_row(ends, is_open):
    circuit = Circuit(RULES)
    for end in ends:
        call = circuit.admits(1.0)
        circuit.failed(call, 1.0) if end == "f" else circuit.succeeded() if end == "s" else circuit.abandoned(call)
    assert (circuit.admits(2.0) is None) == is_open


@pytest.mark.parametrize("now, seconds", [(0.0, 60.0), (59.5, 0.5), (60.0, 0.0), (99.0, 0.0)])
def test_it_says_when_it_admits_a_probe(now, seconds):
    circuit = opened()
    assert circuit.opens_in(now) == seconds
    assert (circuit.admits(now) is None) == (seconds > 0)


def test_after_the_cooldown_one_call_is_admitted_and_its_success_closes():
    circuit = opened()
    assert circuit.admits(60.0) is circuit.probe is not None
    assert circuit.admits(60.0) is None
    circuit.succeeded()
    assert circuit.admits(60.0) and circuit.admits(60.0) and circuit.probe is None


def test_a_failed_probe_opens_it_for_another_cooldown_at_once():
    circuit = opened()
    circuit.failed(circuit.admits(60.0), 61.0)
    assert circuit.admits(120.0) is None
    assert circuit.admits(121.0) is circuit.probe


def test_an_abandoned_probe_lets_the_next_call_try():
    circuit = opened()
    probe = circuit.admits(60.0)
    circuit.abandoned(probe)
    assert probe.ended.is_set()
    assert circuit.admits(60.0) not in (None, probe)


@pytest.mark.parametrize("end", ["failed", "abandoned"])
def test_an_older_calls_end_is_not_taken_for_the_probes(end):
    circuit = Circuit(RULES)
    old = circuit.admits(0.0)
    for _ in range(3):
        circuit.failed(circuit.admits(0.0), 0.0)
    probe = circuit.admits(60.0)
    circuit.failed(old, 60.0) if end == "failed" else circuit.abandoned(old)
    assert circuit.probe is probe
    assert circuit.admits(1000.0) is None


steps = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "succeeded", "failed", "abandoned"]), st.integers(0, 9), st.floats(0, 5)),
    max_size=80,
)


@given(steps, st.integers(1, 4), st.floats(0.5, 10))
def test_in_any_order_it_opens_exactly_at_the_limit_and_never_has_two_probes(steps, failures, cooldown):
    circuit, now = Circuit(Breaker(failures=failures, cooldown_seconds=cooldown)), 0.0
    under_way, probe, row, open_until = [], None, 0, None
    for what, which, later in steps:
        now += later
        if what == "ask":
            call = circuit.admits(now)
            assert (call is not None) == (open_until is None or (probe is None and now >= open_until))
            if call is not None:
                under_way.append(call)
                probe = call if open_until is not None else probe
        elif under_way:
            call = under_way.pop(which % len(under_way))
            if what == "succeeded":
                circuit.succeeded()
                row, open_until, probe = 0, None, None
            elif what == "failed":
                circuit.failed(call, now)
                row += 1
                open_until = now + cooldown if row >= failures else open_until
            else:
                circuit.abandoned(call)
            probe = None if call is probe else probe
        assert circuit.probe is probe
