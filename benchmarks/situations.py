"""Forty written situations with a clear right side: what a wording of the deciding prompt is tried on.

Twelve are for a rise and the same twelve mirrored for a fall, six for staying out; in a position five are to be left
and five to be kept, of either side. Numbers are distances in ATR, as the facts tell them; prices are round inventions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from candlegraph.graph.schema.facts import ExperienceFacts
from candlegraph.graph.schema.indicators import Indicators
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.schema.market import Account, Level, MarketSnapshot, Position, Side, TimeframeView, sign_of
from candlegraph.graph.schema.signal import Action

PAIR = "ABC/USDT:USDT"
CANDLE = datetime(2025, 1, 1, tzinfo=UTC)
ATR_SHARE = {"30m": 0.005, "1h": 0.007, "4h": 0.014, "1d": 0.035}
"""ATR of each timeframe, of the price."""
TREND = {"+": 1, "-": -1, "0": 0}
MIRRORED = {"+": "-", "-": "+", "0": "0"}
OTHER: dict[Side, Side] = {"long": "short", "short": "long"}


class Held(NamedTuple):
    """An open trade; profits are net, in percent of the stake."""

    side: Side
    profit: float
    best: float
    age: int


class Situation(NamedTuple):
    """What the market is like, and what is right; `trends` has one sign a timeframe, the main one first."""

    name: str
    right: Action
    price: float
    trends: str
    adx: float
    rsi: float
    distance: float
    """Of the close from EMA 20, in ATR."""
    macd: float
    """Histogram, in ATR."""
    band: float
    """0 at the lower Bollinger band, 1 at the upper one."""
    support: float
    """ATR below the price."""
    resistance: float
    """ATR above the price."""
    won: tuple[float | None, float | None] = (None, None)
    """Share of similar long trades and of similar short ones that were won."""
    held: Held | None = None


NONE = (None, None)
LONGS = (
    Situation("pull-back to EMA 20, all trends up", "enter_long", 100, "++++", 36, 54, 0.3, 0.10, 0.55, 0.6, 4.0),
    Situation("the same, similar longs won", "enter_long", 250, "++++", 34, 56, 0.4, 0.08, 0.6, 0.8, 3.5, (0.8, 0.2)),
    Situation("pull-back to a support", "enter_long", 40, "0+++", 31, 49, -0.2, 0.04, 0.45, 0.3, 3.0),
    Situation("break above a range", "enter_long", 1000, "+0++", 30, 62, 1.2, 0.20, 0.85, 0.4, 5.0),
    Situation("momentum returns", "enter_long", 8, "++++", 42, 58, 0.6, 0.25, 0.65, 0.9, 4.5, (0.7, 0.4)),
    Situation("dip in a strong trend", "enter_long", 600, "-+++", 45, 41, -0.8, 0.02, 0.25, 0.4, 3.8),
    Situation("trend just begins", "enter_long", 75, "+++0", 27, 59, 0.9, 0.18, 0.75, 1.0, 6.0),
    Situation("quiet rise far from resistance", "enter_long", 2000, "++++", 29, 57, 0.5, 0.06, 0.6, 0.7, 8.0),
    Situation("support held twice", "enter_long", 15, "0+++", 33, 52, 0.1, 0.09, 0.5, 0.2, 2.8, (0.75, 0.3)),
    Situation("higher trends up, main turns up", "enter_long", 320, "+-++", 38, 55, 0.4, 0.15, 0.6, 0.6, 4.2),
    Situation("strong rise, not yet stretched", "enter_long", 5, "++++", 50, 64, 1.0, 0.12, 0.8, 1.1, 3.6),
    Situation("washed out in an up-trend", "enter_long", 900, "-+++", 35, 33, -1.3, -0.02, 0.05, 0.3, 4.4, (0.85, 0.1)),
)
WAITS = (
    Situation("middle of a quiet range", "wait", 110, "0000", 12, 50, 0.0, 0.00, 0.5, 1.2, 1.2),
    Situation("timeframes disagree", "wait", 450, "+-+-", 15, 51, 0.1, 0.01, 0.52, 0.9, 0.9),
    Situation("range, both sides lost before", "wait", 30, "0+-0", 14, 48, -0.1, 0.00, 0.47, 0.8, 0.8, (0.2, 0.2)),
    Situation("no trend, levels on both sides at hand", "wait", 700, "00+-", 11, 52, 0.1, -0.01, 0.5, 0.2, 0.2),
    Situation("weak and flat", "wait", 1500, "0-+0", 9, 49, 0.0, 0.00, 0.49, 1.0, 1.1),
    Situation("range, nothing similar won", "wait", 12, "+00-", 13, 50, 0.2, 0.01, 0.51, 0.7, 0.6, (0.1, 0.15)),
)
LEAVE_LONG = (
    Situation("all trends have turned against it", "exit", 200, "----", 38, 36, -1.5, -0.20, 0.1, 3.0, 0.6, NONE,
              Held("long", -6.0, 1.0, 22)),
    Situation("most of the profit given back", "exit", 60, "--+0", 31, 40, -1.0, -0.15, 0.2, 2.5, 0.5, (0.2, 0.7),
              Held("long", 1.0, 14.0, 40)),
    Situation("the support broke", "exit", 3000, "---+", 35, 34, -1.8, -0.25, 0.02, 4.0, 0.3, NONE,
              Held("long", -8.0, 0.5, 12)),
)  # fmt: skip
KEEP_LONG = (
    Situation("the trend carries it", "hold", 90, "++++", 40, 59, 0.7, 0.10, 0.7, 1.2, 5.0, NONE,
              Held("long", 6.0, 6.5, 9)),
    Situation("a small dip in a strong trend", "hold", 520, "0+++", 37, 50, -0.1, 0.03, 0.45, 0.7, 4.0, (0.8, 0.2),
              Held("long", 4.0, 6.0, 14)),
    Situation("young and on its way", "hold", 25, "++++", 33, 56, 0.4, 0.08, 0.6, 0.9, 4.5, NONE,
              Held("long", 1.5, 2.0, 2)),
)  # fmt: skip


def mirrored(one: Situation) -> Situation:
    """Return the same situation for the other side."""
    right: dict[Action, Action] = {"enter_long": "enter_short", "exit": "exit", "hold": "hold"}
    return one._replace(
        name=f"{one.name}, mirrored",
        right=right[one.right],
        trends="".join(MIRRORED[sign] for sign in one.trends),
        rsi=100 - one.rsi,
        distance=-one.distance,
        macd=-one.macd,
        band=1 - one.band,
        support=one.resistance,
        resistance=one.support,
        won=one.won[::-1],
        held=one.held and one.held._replace(side=OTHER[one.held.side]),
    )


IN_POSITION = (*LEAVE_LONG, *map(mirrored, LEAVE_LONG[:2]), *KEEP_LONG, *map(mirrored, KEEP_LONG[:2]))
SITUATIONS = (*LONGS, *map(mirrored, LONGS), *WAITS, *IN_POSITION)


def snapshot_of(one: Situation) -> MarketSnapshot:
    """Return the situation as the graph reads it."""
    held = None if one.held is None else _position(one.held, one.price)
    return MarketSnapshot(
        pair=PAIR,
        candle=CANDLE,
        as_of=CANDLE + timedelta(minutes=30),
        timeframes=tuple(_view(one, number, name) for number, name in enumerate(ATR_SHARE)),
        account=Account(equity=10_000, free=10_000 if held is None else 9_500, open_positions=int(held is not None)),
        position=held,
    )


def lessons_of(one: Situation) -> Lessons:
    """Return how similar trades ended."""
    long, short = one.won
    if long is None and short is None:
        return Lessons()
    summary = ExperienceFacts(
        long_cases=10 if long is not None else 0,
        long_success_rate=long,
        long_mean_profit_pct=None if long is None else 10 * (long - 0.5),
        short_cases=10 if short is not None else 0,
        short_success_rate=short,
        short_mean_profit_pct=None if short is None else 10 * (short - 0.5),
        ids="none",
    )
    return Lessons(summary=summary)


def _view(one: Situation, number: int, timeframe: str) -> TimeframeView:
    """Return a timeframe; the main one has the numbers, the others follow their trend."""
    atr, price, sign = ATR_SHARE[timeframe] * one.price, one.price, TREND[one.trends[number]]
    fast = price - (one.distance if number == 0 else 0.8 * sign) * atr
    slow = min(fast, price) - 1.5 * atr if sign > 0 else max(fast, price) + 1.5 * atr if sign < 0 else fast
    lower = price - (one.band if number == 0 else 0.5 + 0.2 * sign) * 4 * atr
    main = (
        Level(price=price - one.support * atr, touches=3, kind="support"),
        Level(price=price + one.resistance * atr, touches=3, kind="resistance"),
    )
    return TimeframeView(
        timeframe=timeframe,
        candle=CANDLE,
        rows=600,
        open=price,
        high=price + atr / 2,
        low=price - atr / 2,
        close=price,
        volume=1000,
        past_closes=tuple(price - sign * step * atr / 4 for step in range(6, 0, -1)),
        indicators=Indicators(
            ema_20=fast,
            ema_50=slow,
            ema_200=slow - 3 * sign * atr,
            adx=one.adx,
            rsi=one.rsi if number == 0 else 50 + 8 * sign,
            macd=(one.macd if number == 0 else 0.1 * sign) * atr,
            macd_signal=0,
            bollinger_upper=lower + 4 * atr,
            bollinger_lower=lower,
            atr=atr,
            mfi=50 + 10 * sign,
            obv_slope=0.2 * sign,
        ),
        levels=main if number == 0 else (),
    )


def _position(held: Held, price: float) -> Position:
    sign, leverage = sign_of(held.side), 5
    entry = price / (1 + sign * held.profit / 100 / leverage)
    return Position(
        trade_id=1,
        side=held.side,
        leverage=leverage,
        entry_price=entry,
        stake=500,
        stop=entry * (1 - sign * 0.02),
        take_profit=None,
        planned_risk_ratio=0.02,
        profit_pct=held.profit,
        mfe_pct=held.best,
        mae_pct=min(0.0, held.profit),
        opened_at=CANDLE - timedelta(minutes=30 * held.age),
        age_candles=held.age,
        adds=0,
        reductions=0,
        recorded_decisions=0,
        entry_reason="",
    )
