"""A person changes the state of a paused run, as Studio and the SDK do; it goes on from there to a valid signal."""

import asyncio

import pytest
from langgraph.checkpoint.memory import MemorySaver

from candlegraph.graph.builder import builder
from candlegraph.graph.reflection import ReflectionInput, ReflectionState
from candlegraph.graph.reflection import builder as of_a_closed_trade
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.tools.market.regime import strength_of
from candlegraph.tools.risk.claims import levels_beside

THREAD = {"configurable": {"thread_id": "1"}}
LONG, WAIT = "signal_entry_long", "signal_wait"
VIEW = {"bias": "bullish", "regime": "trend", "conflicts": "none", "would_change_mind": "a close below"}
CASE = {"strength": 60, "points": ["RSI rises"], "risk": "a close below"}
SEND_BACK, APPROVE = ({"verdict": verdict, "reason": "because"} for verdict in ("send_back", "approve"))
LOOP = ["analyst", "triage", "retriever", "decision", "repair", "tools", "reviewer"]
DEEP = [*LOOP, "view", "bull", "bear", "critic"]


@pytest.fixture
def entry(make_snapshot):
    """Return a right entry: name and arguments."""
    snapshot = make_snapshot()
    levels = {f"key_{kind}": levels_beside(kind, snapshot)[0] for kind in ("support", "resistance")}
    levels |= {"trend_strength": strength_of(snapshot.timeframes)}
    said = {"pair": "BTC/USDT:USDT", "confidence_score": 60, "rsi_value": snapshot.main.indicators.rsi, "reason": "up"}
    return LONG, said | levels | {"leverage": 2}


@pytest.fixture
def desk(scripted, calling, entry):
    """Return a model that plays all roles: a fault, a memory call and an entry; a deep one is sent back once."""

    def make(depth):
        turns = [calling(text="hm"), calling(("query_rag_stats", {})), calling(entry)]
        if depth == "fast":
            return scripted(*turns)
        opinions = [calling(("StateView", VIEW)), *[calling(("MakeCase", CASE))] * 2]
        reviews = [calling(("ReviewEntry", one)) for one in (SEND_BACK, APPROVE)]
        return scripted(*opinions, *turns, reviews[0], calling(entry), reviews[1])

    return make


async def paused_after(saved, given, context, node):
    """Run to the end of `node`; return what it wrote."""
    wrote = {}
    async for part in saved.astream(given, THREAD, context=context, stream_mode="updates", interrupt_after=[node]):
        wrote |= part.get(node) or {}
    return wrote


async def changed_after(saved, given, context, node):
    """Run to the end of `node`, write anew what it wrote, as a person who changes nothing does, and run on."""
    wrote = await paused_after(saved, given, context, node)
    await saved.aupdate_state(THREAD, wrote, as_node=node)
    return await saved.ainvoke(None, THREAD, context=context)


@pytest.mark.parametrize("depth, node", [("fast", one) for one in LOOP] + [("deep", one) for one in DEEP])
def test_a_decision_goes_on_from_a_change_after_any_node(make_context, make_snapshot, desk, depth, node):
    context = make_context(desk(depth), llm_config={"depth": depth, "triage": {"enabled": node == "triage"}})
    saved = builder.compile(checkpointer=MemorySaver())
    ended = asyncio.run(changed_after(saved, CandleInput(snapshot=make_snapshot()), context, node))
    state = CandleState.model_validate(ended)
    assert (state.signal.action, state.signal.source) == ("enter_long", "model")
    assert [one.verdict for one in state.critiques] == ([] if depth == "fast" else ["send_back", "approve"])


@pytest.mark.parametrize("node", ["triage", "reviewer"])
def test_a_decision_that_asks_no_model_goes_on_from_a_change_too(make_context, make_snapshot, desk, node):
    context = make_context(desk("fast")).for_candle(spent="all spent")
    saved = builder.compile(checkpointer=MemorySaver())
    ended = asyncio.run(changed_after(saved, CandleInput(snapshot=make_snapshot()), context, node))
    assert CandleState.model_validate(ended).signal.source == "budget"


ANSWERS = {
    "another right one": ((WAIT, {}), ("wait", "model", 0)),
    "text": (None, ("enter_long", "model", 1)),
    "another pair": ((WAIT, {"pair": "ETH/USDT:USDT"}), ("enter_long", "model", 1)),
    "a number out of its range": ((WAIT, {"confidence_score": 500}), ("enter_long", "model", 1)),
    "a claim that contradicts the data": ((WAIT, {"rsi_value": 1}), ("enter_long", "model", 1)),
    "a function that a flat pair has not": (("signal_hold", {}), ("enter_long", "model", 1)),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_a_person_wrote_is_checked_like_the_models(
    make_context, make_snapshot, scripted, calling, entry, answer
):
    """By the rules that the run began with, though no context is there when the way is chosen."""
    call, (action, source, repairs) = ANSWERS[answer]
    right = {name: value for name, value in entry[1].items() if name in ("pair", "confidence_score", "reason")}
    right["rsi_value"] = entry[1]["rsi_value"]
    written = calling(text="hm") if call is None else calling((call[0], right | call[1]))
    context = make_context(scripted(calling(entry)), llm_config={"decision": {"reject_false_claims": True}})
    saved = builder.compile(checkpointer=MemorySaver())

    async def rewritten():
        wrote = await paused_after(saved, CandleInput(snapshot=make_snapshot()), context, "decision")
        (*_, last) = wrote["messages"]
        new = written.model_copy(update={"id": last.id})
        await saved.aupdate_state(THREAD, {"messages": [new]}, as_node="decision")
        return await saved.ainvoke(None, THREAD, context=context)

    state = CandleState.model_validate(asyncio.run(rewritten()))
    assert (state.signal.action, state.signal.source) == (action, source)
    assert sum(bool(one.additional_kwargs.get("repair")) for one in state.messages) == repairs


def test_repairs_end_where_the_settings_of_the_run_say_so(make_context, make_snapshot, scripted, calling):
    context = make_context(scripted(calling(text="hm")), llm_config={"decision": {"max_repairs": 0}})
    saved = builder.compile(checkpointer=MemorySaver())
    ended = asyncio.run(changed_after(saved, CandleInput(snapshot=make_snapshot()), context, "decision"))
    state = CandleState.model_validate(ended)
    assert (state.signal.action, state.signal.source) == ("wait", "fallback")
    assert [one.type for one in state.messages] == ["system", "human", "ai"]


@pytest.mark.parametrize("node", ["evaluate", "review", "remember", "reward"])
def test_a_reflection_goes_on_from_a_change_after_any_node(make_context, make_trade, as_of, node):
    context = make_context()
    saved = of_a_closed_trade.compile(checkpointer=MemorySaver())
    trade = make_trade("k", (1.0, 0.5), "test", as_of).source
    ended = asyncio.run(changed_after(saved, ReflectionInput(trade=trade), context, node))
    state = ReflectionState.model_validate(ended)
    assert (state.experience_id, state.reward) == (1, state.experience.reward)
    assert context.memory.stats("studio")["total_experiences"] == 1
