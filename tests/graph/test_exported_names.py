"""What users import, and how they call it: a name or parameter that goes is a change for them; CHANGELOG says it."""

import inspect
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = {
    "graph.builder": ["graph", "builder"],
    "graph.reflection": ["reflection", "ReflectionInput"],
    "graph.context": ["Context"],
    "graph.opening": ["open_context(config, namespace)"],
    "graph.state": ["CandleInput", "CandleState"],
    "graph.settings.settings": ["Settings", "settings_of(config)"],
    "graph.settings.places": ["DATABASE"],
    "graph.schema.errors": ["CandlegraphError", "ConfigError", "ModelError", "MemoryStoreError", "BridgeError"],
    "graph.schema.market": ["MarketSnapshot", "TimeframeView", "Account", "Position", "Sentiment", "Reading"],
    "graph.schema.indicators": ["Indicators", "PastIndicators", "TimeframeFacts"],
    "graph.schema.facts": ["Facts", "render_facts(facts)", "parse_facts(text)"],
    "graph.schema.signal": ["TradeSignal", "Proposal", "Clamp", "Move"],
    "graph.schema.fate": ["Fate", "Refusal"],
    "graph.schema.lessons": ["Lessons", "Case", "Pattern"],
    "graph.schema.experience": ["ClosedTrade", "Experience"],
    "agents.prompt.files": ["prompt_text(name, language)"],
    "agents.prompt.briefing": ["Brief", "brief_of(state, settings, tools)", "briefing(state, settings, tools)"],
    "agents.prompt.cases": ["cases_block(lessons, words)", "learnt_lines(lessons, words)"],
    "agents.prompt.opinions": ["opinions_text(state, language)"],
    "agents.prompt.phrases": ["WORDS"],
    "agents.retriever": ["lessons_of", "question_of"],
    "agents.critic": ["entry_text(signal)"],
    "agents.asking.transcript": ["allowed_tools(state)"],
    "agents.models.policy": ["PolicyModel", "policy_calls"],
    "tools.signals": [
        "signal_entry_long",
        "signal_entry_short",
        "signal_exit",
        "adjust_position",
        "signal_hold",
        "signal_wait",
        "TERMINAL_TOOLS",
    ],
    "tools.memory": ["record_decision_to_rag", "query_rag_stats", "cleanup_rag_history", "MEMORY_TOOLS"],
    "tools.market.candle_files": ["read_candles(datadir, pair, timeframe, max_flat, past, form)"],
    "tools.market.frames": ["Candles", "snapshot_of(pair, as_of, candles, account, position)"],
    "tools.market.facts": ["facts_of(snapshot, timeframes, required, closed)"],
    "tools.market.indicators": ["INDICATORS", "indicators_of(window)"],
    "tools.market.situation": ["situation_of(facts)", "space_of(facts)"],
    "tools.risk.gate": ["size_entry(plan, account, rate, basis, limits)", "EntryPlan", "Limits"],
    "memory.store": ["open_memory(path, rag)", "close_memory(path)", "ExperienceMemory"],
    "memory.books.ledger": ["Ledger", "DecisionRow"],
    "memory.learning.report": ["experience_of(trade, track)"],
    "memory.transfer.langchain": ["ExperienceRetriever"],
    "freqtrade_bridge.lab": [
        "backtest(config, pairs, timerange, model, prompts, overrides, datadir, userdir, offline, progress)",
        "load(userdir, run, config, datadir)",
        "compare(a, b)",
        "decide(pair, at, config, model, prompts, overrides, datadir, userdir, namespace)",
        "memory(userdir, namespace)",
        "Run",
        "Decision",
    ],
    "freqtrade_bridge.strategies.CandleGraphStrategy": ["CandleGraphStrategy"],
    "freqtrade_bridge.loopback.sample_market": ["write_sample_market"],
    "freqtrade_bridge.commands.main": ["main"],
    "freqtrade_bridge.commands.decide": ["Candle", "before_decision", "candle_and_context", "rows_of"],
}
EACH = [(module, name) for module, names in NAMES.items() for name in names]
IMPORT = re.compile(r"from candlegraph\.([\w.]+) import (?:\(([^)]*)\)|([^\n(]+))")
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("module, name", EACH, ids=[f"{module}.{name}" for module, name in EACH])
def test_what_users_import_is_there_and_called_as_before(module, name):
    name, _, parameters = name.rstrip(")").partition("(")
    found = getattr(import_module(f"candlegraph.{module}"), name)
    if parameters:
        known = list(inspect.signature(found).parameters)
        assert known[: len(parameters.split(", "))] == parameters.split(", ")


def shown():
    """Return the texts in which a user reads our imports: pages, and the cells of notebooks."""
    for page in PAGES:
        yield page.name, page.read_text(encoding="utf-8")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        yield notebook.name, "\n".join("".join(cell["source"]) for cell in cells)


def test_every_import_that_documents_and_notebooks_show_is_kept():
    kept = {(module, name.partition("(")[0]) for module, name in EACH}
    told = {
        (module, name.partition(" as ")[0].strip())
        for _, text in shown()
        for module, several, one in IMPORT.findall(text)
        for name in (several or one).split(",")
        if name.strip()
    }
    told = {(module, name) for module, name in told if f"{module}.{name}" not in NAMES}  # a module is kept by its names
    assert len(told) > 20
    assert told <= kept, sorted(told - kept)
