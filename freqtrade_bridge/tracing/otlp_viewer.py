"""Any viewer that takes OpenTelemetry's protocol: spans by the GenAI conventions, over HTTP as protobuf.

A span cannot be changed once it was sent: what is known later is a span of its own in the same trace.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from candlegraph.freqtrade_bridge.tracing.description import TraceStep, below, root_of, thread_of, trace_of
from candlegraph.freqtrade_bridge.tracing.notes import Changed, Decided, Judged, Mark, Note, changed_step
from candlegraph.graph.settings.settings import Settings

OWN = "candlegraph"
CONVENTIONS = Schemas.V1_41_1.value
"""The last release of OpenTelemetry's conventions that holds those of GenAI; they live elsewhere since."""
TIMEOUT = 3.0
"""Seconds for one decision, tries included."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OPERATIONS = {"decision": "invoke_agent", "retriever": "retrieval", "llm": "chat"}
Attributes = dict[str, AttributeValue]


class OtlpViewer:
    """Where and with which headers is said by OpenTelemetry's own variables."""

    name = "OTLP"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        logging.getLogger(OTLPSpanExporter.__module__).addFilter(SAID)
        self._exporter = OTLPSpanExporter(timeout=TIMEOUT)
        self._resource = Resource({"service.name": OWN}).merge(OTELResourceDetector().detect())
        self._scope = InstrumentationScope(OWN, version(OWN), CONVENTIONS)

    def show(self, note: Note) -> str | None:
        """Send one note; return why it could not be, without address and key."""
        SAID.last = "it did not answer"
        return None if self._exporter.export(self.spans(note)) is SpanExportResult.SUCCESS else SAID.last

    def spans(self, note: Note) -> list[ReadableSpan]:
        """Return the spans of a note, the decision's own first."""
        match note:
            case Decided():
                steps = trace_of(*note, self._settings)
                return [self._span(one, steps[0]) for one in steps]
            case Changed():
                root, step = changed_step(note, self._settings)
                return [self._span(step, root)]
            case Judged():
                return [self._outcome(note)]

    def close(self) -> None:
        """End a pause between two tries."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry gives it no type

    def _outcome(self, note: Judged) -> ReadableSpan:
        root = root_of(note.row, None, thread_of(note.row, None), self._settings)
        step = below(root, "outcome", "rule", note.at, note.at, metadata={"fate": root.metadata["fate"]})
        return self._span(step, root, [_judgement(mark, nanoseconds(note.at)) for mark in note.marks])

    def _span(self, step: TraceStep, root: TraceStep, events: Sequence[Event] = ()) -> ReadableSpan:
        return ReadableSpan(
            step.name,
            context=_context(root.id, step.id),
            parent=None if step.parent is None else _context(root.id, step.parent),
            resource=self._resource,
            attributes=attributes_of(step, root),
            events=events,
            kind=SpanKind.CLIENT if step.kind == "llm" else SpanKind.INTERNAL,
            status=Status() if step.error is None else Status(StatusCode.ERROR, step.error),
            start_time=nanoseconds(step.began),
            end_time=nanoseconds(step.ended),
            instrumentation_scope=self._scope,
        )


class _Said(logging.Filter):
    """Keeps why the exporter failed out of the log, where it would stand once a decision, and for our one warning."""

    last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the reason: of an exception its class, since its text names the address."""
        given = record.args if isinstance(record.args, tuple) else ()
        told = [one for one in given if one != "spans" and not isinstance(one, float)]  # a float: when it tries again
        words = [type(one).__name__ if isinstance(one, Exception) else str(one) for one in told]
        self.last = " ".join(words) or self.last
        return False


SAID = _Said()
"""The exporter's logger is one, and so is what it said last."""


