"""Models of sentence-transformers (extra `sentence-transformers`): a folder, or a name that it may download."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from numpy.typing import ArrayLike

from candlegraph.graph.schema.errors import ConfigError, EmbeddingError
from candlegraph.memory.embeddings.embedder import Embed

PACKAGE = "sentence_transformers"


def asker(model: str) -> Embed:
    """Return what asks the model, which is loaded at the first text; raise ConfigError where torch would be missing."""
    if find_spec(PACKAGE) is None:
        raise ConfigError(
            "config: experience_config.rag_config.embedding.provider = 'sentence_transformers' needs the package "
            'of that name: pip install "candlegraph[sentence-transformers]"'
        )
    one_at_a_time = threading.Lock()
    loaded: list[Any] = []

    def ask(texts: Sequence[str]) -> Sequence[ArrayLike]:
        with one_at_a_time:
            if not loaded:
                loaded.append(_loaded(model))
            rows: Sequence[ArrayLike] = loaded[0].encode(list(texts), show_progress_bar=False)
            return rows

    return ask


def _loaded(model: str) -> Any:
    try:
        return import_module(PACKAGE).SentenceTransformer(model)
    except (OSError, ValueError) as e:  # no such folder or name, or no network to download it
        raise EmbeddingError(f"the model {model!r} cannot be loaded: {e}", is_down=True) from e
