"""Random answers: none raises into the bridge, every signal is within schema, state and gate.

500 by default; `make test-all` asks for 10,000.
"""

import itertools
import json
import math
from collections import Counter

import pytest
from examples import examples
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from candlegraph.agents.asking.transcript import BY_NAME
from candlegraph.agents.models.wire.bodies import completion_in
from candlegraph.agents.models.wire.reading import answer_in
from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.graph.schema.errors import ModelError
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.tools.signals import FLAT_TOOLS, POSITION_TOOLS

PAIR = "BTC/USDT:USDT"
FIELDS = (
    *("pair", "leverage", "confidence_score", "key_support", "key_resistance", "rsi_value", "trend_strength"),
    *("stake_amount", "stop_loss", "take_profit", "reason", "trade_score", "adjustment_pct", "strategy", "surprise"),
)
KEYS = (
    *("choices", "index", "message", "role", "content", "tool_calls", "id", "type", "function", "name", "arguments"),
    *("finish_reason", "usage", "prompt_tokens", "error", "refusal", "reasoning_content", "function_call", "delta"),
)
numbers = st.one_of(st.floats(), st.floats(-10, 110), st.integers(-(10**30), 10**30), st.floats(50, 200_000))
values = st.one_of(
    numbers, st.text(max_size=30), st.none(), st.booleans(), st.just(PAIR), st.sampled_from(["strong", "weak", "强势"]),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip
scores, prices = st.floats(0, 100), st.floats(50, 200) | st.floats(0.001, 1e6)
ADMITTED = {
    "pair": st.just(PAIR),
    "confidence_score": st.floats(50, 100) | st.floats(1, 100),
    "rsi_value": scores,
    "reason": st.text(min_size=1, max_size=40),
    "leverage": st.floats(1, 100),
    "key_support": st.floats(0.001, 50),
    "key_resistance": st.floats(51, 1e7),
    "trend_strength": st.sampled_from(["strong", "moderate", "weak", "强势"]),
    "trade_score": scores,
    "adjustment_pct": st.floats(-99, 100).filter(bool),
    "decision_type": st.sampled_from(["hold", "exit"]),
    "confidence": st.floats(0, 1),
    "current_profit_pct": st.floats(-50, 50),
    "strategy": st.sampled_from(["low_quality", "compress", "old_records"]),
}
OPTIONAL = ADMITTED | {"stake_amount": st.floats(0.01, 1e9), "stop_loss": prices, "take_profit": prices}


def right(name):
    """Return a strategy of arguments that the function's schema admits."""
    schema = BY_NAME[name].args_schema.model_json_schema()
    needed = schema.get("required", ())
    others = {field: OPTIONAL[field] for field in schema["properties"] if field not in needed}
    return st.fixed_dictionaries({field: ADMITTED[field] for field in needed}, optional=others)


garbage = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=8),
    st.text(max_size=40),
    st.sampled_from(["{", "null", "[" * 2000, '{"rsi_value": 1e999, "pair": NaN}']),
)
RIGHT = {name: right(name) for name in BY_NAME}


def call(name):
    """Return a strategy of calls of a function, many of them right, others nearly."""
    wrong = st.dictionaries(st.sampled_from(FIELDS), values, min_size=1, max_size=2)
    nearly = st.builds(dict.__or__, RIGHT[name], wrong)
    return st.tuples(st.just(name), RIGHT[name] | RIGHT[name] | nearly | garbage)


flat, held = (st.one_of([call(one.name) for one in tools]) for tools in (FLAT_TOOLS, POSITION_TOOLS))
strange = st.tuples(st.sampled_from(["buy", "", "Signal_Wait", "signal_wait "]), RIGHT["signal_wait"] | garbage)
any_call = st.one_of(*(call(name) for name in BY_NAME), strange)


def answers(side):
    """Return a strategy of answers, half of them one call that suits the state."""
    return st.fixed_dictionaries(
        {
            "calls": st.tuples(held if side else flat) | st.lists(any_call, max_size=3),
            "text": st.none() | st.text(max_size=60) | st.just("<think>signal_entry_long(leverage=100)</think>ok"),
            "finish": st.sampled_from(["stop", "tool_calls", "length", "content_filter"]),
            "id": st.sampled_from(["same", "", None]),
        }
    )


