"""A real small model in process, all the way: it leaves a position, judges the trade, and reads its own words again.

Adjusting is not offered, since nothing may be added and too little would be left: so it leaves or holds. What it does
is its own; where it would hold, the next candle is tried.
"""

import asyncio
import importlib.util
import os
import re
from datetime import timedelta

import pytest
from lived import lived

from candlegraph.agents.models import local
from candlegraph.agents.models.local import local_overrides
from candlegraph.agents.prompt.compact import AT_EXIT
from candlegraph.graph.builder import graph
from candlegraph.graph.reflection import ReflectionInput, reflection
from candlegraph.graph.schema.market import OrderLimits
from candlegraph.graph.state import CandleInput, CandleState

HERE = all(importlib.util.find_spec(name) for name in (local.SERVER, local.WEIGHTS))
COMPACT = local_overrides() | {
    "timeout": 900.0,
    "retry_times": 0,
    "decision": {"max_memory_calls": 0, "max_repairs": 0, "deadline_seconds": 1800},
}
CASES = {"max_context_tokens": 3600, "allocation": {"indicator_history": 0}}
ANY = {"rag_config": {"vector_store": {"similarity_threshold": 0.0}}}
NOTHING_TO_ADJUST = OrderLimits(min_add=1e9, min_left=1e9)
LOSING = {"profit_pct": -6.0, "mfe_pct": 1.0, "mae_pct": -7.0}


async def decided(context, snapshot):
    return CandleState.model_validate(await graph.ainvoke(CandleInput(snapshot=snapshot), context=context))


async def left(context, make_snapshot, as_of):
    """Return the first candle of four on which the model leaves, with the state."""
    for candle in range(4):
        moment = as_of - timedelta(hours=24 - candle)
        seen = make_snapshot("long", as_of=moment, **LOSING)
        state = await decided(context, seen.model_copy(update={"limits": NOTHING_TO_ADJUST}))
        if state.signal.action == "exit" and state.signal.source == "model":
            return moment, state
    raise AssertionError("the model kept the position on all candles")


def words(text):
    return re.findall(r"\w+", text)


@pytest.mark.slow
@pytest.mark.skipif(not HERE and "CI" not in os.environ, reason=local.INSTALL)
def test_a_real_model_leaves_scores_itself_and_reads_its_own_words_in_the_case(make_context, make_snapshot, as_of):
    leaving = make_context(llm_config=COMPACT)
    reading = make_context(llm_config=COMPACT | {"prompt": "full"}, context_config=CASES, experience_config=ANY)
    asyncio.run(round_trip(leaving, reading, make_snapshot, as_of))


async def round_trip(leaving, reading, make_snapshot, as_of):
    moment, state = await left(leaving, make_snapshot, as_of)
    assert AT_EXIT["en"] in state.messages[1].content
    said, score = state.signal.reason, state.signal.trade_score
    assert said and 0 <= score <= 100

    entered = make_snapshot(as_of=moment - timedelta(hours=5))
    times = {"opened_at": entered.as_of, "closed_at": moment, "known_at": moment}
    judged = {"self_evaluation": said, "model_score": score, "exit_reason": "graph_exit", "model": local.NAME}
    trade = lived(entered, 1, -6.0, **times, **judged).source
    await reflection.ainvoke(ReflectionInput(trade=trade), context=leaving)

    # Compact shows how similar trades ended, and no case. The model is small for the other prompt: any end will do.
    again = await decided(reading, make_snapshot(as_of=moment + timedelta(hours=1)))
    [case] = [line for line in again.messages[1].content.splitlines() if line.startswith("case ")]
    assert f"(scored itself {score:.0f})" in case
    assert " ".join(words(said)[:5]) in " ".join(words(case))
    assert again.signal.action in ("enter_long", "enter_short", "wait")
