"""The assistants that come with the server: the same graph at every depth, in Chinese, and asking before an entry."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from langgraph_sdk import get_client

from candlegraph.freqtrade_bridge.commands.arguments import demo_candles
from candlegraph.freqtrade_bridge.host.configuration_files import read_files
from candlegraph.graph.settings.settings import settings_of

HIDDEN = "**********"
"""How pydantic writes a secret down."""


class Assistant(NamedTuple):
    """A graph with settings of its own."""

    name: str
    graph: str
    what: str
    settings: dict[str, dict[str, Any]]


ASSISTANTS = (
    Assistant("fast", "candlegraph", "one model decides", {"llm_config": {"depth": "fast"}}),
    Assistant("balanced", "candlegraph", "a second model reviews an entry", {"llm_config": {"depth": "balanced"}}),
    Assistant("deep", "candlegraph", "analyst, bull and bear speak before", {"llm_config": {"depth": "deep"}}),
    Assistant("Chinese", "candlegraph", "prompt and story in Chinese", {"context_config": {"language": "zh"}}),
    Assistant(
        "ask me",
        "candlegraph",
        "an entry waits for your yes or no",
        {"risk_management": {"approval": {"required": True}}},
    ),
    Assistant("learn", "reflection", "a closed trade becomes an experience of the namespace studio", {}),
)


def base_of(config: Sequence[Path], userdir: Path) -> dict[str, Any]:
    """Return the context that all assistants share: the configuration's settings without secrets, and the folders."""
    settings = settings_of(read_files(config).merged) if config else settings_of({})
    told = without_secrets(settings.model_dump(mode="json", exclude_defaults=True))
    return {
        "settings": told,
        "user_data_dir": str(userdir.resolve()),
        "datadir": str(demo_candles(userdir.resolve() / "data")),
    }


def without_secrets(told: dict[str, Any]) -> dict[str, Any]:
    """Return nested settings without those that hold a secret; keys are read from the environment."""
    return {
        name: without_secrets(value) if isinstance(value, dict) else value
        for name, value in told.items()
        if value != HIDDEN
    }


def with_settings(base: dict[str, Any], blocks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the context with some keys of its settings' blocks replaced."""
    settings = base["settings"]
    return base | {"settings": settings | {name: settings.get(name, {}) | block for name, block in blocks.items()}}


async def make_assistants(url: str, base: dict[str, Any]) -> list[str]:
    """Create those that are not there yet; return all names."""
    async with get_client(url=url) as client:
        for one in ASSISTANTS:
            context = with_settings(base, one.settings)
            await client.assistants.create(
                one.graph,
                context=context,
                name=one.name,
                description=one.what,
                assistant_id=assistant_id(one.name, context),
                if_exists="do_nothing",
            )
    return [one.name for one in ASSISTANTS]


def assistant_id(name: str, context: dict[str, Any]) -> str:
    """Return the id of an assistant with this very context."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}|{json.dumps(context, sort_keys=True)}"))
