"""`candlegraph whatif` over decisions that were written down: standings, what is left out, what a reader is told."""

import json
from datetime import timedelta

import pytest

from candlegraph.agents.models.policy import PolicyModel
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import RunOutcome
from candlegraph.freqtrade_bridge.scenarios.asking import ScenarioContext
from candlegraph.freqtrade_bridge.scenarios.pictured import pictured, remembered
from candlegraph.freqtrade_bridge.scenarios.written import WrittenAccount, packaged
from candlegraph.freqtrade_bridge.whatif.changes import NO_MEMORY
from candlegraph.graph.builder import graph
from candlegraph.graph.nodes import loop_thread
from candlegraph.graph.settings.settings import settings_of
from candlegraph.graph.state import CandleInput, CandleState

WRITTEN = {one.name: one for one in packaged()}
GOOD, WARNED = "pull-back to EMA 20, all trends up", "looks right, lost eleven times of twelve"
HURT = "hurt"
WRITTEN[HURT] = WRITTEN[GOOD].model_copy(update={"account": WrittenAccount(day_profit=-3)})
REVIEWED = {"llm_config": {"depth": "balanced", "api_base": "http://127.0.0.1:9/v1", "model": "m"}}
BY_MODEL = {"llm_config": {"api_base": "http://127.0.0.1:9/v1", "model": "m"}}


@pytest.fixture
def record(tmp_path):
    """Return what lets a model decide in a written situation, and writes it down as a bot does."""

    def go(name, model=None, namespace="dry_run", number=0, lessons=None, **blocks):
        written = WRITTEN[name]
        settings = settings_of({"context_config": {"timeframes": ["30m", "1h", "4h", "1d"]}, **blocks})
        context = ScenarioContext(
            settings=settings, lessons=lessons or remembered(written), namespace=namespace, user_data_dir=str(tmp_path)
        ).with_model(model or PolicyModel())
        later = number * timedelta(minutes=30)
        seen = pictured(written)
        snapshot = seen.model_copy(update={"candle": seen.candle + later, "as_of": seen.as_of + later})
        ran = graph.ainvoke(CandleInput(snapshot=snapshot), context=context)
        state = CandleState.model_validate(loop_thread().submit(ran).result())
        outcome = RunOutcome(state=state, latency_ms=1.0)
        row = decision_row(context, snapshot, outcome, state.signal, snapshot.as_of)
        Records(context).decisions([row], {row.decision_id: state})
        return row

    return go


