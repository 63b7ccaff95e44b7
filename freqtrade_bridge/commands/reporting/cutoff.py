"""Up to when a run's model knows the world, and what the run made before and after."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from pathlib import Path

from pydantic import TypeAdapter

from candlegraph.freqtrade_bridge.report.entries import MatchedRun
from candlegraph.freqtrade_bridge.truth.edge import between
from candlegraph.freqtrade_bridge.truth.parted import Parted, PartOfRun, parted

KEY = "knowledge_cutoff"


def parted_run(archive: Path | None, matched: MatchedRun) -> Parted | None:
    """Return the run on both sides of the cut-off; None where its configuration states none."""
    cutoff = None if archive is None else cutoff_in(archive)
    return None if cutoff is None else parted(matched.r, matched.ended, cutoff)


def cutoff_in(archive: Path) -> date | None:
    """Return `llm_config.knowledge_cutoff` of the configuration that freqtrade keeps with a result."""
    name = f"{archive.stem}_config.json"
    with zipfile.ZipFile(archive) as files:
        if name not in files.namelist():
            return None
        stated = json.loads(files.read(name)).get("llm_config", {}).get(KEY)
    return None if stated is None else TypeAdapter(date).validate_python(stated)


def lines_of(found: Parted) -> list[str]:
    """Return both parts, each in a line of a terminal."""
    return [
        f"  until {found.cutoff}   {_told(found.before)}; the model may have read of it",
        f"  after {found.cutoff}   {_told(found.after)}",
    ]


def _told(part: PartOfRun) -> str:
    if part.mean_r is None:
        return "no trades"
    return f"{part.mean_r:+.2f} R, {part.trades} trades, {between(part.interval, 'R', 'too few for an interval')}"
