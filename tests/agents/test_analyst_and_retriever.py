"""From a snapshot, or from pair and candle, to facts; from facts to cases, guidance, and what a rule makes of them."""

import asyncio
from datetime import timedelta

import pytest
from lived import facts_at, lived, near, remember

from candlegraph.agents.models.policy import PolicyModel, entry_side, policy_calls
from candlegraph.graph.builder import graph
from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.schema.experience import PartialExit, RecordedDecision
from candlegraph.graph.schema.facts import ExperienceFacts, parse_facts, render_facts
from candlegraph.graph.schema.market import Account
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.memory.learning.ranking import drawn
from candlegraph.memory.learning.report import experience_of_decision, experience_of_part
from candlegraph.tools.market.facts import facts_of
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


def asked(run, context, model, snapshot):
    """Return the state and the prompt of one decision."""
    state = run(context, snapshot)
    return state, model.seen[-1][1].content


@pytest.fixture
def waiting(scripted, calling, right):
    return scripted(calling(right("signal_wait")))


@pytest.mark.parametrize("count, learnt", [(9, False), (10, True)])
def test_guidance_and_summary_come_with_the_tenth_closed_trade(run, make_context, waiting, entering, count, learnt):
    context = make_context(waiting)
    remember(context, *(lived(entering, n) for n in range(count)))
    state, prompt = asked(run, context, waiting, entering)
    assert len(state.lessons.cases) == 5
    facts = parse_facts(prompt)
    assert (facts.experience is not None) == learnt
    assert ("undecided" in prompt) == learnt
    assert ("no guidance yet: 9 of 10 closed trades" in prompt) != learnt
    if learnt:
        side = entry_side(facts_at(entering))
        assert getattr(facts.experience, f"{side}_pattern") == "open"
        assert state.lessons.guidance.patterns[0].trades == facts.experience.of(side).cases == 10


def test_fewer_trades_suffice_where_the_setting_says_so(run, make_context, waiting, entering):
    context = make_context(waiting, experience_config={"min_trades_for_learning": 5})
    remember(context, *(lived(entering, n) for n in range(5)))
    assert "undecided" in asked(run, context, waiting, entering)[1]


def test_with_use_experience_off_nothing_retrieved_reaches_the_prompt(run, make_context, waiting, entering):
    context = make_context(waiting, experience_config={"use_experience": False})
    empty = make_context(waiting, experience_config={"use_experience": False}, namespace="live")
    remember(context, *(lived(entering, n) for n in range(12)))
    state, prompt = asked(run, context, waiting, entering)
    assert (state.lessons.cases, state.lessons.summary, state.lessons.guidance) == ((), None, None)
    assert parse_facts(prompt).experience is None and "use_experience is off" in prompt
    assert prompt == asked(run, empty, waiting, entering)[1]


def test_trades_of_another_namespace_teach_only_where_they_may_be_read(run, make_context, waiting, entering):
    readable = {"rag_config": {"read_namespaces": ["studio"]}}
    closed, opened = (
        make_context(waiting, namespace="live"),
        make_context(waiting, namespace="live", experience_config=readable),
    )
    remember(closed, *(lived(entering, n) for n in range(16)))
    assert "warning: " not in asked(run, closed, waiting, entering)[1]
    assert "warning: " in asked(run, opened, waiting, entering)[1]


def test_a_trade_known_at_the_decision_or_later_teaches_nothing(run, make_context, waiting, entering):
    context = make_context(waiting, experience_config={"min_trades_for_learning": 1})
    before = asked(run, context, waiting, entering)[1]
    for n in range(12):
        at = entering.as_of + timedelta(minutes=n)
        remember(context, lived(entering, n, closed_at=at, known_at=at))
    assert asked(run, context, waiting, entering)[1] == before
    at = entering.as_of - timedelta(microseconds=1)
    remember(context, lived(entering, 99, closed_at=at, known_at=at))
    assert asked(run, context, waiting, entering)[1] != before