def body(answer):
    """Return the answer as an endpoint would send it."""
    made = [
        {
            "id": answer["id"],
            "type": "function",
            "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
        }
        for name, given in answer["calls"]
    ]
    message = {"role": "assistant", "content": answer["text"]} | ({"tool_calls": made} if made else {})
    choice = {"index": 0, "message": message, "finish_reason": answer["finish"]}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


class Random(BaseChatModel):
    """The real client's reading of bodies that never crossed a wire."""

    _bodies: list = PrivateAttr(default_factory=list)
    _count: list = PrivateAttr(default_factory=lambda: [0])

    def bind_tools(self, tools, **kwargs):
        return self

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        turn = sum(message.type == "ai" for message in messages)
        self._count[0] += 1
        answer = answer_in(completion_in(json.dumps(self._bodies[turn % len(self._bodies)])))
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        raise NotImplementedError

    @property
    def _llm_type(self):
        return "random"


@pytest.fixture
def model():
    return Random()


@pytest.fixture
def decide(model, make_context, make_snapshot):
    """Return the outcome of a decision on these bodies, its signal checked: `decide(bodies, side)`."""
    config = {"retry_times": 0, "decision": {"max_repairs": 3}, "breaker": {"failures": 1000}}
    context = make_context(model, llm_config=config)
    runner, states = Runner(context), {side: make_snapshot(side) for side in SIDES}

    def go(bodies, side):
        model._bodies[:] = bodies
        outcome = runner.decide({PAIR: states[side]}, None)[PAIR]
        if outcome.state is not None:
            check(outcome.state.signal, states[side], context.settings.risk_management)
        return outcome

    return go


SIDES = (None, "long", "short")
decisions = st.sampled_from(SIDES).flatmap(
    lambda side: st.tuples(st.just(side), st.lists(answers(side).map(body), min_size=1, max_size=4))
)
FREE = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("wanted", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_answers_never_raise_and_never_leave_the_schema(wanted, model, decide):
    seen = Counter()

    @settings(FREE, max_examples=wanted // 4)
    @given(decisions)
    def try_them(decision):
        side, bodies = decision
        outcome = decide(bodies, side)
        assert outcome.error is None, repr(outcome.error)
        seen[outcome.state.signal.action] += 1
        seen[outcome.state.signal.source] += 1

    ends = {"model", "fallback", "veto", "enter_long", "enter_short", "wait", "exit", "adjust", "hold"}
    for number in itertools.count():
        if model._count[0] >= (wanted if ends <= set(seen) else 4 * wanted):
            break
        seed(number)(try_them)()
    assert model._count[0] >= wanted
    assert ends <= set(seen), seen


anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
broken = st.builds(
    lambda answer, key, value: body(answer) | {key: value},
    answers(None),
    st.sampled_from(["choices", "usage", "error", "id"]),
    anything,
)
of_a_message = st.dictionaries(st.sampled_from(KEYS), anything, max_size=4)
strange_message = of_a_message.map(lambda one: {"choices": [{"index": 0, "message": {"role": "assistant"} | one}]})


@settings(FREE, max_examples=examples(300))
@given(bodies=st.lists(broken | strange_message | anything, min_size=1, max_size=4))
def test_a_broken_body_is_a_model_error_or_an_answer_and_nothing_else(decide, bodies):
    outcome = decide(bodies, None)
    assert outcome.error is None or isinstance(outcome.error, ModelError), repr(outcome.error)


def check(signal, snapshot, rules):
    """Fail unless the signal is one that the bridge may carry out."""
    assert TradeSignal.model_validate_json(signal.model_dump_json()) == signal
    allowed = {"enter_long", "enter_short", "wait"} if snapshot.position is None else {"exit", "adjust", "hold"}
    assert signal.action in allowed
    numbers = [signal.leverage, signal.stake, signal.stop, signal.take_profit, signal.adjustment_pct, signal.confidence]
    assert all(math.isfinite(one) for one in numbers if one is not None)
    if signal.action.startswith("enter"):
        assert 1 <= signal.leverage <= rules.max_leverage
        assert (signal.stop < snapshot.price) == (signal.action == "enter_long")
        assert (signal.stake or 0) <= rules.max_position_pct / 100 * snapshot.account.equity * 1.000001
    if signal.action == "adjust":
        assert -99 <= signal.adjustment_pct <= 100 and signal.adjustment_pct != 0
