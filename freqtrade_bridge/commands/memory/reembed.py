"""`candlegraph memory reembed`: vectors of the configured text model for what has none yet."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.memory.tables import rag_config
from candlegraph.freqtrade_bridge.commands.waiting import working
from candlegraph.freqtrade_bridge.report.listing import console
from candlegraph.graph.schema.errors import ConfigError, EmbeddingError
from candlegraph.graph.schema.frozen import Frozen
from candlegraph.memory.store import ExperienceMemory, open_memory

BATCH = 256
"""Experiences of one transaction: what a kill can cost."""


def print_reembed(arguments: Namespace) -> None:
    """Embed what has no vector of the configured text model, and print how many that were."""
    memory = open_memory(database_of(arguments.userdir), rag_config(arguments))
    with working("embedding") as say:
        done = reembed(
            memory,
            arguments.namespace,
            at=datetime.now(UTC),
            progress=lambda so_far: say(f"embedding: {so_far.stored} done"),
        )
    console().print(f"embedded {done.stored}, refused {done.refused}, without words {done.without_words}")


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
