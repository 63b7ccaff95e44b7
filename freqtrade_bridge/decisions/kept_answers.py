"""A kept answer and the question of today: would a replay still find it, and if not, which part differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from langchain_core.messages import BaseMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.models.cassette import Cassette, components_of
from candlegraph.agents.prompt.chinese.functions import offered
from candlegraph.agents.prompt.files import deciding_version
from candlegraph.graph.context import Context
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow

ASKED = ("prompt_version", "system", "messages", "tools")
"""What a version decides of a question; the model's own settings are not kept with a decision."""


@contextmanager
def cassette_at(path: Path) -> Iterator[Cassette | None]:
    """Yield the cassette, None where there is none."""
    if not path.is_file():
        yield None
        return
    with closing(Cassette(path)) as cassette:
        yield cassette


def key_kept(row: DecisionRow) -> str:
    """Return under what the first answer of the deciding model was kept; empty where it was not."""
    return next((call.key for call in row.model_calls if call.role == "decision"), "")


def changed_since(
    cassette: Cassette, row: DecisionRow, state: CandleState, context: Context, messages: Sequence[BaseMessage]
) -> tuple[str, ...] | None:
    """Return the parts of the question that differ from the kept one's; None where no answer is kept."""
    then = cassette.components(key_kept(row)) if key_kept(row) else None
    if then is None:
        return None
    tools = offered(allowed_tools(state), context.settings.context_config.language)
    schemas = tuple(convert_to_openai_tool(one) for one in tools)
    now = components_of({}, messages, schemas, deciding_version(context.settings))
    return tuple(name for name in ASKED if then.get(name) != now[name])
