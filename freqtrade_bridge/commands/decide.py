"""`candlegraph decide` and `brief`: one candle through the graph, node by node; and the prompt it gave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.prompt.briefing import Brief, brief_of
from candlegraph.agents.prompt.budget import PRIORITY
from candlegraph.agents.prompt.tokens import CHAT_TOKENS
from candlegraph.graph.builder import graph
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.facts import Facts, render_facts
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.tools.market.frames import duration

Row = tuple[str, int, int | None, str]

LONGEST = 4000


class Candle(NamedTuple):
    """Which candle is decided, from which candle folder, and whose experiences are read."""

    pair: str
    at: datetime
    datadir: Path
    userdir: Path
    namespace: str | None


def brief_and_print(candle: Candle, configs: Sequence[Path], changed: Mapping[str, Any]) -> None:
    """Print the prompt of the candle, flat; `changed` keys of context_config win over the files."""
    config = merged(configs, candle.userdir)
    settings = settings_of(config | {"context_config": config.get("context_config", {}) | changed})
    given, context = candle_and_context(candle, settings)
    state = asyncio.run(before_decision(given, context))
    tools = allowed_tools(state)
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


def decide_and_print(candle: Candle, configs: Sequence[Path]) -> None:
    """Run the candle, flat, and print what each node wrote; nothing is stored."""
    given, context = candle_and_context(candle, settings_of(merged(configs, candle.userdir)))
    asyncio.run(_print_nodes(given, context, Console()))


def candle_and_context(candle: Candle, settings: Settings) -> tuple[CandleInput, Context]:
    """Return the graph's input for the candle, and its context: it reads what the run read that learnt last."""
    context = Context(settings=settings, user_data_dir=str(candle.userdir), datadir=str(candle.datadir))
    namespace = namespace_read(context, candle.namespace)
    length = duration(settings.context_config.timeframes[0])
    return CandleInput(pair=candle.pair, candle=candle.at - length), context.model_copy(update={"namespace": namespace})


def namespace_read(context: Context, named: str | None) -> str:
    """Return whose experiences are read: the named ones, else the newest there are; refuse a name without any."""
    known = context.memory.namespaces() if context.database.is_file() or named else ()
    if named is not None and named not in known:
        raise ConfigError(f"--namespace {named!r} has no experiences; known: {', '.join(known) or 'none'}")
    return named or (known[0] if known else context.namespace)


def merged(configs: Sequence[Path], userdir: Path) -> dict[str, Any]:
    """Return freqtrade's configuration of `configs`: comments, several files and FREQTRADE__ variables all count."""
    from freqtrade.configuration import Configuration
    from freqtrade.enums import RunMode
    from freqtrade.exceptions import FreqtradeException

    if not configs:
        return {}
    given = {"config": [str(path) for path in configs], "user_data_dir": str(userdir)}
    try:
        return dict(Configuration(given, RunMode.OTHER).get_config())
    except FreqtradeException as e:
        raise ConfigError(str(e)) from e
    except KeyError as e:  # freqtrade looks for it before it checks what must be there
        names = ", ".join(map(str, configs))
        raise ConfigError(f"{names}: no {e}; expected a configuration of freqtrade's, whole") from e


async def _print_nodes(given: CandleInput, context: Context, console: Console) -> None:
    async for update in graph.astream(given, context=context, stream_mode="updates"):
        for node, written in update.items():
            fields = {"asks": written[0].value} if node == "__interrupt__" else written or {}
            for key, value in fields.items():
                console.print(Panel(_shown(key, value), title=f"{node} · {key}", title_align="left"), markup=False)


def _shown(key: str, value: Any) -> str:
    if isinstance(value, Facts):
        return render_facts(value)
    if key == "messages":
        return "\n\n".join(f"[{m.type}] {m.content or json.dumps(m.tool_calls, ensure_ascii=False)}" for m in value)[
            :LONGEST
        ]
    text = value.model_dump_json(indent=1) if isinstance(value, BaseModel) else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text)} characters)"
