"""A market that a seed makes: walks with jumps, holes in the candles, wicks of the mark price that liquidate."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np

from candlegraph.freqtrade_bridge.loopback.account.path import PathSeries
from candlegraph.freqtrade_bridge.loopback.markets import Market, market_of
from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS

PRICES = {"BTC/USDT:USDT": 90_000.0, "ETH/USDT:USDT": 3_000.0, "SOL/USDT:USDT": 140.0, "XRP/USDT:USDT": 2.1}
PAIRS = tuple(PRICES)
LENGTH = timedelta(minutes=30)
START = datetime(2025, 11, 20, 0, 0, 2, tzinfo=UTC)
HISTORY, LATER = 90, 250
"""Candles before the start, so few that reading them costs little, and after it: a shorter run is the same one."""
MOVE, WICK, JUMP = 0.004, 0.003, 0.03
"""Ratios of a candle's body, its wicks, and of a jump inside a candle."""
JUMPS_OF, HOLES_OF, SPIKES_OF = 25, 40, 60
"""Once in so many candles."""
SPIKE = 0.45
"""A wick of the mark price alone; no stop at the last price meets it."""


@dataclass(frozen=True)
class World:
    """What a seed means: `candles` of each of the first `pairs`."""

    seed: int
    candles: int
    pairs: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Return the pairs."""
        return PAIRS[: self.pairs]

    @property
    def command(self) -> str:
        """Return how it is played again."""
        return f"python -m tests.simulator --seed {self.seed} --candles {self.candles} --pairs {self.pairs}"

    @property
    def end(self) -> datetime:
        """Return when the run is over: in the midst of the candle after the last one."""
        return START + self.candles * LENGTH

    def random(self, *about: object) -> Random:
        """Return a source of chance that depends on the seed and on what it is for, and on nothing else."""
        return Random("|".join(map(str, (self.seed, *about))))

    def markets(self) -> list[Market]:
        """Return the markets."""
        return [self._market(pair) for pair in self.names]

    def _market(self, pair: str) -> Market:
        chance = np.random.default_rng(self.random("market", pair).getrandbits(64))
        last = _walk(chance, PRICES[pair], HISTORY + max(LATER, self.candles + 10))
        mark, last = _spiked(chance, last), _with_holes(chance, last)
        return replace(market_of(pair, last), mark=mark)


def _walk(chance: np.random.Generator, price: float, rows: int) -> PathSeries:
    moves = chance.normal(0, MOVE, rows) + chance.choice([-JUMP, JUMP], rows) * (chance.random(rows) < 1 / JUMPS_OF)
    close = price * np.exp(np.cumsum(moves))
    opened = np.concatenate([[price], close[:-1]])
    up, down = np.abs(chance.normal(0, WICK, (2, rows)))
    high, low = np.maximum(opened, close) * (1 + up), np.minimum(opened, close) * (1 - down)
    first = int(START.timestamp() * 1000) // TIMEFRAME_MS["30m"] - HISTORY
    time = (first + np.arange(rows, dtype=np.int64)) * TIMEFRAME_MS["30m"]
    columns = [np.round(column, 6) for column in (opened, high, low, close)]
    return PathSeries(TIMEFRAME_MS["30m"], time, *columns, volume=np.full(rows, 100.0))


def _spiked(chance: np.random.Generator, last: PathSeries) -> PathSeries:
    rows = len(last.time)
    hit, up = chance.random(rows) < 1 / SPIKES_OF, chance.random(rows) < 0.5
    high = np.where(hit & up, last.high * (1 + SPIKE), last.high)
    low = np.where(hit & ~up, last.low * (1 - SPIKE), last.low)
    return replace(last, high=high, low=low)


def _with_holes(chance: np.random.Generator, last: PathSeries) -> PathSeries:
    """Return the series without some candles after the start: the price stands still there, and nobody traded."""
    gone = (chance.random(len(last.time)) < 1 / HOLES_OF) & (np.arange(len(last.time)) > HISTORY)
    columns = {name: getattr(last, name)[~gone] for name in ("time", "open", "high", "low", "close", "volume")}
    return replace(last, **columns)
