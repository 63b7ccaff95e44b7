"""Models that read nothing: at random, always long, always waiting. A gate must tell them from one that reads."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any, Literal, get_args

from langchain_core.messages import AIMessage, BaseMessage
from pydantic import PrivateAttr

from candlegraph.agents.models.policy import PolicyModel
from candlegraph.graph.schema.facts import Facts, parse_facts
from candlegraph.graph.schema.market import SIGN

Foil = Literal["random", "always-long", "always-wait"]
FOILS: tuple[Foil, ...] = get_args(Foil)
LEVERAGE, FAR = 3.0, 0.02
"""What a foil's entry has: leverage, and how far its stop lies, as a share of the price."""
ADJUST = "adjust_position"
CALLS = ("signal_entry_long", "signal_entry_short", "signal_wait", "signal_exit", "signal_hold")


class FoilModel(PolicyModel):
    """Answers with valid calls of the functions that are offered, whatever the market is like."""

    foil: Foil
    _asked: Counter[str] = PrivateAttr(default_factory=Counter)
    """How often each prompt was asked, so that a random answer is another one each time, and the same in every run."""

    def answered(self, messages: Sequence[BaseMessage]) -> AIMessage:
        """Return the answer to the facts in the prompt."""
        prompt = "\n".join(str(one.content) for one in messages if one.type == "human")
        self._asked[prompt] += 1
        name, arguments = self._call(parse_facts(prompt), Random(zlib.crc32(prompt.encode()) + self._asked[prompt]))
        return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": "foil", "type": "tool_call"}])

    def _call(self, facts: Facts, dice: Random) -> tuple[str, dict[str, Any]]:
        if self.foil == "random":
            offered = [name for name in CALLS if name in self.bound]
            offered += [ADJUST] if ADJUST in self.bound else []
            name = dice.choice(offered)
            return name, arguments_of(name, facts, dice.choice((40.0, -50.0)))
        stay = "signal_wait" if facts.position is None else "signal_hold"
        wants_long = self.foil == "always-long" and "signal_entry_long" in self.bound
        name = "signal_entry_long" if wants_long else stay
        return name, arguments_of(name, facts)


def arguments_of(name: str, facts: Facts, adjustment_pct: float = -50.0) -> dict[str, Any]:
    """Return valid arguments of a function."""
    price, rsi = facts.price, next(iter(facts.timeframes.values())).rsi
    said = {"pair": facts.pair, "reason": "by no reason at all"}
    levels = {"key_support": facts.support or 0.98 * price, "key_resistance": facts.resistance or 1.02 * price}
    sure = {"confidence_score": 70.0, "rsi_value": 50.0 if rsi is None else rsi}
    if name == ADJUST:
        return {**said, **levels, "adjustment_pct": adjustment_pct, "confidence_score": 70.0}
    if name == "signal_exit":
        return {**said, **sure, "trade_score": 50.0}
    if name in ("signal_wait", "signal_hold"):
        return {**said, **sure}
    sign = SIGN["long" if name == "signal_entry_long" else "short"]
    strength = {"trend_strength": facts.trend_strength, "leverage": LEVERAGE, "stop_loss": price * (1 - sign * FAR)}
    return {**said, **levels, **sure, **strength}
