"""`lab`: the examples of docs/python.md run as they stand, and what they give is what Freqtrade and the ledger say."""

import asyncio
import json
import logging
import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from candlegraph.agents.asking.transcript import prompt_hash
from candlegraph.agents.models.policy import policy_calls
from candlegraph.freqtrade_bridge import lab
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.frames.columns import COLUMNS, table
from candlegraph.freqtrade_bridge.lab.engine import Watched
from candlegraph.freqtrade_bridge.lab.progress import line_of
from candlegraph.graph.schema.errors import BridgeError, ConfigError
from candlegraph.memory.books.ledger import Ledger

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
RECIPES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
PAIR = "BTC/USDT:USDT"


def obedient(path, body):
    """Answer as the rule does, unless the prompt forbids to sell short."""
    prompt, *rest = [str(one["content"]) for one in body["messages"]]
    offered = {one["function"]["name"] for one in body["tools"]}
    if "Never sell short" in prompt:
        offered.discard("signal_entry_short")
    return {"tools": policy_calls("\n\n".join(rest), frozenset(offered))}


@pytest.fixture(scope="module")
def told(scripted_server, tmp_path_factory):
    """Return the names that the page's examples define, run in cells under a running event loop."""
    home = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch, scripted_server() as server:
        server.script = [obedient]
        patch.chdir(home)
        patch.setenv("OPENAI_API_BASE", server.url)
        patch.setenv("OPENAI_API_KEY", "none")
        names = {"home": home}

        async def cells():
            for block in BLOCKS:
                exec(compile(block, "docs/python.md", "exec"), names)

        before = [*logging.getLogger().handlers], logging.getLogger().level
        asyncio.run(cells())
        names["logging_is_as_before"] = before == ([*logging.getLogger().handlers], logging.getLogger().level)
        yield names


@pytest.fixture
def run(told):
    return told["run"]


def test_a_week_of_candles_gives_every_frame_with_its_documented_columns(run):
    for name, columns in COLUMNS.items():
        assert list(getattr(run, name).columns) == list(columns), name
        assert table(name) in PAGE, f"docs/python.md: the table of {name} should be\n{table(name)}"
    assert len(run.decisions) == len(run.costs) == 7 * 48
    assert run.decisions.index.is_unique and (run.decisions["pair"] == PAIR).all()
    assert len(run.fates) == run.decisions["fate"].notna().sum() > 0
    assert run.trades["opened_at"].dt.tz is not None and len(run.trades) > 1
    assert len(run.lessons) == len(run.trades)
    assert len(run.cases) == run.decisions["cases"].sum() > 0


def test_trades_and_result_are_those_of_freqtrades_archive(run):
    with zipfile.ZipFile(run.archive) as files:
        (strategy,) = json.loads(files.read(f"{run.archive.stem}.json"))["strategy"].values()
    theirs = pd.DataFrame(strategy["trades"])
    assert run.trades["profit"].tolist() == pytest.approx(theirs["profit_abs"].tolist())
    assert run.trades["opened_at"].tolist() == pd.to_datetime(theirs["open_date"], utc=True).tolist()
    assert run.profit == pytest.approx(strategy["profit_total_abs"])
    assert f"{run.profit:+,.2f} USDT" in repr(run)


def test_equity_is_marked_at_every_candle_and_ends_where_freqtrade_does(run):
    equity, trade = run.equity["equity"], run.trades.iloc[0]
    assert equity.iloc[0] == run.result.starting_balance and equity.iloc[-1] == run.result.final_balance
    assert len(equity) == 7 * 48
    held = run.decisions[(run.decisions["state"] != "flat") & (run.decisions["as_of"] < trade["closed_at"])]
    row = held.iloc[0]
    fill, sign = run.fates.iloc[0], 1 if trade["side"] == "long" else -1
    moved = sign * fill["amount"] * (row["price"] - fill["price"])
    fees = 0.0005 * fill["amount"] * (row["price"] + fill["price"])
    assert equity[row["as_of"]] == pytest.approx(run.result.starting_balance + moved - fees, abs=0.01)
    assert run.equity["drawdown_pct"].max() > 0


