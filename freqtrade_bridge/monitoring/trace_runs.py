"""One decision as LangSmith's runs: a root with the decision's own id, below it each step and model call."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage

from candlegraph.agents.storyteller import story_of
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.facts import render_facts
from candlegraph.graph.schema.market import utc_minute
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow

Run = dict[str, Any]
KB = 1000
SHORTEST = 200
"""Characters that are left of a text at least."""
HIDDEN = "kept where the bot runs: tracing.prompts is false"


class Step(NamedTuple):
    """What is shown below the root."""

    name: str
    kind: str
    seconds: float
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    metadata: dict[str, Any]


def runs_of(row: DecisionRow, state: CandleState | None, settings: Settings, project: str) -> list[Run]:
    """Return the runs of one decision, root first; together they take `tracing.max_kb` at most."""
    rules, longest = settings.tracing, 100_000
    while True:
        runs = _runs(row, state, settings, project, longest)
        if longest <= SHORTEST or size_of(runs) <= rules.max_kb * KB:
            return runs
        longest //= 2


def size_of(runs: Sequence[Run]) -> int:
    """Return the bytes that the runs take on the wire."""
    return len(json.dumps(runs, ensure_ascii=False, default=str).encode())


def thread_of(row: DecisionRow, state: CandleState | None) -> str:
    """Return the conversation that a viewer groups by: the trade, from the decision that opens it to its end."""
    position = None if state is None or state.snapshot is None else state.snapshot.position
    length = row.as_of - row.candle
    since = row.as_of if position is None else row.as_of - length * ((row.as_of - position.opened_at) // length)
    return f"{row.namespace} {row.pair} {utc_minute(since)}"


def _runs(row: DecisionRow, state: CandleState | None, settings: Settings, project: str, longest: int) -> list[Run]:
    began = row.recorded_at - timedelta(milliseconds=row.latency_ms)
    root = _root(row, state, settings, project, began, longest)
    found, at = [root], began
    for number, step in enumerate(_steps(row, state, settings, longest)):
        ends = min(at + timedelta(seconds=step.seconds), row.recorded_at)
        found.append(_below(root, number, step, at, ends))
        at = ends
    return found


def _root(
    row: DecisionRow, state: CandleState | None, settings: Settings, project: str, began: datetime, longest: int
) -> Run:
    signal = row.signal.model_dump(mode="json", exclude_none=True)
    outputs: dict[str, Any] = {"signal": signal}
    if not settings.tracing.prompts:
        outputs = {"signal": {name: value for name, value in signal.items() if name not in ("reason", "warnings")}}
    elif state is not None:
        outputs["story"] = cut("\n".join(story_of(state, settings.context_config.language)), longest)
    inputs: dict[str, Any] = {"snapshot": {"hash": row.inputs_hash, "see": f"candlegraph open {row.decision_id[:8]}"}}
    if state is not None and state.facts is not None:
        inputs["facts"] = cut(render_facts(state.facts), longest)
    metadata = {
        "decision_id": row.decision_id, "thread_id": thread_of(row, state), "run": row.namespace, "pair": row.pair,
        "candle": utc_minute(row.candle), "mode": row.mode, "depth": row.depth, "prompt_version": row.prompt_version,
        "prompt_hash": row.prompt_hash, "action": row.signal.action, "source": row.signal.source, "cost": row.cost,
        "fate": row.fate_line if row.acts else None,
    }  # fmt: skip
    return {
        "id": row.decision_id, "trace_id": row.decision_id, "dotted_order": _order(began, row.decision_id),
        "name": f"decide {row.pair} {utc_minute(row.candle)}", "run_type": "chain", "session_name": project,
        "start_time": began.isoformat(), "end_time": row.recorded_at.isoformat(), "inputs": inputs, "outputs": outputs,
        "error": row.error, "tags": [row.namespace, row.depth, row.signal.action], "extra": {"metadata": metadata},
    }  # fmt: skip


def _below(root: Run, number: int, step: Step, began: datetime, ends: datetime) -> Run:
    own = str(uuid.uuid5(uuid.UUID(root["id"]), f"{number} {step.name}"))
    return {
        "id": own, "trace_id": root["id"], "parent_run_id": root["id"], "session_name": root["session_name"],
        "dotted_order": f"{root['dotted_order']}.{_order(began, own)}", "name": step.name, "run_type": step.kind,
        "start_time": began.isoformat(), "end_time": ends.isoformat(), "inputs": step.inputs, "outputs": step.outputs,
        "extra": {"metadata": step.metadata},
    }  # fmt: skip


def _order(at: datetime, identity: str) -> str:
    return f"{at:%Y%m%dT%H%M%S%f}Z{identity}"


def _steps(row: DecisionRow, state: CandleState | None, settings: Settings, longest: int) -> Iterator[Step]:
    if row.case_ids:
        cases = [{"id": one, "similarity": alike} for one, alike in zip(row.case_ids, row.similarities, strict=True)]
        yield Step("retriever", "retriever", 0, {}, {"cases": cases}, {})
    asked = [] if state is None else _questions(state.messages)
    turn = 0
    for call in row.model_calls:
        messages: list[BaseMessage] = []
        if call.role == "decision" and turn < len(asked):
            messages, turn = asked[turn], turn + 1
        yield _called(call, messages, row, settings, longest)
    clamps = [one.line for one in row.changes]
    yield Step("reviewer", "chain", 0, {}, {"action": row.signal.action, "lowered": clamps}, {})


def _questions(messages: Sequence[BaseMessage]) -> list[list[BaseMessage]]:
    """Return what was new at each answer, the answer last."""
    found, new = list[list[BaseMessage]](), list[BaseMessage]()
    for message in messages:
        new.append(message)
        if isinstance(message, AIMessage):
            found.append(new)
            new = []
    return found


def _called(
    call: CallRecord, messages: Sequence[BaseMessage], row: DecisionRow, settings: Settings, longest: int
) -> Step:
    model = settings.llm_config.models_of(call.role)[0]
    usage = {"input_tokens": call.tokens_in, "output_tokens": call.tokens_out}
    usage |= {"total_tokens": call.tokens_in + call.tokens_out}
    metadata: dict[str, Any] = {"ls_provider": model.provider, "ls_model_name": call.model, "ls_model_type": "chat"}
    metadata |= {"ls_temperature": model.temperature, "is_replayed": call.is_replayed}
    said: Any = row.opinions.get(call.role, "") if call.role != "decision" else ""
    inputs: dict[str, Any] = {"messages": [{"role": "user", "content": HIDDEN}]}
    outputs: dict[str, Any] = {"role": "assistant", "content": HIDDEN}
    if settings.tracing.prompts:
        inputs = {"messages": [{"role": one.type, "content": cut(str(one.content), longest)} for one in messages[:-1]]}
        answer = messages[-1] if messages else None
        calls = answer.tool_calls if isinstance(answer, AIMessage) else []
        outputs = {"role": "assistant", "content": cut(str(answer.content) if answer else said, longest)}
        outputs |= {"tool_calls": [{"name": one["name"], "args": one["args"]} for one in calls]}
    outputs |= {"usage_metadata": usage | ({} if call.cost is None else {"total_cost": call.cost})}
    return Step(call.role, "llm", call.seconds, inputs, outputs, metadata | {"usage_metadata": usage})


def cut(text: str, longest: int) -> str:
    """Return a text of at most so many characters, and say what was left out."""
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text) - longest} characters more)"
