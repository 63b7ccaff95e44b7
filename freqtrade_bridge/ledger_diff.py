"""Two runs, decision by decision: what differs beside what belongs to a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from candlegraph.graph.market import Frozen
from candlegraph.memory.ledger import DecisionRow

OF_THE_RUN = frozenset({"decision_id", "namespace", "recorded_at", "latency_ms", "mode", "case_ids"})
OF_THE_CALL = frozenset({"is_replayed", "seconds"})


class Place(NamedTuple):
    """Where a decision belongs, in any run."""

    candle: datetime
    pair: str


class Difference(Frozen):
    """One field of one decision."""

    candle: datetime
    pair: str
    field: str
    first: str
    second: str


class Diff(Frozen):
    """What became of the comparison."""

    equal: int
    differences: tuple[Difference, ...]
    only_first: tuple[Place, ...]
    only_second: tuple[Place, ...]

    @property
    def is_empty(self) -> bool:
        """Return whether both runs decided the same."""
        return not (self.differences or self.only_first or self.only_second)


def diff_of(first: Sequence[DecisionRow], second: Sequence[DecisionRow]) -> Diff:
    """Return how two runs differ, by candle and pair."""
    one, other = ({Place(row.candle, row.pair): row for row in rows} for rows in (first, second))
    both = sorted(one.keys() & other.keys())
    found = {place: tuple(_differences(place, one[place], other[place])) for place in both}
    return Diff(
        equal=sum(not differences for differences in found.values()),
        differences=tuple(difference for place in both for difference in found[place]),
        only_first=tuple(sorted(one.keys() - other.keys())),
        only_second=tuple(sorted(other.keys() - one.keys())),
    )


def plain(row: DecisionRow) -> dict[str, Any]:
    """Return the row without what belongs to its run."""
    told = row.model_dump(mode="json", exclude=set(OF_THE_RUN))
    del told["signal"]["decision_id"]
    told["model_calls"] = [
        {name: value for name, value in call.items() if name not in OF_THE_CALL} for call in told["model_calls"]
    ]
    return told


def _differences(place: Place, first: DecisionRow, second: DecisionRow) -> Iterator[Difference]:
    one, other = _flat(plain(first)), _flat(plain(second))
    for field in sorted(one.keys() | other.keys()):
        before, after = str(one.get(field, "absent")), str(other.get(field, "absent"))
        if before != after:
            yield Difference(candle=place.candle, pair=place.pair, field=field, first=before, second=after)


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return {path: value}
    return {key: leaf for name, one in items for key, leaf in _flat(one, f"{path}.{name}".lstrip(".")).items()}
