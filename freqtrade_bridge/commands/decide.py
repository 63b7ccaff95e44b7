"""`candlegraph decide` and `brief`: one candle through the graph, node by node; and the prompt it gave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.prompt.briefing import Brief, brief_of
from candlegraph.agents.prompt.budget import PRIORITY
from candlegraph.agents.prompt.tokens import CHAT_TOKENS
from candlegraph.freqtrade_bridge.commands.books.ledger import last_first
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.host.keys import slots
from candlegraph.freqtrade_bridge.host.run_name import named_run
from candlegraph.freqtrade_bridge.report.listing import print_json
from candlegraph.graph.builder import graph
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.facts import Facts, render_facts
from candlegraph.graph.schema.market import Account
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.memory.books.ledger import Ledger
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.frames import snapshot_of

TokenRow = tuple[str, int, int | None, str]

LONGEST = 4000
ASSUMED = Account(equity=10_000, free=10_000, open_positions=0)
"""The wallet where no configuration has one."""
FREQTRADES_WALLET, FREQTRADES_RATIO = 1000, 0.99
"""Its defaults of `dry_run_wallet` and `tradable_balance_ratio`."""


class Candle(NamedTuple):
    """Which candle is decided, from which candle folder, and whose experiences are read."""

    pair: str
    at: datetime
    datadir: Path
    userdir: Path
    namespace: str | None


def brief_and_print(candle: Candle, config: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Print the prompt of the candle, flat."""
    settings = settings_of(config)
    with working("reading the candles"):
        given, context = candle_and_context(candle, config)
        state = asyncio.run(before_decision(given, context))
    tools = allowed_tools(state)
    brief, names = brief_of(state, settings, tools), [one.name for one in tools]
    if as_json:
        print_json(brief_json(brief, names, settings))
    else:
        show(brief, names, settings, Console())


async def before_decision(given: CandleInput, context: Context) -> CandleState:
    """Return the state as the decision would find it; no model is asked."""
    values = await graph.ainvoke(given, context=context, interrupt_before=["decision"])
    return CandleState.model_validate(values)


