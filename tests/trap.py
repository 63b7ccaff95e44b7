"""A market that teaches: an up-trend whose pull-backs look like entries, and four times in five are traps."""

import backtests
import numpy as np
import pandas as pd

from candlegraph.freqtrade_bridge.loopback.series import TIMEFRAME_MS, CandleSeries

PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
START_PRICES = (60_000.0, 2_500.0, 150.0)
BEGIN, TREND, END = (pd.Timestamp(day, tz="UTC") for day in ("2024-06-01", "2025-08-15", "2025-12-01"))
LOSING = 0.8
CANDLES = 16
RISE, PULL_BACK = (8, 0.016), (3, -0.006)
TRAP, RELEASE = ((1, -0.030), (4, 0.022)), ((2, 0.028), (3, -0.036))
"""(candles, log return) of the parts of one episode; both ends give the same in sum, so the trend goes on."""
NOISE, WICK = 0.0006, 0.0006
OFF = ("claims", "against_trend", "reward_to_risk", "near_level", "cooldown", "repeated_reason")
FREE = {  # nothing but the memory keeps the rule from its setup
    "max_daily_loss_pct": 100,
    "emergency_stop_loss": -1,
    "checks": dict.fromkeys((*OFF, "no_progress", "profit_erosion"), "off"),
}
CONTEXT = {"timeframes": ["30m", "1h", "4h"]}


def trap_series(number: int, seed: int = 2) -> CandleSeries:
    """Return the 30m candles of one pair: quiet before the trend, then an episode every twelve hours."""
    random = np.random.default_rng([seed, number])
    time = np.arange(BEGIN.value // 10**6, END.value // 10**6, TIMEFRAME_MS["30m"], dtype=np.int64)
    returns = random.normal(0, NOISE, len(time))
    first = int(np.searchsorted(time, TREND.value // 10**6)) + 8 * number  # pairs are out of step
    for start in range(first, len(time) - CANDLES, CANDLES):
        returns[start : start + CANDLES] += episode(random.random() < LOSING)
    close = START_PRICES[number] * np.exp(np.cumsum(returns))
    opened = np.r_[START_PRICES[number], close[:-1]]
    wick = np.abs(random.normal(0, WICK, (2, len(time))))
    high, low = np.maximum(opened, close) * (1 + wick[0]), np.minimum(opened, close) * (1 - wick[1])
    volume = random.lognormal(3, 0.4, len(time)) * 60_000 / START_PRICES[number]
    prices = [np.round(one, (1, 2, 3)[number]) for one in (opened, high, low, close)]
    return CandleSeries(TIMEFRAME_MS["30m"], time, *prices, np.round(volume, 3))


def episode(is_trap: bool) -> np.ndarray:
    """Return the log returns of one episode."""
    parts = (RISE, PULL_BACK, *(TRAP if is_trap else RELEASE))
    return np.concatenate([np.full(candles, move / candles) for candles, move in parts])


def run(datadir, userdir, pairs, timerange, **experience):
    """Backtest with nothing but the memory between the rule and its setup."""
    return backtests.run(
        datadir,
        userdir,
        pairs,
        timerange,
        risk_management=FREE,
        context_config=CONTEXT,
        experience_config=experience,
    )
