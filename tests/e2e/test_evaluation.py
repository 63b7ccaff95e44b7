"""`candlegraph evaluate PLAN.toml` through the very same bridge: resumed to the last digit, judged, shown, counted."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from pages import Page

from candlegraph.agents.models.policy import policy_calls
from candlegraph.freqtrade_bridge import lab
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.host.trials import TrialBook
from candlegraph.freqtrade_bridge.lab.evaluation.cells import CellFiles, chains_of
from candlegraph.freqtrade_bridge.lab.evaluation.evaluating import estimate_of_plan, opened
from candlegraph.freqtrade_bridge.lab.evaluation.plan import EvaluationPlan
from candlegraph.freqtrade_bridge.lab.evaluation.running import BudgetSpent, Job, most_of
from candlegraph.freqtrade_bridge.report.result import read_result
from candlegraph.memory.books.ledger import Ledger

PAIR = "BTC/USDT:USDT"
PLAN = """
name = "june"
pairs = ["BTC/USDT:USDT"]
memory = "carried"
[windows]
begin = 2025-06-17
end = 2025-06-21
length_days = 1
purge_days = 2
[[strategies]]
name = "rule"
model = "policy"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a folder with a plan that was evaluated."""
    folder = tmp_path_factory.mktemp("evaluated")
    (folder / "plan.toml").write_text(PLAN)
    lab.evaluate(folder / "plan.toml", userdir=folder)
    return folder


@pytest.fixture
def found(home):
    return again(home, [])


def again(home, told):
    return lab.evaluate(home / "plan.toml", userdir=home, tell=lambda done, total, key: told.append(key))


def cells(found):
    read = (json.loads(path.read_text()) for path in sorted((found.folder / "cells").glob("*.json")))
    return {one["result"]["key"]: one for one in read}


def archive_of(found, key):
    run = cells(found)[key]["run"].removeprefix("backtest:")
    (archive,) = (found.folder / "runs" / "rule.all.r0" / "backtest_results").glob(f"*{run}-*.zip")
    return archive


def test_strategy_and_baselines_are_judged_over_all_windows(found):
    said = found.evaluation
    assert [line.name for line in said.lines] == ["rule", "hold", "ema_cross", "wait"]
    rule, hold, _, wait = said.lines
    assert said.verdict.startswith(("Edge shown", "No edge shown", "Too little data to tell"))
    assert len(rule.windows) == len(said.windows) == 2
    assert rule.returned == pytest.approx((1 + rule.windows[0]) * (1 + rule.windows[1]) - 1)
    assert len(rule.equity) == len(said.days) == 3 and rule.equity[-1] == pytest.approx(1 + rule.returned)
    assert wait.returned == 0 and hold.returned != 0
    assert rule.edge.trades == rule.sums.trades > 0
    assert all(low <= high for low, high in zip(rule.cone[0], rule.cone[2], strict=True))


def test_a_cell_is_what_freqtrade_says_of_that_very_run(found):
    for key in ("rule.all.r0.w00", "rule.all.r0.w01"):
        kept, result = cells(found)[key]["result"], read_result(archive_of(found, key))
        assert kept["freqtrade"]["return"] == result.profit_ratio
        assert kept["equity"][-1] == result.final_balance
        assert kept["sums"]["trades"] == result.trade_count
        assert (kept["begin"], kept["equity"][0]) == (f"{result.begins_at:%Y-%m-%d}", result.starting_balance)


def test_a_window_begins_with_the_memory_of_those_before_it(found):
    first = cells(found)["rule.all.r0.w00"]["run"]
    run = lab.load(found.folder / "runs" / "rule.all.r0", cells(found)["rule.all.r0.w01"]["run"])
    assert run.settings.experience_config.rag_config.read_namespaces == (first,)


def test_what_is_finished_is_not_run_again_and_a_half_cell_is_thrown_away(home, found):
    told = []
    before = cells(found)
    assert again(home, told).evaluation == found.evaluation and told == []
    half = before["rule.all.r0.w01"]["run"]
    (found.folder / "cells" / "rule.all.r0.w01.json").unlink()
    resumed = again(home, told)
    assert told == ["rule.all.r0.w01"]
    assert resumed.evaluation == found.evaluation
    assert cells(resumed)["rule.all.r0.w01"]["result"] == before["rule.all.r0.w01"]["result"]
    known = Ledger(found.folder / "runs" / "rule.all.r0" / "rag" / "candlegraph.sqlite").namespaces()
    assert half not in known and len(known) == 2


def test_the_plan_is_one_trial_of_its_folder_however_often_it_is_run(home, found, capsys):
    (trial,) = TrialBook(home).trials()
    assert trial.ended.net == pytest.approx(found.evaluation.lines[0].returned)
    assert main(["evaluate", "--trials", "--userdir", str(home)]) == 0
    told = capsys.readouterr().out
    assert "1 backtests begun, 1 of them different" in told and trial.begun.run in told
    main(["evaluate", "--trials", "--json", "--userdir", str(home)])
    assert json.loads(capsys.readouterr().out)[0]["ended"]["trades"] == trial.ended.trades


def test_every_backtest_is_counted_when_it_begins_and_when_it_ends(found):
    first, second = TrialBook(found.folder / "runs" / "rule.all.r0").trials()[:2]
    result = read_result(archive_of(found, "rule.all.r0.w00"))
    assert first.ended.net == pytest.approx(result.profit_ratio) and first.ended.trades == result.trade_count
    assert first.begun.model == "policy" and first.begun.days == 1
    assert first.begun.config != second.begun.config  # the second one reads the memory of the first


def test_the_page_says_the_verdict_first_and_the_terminal_the_same(home, found, capsys):
    assert main(["evaluate", str(home / "plan.toml"), "--userdir", str(home), "--jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(found.evaluation.verdict)
    page = Page(told.rpartition("Page: ")[2].strip())
    assert page.text.index('class="sentence"') < page.text.index('class="tiles"') < page.text.index('id="against"')
    assert page.tiles["return"] == found.evaluation.lines[0].returned
    accounts = page.data["accounts"]
    assert [one["name"] for one in accounts["lines"]] == ["rule", "buy and hold", "EMA 50/200 cross"]
    assert len(accounts["cone"]) == 3 and len(accounts["days"]) == 3
    main(["evaluate", str(home / "plan.toml"), "--userdir", str(home), "--json"])
    assert json.loads(capsys.readouterr().out) == found.evaluation.model_dump(mode="json")


def test_jobs_and_ray_without_a_plan_are_refused(home, capsys):
    for words in (["--jobs", "2"], ["--ray"]):
        assert main(["evaluate", "--userdir", str(home), *words]) == 1
        assert "expected a file that ends in .toml" in capsys.readouterr().err


def test_money_that_is_left_is_shared_by_the_cells_that_run_at_once(found):
    plan = EvaluationPlan.model_validate(found.evaluation.plan | {"budget": 6.0})
    files = CellFiles(found.folder)
    kept = next(files.all(chains_of(plan)))
    files.keep(kept.model_copy(update={"spent": 2.0}))
    assert most_of(Job(plan, found.folder, at_once=2)) == pytest.approx(2.0)
    with pytest.raises(BudgetSpent, match=r"budget = 1 is used up; raise it in the plan"):
        most_of(Job(plan.model_copy(update={"budget": 1.0}), found.folder))
    files.keep(kept)


def as_the_rule(path, body):
    prompt = "\n\n".join(str(one["content"]) for one in body["messages"][1:])
    return {"tools": policy_calls(prompt, frozenset(one["function"]["name"] for one in body["tools"]))}


def paid_plan(server, **more):
    llm = {
        "api_base": server.url,
        "api_key_env": "PAID_KEY",
        "model": "m",
        "prices": {"m": {"input": 50_000, "output": 0}},
    }
    windows = {"begin": "2025-06-10", "end": "2025-06-11"}
    strategy = {"name": "paid", "overrides": {"llm_config": llm}}
    return {"name": "paid", "pairs": [PAIR], "windows": windows, "strategies": [strategy], "baselines": []} | more


def test_what_it_may_cost_is_said_first_and_at_the_budget_it_ends_with_nothing_half_kept(
    home, tmp_path, scripted_server, monkeypatch
):
    monkeypatch.setenv("PAID_KEY", "none")
    with scripted_server() as server:
        server.script = [as_the_rule]
        plan = opened(paid_plan(server, budget=0.5), home)
        told = estimate_of_plan(plan, tmp_path)
        assert told[0].startswith("paid: Estimate: 48 decisions, up to") and told[-1] == "The plan's budget is 0.5."
        with pytest.raises(BudgetSpent, match=r"paid.all.r0.w00 cost .* and may cost 0.5"):
            lab.evaluate(plan, userdir=tmp_path)
    assert not list(tmp_path.glob("evaluations/*/cells/*.json"))


RUN = "import sys; from candlegraph.freqtrade_bridge.commands.main import main; sys.exit(main(sys.argv[1:]))"


def started(home, *words):
    return subprocess.Popen([sys.executable, "-c", RUN, "evaluate", str(home / "plan.toml"), "--userdir", *words])


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_says_the_same(found, tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    running = started(tmp_path, str(tmp_path))
    while not list(tmp_path.glob("evaluations/*/cells/rule*.json")):
        time.sleep(0.2)
    time.sleep(1.5)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    finished = lab.evaluate(tmp_path / "plan.toml", userdir=tmp_path)
    assert results(finished) == results(found)
    assert finished.evaluation.lines == found.evaluation.lines


def results(found):
    return {key: one["result"] for key, one in cells(found).items()}


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--jobs", "2"], ["--ray", "--jobs", "2"]], ids=["two processes", "ray"])
def test_more_processes_say_the_same_to_the_last_digit(found, tmp_path, words):
    if "--ray" in words:
        pytest.importorskip("ray", reason="the extra `ray` is not installed")
    (tmp_path / "plan.toml").write_text(PLAN)
    assert started(tmp_path, str(tmp_path), *words).wait() == 0
    finished = lab.evaluate(tmp_path / "plan.toml", userdir=tmp_path)
    assert results(finished) == results(found)
    assert finished.evaluation.lines == found.evaluation.lines
