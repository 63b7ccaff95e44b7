"""`candlegraph brief --decision ID`: the very prompt of a decision that was taken, in position too."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from langchain_core.messages import BaseMessage
from rich.panel import Panel
from rich.text import Text

from candlegraph.agents.asking.transcript import allowed_tools, prompt_hash
from candlegraph.agents.decision import opening_of
from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.books.ledger import decision_of
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.report.listing import console, print_json
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.books.snapshots import kept_doc


def print_again(arguments: Namespace) -> None:
    """Print the prompt message by message, and whether it is the one that was sent."""
    row, inputs = kept(arguments.decision, arguments.namespace, arguments.userdir)
    messages, tools = prompt_of(inputs, arguments.userdir)
    if arguments.json:
        texts = [{"type": one.type, "text": str(one.content)} for one in messages]
        hashes = {"prompt_hash": prompt_hash(messages), "sent_hash": row.prompt_hash if row.calls else None}
        print_json({"decision_id": row.decision_id, "messages": texts, "functions": tools, **hashes})
        return
    screen = console()
    for message in messages:
        screen.print(Panel(Text(str(message.content).strip()), title=message.type, title_align="left"))
    screen.print(f"functions: {', '.join(tools)}")
    screen.print(compared(row, messages), soft_wrap=True)


def kept(decision: str, namespace: str | None, userdir: Path) -> tuple[DecisionRow, DecisionInputs]:
    """Return the one decision whose id begins so, and what it was made from; raise ConfigError where that is gone."""
    row = decision_of(Ledger(database_of(userdir)), decision, namespace)
    doc = kept_doc(database_of(userdir), row.decision_id)
    if doc is None:
        raise ConfigError(
            f"what decision {row.decision_id[:8]} was made from was not kept, or is gone: see "
            "experience_config.snapshots (keep, max_days, max_mb)"
        )
    return row, DecisionInputs.model_validate_json(doc)


def prompt_of(evidence: DecisionInputs, userdir: Path) -> tuple[list[BaseMessage], list[str]]:
    """Return the opening messages of the decision, and the functions that it was offered."""
    state, context = evidence.again(str(userdir))
    tools = allowed_tools(state)
    return opening_of(state, context, tools), [one.name for one in tools]


def compared(row: DecisionRow, messages: Sequence[BaseMessage]) -> str:
    """Return whether this prompt is the one that was sent, by its hash."""
    found = prompt_hash(messages)
    if not row.calls and row.error is None:
        return f"this prompt was never sent: {row.signal.source} answered without a model"
    if found == row.prompt_hash:
        return f"prompt hash {found}: the very prompt of decision {row.decision_id}"
    return f"prompt hash {found}, but {row.prompt_hash} was sent: this candlegraph writes prompts differently"
