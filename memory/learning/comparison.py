"""What has changed in the market since a trade was entered: entry's facts against later ones, in short lines.

facts -> MarketState -> compare -> lines of the facts' own keys, without pair and date
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.indicators import TimeframeFacts
from candlegraph.graph.schema.market import Frozen, Price, Regime, Strength
from candlegraph.graph.schema.numbers import step, step_lines
from candlegraph.memory.storage.vectors import unit

ATR_CHANGE, ADX_CHANGE = 0.5, 0.25
"""Relative changes that count as significant."""
RSI_LOW, RSI_HIGH = 40, 60
ADX_BEGINS, ADX_ENDS = 20, 18
"""A trend begins when the ADX rises to the first, and ends when it falls below the second."""
AVERAGES = {"20": "ema_20_distance", "50": "ema_50_distance", "200": "ema_200_distance"}
SHOWN = ("rsi", "adx", "atr", "mfi", "macd_histogram", "bollinger_position")


class MarketState(Frozen):
    """The market at one decision: its facts without account and position, and its situation."""

    price: Price
    regime: Regime
    trend_strength: Strength
    alignment: int
    timeframes: dict[str, TimeframeFacts]
    situation: tuple[float, ...] | None = None
    space: str = ""


class Comparison(Frozen):
    """Then against now; each line reads `key then to now`."""

    price_move_pct: float
    alignment_change: int
    significant: tuple[str, ...]
    indicators: tuple[str, ...]
    alike: float | None

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the price move, what has changed significantly, and how alike the situations are (cosine)."""
        alike = () if self.alike is None else (f"situation alike {self.alike:.2f}",)
        return (f"price {self.price_move_pct:+.2f} %", *self.significant, *alike)


def market_state_of(facts: Facts, situation: tuple[float, ...] | None, space: str) -> MarketState:
    """Return what of a candle's facts belongs to the market."""
    kept = facts.model_dump(include={"price", "regime", "trend_strength", "alignment", "timeframes"})
    return MarketState(**kept, situation=situation, space=space)


def compare(then: MarketState, now: MarketState) -> Comparison:
    """Return what has changed from `then` to `now`, over the timeframes that both know."""
    both = [(name, one, now.timeframes[name]) for name, one in then.timeframes.items() if name in now.timeframes]
    changes = [f"{name} {change}" for name, a, b in both for change in timeframe_changes(a, b)]
    return Comparison(
        price_move_pct=100 * (now.price / then.price - 1),
        alignment_change=now.alignment - then.alignment,
        significant=(*_market_changes(then, now), *changes),
        indicators=step_lines({name: _indicators(a, b) for name, a, b in both}),
        alike=_alike(then, now),
    )


def timeframe_changes(then: TimeframeFacts, now: TimeframeFacts) -> Iterator[str]:
    """Yield the significant changes of one timeframe; what is unavailable then or now has not changed."""
    if (change := _relative(then.atr, now.atr)) is not None and abs(change) >= ATR_CHANGE:
        yield f"{step('atr', then.atr, now.atr)} ({change:+.0%})"
    known = [name for name, key in AVERAGES.items() if None not in (getattr(then, key), getattr(now, key))]
    if (before := _order(then, known)) != (after := _order(now, known)):
        yield f"ema {before} to {after}"
    if _crosses(then.rsi, now.rsi, RSI_LOW) or _crosses(then.rsi, now.rsi, RSI_HIGH):
        yield f"{step('rsi', then.rsi, now.rsi)} (40/60 crossed)"
    if _crosses(then.macd_histogram, now.macd_histogram, 0):
        yield f"{step('macd_histogram', then.macd_histogram, now.macd_histogram)} (sign)"
    if (why := _adx_change(then.adx, now.adx)) is not None:
        yield f"{step('adx', then.adx, now.adx)} ({why})"


def _market_changes(then: MarketState, now: MarketState) -> Iterator[str]:
    if then.alignment != now.alignment:
        yield f"alignment {then.alignment:+d} to {now.alignment:+d}"
    if then.regime != now.regime:
        yield f"regime {then.regime} to {now.regime}"
    if then.trend_strength != now.trend_strength:
        yield f"trend_strength {then.trend_strength} to {now.trend_strength}"


def _adx_change(then: float | None, now: float | None) -> str | None:
    """Return what a change of the ADX means; None where it means nothing."""
    if then is None or now is None:
        return None
    if then < ADX_BEGINS <= now:
        return "a trend begins"
    if then >= ADX_ENDS > now:
        return "the trend ends"
    change = _relative(then, now)
    return None if change is None or abs(change) < ADX_CHANGE else f"{change:+.0%}"


def _relative(then: float | None, now: float | None) -> float | None:
    return None if not then or now is None else now / then - 1


def _crosses(then: float | None, now: float | None, level: float) -> bool:
    """Return whether the value has come from one side of `level` to the other; at the level is neither side."""
    return then is not None and now is not None and (then - level) * (now - level) < 0


def _order(one: TimeframeFacts, averages: Sequence[str]) -> str:
    """Return the averages from the highest to the lowest: the farther the close above it, the lower the average."""
    return "/".join(sorted(averages, key=lambda name: float(getattr(one, AVERAGES[name]))))


def _indicators(then: TimeframeFacts, now: TimeframeFacts) -> list[tuple[str, float | None, float | None]]:
    return [(name, getattr(then, name), getattr(now, name)) for name in SHOWN]


def _alike(then: MarketState, now: MarketState) -> float | None:
    """Return the cosine of both situations; None where one is missing or they are of different spaces."""
    if then.situation is None or now.situation is None or then.space != now.space:
        return None
    a, b = unit(then.situation), unit(now.situation)
    return None if a is None or b is None or a.size != b.size else float(a @ b)