def brief_json(brief: Brief, tools: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Return the texts and their tokens for another program."""
    budget = settings.context_config
    rows = [dict(zip(("section", "tokens", "at_most", "left_out"), row, strict=True)) for row in rows_of(brief, budget)]
    tokens = {"tokens": brief.tokens, "max_context_tokens": budget.max_context_tokens}
    return {"texts": dict(_texts(brief)), "functions": list(tools), "sections": rows, **tokens}


def _texts(brief: Brief) -> list[tuple[str, str]]:
    texts = [("system", brief.system), ("facts", brief.facts)]
    return [*texts, *((part.name, part.text) for part in brief.parts if part.text)]


def show(brief: Brief, tools: Sequence[str], settings: Settings, console: Console) -> None:
    """Print the texts, then the table of their tokens."""
    system, *others = _texts(brief)
    for title, text in [system, ("functions", "\n".join(tools)), *others]:
        console.print(Panel(Text(text.strip()), title=title, title_align="left"))
    console.print(table_of(rows_of(brief, settings.context_config), brief.tokens, settings))


def rows_of(brief: Brief, config: ContextConfig) -> list[TokenRow]:
    """Return name, tokens, allocation and what was left out of everything that takes tokens."""
    parts = {part.name: part for part in brief.parts}
    rows: list[TokenRow] = [
        ("system", brief.fixed.system, config.allocation.system, ""),
        ("functions", brief.fixed.tools, None, ""),
        ("chat template", CHAT_TOKENS, None, ""),
    ]
    for name in PRIORITY:
        tokens = parts[name].tokens if name in parts else brief.fixed.least(name)
        rows.append((name, tokens, getattr(config.allocation, name), parts[name].left_out if name in parts else ""))
    return rows


def table_of(rows: Sequence[TokenRow], total: int, settings: Settings) -> Table:
    """Return the table, with the whole against its budget below."""
    table = Table(title="tokens (estimate; the facts count for their sections)", show_footer=True)
    table.add_column("section", footer="total")
    table.add_column("tokens", footer=str(total), justify="right")
    table.add_column("at most", footer=str(settings.context_config.max_context_tokens), justify="right")
    table.add_column("left out")
    for name, tokens, limit, left_out in rows:
        table.add_row(name, str(tokens), "" if limit is None else str(limit), left_out)
    return table


def decide_and_print(candle: Candle, config: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Run the candle, flat, and print what each node wrote; nothing is stored."""
    with working("reading the candles"):
        given, context = candle_and_context(candle, config)
    asyncio.run(_print_written(given, context) if as_json else _print_nodes(given, context, Console()))


def candle_and_context(candle: Candle, config: Mapping[str, Any]) -> tuple[CandleInput, Context]:
    """Return the graph's input for the candle, and its context: it reads what the run read that learnt last."""
    settings = settings_of(config)
    context = Context(settings=settings, user_data_dir=str(candle.userdir), datadir=str(candle.datadir))
    namespace = namespace_read(context, candle.namespace)
    seen, form = settings.context_config, config.get("dataformat_ohlcv")
    frames = {
        name: read_candles(candle.datadir, candle.pair, name, seen.max_flat_candles, seen.points_of(name), form)
        for name in seen.timeframes
    }
    account = account_at_start(config, settings, candle.pair) if "exchange" in config else ASSUMED
    snapshot = snapshot_of(candle.pair, candle.at, frames, account)
    return CandleInput(snapshot=snapshot), context.model_copy(update={"namespace": namespace})


def account_at_start(config: Mapping[str, Any], settings: Settings, pair: str) -> Account:
    """Return the dry-run wallet of freqtrade's configuration; raise ConfigError where it cannot buy the pair."""
    currency, wallet = str(config.get("stake_currency", "")), config.get("dry_run_wallet", FREQTRADES_WALLET)
    if pair.rpartition(":")[2] != currency:
        raise ConfigError(f"config: stake_currency = {currency!r}: {pair} cannot be bought with it")
    held = wallet.get(currency) if isinstance(wallet, Mapping) else wallet
    if not isinstance(held, int | float) or held <= 0:
        raise ConfigError(f"config: dry_run_wallet = {wallet!r}: expected more than 0 {currency}")
    free = config.get("available_capital") or held * config.get("tradable_balance_ratio", FREQTRADES_RATIO)
    most = slots({"max_open_trades": -1, **config}, settings.risk_management)
    return Account(equity=held, free=min(free, held), open_positions=0, slots=most)


def namespace_read(context: Context, named: str | None) -> str:
    """Return whose experiences are read: the named ones, else of the run that decided last."""
    known = context.memory.namespaces() if context.database.is_file() else ()
    if not known:
        if named is not None:
            raise ConfigError(f"--namespace {named!r} has no experiences, nor has any run in {context.database}")
        return context.namespace
    return named_run(last_first(Ledger(context.database), known), named)


async def _print_nodes(given: CandleInput, context: Context, console: Console) -> None:
    async for node, fields in _written(given, context):
        for key, value in fields.items():
            console.print(Panel(_shown(key, value), title=f"{node} · {key}", title_align="left"), markup=False)


async def _print_written(given: CandleInput, context: Context) -> None:
    found = [{"node": node, "written": fields} async for node, fields in _written(given, context)]
    print_json(to_jsonable_python(found))


async def _written(given: CandleInput, context: Context) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
    """Yield each node with what it wrote; while it works, a terminal shows that something does."""
    updates = graph.astream(given, context=context, stream_mode="updates")
    while (update := await _next(updates)) is not None:
        for node, written in update.items():
            yield node, {"asks": written[0].value} if node == "__interrupt__" else written or {}


async def _next(updates: AsyncIterator[dict[str, Any]]) -> dict[str, Any] | None:
    with working("deciding"):
        return await anext(updates, None)


def _shown(key: str, value: Any) -> str:
    if isinstance(value, Facts):
        return render_facts(value)
    if key == "messages":
        return "\n\n".join(f"[{m.type}] {m.content or json.dumps(m.tool_calls, ensure_ascii=False)}" for m in value)[
            :LONGEST
        ]
    text = value.model_dump_json(indent=1) if isinstance(value, BaseModel) else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text)} characters)"
