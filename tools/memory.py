"""The three memory functions. What they change is queued and committed after the reviewer (docs/decisions/01)."""

from __future__ import annotations

import json
import logging
from typing import Annotated, Any, Literal

from langchain_core.tools import BaseTool, tool
from langgraph.runtime import get_runtime
from pydantic import BaseModel, ConfigDict, Field

from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.tools.signals import Arguments, Reason

logger = logging.getLogger(__name__)

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
def query_rag_stats() -> str:
    """Ask how many experiences there are, of which kinds, and how they ended. Then call a signal function."""
    context = get_runtime(Context).context or Context()
    try:
        return json.dumps(context.memory.stats(context.namespace), ensure_ascii=False)
    except MemoryStoreError as e:
        if context.is_backtest:  # a run must not differ because a memory was away
            raise
        logger.error("the model asked a memory that cannot be read: %s", e)
        return "unavailable: the memory could not be read. Decide without it."


@tool(args_schema=CleanupArguments, response_format="content_and_artifact")
def cleanup_rag_history(**arguments: Any) -> tuple[str, dict[str, Any]]:
    """Remove bad (low_quality), surplus (compress) or outdated (old_records) experiences. Rarely needed."""
    return "queued: it is carried out when this decision stands", {"effect": "cleanup", **arguments}


MEMORY_TOOLS: tuple[BaseTool, ...] = (record_decision_to_rag, query_rag_stats, cleanup_rag_history)
