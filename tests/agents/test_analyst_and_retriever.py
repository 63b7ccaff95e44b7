"""From a snapshot, or from pair and candle, to facts; and from facts to cases."""

import asyncio
from datetime import timedelta

import pytest

from candlegraph.graph.builder import graph
from candlegraph.graph.errors import CandleError
from candlegraph.graph.market import Account
from candlegraph.graph.settings import ContextConfig
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.tools.market.analysis import facts_of
from candlegraph.tools.market.situation import situation_of

PAIR = "BTC/USDT:USDT"


@pytest.fixture
def datadir(tmp_path, frames):
    folder = tmp_path / "candles" / "futures"
    folder.mkdir(parents=True)
    for timeframe, frame in frames.items():
        frame.to_feather(folder / f"BTC_USDT_USDT-{timeframe}-futures.feather")
    return folder.parent


def invoke(context, given):
    return CandleState.model_validate(asyncio.run(graph.ainvoke(given, context=context)))


def test_pair_and_candle_are_loaded_from_the_candle_folder(
    make_context, scripted, calling, right, make_snapshot, datadir, as_of
):
    context = make_context(scripted(calling(right("signal_wait"))), datadir=datadir)
    state = invoke(context, CandleInput(pair=PAIR, candle=as_of - timedelta(minutes=30)))
    wallet = Account(equity=10_000, free=10_000, open_positions=0)
    assert state.snapshot == make_snapshot(account=wallet)
    assert state.signal.action == "wait"


def test_studio_may_give_pair_and_candle_as_plain_json(make_context, scripted, calling, right, datadir, as_of):
    context = make_context(scripted(calling(right("signal_wait"))), datadir=datadir)
    candle = (as_of - timedelta(minutes=30)).isoformat()
    assert invoke(context, {"pair": PAIR, "candle": candle}).snapshot.as_of == as_of


def test_a_snapshot_as_plain_json_is_accepted_too(make_context, scripted, calling, right, make_snapshot):
    context = make_context(scripted(calling(right("signal_hold"))))
    given = {"snapshot": make_snapshot("long").model_dump(mode="json")}
    assert invoke(context, given).snapshot == make_snapshot("long")


@pytest.mark.parametrize("given", [{}, {"pair": PAIR}])
def test_too_little_input_is_refused_in_words(make_context, scripted, calling, given):
    with pytest.raises(CandleError, match='expected a "snapshot", or "pair" and "candle"'):
        invoke(make_context(scripted(calling())), CandleInput(**given))


def test_a_missing_candle_folder_is_named(make_context, scripted, calling, tmp_path, as_of):
    context = make_context(scripted(calling()), datadir=tmp_path / "nowhere")
    with pytest.raises(CandleError, match="nowhere"):
        invoke(context, CandleInput(pair=PAIR, candle=as_of))


def test_the_analyst_states_facts_and_situation(decide, calling, right, make_snapshot):
    state, _ = decide(calling(right("signal_wait")))
    config = ContextConfig()
    assert state.facts == facts_of(make_snapshot(), config.timeframes, config.required_indicators)
    assert state.situation == situation_of(state.facts)


def test_an_empty_memory_gives_no_case(decide, calling, right):
    state, model = decide(calling(right("signal_wait")))
    assert (state.lessons.cases, state.lessons.summary, state.lessons.unavailable) == ((), None, None)
    assert "no similar past case" in model.seen[0][1].content


def test_without_a_situation_the_memory_is_said_to_be_unavailable(
    run, make_context, make_snapshot, scripted, calling, right
):
    snapshot = make_snapshot()
    main = snapshot.main.model_copy(update={"indicators": snapshot.main.indicators.model_copy(update={"adx": None})})
    model = scripted(calling(right("signal_wait")))
    broken = snapshot.model_copy(update={"timeframes": (main, *snapshot.timeframes[1:])})
    state = run(make_context(model), broken)
    assert state.lessons.unavailable
    assert 'unavailable: "a component of the situation is unavailable"' in model.seen[0][1].content
    assert state.signal.action == "wait"
