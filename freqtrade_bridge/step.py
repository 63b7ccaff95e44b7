"""One candle through the graph, printed node by node: `candlegraph decide`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.panel import Panel

from candlegraph.graph.builder import graph
from candlegraph.graph.context import Context
from candlegraph.graph.errors import ConfigError
from candlegraph.graph.facts import Facts, render_facts
from candlegraph.graph.settings import Settings, settings_of
from candlegraph.graph.state import CandleInput
from candlegraph.tools.market.frames import duration

LONGEST = 4000


def decide_and_print(pair: str, at: datetime, datadir: Path, userdir: Path, configs: Sequence[Path]) -> None:
    """Run the candle that closes at `at`, flat, and print what each node wrote; nothing is stored."""
    given, context = candle_and_context(pair, at, datadir, userdir, settings_of(merged(configs, userdir)))
    asyncio.run(_print_nodes(given, context, Console()))


def candle_and_context(
    pair: str, at: datetime, datadir: Path, userdir: Path, settings: Settings
) -> tuple[CandleInput, Context]:
    """Return the graph's input for the candle that closes at `at`, and its context."""
    context = Context(settings=settings, user_data_dir=str(userdir), datadir=str(datadir))
    return CandleInput(pair=pair, candle=at - duration(settings.context_config.timeframes[0])), context


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
