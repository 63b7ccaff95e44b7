"""Each command loads what it needs: a new import at the top of a module that many share is noticed here."""

import os
import subprocess
import sys

import pytest
from lived import lived

from candlegraph.freqtrade_bridge.commands.memory.arguments import ABLATION, ACTIONS
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.store import close_memory, open_memory

COMMANDS = ("backtest", "demo", "trade", "decide", "check", "books.compare", "probing.whatif", "probing.arguments")
STATISTICS = {"ffn", "sklearn", "arch", "matplotlib", "ray"}
"""Three to seven seconds, for `evaluate` alone."""
HEAVY = STATISTICS | {
    "pydantic", "sqlalchemy", "numpy", "faiss", "pandas", "talib", "httpx", "langchain_core", "langgraph", "langsmith",
    "openai", "fastapi", "uvicorn", "ccxt", "freqtrade",
}  # fmt: skip
BOOKS = {"pydantic", "sqlalchemy", "numpy"}
PACKAGE = "candlegraph.freqtrade_bridge"
RUN = f"from {PACKAGE}.commands.main import main; status = main(sys.argv[1:])"


def loaded(code, *words):
    """Return which of the heavy packages a fresh process has after `code`."""
    code = f"import atexit, sys; atexit.register(lambda: print('loaded', *({HEAVY!r} & set(sys.modules)))); {code}"
    # A plugin of pytest's coverage or LangSmith's tracing would load what the command does not.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "LANG"))}
    words = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    last = done.stdout.splitlines()[-1].split()
    assert done.returncode == 0 and last[0] == "loaded", done.stderr
    return set(last[1:])


@pytest.fixture(scope="module")
def userdir(tmp_path_factory, make_snapshot):
    """Return the folder of a bot that remembers one trade and decided nothing, closed again."""
    database = tmp_path_factory.mktemp("lived") / DATABASE
    open_memory(database).add(lived(make_snapshot(), 1, namespace="live"))
    close_memory(database)
    return database.parents[1]


@pytest.mark.parametrize("words", [[], ["ledger", "show"], ["approve"], ["decide"], ["serve-policy"]])
def test_a_help_text_waits_for_nothing(words):
    assert loaded(RUN, *words, "--help") == set()


@pytest.mark.parametrize("words", [["memory", "stats"], ["backtest"], ["trade"], ["check"], ["migrate"]])
def test_where_settings_are_asked_for_the_help_text_waits_for_them_alone(words):
    assert loaded(RUN, *words, "--help") == {"pydantic"}


def test_looking_at_the_memory_loads_no_market_and_no_model(userdir):
    assert loaded(RUN, "memory", "stats", "--userdir", userdir) == {*BOOKS, "faiss"}


@pytest.mark.parametrize("module", ["ledger", "why", "account", "approvals"])
def test_the_books_need_the_database_alone(module):
    assert loaded(f"import {PACKAGE}.commands.books.{module}") <= BOOKS


def test_a_backtest_loads_freqtrade_and_the_graph_in_its_own_process_only():
    found = loaded(f"import {PACKAGE}.commands.backtest")
    assert not found & {"freqtrade", "ccxt", "langgraph", "langchain_core", "openai"}


def test_a_run_on_the_rule_loads_no_client_of_an_endpoint():
    assert "openai" not in loaded(f"import {PACKAGE}.session")


def test_no_action_of_the_memory_but_the_ablation_loads_freqtrade():
    modules = {module for _, module, _, _ in ACTIONS} - {ABLATION}
    assert "freqtrade" not in loaded(f"import {', '.join(modules)}")


def test_the_statistics_of_evaluate_are_loaded_by_no_other_command():
    others = ", ".join(f"{PACKAGE}.commands.{name}" for name in COMMANDS)
    session = f"{PACKAGE}.session, {PACKAGE}.strategies.CandleGraphStrategy, {PACKAGE}.commands.reporting.report"
    found = loaded(f"import {others}, {session}, {PACKAGE}.lab, {PACKAGE}.lab.evaluation.running")
    assert not found & STATISTICS