def _context(trace: str, step: str) -> SpanContext:
    """Return OpenTelemetry's ids: the decision's UUID is the trace, a step's first eight bytes are its span."""
    own = int.from_bytes(uuid.UUID(step).bytes[:8])
    return SpanContext(uuid.UUID(trace).int, own, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def nanoseconds(at: datetime) -> int:
    """Return the time since 1970, exact to the microsecond."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


def attributes_of(step: TraceStep, root: TraceStep) -> Attributes:
    """Return what the conventions name, and under `candlegraph.` what they have no name for."""
    told: Attributes = {"gen_ai.conversation.id": root.metadata["thread_id"]}
    if (operation := OPERATIONS.get(step.kind)) is not None:
        told["gen_ai.operation.name"] = operation
    if step.error is not None:
        told["error.type"] = step.error.partition(":")[0]
    match step.kind:
        case "decision":
            return told | _decision(step)
        case "llm":
            return told | _call(step)
        case "retriever":
            cases = [{"id": str(one["id"]), "score": one["similarity"]} for one in step.outputs["cases"]]
            return told | {"gen_ai.retrieval.documents": _json(cases)}
        case "rule":
            return told | _ours(step.outputs | step.metadata)


def _decision(step: TraceStep) -> Attributes:
    told: Attributes = {"gen_ai.agent.name": OWN, "candlegraph.tags": step.tags}
    said = step.outputs.get("story") or _json(step.outputs["signal"])
    told["gen_ai.output.messages"] = _json([_spoken("assistant", said) | {"finish_reason": "stop"}])
    if "facts" in step.inputs:
        told["gen_ai.input.messages"] = _json([_spoken("user", step.inputs["facts"])])
    known = {name: value for name, value in step.metadata.items() if name != "thread_id"}
    return told | _ours(known | {"signal": step.outputs["signal"], "snapshot": step.inputs["snapshot"]["hash"]})


def _call(step: TraceStep) -> Attributes:
    model, usage = step.metadata, step.outputs["usage_metadata"]
    details = usage.get("input_token_details", {})
    told: Mapping[str, AttributeValue | None] = {
        "gen_ai.provider.name": model["ls_provider"],
        "gen_ai.request.model": model["ls_model_name"],
        "gen_ai.response.model": model["ls_model_name"],
        "gen_ai.request.temperature": model["ls_temperature"],
        "gen_ai.usage.input_tokens": usage["input_tokens"],
        "gen_ai.usage.output_tokens": usage["output_tokens"],
        "gen_ai.usage.cache_read.input_tokens": details.get("cache_read"),
        "gen_ai.usage.cost": usage.get("total_cost"),
        "gen_ai.input.messages": _json([_heard(one) for one in step.inputs["messages"]]),
        "gen_ai.output.messages": _json([_said(step.outputs)]),
        "candlegraph.is_replayed": model["is_replayed"],
    }
    return {name: value for name, value in told.items() if value is not None}


def _heard(message: dict[str, Any]) -> dict[str, Any]:
    if "tool_call_id" not in message:
        return _spoken(message["role"], message["content"])
    part = {"type": "tool_call_response", "id": message["tool_call_id"], "response": message["content"]}
    return {"role": "tool", "parts": [part]}


def _said(answer: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {"type": "tool_call", "id": one["id"], "name": one["name"], "arguments": one["args"]}
        for one in answer.get("tool_calls", ())
    ]
    words = _spoken("assistant", answer["content"])["parts"] if answer["content"] else []
    return {"role": "assistant", "parts": [*words, *calls], "finish_reason": "tool_call" if calls else "stop"}


def _spoken(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _judgement(mark: Mark, at: int) -> Event:
    told = {"name": mark.key, "score.value": mark.score, "score.label": mark.label, "explanation": mark.comment}
    known = {f"gen_ai.evaluation.{name}": value for name, value in told.items() if value is not None}
    return Event("gen_ai.evaluation.result", known, at)


def _ours(told: Mapping[str, Any]) -> Attributes:
    """Return plain values as they are, and nested ones as JSON."""
    plain = (str, bool, int, float)
    return {
        f"{OWN}.{name}": value if isinstance(value, plain) else _json(value)
        for name, value in told.items()
        if value is not None
    }


def _json(told: Any) -> str:
    return json.dumps(told, ensure_ascii=False, default=str)
