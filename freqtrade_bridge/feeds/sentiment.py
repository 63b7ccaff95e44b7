"""Sentiment for the candles that are about to be decided: asked and recorded live, read back in a backtest.

live:      ask what is not fresh, all pairs and sources at once, one deadline -> record -> read as of the candle
backtest:  read as of the candle; nothing is ever asked
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import ccxt
from requests.adapters import HTTPAdapter

from candlegraph.freqtrade_bridge.feeds.sentiment_record import (
    NEWEST,
    Record,
    Recorded,
    read_record,
    record_file,
    sentiment_of,
)
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import SentimentError
from candlegraph.graph.schema.market import PUNCTUAL, Reading, Sentiment
from candlegraph.graph.settings.context import SentimentSettings, SentimentSource
from candlegraph.graph.settings.places import SENTIMENT
from candlegraph.memory.storage.text_files import Journal
from candlegraph.tools.market.sentiment import load_markets, read_exchange, read_fear_greed

logger = logging.getLogger(__name__)

THREADS = 64
"""Requests at once: twenty pairs of four values in two rounds."""
ROOM = 2_000_000_000
"""Bytes of a record before it is rotated: in effect never, since a backtest reads it as one."""
Result = TypeVar("Result")
SourceOfPair = tuple[SentimentSource, str]
CREDENTIALS = ("apiKey", "secret", "password", "uid", "privateKey", "walletAddress", "token")
ALL = ""
"""The pair of what is the same for all pairs."""


class SentimentFeed:
    """`client` asks the exchange; without one, as in a backtest, nothing is asked."""

    def __init__(self, settings: SentimentSettings, user_data_dir: Path, client: ccxt.Exchange | None) -> None:
        self._settings = settings
        self._folder = user_data_dir / SENTIMENT
        self._client = client
        self._records: dict[SourceOfPair, Record] = {}
        self._journals: dict[SourceOfPair, Journal] = {}
        self._asked_at: dict[SourceOfPair, datetime] = {}
        self._failed: dict[SourceOfPair, str] = {}
        self._running: dict[SourceOfPair, Future[Reading]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._loading: Future[None] | None = None

    def of(self, due: Mapping[str, datetime], now: datetime) -> dict[str, Sentiment]:
        """Return the sentiment of each pair as of its candle's close; what cannot be had says why."""
        if self._client is not None and due:
            self._ask(self._stale(due), due)
            self._collect(due, now)
        return {pair: self._known(pair, as_of) for pair, as_of in due.items()}

    def _known(self, pair: str, as_of: datetime) -> Sentiment:
        records = {name: self._record(_key(name, pair)) for name in self._settings.sources}
        found = sentiment_of(records, as_of, self._settings)
        gone = [name for name in self._settings.sources if name in found.unavailable]
        failed = {name: self._failed.get(_key(name, pair), found.unavailable[name]) for name in gone}
        return found.model_copy(update={"unavailable": failed})

    def _stale(self, due: Mapping[str, datetime]) -> list[SourceOfPair]:
        """Return what was not asked within the cache time, and is not being asked right now."""
        wanted = dict.fromkeys(_key(name, pair) for pair in due for name in self._settings.sources)
        newest, fresh = max(due.values()), timedelta(seconds=self._settings.cache_seconds)
        return [
            key
            for key in wanted
            if key not in self._running and (key not in self._asked_at or newest - self._asked_at[key] >= fresh)
        ]

    def _ask(self, keys: Sequence[SourceOfPair], due: Mapping[str, datetime]) -> None:
        """Ask all keys at once, and wait for them and for nothing older."""
        newest = max(due.values())
        if any(pair != ALL for _, pair in keys):
            self._load_markets()
        asked = {key: self._submit(partial(self._read, key, newest)) for key in keys}
        self._asked_at.update(dict.fromkeys(keys, newest))
        self._running.update(asked)
        wait(asked.values(), timeout=self._settings.timeout)

    def _collect(self, due: Mapping[str, datetime], now: datetime) -> None:
        newest = max(due.values())
        for key, future in list(self._running.items()):
            if future.done():
                del self._running[key]
                as_of = due.get(key[1], newest)  # what a bot reads that looks later is known when it is read
                self._keep(key, future, as_of if now - as_of <= PUNCTUAL else now)
            else:
                self._failed[key] = f"no answer within {self._settings.timeout:g} s"

    def _load_markets(self) -> None:
        """Start to load the exchange's markets, within the deadline of what is asked; a failure is tried again."""
        assert self._client is not None, "asked only with a client"
        if not self._client.markets and (self._loading is None or self._loading.done()):
            self._loading = self._submit(partial(load_markets, self._client))

    def _submit(self, work: Callable[[], Result]) -> Future[Result]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="candlegraph-sentiment")
        return self._pool.submit(work)

    def _read(self, key: SourceOfPair, now: datetime) -> Reading:
        name, pair = key
        assert self._client is not None, "asked only with a client"
        if name == "fear_greed":
            return read_fear_greed(self._settings.fear_greed_url, self._settings.timeout)
        if self._loading is not None:
            self._loading.result()
        return read_exchange(name, self._client, pair, now)

    def _keep(self, key: SourceOfPair, future: Future[Reading], known_at: datetime) -> None:
        """Record what came; what failed keeps its reason, and the log says what the answer was."""
        try:
            reading = future.result()
        except SentimentError as e:
            self._failed[key] = str(e)
            logger.warning("sentiment %s %s is unavailable: %s (%.200r)", *key, e, e.__cause__)
            return
        self._failed.pop(key, None)
        one = Recorded(**reading.model_dump(), known_at=known_at)
        self._record(key).add(one)
        try:
            self._journal(key).append([one.model_dump(mode="json")])
        except OSError as e:
            logger.error("sentiment %s %s could not be recorded: %s", *key, e)

    def _record(self, key: SourceOfPair) -> Record:
        """Return the values of a source: the newest ones of a bot that asks, all where a backtest goes through them."""
        if key not in self._records:
            newest = None if self._client is None else NEWEST
            self._records[key] = read_record(record_file(self._folder, *key), newest)
        return self._records[key]

    def _journal(self, key: SourceOfPair) -> Journal:
        if key not in self._journals:
            self._journals[key] = Journal(record_file(self._folder, *key), max_bytes=ROOM)
        return self._journals[key]


def _key(name: SentimentSource, pair: str) -> SourceOfPair:
    return name, ALL if name == "fear_greed" else pair


def sentiment_feed(config: Mapping[str, Any], context: Context, *, is_backtest: bool) -> SentimentFeed:
    """Return the feed of a run; a backtest asks nothing, nor does one that wants no sentiment."""
    wanted = context.settings.context_config.sentiment
    client = None if is_backtest or not wanted.sources else sentiment_client(config, wanted.timeout)
    return SentimentFeed(wanted, Path(context.user_data_dir), client)


def sentiment_client(config: Mapping[str, Any], timeout: float) -> ccxt.Exchange:
    """Return an own ccxt client of the configured exchange, without keys: freqtrade's own is not to be shared."""
    exchange = config["exchange"]
    options = {key: value for key, value in (exchange.get("ccxt_config") or {}).items() if key not in CREDENTIALS}
    if config.get("trading_mode") == "futures":
        options["options"] = {"defaultType": "swap"} | dict(options.get("options") or {})
    client: ccxt.Exchange = getattr(ccxt, str(exchange["name"]))(options)
    client.timeout = int(1000 * timeout)
    for scheme in ("https://", "http://"):  # requests keeps ten connections and warns about each one more
        client.session.mount(scheme, HTTPAdapter(pool_maxsize=THREADS))
    return client
