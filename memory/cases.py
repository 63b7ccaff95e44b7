"""From experiences that are alike to the trades they belong to, and what each trade has to tell.

question -> the most similar experiences -> one candidate a trade, with its end where that is known -> cases
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from candlegraph.graph.schema.lessons import Case, Kind
from candlegraph.graph.schema.market import Side
from candlegraph.graph.settings.experience import Spaces
from candlegraph.memory.embeddings.wording import SituationWords
from candlegraph.memory.learning.outline import Outline, TradeId
from candlegraph.memory.learning.outlines import Outlines
from candlegraph.memory.learning.ranking import Candidate, spread
from candlegraph.memory.store import EVEN, ExperienceMemory

SIDES: tuple[Side, ...] = ("long", "short")


class Question(NamedTuple):
    """The present situation, and which of the past may answer."""

    situation: Sequence[float]
    space: str
    as_of: datetime
    namespaces: Collection[str]
    kinds: Collection[Kind]
    threshold: float
    words: Mapping[Side, SituationWords] = MappingProxyType({})
    weights: Spaces = EVEN
    is_strict: bool = False
    without: TradeId | None = None
    """The trade that is decided about is none of its own past."""


def similar_trades(
    memory: ExperienceMemory, reader: Outlines, asked: Question, *, count: int, most_of_a_day: int
) -> list[Candidate]:
    """Return up to `count` different trades, the most similar first; deeper is looked until there are as many.

    `reader` holds the outlines of the namespaces that are asked.
    """
    looked_at = 2 * count
    while True:
        found = nearest(memory, asked, looked_at)
        alike = candidates(found, reader, asked)
        trades = spread(still_told(memory, alike, found), most_of_a_day)
        if len(trades) >= count or len(found) < looked_at:
            return trades[:count]
        looked_at *= 2


def nearest(memory: ExperienceMemory, asked: Question, k: int) -> list[Case]:
    """Return the `k` most similar experiences; words say a side, so each side is asked with its own."""
    if not (asked.words and memory.has_texts and asked.weights.text):
        return list(_recalled(memory, asked, k))
    both = [case for side in SIDES for case in _recalled(memory, asked, k, side, asked.words.get(side))]
    return sorted(both, key=lambda case: (-case.similarity, case.id))[:k]


def _recalled(
    memory: ExperienceMemory, asked: Question, k: int, side: Side | None = None, words: SituationWords | None = None
) -> tuple[Case, ...]:
    return memory.recall(
        asked.situation,
        asked.space,
        as_of=asked.as_of,
        namespaces=asked.namespaces,
        k=k,
        threshold=asked.threshold,
        kinds=asked.kinds,
        side=side,
        words=words,
        weights=asked.weights,
        is_strict=asked.is_strict,
    )


def candidates(found: Sequence[Case], reader: Outlines, asked: Question) -> list[Candidate]:
    """Return one candidate for each trade, in the order of its most similar experience."""
    kept: dict[int | TradeId, Candidate] = {}
    for case, outline in zip(found, reader.of([case.id for case in found]), strict=True):
        if outline is None or outline.trade == asked.without:
            continue
        trade = ended(outline, reader, asked.as_of)
        known = kept.setdefault(
            trade.id if trade else outline.trade, Candidate(trade or outline, case.similarity, False)
        )
        if outline.kind == "trade" and not known.is_entry:
            kept[outline.id] = known._replace(is_entry=True)
    return list(kept.values())


def still_told(memory: ExperienceMemory, alike: Sequence[Candidate], found: Sequence[Case]) -> list[Candidate]:
    """Return the candidates without trades that a cleanup took out: a moment that stayed would bring them back."""
    seen = {case.id for case in found}
    others = [one.outline.id for one in alike if one.outline.id not in seen]
    told = seen | memory.cases(others).keys() if others else seen
    return [one for one in alike if one.outline.id in told]


def ended(outline: Outline, reader: Outlines, as_of: datetime) -> Outline | None:
    """Return the closed trade that an experience is of; None where it was open, or closed by the end of the data."""
    if outline.kind == "trade":
        return outline
    return next((one for one in reader.course(outline.trade, as_of) if one.is_learnt), None)


def cases_of(
    memory: ExperienceMemory, reader: Outlines, taken: Sequence[Candidate], asked: Question
) -> tuple[Case, ...]:
    """Return what is told of each trade: its end and its moments, as far as they were known and are still there."""
    if not taken:
        return ()
    moments = {one: _moments(one, reader, asked.as_of) for one in taken}
    known = memory.cases([*(one.outline.id for one in taken), *(part for found in moments.values() for part in found)])
    told = ((one, _parts(one, [part for part in moments[one] if part in known])) for one in taken)
    return tuple(
        _told(one, parts, known, reader.later(parts[0], asked.as_of)) for one, parts in told if parts[0] in known
    )


def _moments(one: Candidate, reader: Outlines, as_of: datetime) -> list[int]:
    return [entry.id for entry in reader.course(one.outline.trade, as_of) if entry.kind != "trade"]


def _parts(one: Candidate, moments: Sequence[int]) -> list[int]:
    """Return the experience that tells the trade, then those of its moments; of an open trade the newest tells it."""
    return [moments[-1] if one.is_open and moments else one.outline.id, *moments]


def _told(one: Candidate, parts: Sequence[int], known: Mapping[int, Case], later: Mapping[str, str]) -> Case:
    found = dict.fromkeys(part for part in parts if part in known)
    moments = sorted({m for part in found for m in known[part].moments}, key=lambda m: (m.after_minutes, m.kind))
    return known[parts[0]].model_copy(update={"similarity": one.similarity, "moments": tuple(moments), **later})
