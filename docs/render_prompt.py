"""Render the examples of docs/prompt.md anew, from a userdir that `candlegraph demo` has left behind: `make docs`."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.critic import entry_text
from candlegraph.agents.prompt.briefing import Brief, brief_of
from candlegraph.agents.prompt.opinions import opinions_text
from candlegraph.freqtrade_bridge.commands.decide import Candle, before_decision, candle_and_context, rows_of
from candlegraph.graph.builder import graph
from candlegraph.graph.context import Context
from candlegraph.graph.settings.places import DATABASE
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.memory.books.ledger import DecisionRow, Ledger

PAGE = Path(__file__).with_name("prompt.md")
PAIR, LEAST = "BTC/USDT:USDT", 3000


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
    page = PAGE.read_text(encoding="utf-8")
    for title, text in (
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
