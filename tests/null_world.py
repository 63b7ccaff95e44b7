"""Closed trades of a market without drift, so that nothing is to be learnt: fat-tailed steps, clustered volatility."""

from datetime import timedelta

import numpy as np

from candlegraph.memory.counterfactual.outcomes import table_of
from candlegraph.memory.counterfactual.path import Ending, PathCandles, Tier, TradePath, moment
from candlegraph.memory.learning.advice import paired
from candlegraph.memory.learning.evidence import Span

STEPS, MINUTES, GAP, LOOKED_AT, FURTHER = 8, 30, 30, 100, 48
PRICE = 10_000.0
TIERS = (Tier(0, 150, 0.004, 0),)


def market(rng, candles):
    """Return open, high, low and close around 10,000; a candle's mean range is about 1 ATR of 30, and it varies."""
    log_volatility = np.zeros(candles)
    shocks = rng.normal(0, 0.12, candles)
    for i in range(1, candles):
        log_volatility[i] = 0.97 * log_volatility[i - 1] + shocks[i]
    spread = 30 * 0.62 / np.sqrt(STEPS) * np.exp(log_volatility - log_volatility.var() / 2)
    steps = rng.standard_t(4, (candles, STEPS)) / np.sqrt(2) * spread[:, None]
    inside = PRICE + np.cumsum(steps.ravel()).reshape(candles, STEPS)
    inside += 50 * PRICE  # far from zero, so that the walk may wander
    opened = np.concatenate([[51 * PRICE], inside[:-1, -1]])
    high, low = np.maximum(opened, inside.max(1)), np.minimum(opened, inside.min(1))
    return np.round(np.stack([opened, high, low, inside[:, -1]]), 2)


def trades(rng, count, side=None):
    """Yield trades one after another, each with its span: stop 1 to 3 ATR, target 2 R or none, a late exit."""
    prices = market(rng, count * GAP + 2 * LOOKED_AT)
    ranges = prices[1] - prices[2]
    for number in range(count):
        first = LOOKED_AT + number * GAP + int(rng.integers(0, GAP))
        sign = side or int(rng.choice([-1, 1]))
        yield closed(
            prices[:, first : first + LOOKED_AT],
            first * MINUTES * 60,
            float(ranges[first - 14 : first].mean()),
            sign,
            rng,
        )


def closed(prices, begin, atr, sign, rng):
    """Return the trade that these candles make of a random plan, without costs."""
    opened, high, low, _ = prices
    entry, risk = opened[0], float(rng.choice([1.0, 1.5, 2.0, 3.0])) * atr
    stop, target = round(entry - sign * risk, 2), (entry + sign * 2 * risk if rng.random() < 0.5 else None)
    hold = int(rng.integers(4, 48))
    adverse, favourable = (low, high) if sign > 0 else (high, low)
    hits = sign * (adverse - stop) <= 0
    gains = sign * (favourable - target) > 0 if target else np.zeros_like(hits)
    at = [int(flags.argmax()) if flags.any() else LOOKED_AT for flags in (hits, gains)]
    end, kind = min((hold, "exit"), (at[0], "stop"), (at[1], "target"), key=lambda one: one[0])
    price = {"exit": opened[end], "stop": stop, "target": target}[kind]
    if kind == "stop" and sign * (stop - favourable[end]) > 0:
        price = opened[end]
    at_end = begin + end * MINUTES * 60
    leverage = 5
    pct = 100 * leverage * sign * (price - entry) / entry
    path = TradePath(
        side="long" if sign > 0 else "short", entered_at=moment(begin), entry_price=entry, stake=100, leverage=leverage,
        stop=stop, target=target, atr=atr, tick=0.01, fee=0, tiers=TIERS, candle_minutes=MINUTES,
        candles=PathCandles(
            time=tuple(range(begin, begin + LOOKED_AT * MINUTES * 60, MINUTES * 60)),
            **dict(zip(("open", "high", "low", "close"), map(tuple, prices.tolist()), strict=True)),
        ),
        ending=Ending(
            kind=kind, at=moment(at_end), known_at=moment(at_end + (kind != "exit") * MINUTES * 60), price=price,
            profit_pct=pct, mfe_pct=max(pct, 0), mae_pct=min(pct, 0),
        ),
        is_changed=False,
    )  # fmt: skip
    return path, Span(path.side, path.entered_at, path.ending.known_at)


def known_by(path):
    """Return a time at which all of its candles had closed."""
    return moment(path.candles.time[-1]) + timedelta(minutes=MINUTES)


def gains(seed, count, number):
    """Return the differences of every alternative, a row a trade; every second course keeps to one side."""
    drawn = trades(np.random.default_rng([seed, number]), count, 1 if number % 2 else None)
    return [paired(table_of(path, known_by(path)), span).gains_atr for path, span in drawn]
