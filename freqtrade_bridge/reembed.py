"""Give every experience a vector of the configured text model, after that model was changed or chosen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from candlegraph.graph.errors import ConfigError, EmbeddingError
from candlegraph.graph.market import Frozen
from candlegraph.memory.store import ExperienceMemory

BATCH = 256
"""Experiences of one transaction: what a kill can cost."""


class Reembedded(Frozen):
    """What was done; those that had their vector before are not counted."""

    stored: int = 0
    refused: int = 0
    without_words: int = 0


def reembed(
    memory: ExperienceMemory,
    namespace: str | None,
    *,
    at: datetime,
    batch: int = BATCH,
    progress: Callable[[Reembedded], None] = lambda _: None,
) -> Reembedded:
    """Embed what has no vector yet, in one namespace or in all; killed, it goes on where it stopped when run again."""
    if not memory.has_texts:
        raise ConfigError("config: experience_config.rag_config.embedding.provider = 'none': expected a text model")
    memory.try_refused_again(namespace)
    done = Reembedded()
    while True:
        step = memory.embed_waiting(batch, now=at, namespace=namespace)
        if step.problem is not None:
            raise EmbeddingError(f"{step.problem}; {done.stored} were embedded, run the command again", is_down=True)
        if not step.looked_at:
            return done
        done = Reembedded(
            stored=done.stored + step.stored,
            refused=done.refused + step.refused,
            without_words=done.without_words + step.without_words,
        )
        progress(done)
