"""The setup of a trade: side, regime, trend strength and bands, in which patterns are looked for.

RSI of the main timeframe: below 30, 45, 55, 70, and from there on. Volatility: its ATR in % of the price, calm below
0.4, wild from 1.0. Leverage: up to and including 5x, 10x, 20x, and above, as the reward's factors.
"""

from __future__ import annotations

from typing import NamedTuple, get_args

from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.lessons import LeverageBand, RsiBand, VolatilityBand
from candlegraph.graph.schema.market import Regime, Side, Strength
from candlegraph.tools.market.situation_versions import volatility_pct_of

RSI: tuple[tuple[float, RsiBand], ...] = ((30, "0-30"), (45, "30-45"), (55, "45-55"), (70, "55-70"))
CALM_PCT, WILD_PCT = 0.4, 1.0
LEVERAGE: tuple[tuple[float, LeverageBand], ...] = ((5, "1-5x"), (10, "5-10x"), (20, "10-20x"))
BANDS: tuple[LeverageBand, ...] = get_args(LeverageBand)

Grain = tuple[str, ...]
GRAINS: tuple[Grain, ...] = (
    ("regime", "trend_strength", "rsi", "volatility"),
    ("regime", "trend_strength", "rsi"),
    ("regime", "trend_strength"),
    ("regime",),
)
"""What a pattern tells apart beside the side, the finest first; a side in any regime is no pattern."""
GRAIN_SHARES = dict(zip(GRAINS, (0.1, 0.15, 0.25, 0.5), strict=True))
"""How the capital that bets on one set-up is spread over its grains: each of them alone may be wrong once in twenty."""


class Setup(NamedTuple):
    """One kind of trade; None: any, or not known."""

    side: Side
    regime: Regime | None = None
    trend_strength: Strength | None = None
    rsi: RsiBand | None = None
    volatility: VolatilityBand | None = None
    leverage: LeverageBand | None = None

    def at(self, grain: Grain) -> Setup | None:
        """Return the setup with only the properties of `grain`; None where one of them is not known."""
        kept = {name: getattr(self, name) for name in grain}
        return None if None in kept.values() else Setup(self.side, **kept)


def setup_of_trade(trade: ClosedTrade) -> Setup:
    """Return the setup that a trade was entered in."""
    return Setup(
        trade.side,
        trade.regime,
        trade.trend_strength,
        rsi_band(trade.entry_rsi),
        volatility_band(entry_volatility(trade)),
        leverage_band(trade.leverage),
    )


def setup_of_facts(facts: Facts, side: Side) -> Setup:
    """Return the setup that an entry would have now; its leverage is not decided yet."""
    main = next(iter(facts.timeframes.values()))
    volatility = None if main.atr is None else 100 * main.atr / facts.price
    return Setup(side, facts.regime, facts.trend_strength, rsi_band(main.rsi), volatility_band(volatility))


def entry_volatility(trade: ClosedTrade) -> float | None:
    """Return the main timeframe's ATR at entry in % of the price; it is not stored on its own."""
    return None if trade.situation is None else volatility_pct_of(trade.situation, trade.space)


def rsi_band(rsi: float | None) -> RsiBand | None:
    """Return the band of an RSI."""
    return None if rsi is None else next((band for below, band in RSI if rsi < below), "70-100")


def volatility_band(pct: float | None) -> VolatilityBand | None:
    """Return the band of an ATR in % of the price; rounded, so that stored and present ones meet on a border."""
    if pct is None:
        return None
    rounded = round(pct, 6)
    return "calm" if rounded < CALM_PCT else "normal" if rounded < WILD_PCT else "wild"


def leverage_band(leverage: float) -> LeverageBand:
    """Return the band of a leverage."""
    return next((band for most, band in LEVERAGE if leverage <= most), "20x+")
