"""What the crowd does, asked of the exchange (through ccxt) and of the Fear & Greed index (through HTTP).

The one module outside the bridge that reaches a network. Each function returns one checked Reading or raises
SentimentError; when something was asked and how long it counts is decided by who asks.
"""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

import ccxt

from candlegraph.graph.schema.errors import SentimentError
from candlegraph.graph.schema.market import Reading
from candlegraph.graph.settings.context import SentimentSource

PAST = 5
BOOK_LEVELS = 20
PERIOD = "5m"
"""Of the histories of open interest and account ratio: the shortest that Binance offers."""
LABEL_LENGTH = 40
LARGEST_ANSWER = 100_000
"""Bytes of the index's answer that are read; it takes about 700."""
RANGES: dict[SentimentSource, tuple[float, float]] = {
    "fear_greed": (0, 100),
    "funding_rate": (-1, 1),
    "open_interest": (0, math.inf),
    "long_short_ratio": (0, math.inf),
    "book_imbalance": (-1, 1),
}
SHAPE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
"""What an answer of another shape causes here and in ccxt's parsers: a page, a list, a time of 1e300, deep nesting."""
OUTSIDE = (ccxt.BaseError, OSError, HTTPException, *SHAPE)
"""What an exchange or a server can cause: unreachable, refused, no HTTP, or an answer of another shape."""


def load_markets(client: ccxt.Exchange) -> None:
    """Load what the client must know before it can be asked from several threads; raise SentimentError."""
    try:
        client.load_markets()
    except OUTSIDE as e:
        raise SentimentError(_reason(e)) from e
    if not client.markets:
        raise SentimentError(f"{client.id} lists no markets")


def read_exchange(source: SentimentSource, client: ccxt.Exchange, pair: str, now: datetime) -> Reading:
    """Return one value of a pair; `now` stamps what the exchange does not. Raises SentimentError with the reason."""
    method, read = READERS[source]
    if not client.has.get(method):
        raise SentimentError(f"{client.id} offers no {method}")
    try:
        values, at, label = read(client, pair)
    except OUTSIDE as e:
        raise SentimentError(_reason(e)) from e
    return reading(source, values, at or now, str(client.id), label)


def read_fear_greed(url: str, timeout: float) -> Reading:
    """Return the Fear & Greed index with its last days; raises SentimentError with the reason."""
    try:
        request = urllib.request.Request(f"{url}?limit={PAST + 1}", headers={"User-Agent": "candlegraph"})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            days = json.loads(answer.read(LARGEST_ANSWER))["data"]
        values = [float(day["value"]) for day in reversed(days)]  # the index writes the newest first
        at = datetime.fromtimestamp(int(days[0]["timestamp"]), UTC)
        return reading("fear_greed", values, at, "alternative.me", str(days[0].get("value_classification", "")))
    except OUTSIDE as e:
        raise SentimentError(_reason(e)) from e


def reading(source: SentimentSource, values: list[float], at: datetime, origin: str, label: str = "") -> Reading:
    """Return the newest of `values` (oldest first) with those before it; raise SentimentError out of range."""
    low, high = RANGES[source]
    for value in values:
        if not (math.isfinite(value) and low <= value <= high):
            raise SentimentError(f"{source}: expected a number in {low:g}..{high:g}, was {value!r}")
    if not values:
        raise SentimentError(f"{source}: the answer is empty")
    short = "".join(character for character in label if character.isprintable())[:LABEL_LENGTH]
    return Reading(value=values[-1], at=at, source=origin, label=short, past=tuple(values[-1 - PAST : -1]))


Answer = tuple[list[float], datetime | None, str]
"""Values, oldest first; the time of the newest; the source's own word for it."""


def _funding_rate(client: ccxt.Exchange, pair: str) -> Answer:
    found = client.fetch_funding_rate(pair)
    return [float(found["fundingRate"])], _time(found), ""


def _open_interest(client: ccxt.Exchange, pair: str) -> Answer:
    found = client.fetch_open_interest_history(pair, PERIOD, None, PAST + 1)
    return [float(one["openInterestValue"]) for one in found], _time(found[-1]), ""


def _long_short_ratio(client: ccxt.Exchange, pair: str) -> Answer:
    found = client.fetch_long_short_ratio_history(pair, PERIOD, None, PAST + 1)
    return [float(one["longShortRatio"]) for one in found], _time(found[-1]), ""


def _book_imbalance(client: ccxt.Exchange, pair: str) -> Answer:
    book = client.fetch_order_book(pair, BOOK_LEVELS)
    bids, asks = (math.fsum(float(level[1]) for level in book[side][:BOOK_LEVELS]) for side in ("bids", "asks"))
    if bids + asks <= 0:
        raise SentimentError("the order book is empty")
    return [(bids - asks) / (bids + asks)], _time(book), ""


READERS: dict[SentimentSource, tuple[str, Callable[[ccxt.Exchange, str], Answer]]] = {
    "funding_rate": ("fetchFundingRate", _funding_rate),
    "open_interest": ("fetchOpenInterestHistory", _open_interest),
    "long_short_ratio": ("fetchLongShortRatioHistory", _long_short_ratio),
    "book_imbalance": ("fetchOrderBook", _book_imbalance),
}
"""What an exchange must offer, and how its answer is read; the Fear & Greed index is no exchange's."""


def _time(found: Mapping[str, Any]) -> datetime | None:
    stamp = found.get("timestamp")
    return None if stamp is None else datetime.fromtimestamp(int(stamp) / 1000, UTC)


def _reason(error: Exception) -> str:
    """Return what went wrong in our own words: a message may quote the answer, and a reason reaches the prompt."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    if isinstance(error, SHAPE):
        return f"an answer of another shape ({type(error).__name__})"
    return f"{type(error).__name__}: {error}"[:200] if isinstance(error, OSError) else type(error).__name__
