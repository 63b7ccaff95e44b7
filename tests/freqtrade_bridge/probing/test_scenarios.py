"""The scenario gate: written situations, what models do in them, and whether it can tell models apart."""

import json
import re
from contextlib import nullcontext

import pytest

from candlegraph.agents.analyst import seen
from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.decision import opening_of
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.scenarios.asking import ScenarioContext, reordered
from candlegraph.freqtrade_bridge.scenarios.pictured import pictured, remembered
from candlegraph.freqtrade_bridge.scenarios.scenario import scenario_of
from candlegraph.freqtrade_bridge.scenarios.written import WrittenSituation, mirrored, packaged
from candlegraph.graph.state import CandleState

WRITTEN = packaged()
PLANNED = {
    "crash", "false break-out", "exhausted trend", "conflicting timeframes", "thin market", "eroding profit",
    "stop near", "poisoned text", "missing data", "halted", "past says no",
}  # fmt: skip
FEW = """
[[scenario]]
name = "up"
group = "plain"
admissible = ["enter_long"]
why = "all rises"
trends = "++++"
adx = 36
rsi = 54
distance = 0.3
macd = 0.1
band = 0.55
support = 0.6
resistance = 4
"""


def asked(capsys, *words):
    """Return what the command says for a program."""
    assert main(["scenarios", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_eighty_situations_and_more_are_written_each_once_and_of_every_kind():
    assert len([one for one in WRITTEN if not one.name.endswith(", mirrored")]) >= 80
    assert len({one.name for one in WRITTEN}) == len(WRITTEN)
    assert {one.group for one in WRITTEN} >= PLANNED


def test_no_answer_is_admissible_everywhere_and_each_of_them_somewhere():
    for answers in ({"enter_long", "enter_short", "wait"}, {"hold", "exit", "reduce", "add"}):
        shares = {a: [a in one.admissible for one in WRITTEN if set(one.admissible) <= answers] for a in answers}
        assert all(0.1 < sum(found) / len(found) < 0.8 for found in shares.values()), shares


def test_the_mirror_of_a_situation_is_the_same_with_long_and_short_exchanged():
    for one in (one for one in WRITTEN if one.mirror and not one.name.endswith(", mirrored")):
        other = mirrored(one)
        assert mirrored(other).admissible == one.admissible
        there, here = (market_of(each) for each in (other, one))
        assert there.regime == {"trend_up": "trend_down", "trend_down": "trend_up"}.get(here.regime, here.regime)
        assert there.alignment == -here.alignment and there.trend_strength == here.trend_strength


def market_of(one):
    return seen(pictured(one), ScenarioContext(), "fast")["facts"]


def test_every_wording_is_another_prompt_and_turning_its_sections_round_loses_none():
    context = ScenarioContext()
    for one in WRITTEN:
        if one.wordings > 1:
            assert len({prompt_of(one, wording, context) for wording in range(one.wordings)}) == one.wordings
    for one in WRITTEN[::7]:
        message = str(reordered(opening(one, 0, context)[1]).content)
        assert sorted(message.split("\n\n")) == sorted(prompt_of(one, 0, context).split("\n\n"))
        assert message != prompt_of(one, 0, context)
        for section in message.split("\n\n"):
            assert len(re.findall(r"<\w+>", section)) == len(re.findall(r"</\w+>", section)), section


def opening(one, wording, context):
    state = CandleState(**seen(pictured(one, wording), context, "fast"), lessons=remembered(one, wording))
    return opening_of(state, context, allowed_tools(state))


def prompt_of(one, wording, context):
    return str(opening(one, wording, context)[1].content)


def test_the_gate_tells_the_rule_from_chance_from_always_long_and_from_always_waiting(capsys):
    names = ["policy", "random", "always-long", "always-wait"]
    words = [word for name in names for word in ("--model", name)]
    found = asked(capsys, *words, "--every", 3)
    reports = {one["model"]: one for one in found["reports"]}
    assert reports["policy"]["scenarios"] == len(WRITTEN[::3])
    against = {one["second"]: one for one in found["compared"] if one["first"] == "policy"}
    assert all(one["p"] < 0.05 and one["only_first"] > one["only_second"] for one in against.values())
    assert reports["policy"]["admissible"]["low"] > reports["random"]["admissible"]["high"]
    assert reports["policy"]["admissible"]["low"] > reports["always-long"]["admissible"]["high"]
    assert reports["policy"]["reordered"]["count"] == reports["policy"]["reordered"]["of"]
    assert reports["random"]["reordered"]["high"] < reports["policy"]["reordered"]["low"]
    assert all(one["valid"]["count"] == one["valid"]["of"] for one in reports.values())


@pytest.mark.parametrize(("least", "status"), [(0.0, 0), (1.0, 1)])
def test_a_share_below_the_least_ends_with_a_status_for_ci(capsys, least, status):
    words = ["scenarios", "--model", "always-wait", "--group", "textbook", "--every", "8", "--least", str(least)]
    with pytest.raises(SystemExit) if status else nullcontext():
        assert main(words) == 0
    assert "always-wait" in capsys.readouterr().out


def test_a_served_model_is_counted_and_what_it_answers_wrongly_in_form_is_not_valid(capsys, server, tmp_path):
    path = tmp_path / "few.toml"
    path.write_text(FEW)
    wrong = {"tools": [("signal_wait", {"pair": "ABC/USDT:USDT", "confidence_score": 700, "reason": "calm"})]}
    right = {"tools": [("signal_wait", {"pair": "ABC/USDT:USDT", "confidence_score": 70, "reason": "calm"})]}
    server.script = [wrong, right]
    config = tmp_path / "config.json"
    prices = {"m": {"input": 1, "output": 2}}
    config.write_text(json.dumps({"llm_config": {"api_base": server.url, "model": "m", "prices": prices}}))
    found = asked(capsys, "-c", config, "--file", path, "--runs", 3)
    (report,) = found["reports"]
    assert report["valid"]["count"] == pytest.approx(0.75) and report["answers"] == 4
    assert report["admissible"]["count"] == 0 and report["repeated"]["count"] == 1
    assert report["tokens_in"] > 0 and report["cost"] > 0
    assert report["misses"][0]["answered"] == {"wait": 3}


def line(one, **said):
    context = ScenarioContext()
    state = CandleState(**seen(pictured(one), context, "fast"), lessons=remembered(one))
    inputs = DecisionInputs.of(state, context.settings).model_dump(mode="json")
    return json.dumps({"decision_id": "d" * 32, "inputs": inputs, "taken": "enter_short", "exporter": "h17", **said})


def test_a_persons_corrections_are_situations_and_lines_that_nobody_filled_in_are_not(capsys, tmp_path):
    path = tmp_path / "corrected.jsonl"
    up = WrittenSituation.model_validate(next(one for one in WRITTEN if one.name == "young and on its way"))
    path.write_text("\n".join([line(up, admissible=["hold"], why="let it run"), line(up), line(up, admissible=[])]))
    main(["scenarios", "--model", "policy", "--file", str(path)])
    told = capsys.readouterr()
    assert "2 lines without an admissible answer are left out" in told.err
    assert "every answer was admissible" in told.out


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.jsonl", "{", "a.jsonl, line 1: no JSON"),
        ("a.jsonl", "HELD", "a.jsonl, line 1: admissible wait; expected of hold, exit, reduce, add"),
        ("a.jsonl", "NOBODY", 'none of 1 lines has "admissible" filled in'),
        ("a.toml", FEW.replace("enter_long", "hold"), "'up': as a whole: Value error, admissible: hold"),
        ("a.toml", FEW.replace("adx", "adxx"), "'up': adx: Field required; adxx: Extra inputs"),
        ("a.toml", "", "a.toml: no [[scenario]] in it"),
    ],
)
def test_a_file_that_is_wrong_names_line_situation_and_what_is_valid(capsys, tmp_path, name, text, told):
    held = next(one for one in WRITTEN if one.name == "young and on its way")
    path = tmp_path / name
    path.write_text({"HELD": line(held, admissible=["wait"]), "NOBODY": line(held)}.get(text, text))
    assert main(["scenarios", "--model", "policy", "--file", str(path)]) == 1
    assert told in capsys.readouterr().err


def test_an_entry_with_more_leverage_than_the_situation_bears_is_not_admissible():
    one = scenario_of(next(one for one in WRITTEN if one.most_leverage))
    assert one.admits("enter_long", 20) and not one.admits("enter_long", 100) and not one.admits(None, None)
