"""Ten thousand random answers: none raises into the bridge, every signal is within schema, state and gate."""

import itertools
import json
import math

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from pydantic import PrivateAttr

from candlegraph.agents.models.answers import normalised
from candlegraph.agents.models.providers import ThinkingChatOpenAI
from candlegraph.freqtrade_bridge.runner import Runner
from candlegraph.graph.signal import TradeSignal

PAIR = "BTC/USDT:USDT"
NAMES = (
    *("signal_entry_long", "signal_entry_short", "signal_wait", "signal_exit", "signal_hold", "adjust_position"),
    *("query_rag_stats", "record_decision_to_rag", "cleanup_rag_history", "buy", "", "Signal_Wait", "signal_wait "),
)
FIELDS = (
    *("pair", "leverage", "confidence_score", "key_support", "key_resistance", "rsi_value", "trend_strength"),
    *("stake_amount", "stop_loss", "take_profit", "reason", "trade_score", "adjustment_pct", "strategy", "surprise"),
)
numbers = st.one_of(st.floats(), st.floats(-10, 110), st.integers(-(10**30), 10**30), st.floats(50, 200_000))
values = st.one_of(
    numbers, st.text(max_size=30), st.none(), st.booleans(), st.just(PAIR), st.sampled_from(["strong", "weak", "强势"]),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip
right = st.fixed_dictionaries(
    {
        "pair": st.just(PAIR),
        "confidence_score": st.floats(1, 100),
        "rsi_value": st.floats(0, 100),
        "reason": st.text(min_size=1, max_size=40),
    }
)
entry = st.fixed_dictionaries(
    {
        "leverage": st.floats(1, 100),
        "key_support": st.floats(0.001, 100),
        "key_resistance": st.floats(101, 1e7),
        "trend_strength": st.sampled_from(["strong", "moderate", "weak"]),
    },
    optional={
        "stake_amount": st.floats(0.01, 1e9),
        "stop_loss": st.floats(0.001, 1e6),
        "take_profit": st.floats(0.001, 1e6),
    },
)
nearly = st.builds(
    lambda base, more, wrong: base | more | wrong,
    right,
    st.one_of(st.just({}), entry, st.fixed_dictionaries({"trade_score": st.floats(0, 100)})),
    st.one_of(st.just({}), st.dictionaries(st.sampled_from(FIELDS), values, max_size=2)),
)
ADJUSTED = ("pair", "confidence_score", "reason", "key_support", "key_resistance")
adjust = st.builds(
    lambda base, more, pct: {name: (base | more)[name] for name in ADJUSTED} | {"adjustment_pct": pct},
    right,
    entry,
    st.floats(-120, 120),
)
arguments = st.one_of(
    nearly,
    adjust,
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=8),
    st.just("{"),
    st.text(max_size=40),
    st.just("[" * 2000),
    st.just("null"),
    st.just('{"rsi_value": 1e999, "pair": NaN}'),
)
calls = st.lists(st.tuples(st.sampled_from(NAMES), arguments), max_size=3)
answers = st.fixed_dictionaries(
    {
        "calls": calls,
        "text": st.one_of(st.none(), st.text(max_size=60), st.just("<think>signal_entry_long(leverage=100)</think>ok")),
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


class Random(ThinkingChatOpenAI):
    """The real client's reading of bodies that never crossed a wire."""

    _bodies: list = PrivateAttr(default_factory=list)
    _count: list = PrivateAttr(default_factory=lambda: [0])

    def bind_tools(self, tools, **kwargs):
        return self

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        turn = sum(message.type == "ai" for message in messages)
        self._count[0] += 1
        result = self._create_chat_result(json.loads(json.dumps(body(self._bodies[turn % len(self._bodies)]))))
        result.generations[0].message = normalised(result.generations[0].message)
        return result


@pytest.mark.parametrize("wanted", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_answers_never_raise_and_never_leave_the_schema(wanted, make_context, make_snapshot):
    model = Random(model="m", api_key="x", base_url="http://127.0.0.1:9/v1")
    context = make_context(model, llm_config={"retry_times": 0, "decision": {"max_repairs": 3}})
    runner, states = Runner(context), {side: make_snapshot(side) for side in (None, "long", "short")}

    @settings(
        max_examples=wanted // 4,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(answers, min_size=1, max_size=4), st.sampled_from(list(states)))
    def decide(bodies, side):
        model._bodies[:] = bodies
        snapshot = states[side]
        outcome = runner.decide({PAIR: snapshot}, None)[PAIR]
        assert outcome.error is None, repr(outcome.error)
        check(outcome.state.signal, snapshot, context.settings.risk_management)

    for number in itertools.count():
        if model._count[0] >= wanted:
            break
        seed(number)(decide)()
    assert model._count[0] >= wanted


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
