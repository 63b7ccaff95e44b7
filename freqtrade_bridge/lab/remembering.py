"""What a memory holds, as frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from candlegraph.freqtrade_bridge.commands.arguments import USERDIR, database_of
from candlegraph.freqtrade_bridge.frames.tables import experiences_frame, shown_cases
from candlegraph.freqtrade_bridge.host.run_name import named_run
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.memory.store import ExperienceMemory, open_memory


@dataclass(frozen=True)
class Remembered:
    """The experiences of one namespace."""

    memory: ExperienceMemory
    namespace: str

    @property
    def experiences(self) -> pd.DataFrame:
        """One row per experience by its id: trades, recorded decisions, lessons of partial exits."""
        return experiences_frame(self.memory.all_of(self.namespace))

    @property
    def stats(self) -> dict[str, Any]:
        """Counts, index, rewards and storage, as the model is told them."""
        return self.memory.stats(self.namespace)

    def like(self, experience_id: int, count: int = 5) -> pd.DataFrame:
        """Return the most similar experiences that were known before this one."""
        model = self.memory.get(int(experience_id))  # of a frame's index it is numpy's
        situation = None if model is None else model.source.situation
        if model is None or situation is None:
            missing = "no experience has this id" if model is None else "it has no situation, so it is like nothing"
            raise ConfigError(f"lab.memory: like({experience_id}): {missing}")
        found = self.memory.recall(
            situation,
            model.source.space,
            as_of=model.source.known_at,
            namespaces=(self.namespace,),
            k=count,
            threshold=0.0,
        )
        return shown_cases(found)


def memory(userdir: str | Path = USERDIR, namespace: str | None = None) -> Remembered:
    """Return what a namespace remembers, the one written to last where none is named."""
    opened = open_memory(database_of(Path(userdir).resolve()))
    known = opened.namespaces()
    if not known:
        raise ConfigError("lab.memory: no run has learnt anything here")
    return Remembered(opened, named_run(known, namespace))
