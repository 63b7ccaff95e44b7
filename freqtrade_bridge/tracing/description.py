"""One decision as a viewer shows it: a root with the decision's own id, below it each step and model call.

Described once; `langsmith_viewer` and `otlp_viewer` only write it down, so names, ids and times are the same.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from candlegraph.agents.storyteller import story_of
from candlegraph.freqtrade_bridge.tracing.providers import provider_told
from candlegraph.freqtrade_bridge.tracing.redaction import redacted
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.facts import render_facts
from candlegraph.graph.schema.market import utc_minute
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow

Kind = Literal["decision", "retriever", "llm", "rule"]
KB = 1000
FRAME = 600
"""Bytes that ids, times and names take of each step, about."""
LONGEST, SHORTEST = 100_000, 200
"""Characters of a text: at first, and what is left of it at least."""
HIDDEN = "kept where the bot runs: tracing.prompts is false"
ROLES = {"human": "user", "ai": "assistant"}
"""How viewers call who speaks, where LangChain says it otherwise."""


class TraceStep(NamedTuple):
    """One step of a decision, the whole of it among them; ids are UUIDs, times wall clock."""

    id: str
    parent: str | None
    name: str
    kind: Kind
    began: datetime
    ended: datetime
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    metadata: dict[str, Any]
    tags: tuple[str, ...] = ()
    error: str | None = None


def trace_of(row: DecisionRow, state: CandleState | None, settings: Settings) -> list[TraceStep]:
    """Return the steps of one decision, root first; together they take `tracing.max_kb` at most."""
    longest = LONGEST
    while True:
        steps = _steps(row, state, settings, longest)
        if longest <= SHORTEST or size_of(steps) <= settings.tracing.max_kb * KB:
            return steps
        longest //= 2


def size_of(steps: Sequence[TraceStep]) -> int:
    """Return the bytes that the steps take on the wire, about."""
    told = [(one.name, one.inputs, one.outputs, one.metadata, one.error) for one in steps]
    return len(json.dumps(told, ensure_ascii=False, default=str).encode()) + FRAME * len(steps)


def thread_of(row: DecisionRow, state: CandleState | None) -> str:
    """Return the conversation that a viewer groups by: the trade, from the decision that opens it to its end."""
    position = None if state is None or state.snapshot is None else state.snapshot.position
    length = row.as_of - row.candle
    since = row.as_of if position is None else row.as_of - length * ((row.as_of - position.opened_at) // length)
    return f"{row.namespace} {row.pair} {utc_minute(since)}"


def root_of(
    row: DecisionRow, state: CandleState | None, thread: str, settings: Settings, longest: int = LONGEST
) -> TraceStep:
    """Return the decision itself, as far as it is known now; without a state neither its facts nor its story."""
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
        "decision_id": row.decision_id, "thread_id": thread, "run": row.namespace, "pair": row.pair,
        "candle": utc_minute(row.candle), "mode": row.mode, "depth": row.depth, "prompt_version": row.prompt_version,
        "prompt_hash": row.prompt_hash, "action": row.signal.action, "source": row.signal.source, "cost": row.cost,
        "fate": row.fate_line if row.acts else None,
    }  # fmt: skip
    root = TraceStep(
        id=row.decision_id, parent=None, name=f"decide {row.pair} {utc_minute(row.candle)}", kind="decision",
        began=row.recorded_at - timedelta(milliseconds=row.latency_ms), ended=row.recorded_at, inputs=inputs,
        outputs=outputs, metadata=metadata, tags=(row.namespace, row.depth, row.signal.action), error=row.error,
    )  # fmt: skip
    return without_redacted(root, settings)


def below(root: TraceStep, name: str, kind: Kind, began: datetime, ended: datetime, **told: Any) -> TraceStep:
    """Return a step of the decision; its id follows from the decision's and its name, so it is the same each time."""
    own = str(uuid.uuid5(uuid.UUID(root.id), name))
    known = {"inputs": {}, "outputs": {}, "metadata": {}} | told
    return TraceStep(own, root.id, name.partition(" ")[2] or name, kind, began, ended, **known)


