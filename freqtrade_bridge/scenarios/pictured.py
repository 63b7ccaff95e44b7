"""A written situation as the graph reads it: snapshot and lessons; prices are round inventions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from candlegraph.freqtrade_bridge.scenarios.written import (
    Text,
    WrittenPast,
    WrittenPosition,
    WrittenSide,
    WrittenSituation,
)
from candlegraph.graph.schema.facts import ABSENT, ExperienceFacts
from candlegraph.graph.schema.indicators import Indicators, PastIndicators
from candlegraph.graph.schema.lessons import Case, Lessons
from candlegraph.graph.schema.market import (
    SIGN,
    Account,
    Level,
    Lock,
    MarketSnapshot,
    OrderLimits,
    Position,
    Reading,
    Sentiment,
    TimeframeView,
)
from candlegraph.tools.market.regime import MODERATE_ADX, STRONG_ADX, regime_of

PAIR = "ABC/USDT:USDT"
CANDLE = datetime(2025, 1, 1, tzinfo=UTC)
LENGTH = timedelta(minutes=30)
ATR_SHARE = {"30m": 0.005, "1h": 0.007, "4h": 0.014, "1d": 0.035}
"""ATR of each timeframe, of the price."""
TREND = {"+": 1, "-": -1, "0": 0}
EQUITY, STAKE = 10_000.0, 500.0
USUAL_VOLUME = 1000.0
WOBBLE = (0.2, -0.1, 0.15, -0.2, 0.1, -0.1)
"""Older closes of a timeframe without a trend, ATR from the price."""
LOCK = "StoplossGuard"
VALUES = tuple(Indicators.model_fields)


def said_as(text: Text, wording: int) -> str:
    """Return one wording; of a text that has fewer, the first."""
    if isinstance(text, str):
        return text
    return text[wording] if wording < len(text) else text[0]


def pictured(one: WrittenSituation, wording: int = 0) -> MarketSnapshot:
    """Return the situation as a snapshot, its texts in one of their wordings."""
    account = one.account
    views = (_view(one, number, name) for number, name in enumerate(ATR_SHARE) if name not in one.missing)
    held = None if one.held is None else _position(one.held, one.price, ATR_SHARE["30m"] * one.price, wording)
    return MarketSnapshot(
        pair=PAIR,
        candle=CANDLE,
        as_of=CANDLE + LENGTH,
        timeframes=tuple(views),
        account=_account(one, wording),
        position=held,
        sentiment=_sentiment(one, wording),
        candles_since_loss=account.since_loss,
        limits=OrderLimits(min_entry=one.min_entry, min_add=one.min_entry),
        locks=() if account.locked is None else (Lock(side=account.locked, name=LOCK, until=CANDLE + 5 * LENGTH),),
        paused=account.paused or None,
    )


def _account(one: WrittenSituation, wording: int) -> Account:
    used = STAKE if one.held is not None else 0.0
    notional = used * (one.held.leverage if one.held is not None else 0)
    return Account(
        equity=EQUITY,
        free=EQUITY - used - one.account.exposure * EQUITY / 5,
        used=used + one.account.exposure * EQUITY / 5,
        exposure=notional + one.account.exposure * EQUITY,
        open_positions=one.account.open_positions + int(one.held is not None),
        day_profit_pct=one.account.day_profit,
        drawdown_pct=one.account.drawdown,
        halted=said_as(one.account.halted, wording) or None,
    )


def _view(one: WrittenSituation, number: int, timeframe: str) -> TimeframeView:
    """Return a timeframe; the main one has the numbers, the others follow their trend."""
    atr, price, sign, is_main = ATR_SHARE[timeframe] * one.price, one.price, TREND[one.trends[number]], number == 0
    below, above = one.wick if is_main else (0.5, 0.5)
    away = one.closes if is_main and one.closes else _drift(sign)
    return TimeframeView(
        timeframe=timeframe,
        candle=CANDLE,
        rows=600,
        open=price + away[-1] * atr if is_main and one.closes else price,
        high=price + above * atr,
        low=price - below * atr,
        close=price,
        volume=USUAL_VOLUME * (one.volume if is_main else 1),
        past_closes=tuple(price + distance * atr for distance in away),
        indicators=_indicators(one, number, timeframe, atr),
        levels=_levels(one, atr) if is_main else (),
        patterns=one.patterns if is_main else (),
        past_indicators=PastIndicators(rsi=one.past_rsi, volume=6 * (USUAL_VOLUME,)) if is_main else PastIndicators(),
    )


def _drift(sign: int) -> tuple[float, ...]:
    return tuple(-sign * step / 4 for step in range(6, 0, -1)) if sign else WOBBLE


def _indicators(one: WrittenSituation, number: int, timeframe: str, atr: float) -> Indicators:
    price, sign, is_main = one.price, TREND[one.trends[number]], number == 0
    fast = price - (one.distance if is_main else 0.8 * sign) * atr
    slow = min(fast, price) - 1.5 * atr if sign > 0 else max(fast, price) + 1.5 * atr if sign < 0 else fast
    lower = price - (one.band if is_main else 0.5 + 0.2 * sign) * 4 * atr
    values = {
        "ema_20": fast,
        "ema_50": slow,
        "ema_200": slow - 3 * sign * atr,
        "adx": one.adx,
        "rsi": one.rsi if is_main else 50.0 + 8 * sign,
        "macd": (one.macd if is_main else 0.1 * sign) * atr,
        "macd_signal": 0.0,
        "bollinger_upper": lower + 4 * atr,
        "bollinger_lower": lower,
        "atr": atr,
        "mfi": 50.0 + 10 * sign,
        "obv_slope": 0.2 * sign,
    }
    return Indicators(**{name: None if f"{timeframe}.{name}" in one.missing else values[name] for name in VALUES})


def _levels(one: WrittenSituation, atr: float) -> tuple[Level, ...]:
    below = one.support and Level(price=one.price - one.support * atr, touches=3, kind="support")
    above = one.resistance and Level(price=one.price + one.resistance * atr, touches=3, kind="resistance")
    return tuple(level for level in (below, above) if level)


def _position(held: WrittenPosition, price: float, atr: float, wording: int) -> Position:
    sign = SIGN[held.side]
    entry = price / (1 + sign * held.profit / 100 / held.leverage)
    stop = entry * (1 - sign * 0.02) if held.stop is None else price - sign * held.stop * atr
    return Position(
        trade_id=1,
        side=held.side,
        leverage=held.leverage,
        entry_price=entry,
        stake=STAKE,
        stop=stop,
        take_profit=None,
        planned_risk_ratio=0.02,
        profit_pct=held.profit,
        mfe_pct=held.best,
        mae_pct=min(0.0, held.profit),
        opened_at=CANDLE - held.age * LENGTH,
        age_candles=held.age,
        adds=held.adds,
        reductions=held.reductions,
        recorded_decisions=0,
        entry_reason=said_as(held.reason, wording),
        holds=held.holds,
        past_reasons=tuple(said_as(one, wording) for one in held.past_reasons),
        since_entry=tuple(said_as(one, wording) for one in held.since_entry),
        deepest_give_back_pct=max(0.0, held.best - held.profit),
    )


def _sentiment(one: WrittenSituation, wording: int) -> Sentiment:
    crowd = one.crowd
    if crowd is None:
        return Sentiment()
    values = {
        "fear_greed": crowd.fear_greed,
        "funding_rate": crowd.funding,
        "long_short_ratio": crowd.long_short,
        "book_imbalance": crowd.book,
    }
    label = {"fear_greed": said_as(crowd.label, wording)}
    read = {
        name: Reading(value=value, at=CANDLE, source="written", label=label.get(name, ""))
        for name, value in values.items()
        if value is not None
    }
    gone = said_as(crowd.unavailable, wording)
    return Sentiment(**read, unavailable={"fear_greed": gone} if gone else {})


def remembered(one: WrittenSituation, wording: int = 0) -> Lessons:
    """Return what the memory says of the situation."""
    past = one.past
    if past is None:
        return Lessons()
    sides = {"long": _side(past.long), "short": _side(past.short)}
    counted = {f"{side}_{name}": value for side, known in sides.items() for name, value in known.items()}
    cases = tuple(_case(one, past, number, said_as(text, wording)) for number, text in enumerate(past.lessons, 1))
    ids = " ".join(case.label for case in cases) or ABSENT
    return Lessons(cases=cases, summary=ExperienceFacts.model_validate({**counted, "ids": ids}))


def _side(one: WrittenSide | None) -> dict[str, object]:
    if one is None:
        return {"cases": 0, "success_rate": None, "mean_profit_pct": None}
    return {
        "cases": one.trades,
        "success_rate": one.won,
        "mean_profit_pct": one.mean,
        "within_pct": one.within,
        "pattern": one.verdict,
        "against": one.against,
    }


def _case(one: WrittenSituation, past: WrittenPast, number: int, lesson: str) -> Case:
    """Return a past trade in such a market that ended as those of its side did on average."""
    long, short = (0 if one is None else one.trades for one in (past.long, past.short))
    shown = past.long if long >= short else past.short
    made = 0.0 if shown is None else shown.mean
    return Case(
        id=number,
        kind="trade",
        pair=PAIR,
        side="long" if long >= short else "short",
        similarity=0.95 - number / 100,
        profit_pct=made,
        regime=regime_of(sum(TREND[sign] for sign in one.trends)),
        trend_strength="strong" if one.adx >= STRONG_ADX else "moderate" if one.adx >= MODERATE_ADX else "weak",
        rsi=one.rsi,
        best_pct=max(0.5, made + 0.4),
        worst_pct=min(-0.5, made - 0.2),
        exit_reason="stop_loss" if made < 0 else "exit_signal",
        score=50,
        grade="C",
        entry_price=100.0 + number,
        duration_minutes=300,
        lesson=lesson,
    )