@pytest.mark.parametrize(
    "top_k, ranking, expected",
    [
        (5, {}, [8, 7, 9]),
        (5, {"most_of_a_day": 3}, [8, 7, 6, 9]),
        (2, {"most_of_a_day": 8}, [8, 9]),
        (2, {"most_of_a_day": 8, "least_losing": 0}, [8, 7]),
    ],
)
def test_the_cases_of_the_prompt_are_chosen_as_configured(
    run, make_context, waiting, entering, top_k, ranking, expected
):
    """Winners 1-8 of one day, the later the more similar; loser 9. Of two places 2 x 8/9 and the draw are winners'."""
    rag = {"vector_store": {"top_k": top_k}, "ranking": ranking}
    context = make_context(waiting, experience_config={"rag_config": rag})
    opened_at = entering.as_of - timedelta(days=3)
    for n in range(1, 9):
        at = opened_at + timedelta(hours=9 - n)
        times = {"opened_at": opened_at, "closed_at": at, "known_at": at}
        remember(context, lived(entering, n, 4.0, situation=near(entering, 9 - n), **times))
    remember(context, lived(entering, 9, situation=near(entering, 20)))
    assert drawn(situation_of(facts_at(entering))) > 2 / 9  # so that both places of two are winners'
    assert [case.id for case in asked(run, context, waiting, entering)[0].lessons.cases] == expected


@pytest.mark.parametrize("mode", ["documented", "quality"])
def test_the_sum_of_rewards_is_of_the_configured_kind(run, make_context, waiting, entering, mode):
    context = make_context(waiting, experience_config={"reward": {"mode": mode}})
    remember(context, lived(entering, 1, 40.0), lived(entering, 2, -60.0))
    lessons = asked(run, context, waiting, entering)[0].lessons
    stored = [context.memory.get(one) for one in (1, 2)]
    names = {"documented": "reward", "quality": "reward_quality"}
    assert lessons.guidance.cumulative_reward == sum(getattr(one, names[mode]) for one in stored)


# -- one case a trade ---------------------------------------------------------------------------------------------

HELD = {"decision_type": "hold", "reason": "trend intact", "confidence": 0.7, "current_profit_pct": 7.5}


def moment(trade, hours, *, part=False, **changes):
    """Return what was recorded of a trade `hours` after its entry: a hold, or a partial exit."""
    kept = {"namespace", "pair", "side", "entry_price", "opened_at", "regime", "situation", "space"}
    known = trade.source.model_dump(include=kept) | {"decision_id": "d", "key": f"{trade.key}|{hours}"}
    known |= {"known_at": trade.source.opened_at + timedelta(hours=hours)} | changes
    if part:
        return experience_of_part(PartialExit(**known, share=0.5, profit_pct=5.0, exit_price=101, reason="secure half"))
    return experience_of_decision(RecordedDecision(**known | HELD))


@pytest.fixture
def holding(make_snapshot, entering):
    """Return a snapshot in a position whose market is that of `entering`."""
    position = make_snapshot("long").position.model_copy(update={"opened_at": entering.as_of - timedelta(hours=5)})
    return entering.model_copy(update={"position": position})


def test_a_trade_its_partial_exit_and_its_recorded_hold_are_one_case(run, make_context, staying, holding):
    context = make_context(staying)
    trades = [lived(holding, n, 4.0 if n % 2 else -4.0) for n in range(1, 7)]
    for one in trades:
        remember(context, moment(one, 1), moment(one, 1.5, part=True), one)
    state, prompt = asked(run, context, staying, holding)
    assert len(state.lessons.cases) == 5 and {case.kind for case in state.lessons.cases} == {"trade"}
    assert len({case.duration_minutes for case in state.lessons.cases}) == 1 and state.lessons.similar.trades == 6
    for case in state.lessons.cases:
        assert [one.kind for one in case.moments] == ["hold", "reduction"]
    assert 'decided to hold at +7.5 % after 1.0 h ("trend intact"), closed 50% at +5.0 % after 1.5 h' in prompt


def test_a_hold_is_open_until_its_trade_ends_and_from_then_on_judged_by_what_became_of_it(
    run, make_context, staying, holding
):
    context = make_context(staying)
    trade = lived(holding, 1, -0.8, pair="SOL/USDT:USDT")
    remember(context, moment(trade, 1), trade)
    end = trade.source.known_at
    at = {"open": end, "ended": end + timedelta(microseconds=1)}
    found = {name: asked(run, context, staying, as_of(holding, one)) for name, one in at.items()}
    (open_case,), (ended_case,) = (found[name][0].lessons.cases for name in ("open", "ended"))
    assert open_case.is_open and open_case.profit_pct == 7.5 and found["open"][0].lessons.similar is None
    assert "still open, +7.50 % net then" in found["open"][1] and "-0.80 %" not in found["open"][1]
    assert not ended_case.is_open and ended_case.profit_pct == -0.8
    assert "-0.80 % net" in found["ended"][1] and "decided to hold at +7.5 % after 1.0 h" in found["ended"][1]


