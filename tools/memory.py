"""The three memory functions. What they change is queued and committed after the reviewer (docs/decisions/01)."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Annotated, Any, Literal

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, tool
from langgraph.config import get_config
from langgraph.runtime import get_runtime
from pydantic import BaseModel, ConfigDict, Field

from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.tools.signals import Arguments, Reason

logger = logging.getLogger(__name__)

AS_OF = "as_of"
"""Key of a run's configuration: the close of the candle that is decided."""
CleanupStrategy = Literal["low_quality", "compress", "old_records"]


class RecordArguments(Arguments):
    """What a recorded decision states."""

    decision_type: Literal["hold", "exit"]
    reason: Reason
    confidence: Annotated[float, Field(ge=0, le=1)]
    current_profit_pct: Annotated[float, Field(description="net, percent of the stake")]


class StatsArguments(BaseModel):
    """No arguments."""

    model_config = ConfigDict(extra="forbid")


class CleanupArguments(BaseModel):
    """What to remove, and why."""

    model_config = ConfigDict(extra="forbid")

    strategy: CleanupStrategy
    reason: Reason


@tool(args_schema=RecordArguments, response_format="content_and_artifact")
def record_decision_to_rag(**arguments: Any) -> tuple[str, dict[str, Any]]:
    """Remember why you keep or leave a winning position, for later situations like it; then call a signal function."""
    return "queued: it is stored when this decision stands", {"effect": "record", **arguments}


@tool(args_schema=StatsArguments)
def query_rag_stats(config: RunnableConfig) -> str:
    """Ask how many experiences there are, of which kinds, and how they ended. Then call a signal function."""
    context = get_runtime(Context).context or Context()
    try:
        return json.dumps(context.memory.stats(context.namespace, as_of_in(config)), ensure_ascii=False)
    except MemoryStoreError as e:
        return unavailable(context, e)


@tool(args_schema=CleanupArguments, response_format="content_and_artifact")
def cleanup_rag_history(config: RunnableConfig, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """Show redundant (low_quality), surplus (compress) or outdated (old_records) cases no more. Rarely needed."""
    context = get_runtime(Context).context or Context()
    settings = context.settings.experience_config.rag_config.cleanup
    try:
        found = context.memory.preview_cleanup(
            context.namespace, arguments["strategy"], as_of=as_of_in(config), settings=settings
        )
    except MemoryStoreError as e:
        return unavailable(context, e), {}
    return f"queued: {found.plan}; it is done when this decision stands", {"effect": "cleanup", **arguments}


ANYTIME_TOOLS: tuple[BaseTool, ...] = (query_rag_stats, cleanup_rag_history)
"""They ask the database, and are left to a thread."""
MEMORY_TOOLS: tuple[BaseTool, ...] = (record_decision_to_rag, *ANYTIME_TOOLS)
"""Recording is offered while the position is a winner, and there is something to remember."""


def at_candle(as_of: datetime) -> RunnableConfig:
    """Return the configuration of the running node, from which a function reads until when it may know."""
    config = get_config()
    return {**config, "configurable": {**config.get("configurable", {}), AS_OF: as_of}}


def as_of_in(config: RunnableConfig) -> datetime:
    """Return until when a function may know."""
    as_of: datetime = config["configurable"][AS_OF]
    return as_of


def unavailable(context: Context, error: MemoryStoreError) -> str:
    """Return what the model is told where the memory cannot be read; in a backtest raise: it must not differ for it."""
    if context.is_backtest:
        raise error
    logger.error("the model asked a memory that cannot be read: %s", error)
    return "unavailable: the memory could not be read. Decide without it."