@pytest.fixture
def asked(tmp_path, capsys):
    """Return what the command says for a program."""

    def go(*words):
        assert main(["whatif", "--userdir", str(tmp_path), *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return go


def entering(scripted, calling, **more):
    entry = {
        "pair": "ABC/USDT:USDT", "leverage": 10, "confidence_score": 70, "rsi_value": 54, "trend_strength": "strong",
        "key_support": 99.7, "key_resistance": 102, "stop_loss": 98, "stake_amount": 500, "reason": "pull-back",
    }  # fmt: skip
    review = {"verdict": "veto", "reason": "too late"}
    calls = [calling(("signal_entry_long", entry | more)), calling(("ReviewEntry", review))]
    return scripted(*calls)


def test_another_limit_lowers_the_entry_and_says_which_number(record, asked):
    record(GOOD)
    found = asked("--set", "max_leverage=2")
    assert found["standings"] == {"changed": 1} and found["holds"] == {"exact": 1}
    assert "leverage 5 → 2" in found["changed"][0]["why"]
    assert asked("--set", "max_leverage=80")["standings"] == {"same": 1}


def test_leverage_and_stop_of_every_entry_can_be_others(record, asked):
    record(GOOD)
    assert "leverage 5 → 3" in asked("--leverage", "3")["changed"][0]["why"]
    assert "stop " in asked("--stop-atr", "1")["changed"][0]["why"]


def test_a_door_that_opens_would_have_asked_a_model(record, asked):
    assert record(HURT, risk_management={"max_daily_loss_pct": 2}).signal.action == "wait"
    assert asked("--set", "max_daily_loss_pct=9")["standings"] == {"asked_anew": 1}


def test_a_door_that_closes_needs_no_model(record, asked):
    record(HURT)
    (changed,) = asked("--set", "max_daily_loss_pct=2")["changed"]
    assert (changed["was"], changed["now"], changed["holds"]) == ("enter_long", "wait", "exact")


def test_a_run_is_named_and_more_than_ten_changes_are_shown_where_that_is_wanted(record, tmp_path, capsys):
    for number in range(12):
        record(GOOD, namespace="backtest:many", number=number)
    record(GOOD)
    words = ["whatif", "--userdir", str(tmp_path), "--set", "max_leverage=2"]
    told = {}
    for more in ([], ["many"], ["many", "--wide"]):
        assert main([*words[:1], *more[:1], *words[1:], *more[1:]]) == 0
        told[" ".join(more)] = capsys.readouterr().out
    assert "1 decisions" in told[""] and "12 decisions" in told["many"]
    assert "and 2 more; --wide shows all" in told["many"] and "and 2 more" not in told["many --wide"]


def test_without_the_reviewing_model_the_first_answer_counts(record, asked, scripted, calling):
    row = record(GOOD, entering(scripted, calling), **REVIEWED)
    assert row.signal.action == "wait"
    assert asked("--set", "max_leverage=2")["standings"] == {"not_again": 1}
    (changed,) = asked("--without", "reviewer")["changed"]
    assert (changed["was"], changed["now"], changed["holds"]) == ("wait", "enter_long", "exact")


def test_without_memory_the_rule_decides_again_and_a_model_would_have_to_be_asked(record, asked, scripted, calling):
    assert record(WARNED).signal.action == "wait"
    (changed,) = asked("--without", "memory")["changed"]
    assert (changed["was"], changed["now"]) == ("wait", "enter_long")


def test_a_model_that_would_read_another_prompt_is_counted_and_not_guessed(record, asked, scripted, calling):
    record(WARNED, entering(scripted, calling), **BY_MODEL)
    assert asked("--without", "memory")["standings"] == {"asked_anew": 1}


def test_another_prompt_gets_what_the_cassette_has_for_it(record, asked, scripted, calling, tmp_path):
    recorded = {**BY_MODEL["llm_config"], "mode": "record", "cassette": str(tmp_path / "answers.sqlite")}
    wait = ("signal_wait", {"pair": "ABC/USDT:USDT", "confidence_score": 70, "reason": "it lost before"})
    record(WARNED, scripted(calling(wait)), llm_config=recorded)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"llm_config": recorded}))
    words = ["dry_run", "--without", "memory", "-c", str(config)]
    found = asked(*words)
    assert found["standings"] == {"asked_anew": 1} and "has no answer" in found["changed"][0]["why"]
    record(WARNED, entering(scripted, calling), "backtest:bare", lessons=NO_MEMORY, llm_config=recorded)
    (changed,) = asked(*words)["changed"]
    assert (changed["was"], changed["now"]) == ("wait", "enter_long")


def test_a_reader_is_told_what_changes_and_how_far_it_holds(record, tmp_path, capsys):
    record(GOOD)
    assert main(["whatif", "--userdir", str(tmp_path), "--set", "min_confidence=90"]) == 0
    told = capsys.readouterr().out
    assert "1  come out otherwise" in told and "enter_long" in told and "min_confidence" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "nothing is changed"),
        (["--set", "max_leverage"], "expected KEY=VALUE"),
        (["--set", "max_levrage=3"], "max_levrage"),
        (["--set", "max_leverage=-3"], "max_leverage"),
        (["--leverage", "0.5"], "--leverage: Input should be greater than or equal to 1"),
        (["--stop-atr", "-1"], "--stop-atr: Input should be greater than 0"),
    ],
)
def test_a_change_that_is_none_is_refused_before_anything_is_read(tmp_path, capsys, words, told):
    assert main(["whatif", "--userdir", str(tmp_path), *words]) == 1
    assert told in capsys.readouterr().err
