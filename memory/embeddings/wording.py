"""What was said of a trade, in words: set-up and side, why it was entered, and what was made of it.

The present is asked about in the same words, as far as it has them: set-up and side. Set-up sentences are fixed; texts
of a model lose pair, numbers and labels, so that what is alike in sense is alike in words, whatever the price and day.
The three parts are embedded each for itself, since in one text the longest would drown the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.graph.schema.facts import Facts
from candlegraph.graph.schema.lessons import RsiBand, VolatilityBand
from candlegraph.graph.schema.market import Regime, Side, Strength
from candlegraph.graph.schema.scene import Scene, Touched
from candlegraph.memory.learning.setups import Setup, setup_of_facts, setup_of_trade

VERSION = "words-2"


class SituationWords(NamedTuple):
    """What is known in words; an empty part says nothing."""

    setup: str
    reason: str = ""
    afterwards: str = ""

    @property
    def parts(self) -> tuple[tuple[str, float], ...]:
        """Return the texts with their weights in the whole."""
        return tuple((text, weight) for text, weight in zip(self, WEIGHTS, strict=True) if text)

    @property
    def texts(self) -> list[str]:
        """Return what is to be embedded."""
        return [text for text, _ in self.parts]


WEIGHTS = (1.0, 1.0, 0.5)
"""Of set-up, reason and what came afterwards: more of the latter, and trades of one lesson find only each other."""

SIDE: dict[Side, str] = {"long": "A long trade.", "short": "A short trade."}
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
TOUCHED: dict[Touched, str] = {"support": "The price is at support.", "resistance": "The price is at resistance."}
FAR = "No level is near."

PAIRS = re.compile(r"[A-Z0-9]+/[A-Z0-9]+(?::[A-Z0-9]+)?")
LABELS = re.compile(r"(?<![0-9A-Za-z])(?=[0-9a-f]*\d)[0-9a-f]{6}(?![0-9A-Za-z])")
"""Of cases: six hex digits."""
NUMBERS = re.compile(r"[+\-\u2212]?\d+(?:[.,:/\-]\d+)*\s?%?")
"""Prices, dates, times and percentages."""


def words_now(facts: Facts, scene: Scene, side: Side) -> SituationWords:
    """Return the present set-up in words, as an entry of `side` would have it."""
    return words_of(setup_of_facts(facts, side), scene)


def words_of_experience(experience: Experience) -> SituationWords | None:
    """Return what was said of a closed trade; None of anything else, and of one of which nothing is known."""
    trade = experience.source
    if not isinstance(trade, ClosedTrade):
        return None
    reason, own_view, lesson = (
        without_place(text, trade.pair) for text in (trade.entry_reason, trade.self_evaluation, experience.lesson)
    )
    if trade.regime is None and not reason:
        return None
    return words_of(setup_of_trade(trade), trade.scene, reason, " ".join(filter(None, (own_view, lesson))))


def words_of(setup: Setup, scene: Scene | None = None, reason: str = "", afterwards: str = "") -> SituationWords:
    """Return the words; what is not known of a set-up has no sentence."""
    return SituationWords(" ".join(_setup_words(setup, scene)), reason, afterwards)


def without_place(text: str, pair: str) -> str:
    """Return a text without pair, numbers and labels of cases: what it says of any market at any price and time."""
    base = pair.partition("/")[0]
    names = re.compile(rf"(?<![0-9A-Za-z]){re.escape(base)}(?:USDT|USDC|USD)?(?![0-9A-Za-z])")
    for pattern in (PAIRS, names, LABELS, NUMBERS):
        text = pattern.sub(" ", text)
    return " ".join(text.split())


def _setup_words(setup: Setup, scene: Scene | None) -> Iterator[str]:
    """Yield a sentence a property that is known."""
    yield SIDE[setup.side]
    if setup.regime is not None:
        yield REGIME[setup.regime]
    if setup.trend_strength is not None:
        yield STRENGTH[setup.trend_strength]
    if setup.rsi is not None:
        yield RSI[setup.rsi]
    if setup.volatility is not None:
        yield VOLATILITY[setup.volatility]
    if scene is not None:
        yield _alignment(scene)
        yield FAR if scene.touched is None else TOUCHED[scene.touched]
        yield from (f"Candle pattern {name.replace('_', ' ')}." for name in scene.patterns)


def _alignment(scene: Scene) -> str:
    direction = "up" if scene.alignment > 0 else "down"
    if abs(scene.alignment) == scene.timeframes:
        return f"All timeframes point {direction}."
    return (
        f"Most timeframes point {direction}." if 2 * abs(scene.alignment) > scene.timeframes else "Timeframes differ."
    )
