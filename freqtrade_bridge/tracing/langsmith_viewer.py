"""LangSmith, or a server that speaks its protocol: runs in one request a decision, later changes, feedback."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from langsmith import Client
from langsmith.utils import LangSmithError, LangSmithNotFoundError, get_tracer_project
from requests.exceptions import RequestException
from urllib3 import Retry

from candlegraph.freqtrade_bridge.tracing.description import Kind, TraceStep, trace_of
from candlegraph.freqtrade_bridge.tracing.notes import Changed, Decided, Judged, Mark, Note, changed_step
from candlegraph.graph.settings.settings import Settings

CONNECTS, ANSWERS = 2, 3
"""Seconds."""
KINDS: Mapping[Kind, str] = {"decision": "chain", "retriever": "retriever", "llm": "llm", "rule": "chain"}
Run = dict[str, Any]


class LangSmithViewer:
    """Where and with which key is said by LangSmith's own variables."""

    name = "LangSmith"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._project = get_tracer_project() or "default"
        self._project_id: str | None = None
        self._client = client()

    def show(self, note: Note) -> str | None:
        """Send one note; return why it could not be, without address and key."""
        try:
            match note:
                case Decided():
                    self._batch(post=runs_of(trace_of(*note, self._settings), self._project))
                case Changed():
                    self._change(note)
                case Judged():
                    self._judge(note)
        except (LangSmithError, RequestException) as e:
            return type(e).__name__
        return None

    def close(self) -> None:
        """Do nothing: a request that goes on ends by its own timeout."""

    def _change(self, note: Changed) -> None:
        """Update the run; what resumed it becomes a step of the same trace."""
        root, step = changed_step(note, self._settings)
        told, *below = runs_of([root, step], self._project)
        kept = {"id", "trace_id", "dotted_order", "extra"} | (set() if note.change == "fate" else {"outputs", "tags"})
        patch = {name: value for name, value in told.items() if name in kept}
        self._batch(post=[] if note.change == "fate" else below, patch=[patch])

    def _judge(self, note: Judged) -> None:
        for mark in note.marks:
            self._post("/feedback", feedback_of(note, mark) | {"session_id": self._own_project()})

    def _own_project(self) -> str:
        """Return the id of the project that the runs went to: LangSmith finds a run's feedback by it."""
        if self._project_id is None:
            answer = self._client.request_with_retries("GET", "/sessions", params={"name": self._project})
            match answer.json():
                case [{"id": str(known)}, *_]:
                    self._project_id = known
                case _:
                    raise LangSmithNotFoundError(f"no project {self._project}")
        return self._project_id

    def _batch(self, post: Sequence[Run] = (), patch: Sequence[Run] = ()) -> None:
        self._post("/runs/batch", {"post": post, "patch": patch})

    def _post(self, path: str, told: dict[str, Any]) -> None:
        body = json.dumps(told, ensure_ascii=False, default=str).encode()
        self._client.request_with_retries("POST", path, request_kwargs={"data": body})


def client(answers: float = ANSWERS) -> Client:
    """Return LangSmith's client, which neither tries again nor sends anything by itself; seconds until an answer."""
    timeouts = (CONNECTS * 1000, int(answers * 1000))
    return Client(
        timeout_ms=timeouts, retry_config=Retry(0), auto_batch_tracing=False, info={}, tracing_mode="langsmith"
    )


def runs_of(steps: Sequence[TraceStep], project: str) -> list[Run]:
    """Return the steps of a decision as LangSmith's runs, root first."""
    root, *others = steps
    return [_run(root, root, project), *(_run(one, root, project) for one in others)]


def _run(step: TraceStep, root: TraceStep, project: str) -> Run:
    orders = [_order(one.began, one.id) for one in ((root,) if step is root else (root, step))]
    told = {
        "id": step.id, "trace_id": root.id, "dotted_order": ".".join(orders), "session_name": project,
        "name": step.name, "run_type": KINDS[step.kind], "start_time": step.began.isoformat(),
        "end_time": step.ended.isoformat(), "inputs": step.inputs, "outputs": step.outputs, "error": step.error,
        "tags": list(step.tags), "extra": {"metadata": step.metadata},
    }  # fmt: skip
    return told | ({} if step.parent is None else {"parent_run_id": step.parent})


def _order(at: datetime, identity: str) -> str:
    return f"{at:%Y%m%dT%H%M%S%f}Z{identity}"


def feedback_of(note: Judged, mark: Mark) -> dict[str, Any]:
    """Return a mark as LangSmith's feedback on the decision's run; its id is the same each time."""
    identity = str(uuid.uuid5(uuid.UUID(note.row.decision_id), f"feedback {mark.key}"))
    return {
        "id": identity, "run_id": note.row.decision_id, "trace_id": note.row.decision_id, "key": mark.key,
        "score": None if mark.score is None else round(mark.score, 4), "value": mark.label, "comment": mark.comment,
        "created_at": note.at.isoformat(), "modified_at": note.at.isoformat(), "feedback_source": {"type": "api"},
    }  # fmt: skip
