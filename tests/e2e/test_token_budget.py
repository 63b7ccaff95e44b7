"""The prompt's budget on a real market: 500 candles, six budgets, both languages, and the command that shows it."""

from datetime import timedelta

import pandas as pd
import pytest
from rich.console import Console

from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.decision import check_budget
from candlegraph.agents.prompt.briefing import brief_of
from candlegraph.agents.prompt.budget import PRIORITY
from candlegraph.agents.prompt.phrases import WORDS
from candlegraph.agents.prompt.tokens import tokens_of
from candlegraph.freqtrade_bridge.commands.decide import rows_of, table_of
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.graph.schema.facts import ExperienceFacts, parse_facts
from candlegraph.graph.schema.lessons import Case, Lessons
from candlegraph.graph.schema.market import Account, Reading, Sentiment
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.memory.store import close_memory
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import snapshot_of

CANDLES = 250
BUDGETS = [3100, 3360, 3600, 4200, 5000, 6000]
CONFIG = ContextConfig()
SUMMARY = ExperienceFacts(
    long_cases=12,
    long_success_rate=0.583333,
    long_mean_profit_pct=1.23456,
    short_cases=7,
    short_success_rate=0.428571,
    short_mean_profit_pct=-0.654321,
    ids="64 60 59 42 56",
)


def lessons_of(price):
    """Return five cases and their summary."""
    cases = [
        Case(
            id=40 + number,
            kind="trade",
            pair="ETH/USDT:USDT",
            side="long",
            similarity=0.9 - number / 100,
            profit_pct=number - 2.5,
            score=60,
            grade="C",
            entry_price=price,
            duration_minutes=90 * (number + 1),
            lesson="Long in trend_up won; next time wait for confirmation before entering. " * 2,
        )
        for number in range(5)
    ]
    return Lessons(cases=tuple(cases), summary=SUMMARY)


@pytest.fixture(scope="module")
def states(market, make_position):
    """Return what the decision would find on 250 candles in a row: every other one with an open trade."""
    datadir, pairs, day = market
    candles = {timeframe: read_candles(datadir, pairs[0], timeframe) for timeframe in CONFIG.timeframes}
    start = pd.Timestamp(day, tz="UTC").to_pydatetime()
    return [state_at(pairs[0], start + timedelta(minutes=30 * n), candles, make_position) for n in range(CANDLES)]


def state_at(pair, as_of, candles, make_position):
    account = Account(equity=10_123.45, free=8_765.43, used=1_358.02, exposure=6_790.1, open_positions=1, slots=5)
    snapshot = snapshot_of(pair, as_of, candles, account)
    sentiment = Sentiment(
        fear_greed=Reading(value=74, at=as_of, source="index", label="Greed", past=(70, 71, 69)),
        funding_rate=Reading(value=0.000123, at=as_of, source="exchange", past=(0.0001, 0.00011)),
        unavailable={"open_interest": "timed out after 5 s"},
    )
    reasons = ("strong trend_up, alignment +4, pull-back to EMA 20", "the long idea still stands") * 3
    held = make_position("long", snapshot.price, past_reasons=reasons) if as_of.minute else None
    snapshot = snapshot.model_copy(update={"sentiment": sentiment, "position": held, "candles_since_loss": 12})
    facts = facts_of(snapshot, CONFIG.timeframes, CONFIG.required_indicators)
    return CandleState(snapshot=snapshot, facts=facts, lessons=lessons_of(snapshot.price))


@pytest.mark.parametrize("budget", BUDGETS)
def test_no_briefing_is_over_its_budget_and_each_says_what_it_left_out(states, budget):
    settings = Settings(context_config=ContextConfig(max_context_tokens=budget))
    check_budget(settings)
    shortened = [assert_within(state, settings) for state in states]
    assert len(shortened) == CANDLES
    assert budget > 4200 or all(shortened)


def test_a_chinese_briefing_keeps_its_budget_too(states):
    settings = Settings(context_config=ContextConfig(max_context_tokens=3360, language="zh"))
    check_budget(settings)
    assert all([assert_within(state, settings) for state in states[::10]])


def assert_within(state, settings):
    """Fail unless the prompt keeps every limit; return the names of the sections that left something out."""
    config = settings.context_config
    made = brief_of(state, settings, allowed_tools(state))
    system, human = (str(message.content) for message in made.messages)
    assert tokens_of(system) + tokens_of(human) + made.fixed.tools <= made.tokens <= config.max_context_tokens
    assert tokens_of(system) <= config.allocation.system
    assert parse_facts(human).price == pytest.approx(state.facts.price, rel=1e-5)
    for part in made.parts:
        assert part.tokens <= getattr(config.allocation, part.name), part.name
        assert not part.left_out or WORDS[config.language].left_out.format(part.left_out) in human
    return [part.name for part in made.parts if part.left_out]


def test_more_tokens_show_more(states):
    settings = [Settings(context_config=ContextConfig(max_context_tokens=budget)) for budget in BUDGETS]
    sizes = [brief_of(states[1], one, allowed_tools(states[1])).tokens for one in settings]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


@pytest.mark.parametrize("language, words", [("en", "Timeframes"), ("zh", "各周期")])
def test_the_command_shows_each_section_with_its_tokens(market, tmp_path, capsys, language, words):
    datadir, pairs, day = market
    given = ["--pair", pairs[0], "--at", f"{day}T09:30", "--datadir", str(datadir), "--userdir", str(tmp_path)]
    try:
        assert main(["brief", *given, "--tokens", "3360", "--language", language]) == 0
    finally:
        close_memory(tmp_path / "rag" / "candlegraph.sqlite")
    shown = capsys.readouterr().out
    assert all(name in shown for name in (*PRIORITY, "system", "functions", "signal_entry_long", "<facts>", "3360"))
    assert words in shown


def test_the_table_adds_up(states):
    settings = Settings(context_config=ContextConfig(max_context_tokens=3600))
    made = brief_of(states[1], settings, allowed_tools(states[1]))
    rows = rows_of(made, settings.context_config)
    assert sum(tokens for _, tokens, _, _ in rows) == made.tokens
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table_of(rows, made.tokens, settings))
    assert f"{made.tokens}" in capture.get() and "3600" in capture.get()


def test_a_budget_that_cannot_hold_the_facts_is_refused_in_words(market, tmp_path, capsys):
    datadir, pairs, day = market
    given = ["--pair", pairs[0], "--at", f"{day}T09:30", "--datadir", str(datadir), "--userdir", str(tmp_path)]
    assert main(["brief", *given, "--tokens", "100"]) == 1
    assert "context_config.max_context_tokens = 100" in capsys.readouterr().err