def test_a_decision_shows_the_very_prompt_its_answer_and_its_fate(run, told):
    decision, row = told["decision"], run.decision(run.fates.index[0]).row
    assert prompt_hash(decision.messages) == row.prompt_hash
    assert decision.prompt in "\n\n".join(str(one.content) for one in decision.messages)
    assert decision.messages[-1].tool_calls[0]["name"] == row.functions[-1].name
    assert decision.fate == row.fate_line and decision.fate.startswith("filled")
    with pytest.raises(ConfigError, match="no decision begins with it"):
        run.decision("zzzz")


def test_a_decision_taken_again_is_the_same_and_leaves_no_trace(run, told):
    before = len(Ledger(run.database).rows(run.namespace))
    again = told["decision"].again()
    assert (again.signal.name, again.signal.stop) == (told["decision"].signal.name, told["decision"].signal.stop)
    assert told["again"].prompt.startswith("You trade one pair. Call exactly one")
    assert len(Ledger(run.database).rows(run.namespace)) == before


def test_ones_own_model_is_asked_and_named_and_its_calls_are_counted(told):
    mine = told["mine"]
    assert set(mine.decisions["model"]) == {"gpt-5-mini"} == set(mine.costs["model"])
    assert len(mine.costs) >= 48
    assert any("Estimate: 48 decisions" in one for one in mine.warnings)


