"""The prompt of one candle, section by section, with its tokens: `candlegraph brief`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from candlegraph.agents.briefing import Brief, brief_of
from candlegraph.agents.budget import PRIORITY
from candlegraph.agents.decision import allowed_tools
from candlegraph.agents.tokens import CHAT_TOKENS
from candlegraph.freqtrade_bridge.step import candle_and_context, merged
from candlegraph.graph.builder import graph
from candlegraph.graph.context import Context
from candlegraph.graph.settings import ContextConfig, Settings, settings_of
from candlegraph.graph.state import CandleInput, CandleState

Row = tuple[str, int, int | None, str]


def brief_and_print(
    pair: str, at: datetime, datadir: Path, userdir: Path, configs: Sequence[Path], changed: Mapping[str, Any]
) -> None:
    """Print the prompt of the candle that closes at `at`, flat; `changed` keys of context_config win over the files."""
    config = merged(configs, userdir)
    settings = settings_of(config | {"context_config": config.get("context_config", {}) | changed})
    given, context = candle_and_context(pair, at, datadir, userdir, settings)
    state = asyncio.run(before_decision(given, context))
    tools = allowed_tools(state, settings)
    show(brief_of(state, settings, tools), [one.name for one in tools], settings, Console())


async def before_decision(given: CandleInput, context: Context) -> CandleState:
    """Return the state as the decision would find it; no model is asked."""
    values = await graph.ainvoke(given, context=context, interrupt_before=["decision"])
    return CandleState.model_validate(values)


def show(brief: Brief, tools: Sequence[str], settings: Settings, console: Console) -> None:
    """Print the texts, then the table of their tokens."""
    texts = [("system", brief.system), ("functions", "\n".join(tools)), ("facts", brief.facts)]
    texts += [(part.name, part.text) for part in brief.parts if part.text]
    for title, text in texts:
        console.print(Panel(Text(text.strip()), title=title, title_align="left"))
    console.print(table_of(rows_of(brief, settings.context_config), brief.tokens, settings))


def rows_of(brief: Brief, config: ContextConfig) -> list[Row]:
    """Return name, tokens, allocation and what was left out of everything that takes tokens."""
    parts = {part.name: part for part in brief.parts}
    rows: list[Row] = [
        ("system", brief.fixed.system, config.allocation.system, ""),
        ("functions", brief.fixed.tools, None, ""),
        ("chat template", CHAT_TOKENS, None, ""),
    ]
    for name in PRIORITY:
        tokens = parts[name].tokens if name in parts else brief.fixed.least(name)
        rows.append((name, tokens, getattr(config.allocation, name), parts[name].left_out if name in parts else ""))
    return rows


def table_of(rows: Sequence[Row], total: int, settings: Settings) -> Table:
    """Return the table, with the whole against its budget below."""
    table = Table(title="tokens (estimate; the facts count for their sections)", show_footer=True)
    table.add_column("section", footer="total")
    table.add_column("tokens", footer=str(total), justify="right")
    table.add_column("at most", footer=str(settings.context_config.max_context_tokens), justify="right")
    table.add_column("left out")
    for name, tokens, limit, left_out in rows:
        table.add_row(name, str(tokens), "" if limit is None else str(limit), left_out)
    return table