def as_of(snapshot, time):
    return snapshot.model_copy(update={"as_of": time})


def test_the_trade_that_is_decided_about_is_no_case_of_its_own(run, make_context, staying, holding):
    context = make_context(staying)
    opened_at = holding.position.opened_at
    mine = lived(holding, 1, pair=holding.pair, opened_at=opened_at, closed_at=opened_at, known_at=opened_at)
    other = lived(holding, 2, pair="SOL/USDT:USDT")
    remember(context, moment(mine, 1), moment(other, 1))
    (case,) = asked(run, context, staying, holding)[0].lessons.cases
    assert case.pair == "SOL/USDT:USDT" and case.is_open


def test_flat_only_how_entries_ended_is_evidence(run, make_context, waiting, entering):
    context = make_context(waiting)
    remember(context, moment(lived(entering, 1), 1), moment(lived(entering, 2), 1, part=True))
    assert asked(run, context, waiting, entering)[0].lessons.cases == ()


def test_deeper_is_looked_until_there_are_enough_different_trades(run, make_context, staying, holding):
    context = make_context(staying)
    near_ones = [moment(lived(holding, 1), n / 100) for n in range(1, 120)]
    far = [lived(holding, n, situation=near(holding, 20 + n)) for n in range(2, 6)]
    remember(context, *near_ones, *far)
    assert len(asked(run, context, staying, holding)[0].lessons.cases) == 5


def test_a_trade_that_the_end_of_the_data_closed_stays_open_to_its_moments(run, make_context, staying, holding):
    context = make_context(staying)
    forced = lived(holding, 1, -9.0, forced=True)
    remember(context, moment(forced, 1), forced)
    (case,) = asked(run, context, staying, holding)[0].lessons.cases
    assert case.is_open and case.profit_pct == 7.5


@pytest.fixture
def staying(scripted, calling, right):
    return scripted(calling(right("signal_hold")))


@pytest.mark.parametrize("model, told", [("scripted", True), ("another", False)])
def test_in_a_position_the_model_reads_how_far_off_its_own_scores_were(
    run, make_context, staying, holding, entering, model, told
):
    context = make_context(staying)
    name = context.model_name if model == "scripted" else model
    for n in range(1, 11):
        one = lived(holding, n, model=name)
        score = context_score(one) + 14
        remember(context, lived(holding, n, model=name, model_score=score))
    said = "your last 10 scores were 14 too high"
    assert (said in asked(run, context, staying, holding)[1]) == told
    assert said not in asked(run, context, staying, as_of(holding, lived(holding, 1).source.known_at))[1]


def context_score(experience):
    return experience.scores.total


def test_the_rule_leaves_a_setup_that_its_pattern_warns_of(run, make_context, entering):
    """No case is similar: the trades were entered in the same setup, but in another space of vectors."""
    context = make_context(PolicyModel())
    before = run(context, entering)
    assert before.signal.side is not None
    remember(context, *(lived(entering, n, space="other-1:30m") for n in range(16)))
    state = run(context, entering)
    assert state.lessons.cases == () and state.lessons.guidance.patterns[0].verdict == "warned"
    facts = state.facts.model_copy(update={"experience": state.lessons.summary})
    names = [called(facts, n) for n in range(400)]
    assert 70 <= 400 - names.count("signal_wait") <= 130  # one market in four is still taken
    assert [called(facts, n) for n in range(400)] == names


def called(facts, n):
    """Return what the rule calls in the market whose support lies `n` hundredths of a percent farther."""
    moved = facts.model_copy(update={"support": facts.price * (0.9 + n / 10_000)})
    return policy_calls(render_facts(moved), frozenset())[0][0]


@pytest.mark.parametrize("verdict", ["favoured", "open", "unknown"])
def test_the_rule_takes_a_setup_that_nothing_warns_of(entering, verdict):
    facts = facts_at(entering)
    none = dict.fromkeys(["long_success_rate", "long_mean_profit_pct", "short_success_rate", "short_mean_profit_pct"])
    past = ExperienceFacts(long_cases=0, short_cases=0, ids="none", **none)
    side = entry_side(facts)
    known = {f"{side}_pattern": verdict, f"{side}_against": 0.9}
    known = past.model_copy(update=known)
    names = {called(facts.model_copy(update={"experience": known}), n) for n in range(50)}
    assert names == {f"signal_entry_{side}"}
