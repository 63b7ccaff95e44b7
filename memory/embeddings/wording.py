"""A situation in words: one sentence a property, written by one function for experience and query alike.

Side and entry reason are not part of it: the present has neither before the decision, and like is compared with like.
Nor are pair and date. Where one property is not known there are no words: a shorter text is unlike for being short.
"""

from __future__ import annotations

from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.lessons import RsiBand, VolatilityBand
from candlegraph.graph.schema.market import Regime, Strength
from candlegraph.memory.learning.setups import Setup, setup_of_facts, setup_of_trade

VERSION = "words-1"

REGIME: dict[Regime, str] = {
    "trend_up": "The market is rising.",
    "trend_down": "The market is falling.",
    "range": "The market moves sideways.",
}
STRENGTH: dict[Strength, str] = {
    "strong": "The trend is strong.",
    "moderate": "The trend is moderate.",
    "weak": "The trend is weak.",
}
RSI: dict[RsiBand, str] = {
    "0-30": "Oversold, RSI below 30.",
    "30-45": "Weak momentum, RSI 30 to 45.",
    "45-55": "Neutral momentum, RSI 45 to 55.",
    "55-70": "Strong momentum, RSI 55 to 70.",
    "70-100": "Overbought, RSI above 70.",
}
VOLATILITY: dict[VolatilityBand, str] = {
    "calm": "Volatility is low.",
    "normal": "Volatility is normal.",
    "wild": "Volatility is high.",
}


def words_of_facts(facts: Facts) -> str | None:
    """Return the present situation in words; None where a part of it is unavailable."""
    return words_of(setup_of_facts(facts, "long"))


def words_of_experience(experience: Experience) -> str | None:
    """Return the situation at entry in words; None where a part of it was not kept, as of every recorded decision."""
    return words_of(setup_of_trade(experience.source)) if isinstance(experience.source, ClosedTrade) else None


def words_of(setup: Setup) -> str | None:
    """Return the words of a setup, whatever its side and leverage."""
    regime, strength, rsi, volatility = setup.regime, setup.trend_strength, setup.rsi, setup.volatility
    if regime is None or strength is None or rsi is None or volatility is None:
        return None
    return " ".join((REGIME[regime], STRENGTH[strength], RSI[rsi], VOLATILITY[volatility]))
