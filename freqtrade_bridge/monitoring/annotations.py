"""Marks on FreqUI's charts: entries, stops as they moved, levels, candles that no model decided; pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from candlegraph.freqtrade_bridge.decisions.line import figure
from candlegraph.freqtrade_bridge.monitoring.decided import Decided, DecidedCandle

Mark = dict[str, Any]
"""One of freqtrade's AnnotationType, as it reads them from a strategy."""
LONG, SHORT, STOP, LEVEL, SKIPPED = "#26a69a", "#ef5350", "#ff9800", "#7e8aa2", "#9e9e9e33"
MOST = 300
"""Of a kind; the newest are shown."""
LEVELS, LEVEL_CANDLES = 6, 96
ASKED = ("model", "veto")
"""Sources of decisions for which a model was asked and answered."""


def marks(decided: Decided, start: datetime, end: datetime, newest_inputs: str | None) -> list[Mark]:
    """Return the marks between two times; `newest_inputs` is what the newest decision was made from, as JSON."""
    seen = [one for candle, one in sorted(decided.items()) if start <= candle <= end]
    kinds: list[Iterator[Mark]] = [_skipped(seen), _entries(seen), _stops(seen), _levels(seen, newest_inputs)]
    return [mark for kind in kinds for mark in list(kind)[-MOST:]]


def _entries(seen: Sequence[DecidedCandle]) -> Iterator[Mark]:
    """Yield each entry that was filled, where it was."""
    for one in seen:
        if (entry := one.entry) is not None:
            yield {
                "type": "point",
                "x": one.as_of,
                "y": entry.price,
                "color": LONG if entry.side == "long" else SHORT,
                "shape": "triangle",
                "rotate": 0 if entry.side == "long" else 180,
                "label": f"{entry.side} {entry.leverage:g}x, {one.confidence:.0f}: {entry.reason}",
            }


def _stops(seen: Sequence[DecidedCandle]) -> Iterator[Mark]:
    """Yield a line for each price at which a stop stood, as long as it stood there."""
    for _, held in _runs(seen, lambda one: f"{one.stop:.5g}" if one.side and one.stop else None):
        stop = held[0].stop or 0.0  # the exchange rounds what was planned: five digits are one price
        yield _line(held[0].candle, held[-1].as_of, stop, STOP, f"stop {figure(stop)}", "solid")


def _levels(seen: Sequence[DecidedCandle], newest_inputs: str | None) -> Iterator[Mark]:
    """Yield the levels that the newest decision saw."""
    if newest_inputs is None or not seen:
        return
    first, end = seen[-LEVEL_CANDLES:][0].candle, seen[-1].as_of
    main = json.loads(newest_inputs)["snapshot"]["timeframes"][0]
    for level in main.get("levels", ())[:LEVELS]:
        label = f"{level['kind']} {figure(level['price'])}, {level['touches']} touches"
        yield _line(first, end, level["price"], LEVEL, label, "dotted")


def _skipped(seen: Sequence[DecidedCandle]) -> Iterator[Mark]:
    """Yield the spans that no model decided, with what stood in its place, and those without any decision."""
    for source, run in _runs(seen, lambda one: None if one.source in ASKED else one.source):
        yield _area(run[0].candle, run[-1].as_of, f"not asked or no answer: {source}")
    for before, after in zip(seen, seen[1:], strict=False):
        if after.candle > before.as_of:
            yield _area(before.as_of, after.candle, "not decided")


def _runs(
    seen: Sequence[DecidedCandle], key: Callable[[DecidedCandle], Any]
) -> Iterator[tuple[Any, list[DecidedCandle]]]:
    """Yield neighbours of one key together; those without one not at all."""
    for value, run in groupby(seen, key):
        if value is not None:
            yield value, list(run)


def _line(start: datetime, end: datetime, price: float, color: str, label: str, style: str) -> Mark:
    place = {"start": start, "end": end, "y_start": price, "y_end": price}
    return {"type": "line", **place, "color": color, "label": label, "line_style": style}


def _area(start: datetime, end: datetime, label: str) -> Mark:
    return {"type": "area", "start": start, "end": end, "color": SKIPPED, "label": label}
