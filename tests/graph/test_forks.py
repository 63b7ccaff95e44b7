"""A person stops a run before any node, and goes back to any of its checkpoints: each way ends in a valid result."""

import asyncio

import pytest
from langgraph.checkpoint.memory import MemorySaver
from langgraph.types import Command

from candlegraph.graph.reflection import ReflectionInput
from candlegraph.graph.reflection import builder as of_a_closed_trade
from candlegraph.graph.state import CandleInput
from candlegraph.graph.studio import candle_builder

THREAD = {"configurable": {"thread_id": "1"}}
VIEW = {"bias": "bullish", "regime": "trend", "conflicts": "none", "would_change_mind": "a close below"}
CASE = {"strength": 60, "points": ["RSI rises"], "risk": "a close below"}


@pytest.fixture
def deep(make_context, make_snapshot, scripted, calling):
    """Return context and snapshot of a run at depth deep in which each node has its turn but approval and repair."""
    snapshot = make_snapshot()
    said = {"pair": snapshot.pair, "confidence_score": 60, "reason": "up", "leverage": 2}
    said |= {"rsi_value": snapshot.main.indicators.rsi, "trend_strength": "weak"}
    said |= {"key_support": snapshot.price * 0.9, "key_resistance": snapshot.price * 1.1}
    answers = {
        "StateView": VIEW,
        "MakeCase": CASE,
        "ReviewEntry": {"verdict": "approve", "reason": "sound"},
        "signal_entry_long": said,
    }

    model = type(scripted())

    class Desk(model):
        def _generate(self, messages, stop=None, run_manager=None, offered=(), **kwargs):
            name = next(one for one in answers if one in offered)
            self.answers[:] = [calling((name, answers[name]))]
            return super()._generate(messages, stop, run_manager, offered, **kwargs)

    rules = {"approval": {"required": True}}
    return make_context(Desk(answers=[]), llm_config={"depth": "deep"}, risk_management=rules), snapshot


async def to_the_end(saved, given, config, context):
    """Run on, with a yes where a person is asked; return the state."""
    ended = await saved.ainvoke(given, config, context=context)
    while "__interrupt__" in ended:
        ended = await saved.ainvoke(Command(resume=True), THREAD, context=context)
    return ended


def test_a_decision_goes_back_to_each_of_its_checkpoints_and_ends_in_a_valid_signal(deep):
    context, snapshot = deep
    saved = candle_builder.compile(checkpointer=MemorySaver())

    async def forked():
        whole = await to_the_end(saved, CandleInput(snapshot=snapshot), THREAD, context)
        history = [one async for one in saved.aget_state_history(THREAD)]
        return whole, [await to_the_end(saved, None, one.config, context) for one in history if one.next]

    whole, others = asyncio.run(forked())
    assert whole["signal"].action == "enter_long" and len(others) >= 10
    assert [one["signal"] for one in others] == [whole["signal"]] * len(others)
    assert "edited" not in "".join(one["story"].lower() for one in others)


@pytest.mark.parametrize("node", ["analyst", "retriever", "view", "bull", "decision", "tools", "reviewer", "critic"])
def test_a_decision_stops_before_any_node_and_goes_on(deep, node):
    context, snapshot = deep
    saved = candle_builder.compile(checkpointer=MemorySaver())

    async def stopped():
        given = CandleInput(snapshot=snapshot)
        await saved.ainvoke(given, THREAD, context=context, interrupt_before=[node])
        before = (await saved.aget_state(THREAD)).next
        return before, await to_the_end(saved, None, THREAD, context)

    before, ended = asyncio.run(stopped())
    assert node in before and ended["signal"].action == "enter_long"


CHANGES = {"facts": ("retriever", {"regime": "trend_down"}), "signal": ("story", {"leverage": 1.0})}


@pytest.mark.parametrize("key", CHANGES)
def test_what_a_person_changed_is_used_and_marked_in_signal_and_story(make_context, make_snapshot, key):
    """By the rule, which reads the changed facts; a signal that does not follow from its proposal is marked too."""
    (before, changed), context = CHANGES[key], make_context()
    saved = candle_builder.compile(checkpointer=MemorySaver())

    async def edited():
        given = CandleInput(snapshot=make_snapshot())
        found = await saved.ainvoke(given, THREAD, context=context, interrupt_before=[before])
        await saved.aupdate_state(THREAD, {key: found[key].model_copy(update=changed)})
        return await saved.ainvoke(None, THREAD, context=context)

    ended = asyncio.run(edited())
    assert f"edited: {key}" in ended["signal"].warnings and f"Edited by a person: {key}." in ended["story"]
    assert key != "facts" or "regime: trend_down" in ended["messages"][1].content


@pytest.mark.parametrize("node", ["evaluate", "review", "remember", "reward"])
def test_a_reflection_stops_before_any_node_and_goes_back_to_each_checkpoint(make_context, make_trade, as_of, node):
    context, saved = make_context(), of_a_closed_trade.compile(checkpointer=MemorySaver())
    given = ReflectionInput(trade=make_trade("k", (1.0, 0.5), "test", as_of).source)

    async def forked():
        await saved.ainvoke(given, THREAD, context=context, interrupt_before=[node])
        assert (await saved.aget_state(THREAD)).next == (node,)
        ended = [await saved.ainvoke(None, THREAD, context=context)]
        history = [one async for one in saved.aget_state_history(THREAD) if one.next == (node,)]
        return [*ended, *[await saved.ainvoke(None, one.config, context=context) for one in history]]

    first, *others = asyncio.run(forked())
    assert others and {one["reward"] for one in others} == {first["reward"]}
    assert context.memory.stats("studio")["total_experiences"] == 1
