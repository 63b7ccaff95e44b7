"""Nothing known at the decision or later reaches cases, summary, guidance or prompt: any trades, any moment."""

import asyncio
from datetime import timedelta
from itertools import count

import null_world
import numpy as np
import pytest
from embedding_server import EmbeddingServer
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.runtime import Runtime
from lived import facts_at, lived, near
from replayed import track_of
from sqlalchemy import update

from candlegraph.agents.prompt.briefing import market_text
from candlegraph.agents.retriever import retriever
from candlegraph.graph.context import Context
from candlegraph.graph.schema.experience import RecordedDecision
from candlegraph.graph.settings.settings import settings_of
from candlegraph.graph.state import CandleState
from candlegraph.memory.counterfactual.outcomes import table_of
from candlegraph.memory.counterfactuals import Pending, complete
from candlegraph.memory.learning.advice import TRIED, Paired
from candlegraph.memory.learning.evidence import Span
from candlegraph.memory.learning.report import experience_of_decision
from candlegraph.memory.storage.database import writing
from candlegraph.memory.storage.tables import counterfactuals
from candlegraph.memory.store import close_memory
from candlegraph.tools.market.situation import situation_of

WEIGHTS = {"situation": {"text": 0}, "text": {"situation": 0}, "both": {}}
KINDS = ("flat", "hnsw", "ivf")
UNITS = st.sampled_from([timedelta(microseconds=1), timedelta(minutes=30), timedelta(days=40)])
ROWS = st.lists(
    st.tuples(
        st.integers(0, 8),  # when it became known
        st.sampled_from([-30.0, -4.0, 4.0, 30.0]),
        st.integers(0, 60),  # how unlike its market was
        st.booleans(),  # in the present words
        st.none() | st.integers(0, 6),  # a hold was recorded then, and its trade ended so much later
        st.none() | st.integers(0, 8),  # when its table was complete
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def server():
    with EmbeddingServer() as one:
        yield one


@pytest.fixture(scope="module", params=[(kind, name) for kind in KINDS for name in WEIGHTS], ids="-".join)
def make(request, server, tmp_path_factory):
    """Return a factory of contexts: one memory, a namespace for each run of trades."""
    kind, name = request.param
    rag = {
        "embedding": {"provider": "openai", "api_base": server.url, "model": "m"},
        "vector_store": {"index_type": kind, "similarity_threshold": 0.0},
        "spaces": WEIGHTS[name],
    }
    rules = {"min_trades_for_learning": 1, "reward": {"min_pattern_trades": 2}}
    blocks = settings_of({"experience_config": rules | {"rag_config": rag}})
    folder, number = tmp_path_factory.mktemp("causal"), count()

    def factory():
        return Context(settings=blocks, user_data_dir=str(folder), namespace=f"backtest:{next(number)}")

    yield factory
    close_memory(factory().database)


def remember(context, snapshot, unit, rows, earliest=0):
    """Store and embed what became known `unit` by `unit`, from two before the snapshot on; return when, by id."""
    stored = {}
    for number, (known, profit, steps, in_words, after, complete_after) in enumerate(rows):
        place = max(known, earliest)
        end = place + (after or 0)
        at, ended_at = (snapshot.as_of + (one - 2) * unit for one in (place, end))
        said = f"said {1000 * (earliest > 0) + 10 * number} known {end}."
        trade = lived(
            snapshot,
            len(stored) + 100 * earliest,
            profit,
            namespace=context.namespace,
            pair=f"P{number + 100 * earliest}/USDT:USDT",
            situation=near(snapshot, steps),
            entry_reason=said,
            self_evaluation=said,
            model=context.model_name,
            model_score=float(number),
            opened_at=at - timedelta(hours=1),
            closed_at=ended_at,
            known_at=ended_at,
            **({} if in_words else {"entry_rsi": 95.0}),
        )
        if complete_after is None:
            stored[context.memory.add(trade)] = end
        else:
            ripe = max(end, complete_after)
            stored[completed(context, trade, ripe, snapshot.as_of + (ripe - 2) * unit)] = end
        if after is not None:
            stored[context.memory.add(recorded(trade, at, f"held, known {place}."))] = place
    assert context.memory.embed_waiting(100, now=snapshot.as_of, namespace=context.namespace).problem is None
    return stored


def completed(context, experience, place, at):
    """Store a trade whose table was complete, and advises against all that was done, at a moment; return its id."""
    memory, trade, path = context.memory, experience.source, next(null_world.trades(np.random.default_rng(1), 1))[0]
    track, early = track_of(trade), table_of(path, path.ending.known_at)
    row = memory.settle(experience, track, early, is_queued=False)
    late = table_of(path, null_world.known_by(path)).model_copy(update={"as_of": at})
    gains = Paired(span=Span(trade.side, trade.opened_at, trade.closed_at), gains_atr=(50.0,) * len(TRIED))
    waits = Pending(row, experience, trade, track, at)
    complete(memory.engine, waits, late, f"learnt at {place}")
    changed = update(counterfactuals).where(counterfactuals.c.experience_id == row)
    with writing(memory.engine, "experiences") as (connection, revision):
        connection.execute(changed.values(gains=gains.model_dump_json(), revision=revision))
    return row


def recorded(experience, at, reason):
    """Return a decision that was recorded while the trade was open."""
    kept = {"namespace", "pair", "side", "entry_price", "opened_at", "regime", "situation", "space"}
    known = experience.source.model_dump(include=kept) | {"decision_id": "d", "key": experience.key, "known_at": at}
    words = {"decision_type": "hold", "reason": reason, "confidence": 0.7, "current_profit_pct": 6.0}
    return experience_of_decision(RecordedDecision(**known | words))


def recalled(context, snapshot):
    """Return what the retriever node says, and the text of the prompt with it."""
    facts = facts_at(snapshot)
    state = CandleState(snapshot=snapshot, facts=facts, situation=situation_of(facts))
    lessons = asyncio.run(retriever(state, Runtime(context=context)))["lessons"]
    return lessons, market_text(state.model_copy(update={"lessons": lessons}), context.settings)


@settings(max_examples=12, deadline=None)
@given(rows=ROWS, later=ROWS, unit=UNITS, moment=st.integers(0, 8), in_position=st.booleans())
def test_what_is_known_at_the_decision_or_later_changes_nothing(
    make, entering, make_position, rows, later, unit, moment, in_position
):
    context = make()
    opened_at = entering.as_of - timedelta(days=400)
    position = make_position("long", entering.price, opened_at=opened_at) if in_position else None
    at = entering.model_copy(update={"as_of": entering.as_of + (moment - 2) * unit, "position": position})
    stored = remember(context, entering, unit, rows)
    lessons, prompt = before = recalled(context, at)
    ends = [known + (after or 0) for known, *_, after, _ in rows]
    assert lessons.guidance.trades == sum(end < moment for end in ends)
    assert all(stored[case.id] < moment for case in lessons.cases)
    assert lessons.cases or not any(
        in_words and end < moment for (*_, in_words, _, _), end in zip(rows, ends, strict=True)
    )
    assert all(f"known {place}." not in prompt for place in range(moment, 15))
    assert all(f"learnt at {place}" not in prompt for place in range(moment, 15))
    complete_by = [row[-1] for row in rows]
    ripe = any(at is not None and max(end, at) < moment for at, end in zip(complete_by, ends, strict=True))
    assert ripe or not lessons.guidance.advice
    remember(context, entering, unit, later, earliest=max(moment, 1))
    assert recalled(context, at) == before