def without_redacted(step: TraceStep, settings: Settings) -> TraceStep:
    """Return the step without what `tracing.redact` names; ids stay."""
    rules = settings.tracing.redact
    ids = {"decision_id": step.id} if step.parent is None else {}
    return step._replace(
        name=redacted(step.name, rules),
        inputs=redacted(step.inputs, rules),
        outputs=redacted(step.outputs, rules),
        metadata=redacted(step.metadata, rules) | ids,
        tags=tuple(redacted(one, rules) for one in step.tags),
        error=redacted(step.error, rules),
    )


def _steps(row: DecisionRow, state: CandleState | None, settings: Settings, longest: int) -> list[TraceStep]:
    root = root_of(row, state, thread_of(row, state), settings, longest)
    found, at = [root], root.began
    for number, (name, kind, seconds, told) in enumerate(_below(row, state, settings, longest)):
        ends = min(at + timedelta(seconds=seconds), row.recorded_at)
        found.append(without_redacted(below(root, f"{number} {name}", kind, at, ends, **told), settings))
        at = ends
    return found


Part = tuple[str, Kind, float, dict[str, Any]]
"""Name, kind, seconds, and what is told of it."""


def _below(row: DecisionRow, state: CandleState | None, settings: Settings, longest: int) -> Iterator[Part]:
    if row.case_ids:
        cases = [{"id": one, "similarity": alike} for one, alike in zip(row.case_ids, row.similarities, strict=True)]
        yield "retriever", "retriever", 0, {"outputs": {"cases": cases}}
    asked = [] if state is None else _questions(state.messages)
    turn = 0
    for call in row.model_calls:
        messages: list[BaseMessage] = []
        if call.role == "decision" and turn < len(asked):
            messages, turn = asked[turn], turn + 1
        yield call.role, "llm", call.seconds, _called(call, messages, row, settings, longest)
    clamps = [one.line for one in row.changes]
    yield "reviewer", "rule", 0, {"outputs": {"action": row.signal.action, "lowered": clamps}}


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
) -> dict[str, Any]:
    inputs: dict[str, Any] = {"messages": [{"role": "user", "content": HIDDEN}]}
    outputs: dict[str, Any] = {"role": "assistant", "content": HIDDEN}
    if settings.tracing.prompts:
        inputs = {"messages": [_message(one, longest) for one in messages[:-1]]}
        outputs = _answer(messages[-1] if messages else None, row.opinions.get(call.role, ""), longest)
    usage = _usage(call)
    metadata = _model(call, settings) | {"usage_metadata": usage}
    return {"inputs": inputs, "outputs": outputs | {"usage_metadata": usage}, "metadata": metadata}


def _message(one: BaseMessage, longest: int) -> dict[str, Any]:
    told = {"role": ROLES.get(one.type, one.type), "content": cut(str(one.content), longest)}
    return told | ({"tool_call_id": one.tool_call_id} if isinstance(one, ToolMessage) else {})


def _answer(answer: BaseMessage | None, opinion: str, longest: int) -> dict[str, Any]:
    calls = answer.tool_calls if isinstance(answer, AIMessage) else []
    return {
        "role": "assistant",
        "content": cut(str(answer.content) if answer else opinion, longest),
        "tool_calls": [{"id": one["id"], "name": one["name"], "args": one["args"]} for one in calls],
    }


def _usage(call: CallRecord) -> dict[str, Any]:
    """Return tokens and cost by the names that LangSmith reads."""
    told: dict[str, Any] = {"input_tokens": call.tokens_in, "output_tokens": call.tokens_out}
    told |= {"total_tokens": call.tokens_in + call.tokens_out}
    if call.tokens_cached:
        told["input_token_details"] = {"cache_read": call.tokens_cached}
    return told | ({} if call.cost is None else {"total_cost": call.cost})


def _model(call: CallRecord, settings: Settings) -> dict[str, Any]:
    """Return who answered, by the names that LangSmith reads."""
    asked = settings.llm_config.models_of(call.role)
    model = next((one for one in asked if one.model == call.model), asked[0])
    return {
        "ls_provider": provider_told(model), "ls_model_name": call.model, "ls_model_type": "chat",
        "ls_temperature": model.temperature, "is_replayed": call.is_replayed,
    }  # fmt: skip


def cut(text: str, longest: int) -> str:
    """Return a text of at most so many characters, and say what was left out."""
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text) - longest} characters more)"