def test_nothing_is_printed_and_the_callers_logging_is_left_as_it_was(told, tmp_path, capfd):
    assert told["logging_is_as_before"]
    asked = {"pairs": PAIR, "userdir": tmp_path}
    with pytest.raises(BridgeError, match='Incorrect syntax for timerange "2025x"'):
        lab.backtest(**asked, timerange="2025x")
    with pytest.raises(ConfigError, match="lab: risk_management.max_leverag: unknown key; did you mean 'max_leverage'"):
        lab.backtest(**asked, overrides={"risk_management": {"max_leverag": 3}})
    config = tmp_path / "config.json"
    config.write_text('{"stake_currency": "USDT", "llm_config": {"temprature": 0}}')
    with pytest.raises(ConfigError, match=f"{config}: llm_config.temprature: unknown key; did you mean 'temperature'"):
        lab.backtest(config, **asked)
    with pytest.raises(BridgeError, match="stoploss = -0.1: only -0.5 is valid"):
        lab.backtest({"stoploss": -0.1}, **asked, timerange="20250620-20250621")
    with pytest.raises(ConfigError, match="no time range"):
        lab.backtest(**asked, datadir=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_the_line_says_candles_time_left_money_and_account():
    watched = Watched(step="Backtest", done=84, total=336, spent=0.0412, equity=9884.58)
    assert line_of(watched, 20) == "backtest [##........] 84/336, 1 min 00 s left, spent 0.0412, account 9,885"


def test_a_run_is_loaded_by_a_part_of_its_name(run, told):
    loaded = lab.load(run.userdir, run.namespace[-6:])
    assert loaded.namespace == run.namespace and loaded.archive == run.archive
    pd.testing.assert_frame_equal(loaded.decisions, run.decisions)
    pd.testing.assert_frame_equal(loaded.equity, run.equity)
    mine = lab.load(run.userdir, told["mine"].namespace)
    with pytest.raises(BridgeError, match="the model 'gpt-5-mini' was handed in from Python; hand it in again"):
        mine.decision(mine.decisions.index[0]).again()
    with pytest.raises(ConfigError, match="no run 'nobody'; known: backtest:"):
        lab.load(run.userdir, "nobody")


def test_a_bots_ledger_is_a_run_too_and_what_it_lacks_is_said(run):
    rows = Ledger(run.database).rows(run.namespace)[:48]
    renamed = {"namespace": "dry_run", "fate": None}
    Ledger(run.database).append(
        [one.model_copy(update=renamed | {"decision_id": f"d{n}"}) for n, one in enumerate(rows)]
    )
    bot = lab.load(run.userdir, "dry_run")
    assert len(bot.decisions) == 48 and bot.trades.empty and (bot.profit, bot.archive) == (0, None)
    with pytest.raises(BridgeError, match="the account was not kept with its decisions, or is gone"):
        bot.equity  # noqa: B018
    with pytest.raises(ConfigError, match="report: dry_run: no trades of freqtrade at"):
        bot.report()


def test_a_candle_is_decided_as_in_the_backtest_where_it_was_flat(run):
    first = run.decisions.iloc[0]
    decision = lab.decide(PAIR, first["as_of"], userdir=run.userdir, namespace=run.namespace)
    assert (decision.signal.name, decision.id, decision.fate) == (first["action"], "", None)
    with pytest.raises(ConfigError, match="lab.decide: at: expected a time like 2025-03-01T12:00, was 'soon'"):
        lab.decide(PAIR, "soon")


def test_what_a_run_remembers_is_there_as_a_frame(run):
    remembered = lab.memory(run.userdir, run.namespace)
    assert set(run.lessons["lesson"]) <= set(remembered.experiences["lesson"])
    last = remembered.experiences.index[-1]
    assert remembered.like(last)["similarity"].is_monotonic_decreasing
    assert remembered.stats["reward_stats"]["net_result"] == pytest.approx(run.profit)
    with pytest.raises(ConfigError, match="no run 'nobody'; known: backtest:"):
        lab.memory(run.userdir, "nobody")


def test_a_run_has_its_report(run):
    assert run.report().stat().st_size > 10_000


def test_two_runs_part_where_the_prompt_does_and_the_rest_follows(told):
    a, b, found = told["mine"], told["worded"], told["found"]
    first = found.differing.iloc[0]
    assert (first["cause"], first["a"], first["b"]) == ("prompt", "enter_short", "wait")
    assert set(found.differing["cause"][1:]) <= {"prompt", "account", "memory"}
    assert found.totals["a"]["trades"] == len(a.trades) > 0
    assert found.totals["a"]["net_result"] == found.trades["a"].sum() == pytest.approx(a.profit)
    assert found.totals["b"]["net_result"] == pytest.approx(b.profit)
    assert set(a.decisions["prompt_version"]).isdisjoint(b.decisions["prompt_version"])
    assert a.decision(first["a_id"]).again(prompt="Never sell short.").signal.name == "wait"
    assert b.decision(first["b_id"]).prompt.startswith("You trade one crypto pair. Never sell short.")


def test_the_command_tells_it_in_eighty_columns(told, capsys, monkeypatch):
    a, b = told["mine"], told["worded"]
    monkeypatch.setenv("COLUMNS", "80")
    words = ["compare", a.namespace[-6:], b.namespace[-6:], "--userdir", str(a.userdir)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert re.search(r"^net result +[+-][\d.,]+ +[+-][\d.,]+ +[+-][\d.,]+$", out, re.MULTILINE)
    assert re.search(r"^\d\d\d\d-\d\d-\d\d \d\d:\d\d  BTC/USDT:USDT  prompt  enter_short  wait", out, re.MULTILINE)
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["differing"][0]["a"]["action"] == "enter_short" and told["a"]["name"] == a.namespace


@pytest.fixture(scope="module")
def exported(told):
    folder = told["home"] / "exported"
    folder.mkdir()
    run = told["run"]
    words = ["--userdir", str(run.userdir), "--namespace", run.namespace]
    assert main(["ledger", "export", "--to", str(folder / "decisions.parquet"), *words]) == 0
    run.trades.to_parquet(folder / "trades.parquet")
    return folder


@pytest.mark.parametrize("recipe", RECIPES, ids=["fates", "costs", "confidence"])
def test_the_recipes_run_on_an_exported_ledger(recipe, exported, run, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    monkeypatch.chdir(exported)
    found = duckdb.sql(recipe).df()
    counted = {"calls", "trades"} & set(found.columns)
    expected = {"role": len(run.costs), "regime": len(run.fates), "confidence": len(run.trades)}
    assert found[counted.pop()].sum() == expected[(expected.keys() & set(found.columns)).pop()]
