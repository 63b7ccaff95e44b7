"""Render the examples of docs/prompt.md anew, from a userdir that `demo --synthetic` left: `make prompts-page`."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.critic import entry_text
from candlegraph.agents.prompt.briefing import Brief, brief_of
from candlegraph.agents.prompt.budget import SEPARATOR
from candlegraph.agents.prompt.opinions import opinions_text
from candlegraph.freqtrade_bridge.commands.decide import Candle, before_decision, candle_and_context, rows_of
from candlegraph.graph.builder import graph
from candlegraph.graph.context import Context
from candlegraph.graph.schema.market import Position
from candlegraph.graph.settings.context import TokenAllocation
from candlegraph.graph.settings.places import DATABASE
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.learning.comparison import compare, market_state_of
from candlegraph.tools.market.facts import facts_of

PAGE = Path(__file__).with_name("prompt.md")
PAIR, LEAST = "BTC/USDT:USDT", 3000
TOLD = ("current_market", "position", "account", "similar_trades")
"""Sections with sentences in them; the others are numbers, and stand above."""


def main(userdir: Path) -> None:
    """Rewrite the page."""
    ledger = Ledger(userdir / DATABASE)
    namespace = max(name for name in ledger.namespaces() if name.startswith("backtest:"))
    row, given, context = next(entries(userdir, ledger.rows(namespace), namespace))
    before = asyncio.run(before_decision(given, context))
    after = run(given, context)
    deep = run(given, Context(**shared(context), settings=changed(context.settings, "llm_config", depth="deep")))
    small = changed(context.settings, "context_config", max_context_tokens=LEAST)
    tools = allowed_tools(before)
    brief = brief_of(before, context.settings, tools)
    calls = [message for message in after.messages if message.type == "ai"][-1].tool_calls
    roomy = changed(context.settings, "context_config", allocation=TokenAllocation(position=1500, similar_trades=3000))
    roomy = changed(roomy, "context_config", max_context_tokens=12_000)
    chinese = changed(roomy, "context_config", language="zh")
    held = asyncio.run(before_decision(held_at_exit(row, ledger.rows(namespace), userdir), context))
    page = PAGE.read_text(encoding="utf-8")
    for title, text in (
        ("In a position, the sections beside facts", beside_facts(held, roomy)),
        ("The same in Chinese:", beside_facts(held, chinese)),
        ("And flat, in Chinese, with the case of a trade that judged itself:", beside_facts(before, chinese)),
        ("## Briefing", str(brief.messages[1].content)),
        ("What the offline rule answered:", json.dumps(calls, indent=1, ensure_ascii=False)),
        ("What the reviewer made of it:", after.signal.model_dump_json(indent=1)),
        ("What the deciding model reads of them", opinions_text(deep, "en")),
        ("What the reviewing model reads of the entry:", entry_text(after.signal)),
    ):
        page = with_block(page, title, text)
    page = with_table(page, "The messages that follow", table(brief, context.settings))
    page = with_table(page, "With 3,000 tokens:", table(brief_of(before, small, tools), small))
    page = re.sub(r"(brief --pair \S+ --at )\S+", rf"\g<1>{row.as_of:%Y-%m-%dT%H:%M}", page)
    PAGE.write_text(page, encoding="utf-8")


def entries(
    userdir: Path, rows: list[DecisionRow], namespace: str
) -> Iterator[tuple[DecisionRow, CandleInput, Context]]:
    """Yield the entries that the rule repeats when it is asked again, and that all cases were shown for."""
    config = {"experience_config": {"rag_config": {"read_namespaces": [namespace]}}}
    for row in rows:
        if row.pair == PAIR and row.signal.entry_side == "long" and len(row.case_ids) == 5:
            candle = Candle(row.pair, row.as_of, userdir / "data" / "sample", userdir, namespace)
            given, context = candle_and_context(candle, config)
            if run(given, context).signal.entry_side == "long":
                yield row, given, context


def held_at_exit(row: DecisionRow, rows: Sequence[DecisionRow], userdir: Path) -> CandleInput:
    """Return the candle on which the rule left what it entered at `row`, with the position as it was then."""
    later = [one for one in rows if one.pair == row.pair and one.as_of > row.as_of]
    end = next(number for number, one in enumerate(later) if one.signal.is_exit)
    (then, _), (now, _) = (
        candle_and_context(Candle(PAIR, one.as_of, userdir / "data" / "sample", userdir, None), {})
        for one in (row, later[end])
    )
    assert then.snapshot is not None and now.snapshot is not None and row.fate is not None, "both were decided"
    entry, price = row.fate.price or row.price, now.snapshot.price
    moves = [100 * (row.signal.leverage or 1) * (one.price / entry - 1) for one in later[: end + 1]]
    found = compare(*(market_state_of(facts_of(one.snapshot, (), ()), None, "") for one in (then, now)))
    stop = row.signal.stop or entry
    position = Position(
        trade_id=1,
        side="long",
        leverage=row.signal.leverage or 1,
        entry_price=entry,
        stake=row.signal.stake or 1,
        stop=stop,
        take_profit=row.signal.take_profit,
        planned_risk_ratio=abs(entry - stop) / entry,
        profit_pct=100 * (row.signal.leverage or 1) * (price / entry - 1),
        mfe_pct=max(moves),
        mae_pct=min(moves),
        opened_at=row.as_of,
        age_candles=end + 1,
        adds=0,
        reductions=0,
        recorded_decisions=0,
        entry_reason=row.signal.reason,
        past_reasons=tuple(one.signal.reason for one in later[max(0, end - 3) : end]),
        past_warnings=tuple(dict.fromkeys(text for one in later[:end] for text in one.signal.warnings))[-2:],
        since_entry=found.lines,
        indicators_since_entry=found.indicators,
    )
    return CandleInput(snapshot=now.snapshot.model_copy(update={"position": position}))


def beside_facts(state: CandleState, settings: Settings) -> str:
    """Return what stands beside the facts block, which is the same in every language but for what it says in words."""
    brief = brief_of(state, settings, allowed_tools(state))
    return SEPARATOR.join(part.text for part in brief.parts if part.text and part.name in TOLD)


def run(given: CandleInput, context: Context) -> CandleState:
    """Return how the graph ends."""
    return CandleState.model_validate(asyncio.run(graph.ainvoke(given, context=context)))


def shared(context: Context) -> dict[str, object]:
    """Return what contexts of the same candle share."""
    return context.model_dump(exclude={"settings"})


def changed(settings: Settings, block: str, **keys: object) -> Settings:
    """Return the settings with other keys in one block."""
    return settings.model_copy(update={block: getattr(settings, block).model_copy(update=keys)})


def table(brief: Brief, settings: Settings) -> str:
    """Return the sections with their tokens."""
    config = settings.context_config
    lines = [
        f"| {name} | {tokens} | {'' if most is None else most} | {left_out} |"
        for name, tokens, most, left_out in rows_of(brief, config)
    ]
    total = f"| total | {brief.tokens} | {config.max_context_tokens} | |"
    return "\n".join(["| section | tokens | at most | left out |", "|---|---:|---:|---|", *lines, total])


def with_block(page: str, title: str, text: str) -> str:
    """Return the page with another text in the first block of code after `title`."""
    start = page.index("\n", page.index("\n```", page.index(title)) + 1) + 1
    return page[:start] + text.strip("\n") + page[page.index("\n```", start) :]


def with_table(page: str, title: str, text: str) -> str:
    """Return the page with another table after `title`."""
    start = page.index("\n| section", page.index(title)) + 1
    return page[:start] + text + page[page.index("\n\n", start) :]


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
