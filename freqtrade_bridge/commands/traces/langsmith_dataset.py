"""Decisions to correct as a dataset of LangSmith's: there a person edits `admissible` of the expected answer."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from langsmith.utils import LangSmithConflictError, LangSmithError
from pydantic import ValidationError

from candlegraph.freqtrade_bridge.commands.traces.choosing import Correctable
from candlegraph.freqtrade_bridge.tracing.langsmith_viewer import client
from candlegraph.freqtrade_bridge.tracing.redaction import redacted
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.tracing import Tracing

WHAT = "Decisions of candlegraph to correct: put into `admissible` which of `possible` would have been right."
ASKED = {"briefing", "possible", "inputs"}
ANSWERED = {"proposed", "taken", "admissible", "why"}
SECONDS = 30


def upload(name: str, lines: Sequence[Correctable], rules: Tracing) -> None:
    """Create the dataset with an example a decision; raise ConfigError where it is there, or no server answers."""
    if not rules.prompts:
        raise ConfigError("traces dataset: tracing.prompts is false, and an example is a prompt; --to writes a file")
    langsmith = client(SECONDS)
    try:
        made = langsmith.create_dataset(name, description=WHAT)
        langsmith.create_examples(dataset_id=made.id, examples=[_example(one, rules, str(made.id)) for one in lines])
    except LangSmithConflictError as e:
        raise ConfigError(f"traces dataset: LangSmith has a dataset {name!r} already; give another name") from e
    except LangSmithError as e:
        raise ConfigError(f"traces dataset: LangSmith did not take it: {type(e).__name__}") from e


def download(name: str) -> list[Correctable]:
    """Return the decisions of a dataset as persons left them; raise ConfigError."""
    try:
        found = list(client(SECONDS).list_examples(dataset_name=name))
    except LangSmithError as e:
        raise ConfigError(f"traces corrections: LangSmith gave no dataset {name!r}: {type(e).__name__}") from e
    try:
        return [Correctable(**(one.inputs or {}), **(one.outputs or {}), **_known(one.metadata or {})) for one in found]
    except (ValidationError, TypeError) as e:
        raise ConfigError(
            f"traces corrections: dataset {name!r} holds what `traces dataset` does not write: {e}"
        ) from e


def _example(line: Correctable, rules: Tracing, dataset: str) -> dict[str, Any]:
    told = redacted(line.model_dump(mode="json"), rules.redact) | {"decision_id": line.decision_id}
    return {
        "id": str(uuid.uuid5(uuid.UUID(dataset), line.decision_id)),
        "inputs": {key: told[key] for key in sorted(ASKED)},
        "reference_outputs": {key: told[key] for key in sorted(ANSWERED)},
        "metadata": {key: value for key, value in told.items() if key not in ASKED | ANSWERED},
    }


def _known(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return our keys of an example's metadata; LangSmith adds some of its own."""
    return {key: value for key, value in metadata.items() if key in Correctable.model_fields}
