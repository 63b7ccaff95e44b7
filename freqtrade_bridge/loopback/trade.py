"""Run the stock `freqtrade trade` with our strategy; offline its dry-run, on past candles as if they were today's.

candles → moved by whole weeks, so that the wanted moment is now → the loopback exchange by the wall clock → freqtrade
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from candlegraph.freqtrade_bridge.host.configuration_files import passed_on, read_files
from candlegraph.freqtrade_bridge.host.launch import launched
from candlegraph.freqtrade_bridge.host.run_name import VARIABLE
from candlegraph.freqtrade_bridge.loopback.backtest import OWN, STRATEGIES, STRATEGY
from candlegraph.freqtrade_bridge.loopback.configuration import offline_sentiment
from candlegraph.freqtrade_bridge.loopback.markets import Market
from candlegraph.freqtrade_bridge.loopback.offline import (
    offline_environment,
    offline_markets,
    only_named,
    outside_of,
    without,
    write_offline,
)
from candlegraph.freqtrade_bridge.loopback.series import WEEK_MS
from candlegraph.freqtrade_bridge.loopback.server import LoopbackExchange
from candlegraph.graph.schema.errors import BridgeError, CandleError, ConfigError
from candlegraph.graph.settings.places import LOG

BEFORE_THE_END = timedelta(weeks=4)
WEEK = timedelta(milliseconds=WEEK_MS)
OURS = dict.fromkeys(("--userdir", "--user-data-dir", "--config", "-c", "--datadir", "-d"), OWN)
OURS_OFFLINE = {"--db-url": "each run offline has a database of its own", "--dry-run": "offline is a dry-run anyway"}
"""Options of freqtrade that would part a run from its settings, each with the reason to refuse it."""
ALLOCATOR = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""glibc's malloc raises both bounds by itself: then what each candle takes and frees leaves holes between what stays.
Four pairs grew by 20 MB in 275 candles, with these by 6."""


@dataclass(frozen=True)
class TradeOrder:
    """What to trade, and what freqtrade is told; `begin`: the moment of the candles at which a run offline begins."""

    datadir: Path
    userdir: Path
    pairs: tuple[str, ...] = ()
    begin: datetime | None = None
    configs: tuple[Path, ...] = ()
    overrides: dict[str, Any] = field(default_factory=dict)
    extra: tuple[str, ...] = ()

    @property
    def configuration(self) -> dict[str, Any]:
        """Return what freqtrade will be configured with, but for the exchange on loopback."""
        return read_files(self.configs, self.overrides | passed_on(self.extra)).merged


class StagedRun(NamedTuple):
    """A dry-run that can begin: the moment of the candles that is now, how long they last, what was switched off."""

    config: Path
    pairs: tuple[str, ...]
    now: datetime
    lasts: timedelta
    left_out: tuple[str, ...]


def run_online(order: TradeOrder) -> None:
    """Trade on the configured exchange until the bot is stopped; raise BridgeError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overrides.json"
        path.write_text(json.dumps(only_named(order.pairs) | order.overrides))
        _run(order, [*order.configs, path], [], os.environ, None)


def run_offline(order: TradeOrder, stage: StagedRun, name: str) -> None:
    """Run the staged dry-run until it is stopped or its candles end; raise BridgeError if it fails."""
    refuse_ours(order.extra, OURS_OFFLINE)
    database = order.userdir / database_of_run(name)
    database.parent.mkdir(parents=True, exist_ok=True)
    variables = offline_environment() | {VARIABLE: name}
    _run(order, [stage.config], ["--db-url", f"sqlite:///{database}"], variables, stage.lasts.total_seconds())


def database_of_run(name: str) -> Path:
    """Return where freqtrade keeps the trades of a run offline, below its userdir."""
    return Path("offline") / f"{name}.sqlite"


@contextmanager
def staged(order: TradeOrder, more: Mapping[str, Any]) -> Iterator[StagedRun]:
    """Play the exchange while the block lasts; `more` are keys for freqtrade. Raise what keeps a run from beginning."""
    config = order.configuration
    if config.get("dry_run") is False:
        raise ConfigError("config: dry_run = False: --offline has no account to trade on; only true is valid with it")
    markets = offline_markets(config, order.datadir, order.pairs, finest=True)
    now = datetime.now(UTC)
    moved = weeks_to(now, order.begin, markets)
    left_out = tuple(outside_of(config))
    with LoopbackExchange([shifted(one, moved) for one in markets]) as exchange, tempfile.TemporaryDirectory() as at:
        path = Path(at) / "offline.json"
        keys = {"context_config": offline_sentiment(config, exchange.url), "dry_run": True, **without(left_out), **more}
        stronger = only_named(order.pairs) | order.overrides | keys
        write_offline(path, order.configs, stronger, exchange.url, markets)
        yield StagedRun(path, tuple(one.pair for one in markets), now - moved, _last(markets) - (now - moved), left_out)


def weeks_to(now: datetime, begin: datetime | None, markets: Sequence[Market]) -> timedelta:
    """Return by how many whole weeks the candles must move, so that `now` lies less than a week after `begin`."""
    first, last = max(_time(int(one.series.time[0])) for one in markets), _last(markets)
    at = begin or max(first, last - BEFORE_THE_END)
    if not first <= at <= last - WEEK:
        raise CandleError(
            f"the candles go from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC: a run cannot begin at "
            f"{at:%Y-%m-%d %H:%M}; expected one of these days (--from), a week before the end"
        )
    return (now - at) // WEEK * WEEK


def shifted(market: Market, moved: timedelta) -> Market:
    """Return the market with its candles that much later."""
    series = market.series
    return replace(market, series=replace(series, time=series.time + round(moved.total_seconds() * 1000)))


def refuse_ours(extra: Sequence[str], ours: Mapping[str, str]) -> None:
    """Raise BridgeError for an option of freqtrade's that is ours."""
    for option in [word.partition("=")[0] for word in extra]:
        if option in ours:
            raise BridgeError(f"trade: -- {option}: {ours[option]}; expected freqtrade's other options after --")


def _run(
    order: TradeOrder, configs: Sequence[Path], more: Sequence[str], variables: Mapping[str, str], lasts: float | None
) -> None:
    refuse_ours(order.extra, OURS)
    order.userdir.mkdir(parents=True, exist_ok=True)
    words = ["trade", "--strategy", STRATEGY, "--strategy-path", str(STRATEGIES), "--userdir", str(order.userdir)]
    words += [*more, *_logged(order), *order.extra]
    for config in configs:
        words += ["--config", str(config)]
    before = signal.signal(signal.SIGTERM, _interrupted)
    try:
        status, reason = launched(words, ALLOCATOR | dict(variables), lasts)
    finally:
        signal.signal(signal.SIGTERM, before)
    if status:
        raise BridgeError(f"freqtrade trade failed: {reason or f'it ended with status {status}, its log is above'}")


def _logged(order: TradeOrder) -> list[str]:
    """Return where freqtrade's log goes, unless somebody says so; freqtrade rotates it, ten times 10 MB are kept."""
    said = [word.partition("=")[0] for word in order.extra]
    return [] if "--logfile" in said or order.configuration.get("logfile") else ["--logfile", str(order.userdir / LOG)]


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _last(markets: Sequence[Market]) -> datetime:
    """Return when the first of the markets ends."""
    return min(_time(int(one.series.time[-1]) + one.series.base_ms) for one in markets)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
