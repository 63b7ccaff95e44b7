"""`candlegraph open ID`: a thread of that id in LangGraph's server, whose history is the decision, node by node.

stored inputs -> an assistant that knows what was recalled and answered then -> one run -> is it the same?
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from langgraph_sdk import get_client

from candlegraph.agents.asking.transcript import prompt_hash
from candlegraph.freqtrade_bridge.commands.books.brief_again import kept
from candlegraph.freqtrade_bridge.commands.books.decide_again import prompt_told, signal_told
from candlegraph.freqtrade_bridge.commands.studio.assistants import (
    assistant_id,
    base_of,
    make_assistants,
    with_settings,
)
from candlegraph.freqtrade_bridge.commands.studio.reopening import reopened
from candlegraph.freqtrade_bridge.commands.studio.server import STUDIO, ending, serving
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.decisions.replayed import Compared, can_be_again, changed_part, difference
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow

TO_DO = """What to do: in Studio choose the thread and the assistant above, then edit a step and run on from there.
The same by the SDK:
  from langgraph_sdk import get_sync_client
  client, thread, assistant = get_sync_client(url="{url}"), "{thread}", "{assistant}"
  history = client.threads.get_history(thread)
  fork = client.threads.update_state(thread, {{"facts": {{...}}}}, checkpoint=history[-3]["checkpoint"])
  client.runs.wait(thread, assistant, checkpoint=fork["checkpoint"])"""


def print_open(arguments: argparse.Namespace) -> None:
    """Open the decision, say whether it came out the same, and serve until Ctrl-C unless a server was named."""
    row, inputs = kept(arguments.decision, arguments.namespace, arguments.userdir)
    base = base_of(arguments.config, arguments.userdir)
    running = nullcontext((arguments.server, None)) if arguments.server else serving(arguments.port, arguments.userdir)
    with running as (url, process):
        asyncio.run(make_assistants(url, base))
        sys.stdout.write("\n".join(asyncio.run(opened(url, row, inputs, base, arguments.userdir))) + "\n")
        if process is not None:
            sys.stdout.write(f"{ending(arguments.userdir)}\n")
            sys.stdout.flush()
            process.wait()


async def opened(url: str, row: DecisionRow, inputs: DecisionInputs, base: dict[str, Any], userdir: Path) -> list[str]:
    """Make the decision a thread of the server, run it there once, and return what a person is told of it."""
    context = with_settings(base, inputs.settings_then()) | {"reopened": reopened(row, inputs, userdir)}
    thread, name = row.decision_id, f"decision {row.decision_id[:8]}"
    known = {"pair": row.pair, "candle": row.candle.isoformat(), "run": row.namespace, "decision_id": thread}
    became = {"action": row.signal.name, "fate": row.fate_line if row.acts else None, "cost": row.cost}
    async with get_client(url=url) as client:
        assistant = await client.assistants.create(
            "candlegraph",
            context=context,
            name=name,
            description=f"{row.pair} {row.as_of:%Y-%m-%d %H:%M} of {row.namespace}, with its answers",
            assistant_id=assistant_id(name, context),
            metadata=known,
            if_exists="do_nothing",
        )
        own = assistant["assistant_id"]
        whole = known | became
        await client.threads.create(thread_id=thread, metadata=whole, graph_id="candlegraph", if_exists="do_nothing")
        if not await client.threads.get_history(thread, limit=1):
            given = {"snapshot": inputs.snapshot.model_dump(mode="json")}
            await client.runs.wait(thread, own, input=given, metadata=known)
        history = await client.threads.get_history(thread, limit=100)
    first = [one for one in reversed(history) if one["next"]]
    return [
        f"Studio: {STUDIO}{url}",
        f"thread {thread}: {row.pair}, candle closed {row.as_of:%Y-%m-%d %H:%M} UTC, of {row.namespace}",
        f"assistant: {name}",
        f"steps: {', '.join(', '.join(one['next']) for one in first)}",
        *told(row, inputs, history[0]["values"]),
        TO_DO.format(url=url, thread=thread, assistant=own),
    ]


def told(row: DecisionRow, inputs: DecisionInputs, values: Any) -> list[str]:
    """Return whether prompt and signal are those of then, in two sentences."""
    state = CandleState.model_validate({name: values[name] for name in CandleState.model_fields if name in values})
    sent = prompt_hash(state.messages) if state.messages else None
    found = Compared(
        row=row,
        sent=sent,
        prompt=None if sent in (None, row.prompt_hash) else changed_part(inputs.parts, state.messages),
        signal=state.signal,
        decision=None if state.signal is None else difference(row.signal, state.signal),
        is_compared=can_be_again(row),
    )
    return [prompt_told(found), signal_told(found)]
