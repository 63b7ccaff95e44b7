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
    return loaded_by_steps(f"import atexit; atexit.register(told); {code}", *words)[-1]


def loaded_by_steps(code, *words):
    """Return the same for each `told()` in `code`."""
    code = f"import sys; told = lambda: print('loaded', *({HEAVY!r} & set(sys.modules))); {code}"
    # A plugin of pytest's coverage or LangSmith's tracing would load what the command does not.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "LANG"))}
    words = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.returncode == 0 and lines[-1][0] == "loaded", done.stderr
    return [set(line[1:]) for line in lines if line[:1] == ["loaded"]]


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


STEPS = {
    "books": [f"{PACKAGE}.commands.books.{name}" for name in ("ledger", "why", "account", "approvals")],
    "backtest": [f"{PACKAGE}.commands.backtest"],
    "memory": sorted({module for _, module, _, _ in ACTIONS} - {ABLATION}),
    "session": [f"{PACKAGE}.session"],
    "everything": [
        *(f"{PACKAGE}.commands.{name}" for name in COMMANDS),
        *(f"{PACKAGE}.{name}" for name in ("strategies.CandleGraphStrategy", "commands.reporting.report")),
        *(f"{PACKAGE}.{name}" for name in ("lab", "lab.evaluation.running")),
    ],
}
"""What one process imports, one after the other: a package that is not there after a step belongs to none before."""


@pytest.fixture(scope="module")
def after():
    """Return which heavy packages are loaded after each step."""
    code = "; ".join(f"import {', '.join(modules)}; told()" for modules in STEPS.values())
    return dict(zip(STEPS, loaded_by_steps(code), strict=True))


def test_the_books_need_the_database_alone(after):
    assert after["books"] <= BOOKS


def test_a_backtest_loads_freqtrade_and_the_graph_in_its_own_process_only(after):
    assert not after["backtest"] & {"freqtrade", "ccxt", "langgraph", "langchain_core", "openai"}


def test_no_action_of_the_memory_but_the_ablation_loads_freqtrade(after):
    assert "freqtrade" not in after["memory"]


def test_a_run_on_the_rule_loads_no_client_of_an_endpoint_and_no_command_but_evaluate_its_statistics(after):
    assert "langgraph" in after["session"] and "openai" not in after["session"]
    assert not after["everything"] & STATISTICS
