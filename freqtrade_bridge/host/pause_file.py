"""A person's pause of all entries: a file in the bot's folder, so that it outlives restarts and needs no database.

Whatever cannot be read of it counts as a pause: only `candlegraph resume`, or a hand that removes the file, ends it.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, Field, ValidationError

from candlegraph.graph.schema.fate import Refusal
from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.settings.places import PAUSE

logger = logging.getLogger(__name__)

KEY = "candlegraph resume"
"""What ends it, and the key by which its refusals are told."""


class HandPause(Frozen):
    """Since when, and why in a person's words."""

    since: AwareDatetime | None = Field(None, description="None: the file cannot be read")
    why: str = ""

    @property
    def refusal(self) -> Refusal:
        """Return it as a closed door; without the time, since a model may read this."""
        return Refusal(door="paused", key=KEY, why=f"paused by hand: {self.why}" if self.why else "paused by hand")


class PauseFile:
    """The switch of one user data folder; each look is one look at the file system."""

    def __init__(self, userdir: Path) -> None:
        self.path = userdir / PAUSE
        self._told: HandPause | None = None

    def look(self) -> HandPause | None:
        """Return the pause that is on, and say so once in the log; a folder that cannot be read is a pause."""
        found = self.read()
        if found != self._told:
            logger.warning("%s", found.refusal.line if found else "entries go on: `candlegraph resume` ended the pause")
        self._told = found
        return found

    def read(self) -> HandPause | None:
        """Return the pause that is on, None without one."""
        try:
            return HandPause.model_validate_json(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError, UnicodeDecodeError):
            return HandPause(why=f"{self.path} is there and cannot be read")

    def begin(self, why: str, now: datetime | None = None) -> HandPause:
        """Pause; one that is on keeps its beginning. Raise OSError where the folder cannot be written."""
        before = self.read()
        since = (before.since if before else None) or now or datetime.now(UTC)
        pause = HandPause(since=since, why=" ".join(why.split())[:200])
        partial = self.path.with_name(f"{self.path.name}.{os.getpid()}.partial")
        partial.write_text(json.dumps(pause.model_dump(mode="json")), encoding="utf-8")
        partial.replace(self.path)
        return pause

    def end(self) -> HandPause | None:
        """Let entries go on; return the pause that was on."""
        before = self.read()
        self.path.unlink(missing_ok=True)
        return before
