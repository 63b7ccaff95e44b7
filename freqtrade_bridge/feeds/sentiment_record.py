"""Recorded sentiment: what was known at a time, from lines that were written as the values came.

A line: {"value": 54.0, "at": "…", "source": "…", "label": "…", "past": [], "known_at": "…"}; `known_at` is the close
of the candle that the value was read for, or the time of reading where the bot came late to it. A file per source, for
those of the exchange also per pair.
"""

from __future__ import annotations

import bisect
import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from candlegraph.graph.schema.market import Frozen, Reading, Sentiment
from candlegraph.graph.settings.context import SentimentSettings, SentimentSource
from candlegraph.memory.storage.text_files import write_whole
from candlegraph.tools.market.candle_files import file_name
from candlegraph.tools.market.sentiment import PAST

logger = logging.getLogger(__name__)
DAILY_AGE = timedelta(hours=36)
"""How long a value of the Fear & Greed index counts: it is of a day, and published some hours into the next."""
AHEAD = timedelta(minutes=5)
"""How far the clock of a source may be ahead; a value from the future would never be too old."""
LOOK_BACK = 50
"""Lines that are searched for older values."""
NEWEST = 2 * LOOK_BACK
"""Values that a running bot keeps of a source: one has more than 1 kB, and 20 pairs bring 81 at each candle."""
NEVER = "nothing was recorded by then"


class Recorded(Frozen):
    """One line of a record."""

    value: float
    at: AwareDatetime
    source: str
    label: str = ""
    past: tuple[float, ...] = ()
    known_at: AwareDatetime


class Record:
    """One file's values in the order in which they became known."""

    def __init__(self, values: Iterable[Recorded] = ()) -> None:
        self._values = sorted(values, key=_order)
        self._known_at = [one.known_at for one in self._values]

    def add(self, one: Recorded) -> None:
        """Add a value that has just become known, and forget what is too old to be asked for after it."""
        place = bisect.bisect(self._values, _order(one), key=_order)
        self._values.insert(place, one)
        self._known_at.insert(place, one.known_at)
        old = max(0, place + 1 - NEWEST)
        del self._values[:old], self._known_at[:old]

    def as_of(self, as_of: datetime, max_age: timedelta) -> Reading | str:
        """Return what was known at `as_of` with up to five older values, or why it is unavailable."""
        end = bisect.bisect_right(self._known_at, as_of)
        if end == 0:
            return NEVER
        newest = self._values[end - 1]
        if as_of - newest.at > max_age:
            return f"the newest value is {(as_of - newest.at).total_seconds() / 60:.0f} minutes old"
        if newest.at - newest.known_at > AHEAD:
            return f"the newest value is dated {newest.at:%Y-%m-%d}, after it was read"
        past = newest.past or _past(self._values[max(0, end - LOOK_BACK) : end], newest)
        return Reading(value=newest.value, at=newest.at, source=newest.source, label=newest.label, past=past)


def _order(one: Recorded) -> tuple[datetime, datetime, float]:
    return one.known_at, one.at, one.value


def _past(known: Sequence[Recorded], newest: Recorded) -> tuple[float, ...]:
    """Return the values of the five times before the newest one's, oldest first."""
    found: dict[datetime, float] = {}
    for one in reversed(known):
        if one.at < newest.at and one.at not in found:
            found[one.at] = one.value
        if len(found) == PAST:
            break
    return tuple(value for _, value in sorted(found.items()))


def sentiment_of(records: dict[SentimentSource, Record], as_of: datetime, settings: SentimentSettings) -> Sentiment:
    """Return every configured value as it was known at `as_of`."""
    found: dict[str, Reading] = {}
    gone: dict[str, str] = {}
    for name in settings.sources:
        answer = records[name].as_of(as_of, max_age_of(name, settings))
        if isinstance(answer, Reading):
            found[name] = answer
        else:
            gone[name] = answer
    return Sentiment.model_validate(found | {"unavailable": gone})


def max_age_of(name: SentimentSource, settings: SentimentSettings) -> timedelta:
    """Return how old a value may be."""
    return DAILY_AGE if name == "fear_greed" else timedelta(minutes=settings.max_age_minutes)


def record_file(folder: Path, name: SentimentSource, pair: str) -> Path:
    """Return where the values of a source are recorded; the index is the same for all pairs."""
    if name == "fear_greed":
        return folder / f"{name}.jsonl"
    return folder / f"{name}-{file_name(pair)}.jsonl"


def read_record(path: Path, newest: int | None = None) -> Record:
    """Return the values of a file's `newest` lines, None: of all; a torn or foreign line is left out and said."""
    return Record(_lines(path, newest)) if path.is_file() else Record()


def old_lines(path: Path, before: datetime) -> tuple[int, int]:
    """Return how many values of a file were known before that time, and their bytes."""
    sizes = [len(line) for line, is_old in _aged(path, before) if is_old]
    return len(sizes), sum(sizes)


def forget_lines(path: Path, before: datetime) -> None:
    """Write the file anew without the values that were known before that time; nobody may write to it meanwhile."""
    write_whole(path, [line.decode("utf-8", "replace") for line, is_old in _aged(path, before) if not is_old])


def _aged(path: Path, before: datetime) -> Iterator[tuple[bytes, bool]]:
    """Yield each line, and whether it is older; one that cannot be read is not."""
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            yield line, Recorded.model_validate_json(line).known_at < before
        except ValidationError:
            yield line, False


def _lines(path: Path, newest: int | None) -> Iterator[Recorded]:
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = enumerate(file, 1)
        for number, line in lines if newest is None else deque(lines, newest):
            try:
                yield Recorded.model_validate(json.loads(line))
            except (ValueError, ValidationError):
                logger.warning("%s line %d is no recorded value and is left out: %.80r", path, number, line)
