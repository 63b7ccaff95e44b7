"""Small paths of one trade, whose candles are written out."""

from datetime import UTC, datetime, timedelta

from candlegraph.memory.counterfactual.path import Ending, PathCandles, Tier, TradePath

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
FLAT = (100.0, 100.4, 99.6, 100.0)


def candles(*rows, count=80):
    """Return the rows (open, high, low, close), then flat candles."""
    columns = zip(*[*rows, *[FLAT] * (count - len(rows))], strict=True)
    time = tuple(int(BEGIN.timestamp()) + 1800 * i for i in range(count))
    return PathCandles(time=time, **dict(zip(("open", "high", "low", "close"), columns, strict=True)))


def path(*rows, closing="exit", end=4, price=100.0, **changes):
    """Return a long from 100 at 2x: stop 98, target 104, ATR 1, no costs; it ends in candle `end`."""
    at = BEGIN + timedelta(minutes=30 * end)
    known_at = at + timedelta(minutes=30 * (closing != "exit"))
    known = {
        "side": "long", "entered_at": BEGIN, "entry_price": 100, "stake": 1000, "leverage": 2, "stop": 98,
        "target": 104, "atr": 1, "tick": 0.01, "fee": 0, "tiers": (Tier(0, 20, 0.004, 0),), "candle_minutes": 30,
        "candles": candles(*rows), "is_changed": False,
        "ending": Ending(
            kind=closing, at=at, known_at=known_at, price=price, profit_pct=2 * (price - 100), mfe_pct=1, mae_pct=-1
        ),
    }  # fmt: skip
    return TradePath(**known | changes)


DIP = (100.0, 100.5, 97.5, 99.0)
RISE = (99.0, 105.0, 99.0, 104.5)
STOPPED = path(FLAT, DIP, FLAT, RISE, closing="stop", end=1, price=98.0)
