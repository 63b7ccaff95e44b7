"""A model that a seed makes: its answer depends on seed, pair and candle alone, in whatever order it is asked."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import script
from simulator.world import LENGTH, World

from candlegraph.graph.schema.facts import Facts

FLAT = {"enter_long": 20, "enter_short": 20, "stay": 55, "fail": 3, "nonsense": 2}
OPEN = {"leave": 8, "reduce": 8, "add": 10, "reverse": 3, "stay": 66, "fail": 3, "nonsense": 2}
"""Weights of what it does."""
SLOW_OF, SLOWEST = 12, 40
"""One answer of so many takes up to so many seconds of virtual time, while which the market goes on."""


class Unreachable(ConnectionError):
    """The model's endpoint does not answer."""


class Mind:
    """Decides for a world; `sleep` moves its clock; `asked` counts what it did."""

    def __init__(self, world: World, sleep: Callable[[float], None]) -> None:
        self._world, self._sleep = world, sleep
        self.asked: dict[str, int] = {}

    def decide(self, facts: Facts) -> tuple[str, dict[str, Any]]:
        """Return the one call of this candle."""
        now = datetime.now(UTC)
        chance = self._world.random("mind", facts.pair, now.timestamp() // LENGTH.total_seconds())
        if chance.randrange(SLOW_OF) == 0:
            self._sleep(chance.uniform(1, SLOWEST))
        weights = FLAT if facts.position is None else OPEN
        name = chance.choices(list(weights), list(weights.values()))[0]
        self.asked[name] = self.asked.get(name, 0) + 1
        return self._call(name, facts, chance)

    def _call(self, name: str, facts: Facts, chance: Random) -> tuple[str, dict[str, Any]]:
        if name == "fail":
            raise Unreachable("the seed lets the model fail")
        if name == "nonsense":
            return "signal_entry_long", {"pair": facts.pair}
        if name.startswith("enter") or name == "reverse":
            side = name.removeprefix("enter_") if name != "reverse" else _other(facts)
            return enter(facts, side, chance)
        if name == "leave":
            return script.leave(facts)
        if name in ("add", "reduce"):
            return script.adjust(facts, chance.choice((20.0, 35.0)) if name == "add" else chance.choice((-30.0, -50.0)))
        return script.stay(facts)


def _other(facts: Facts) -> str:
    return "short" if facts.position is not None and facts.position.side == "long" else "long"


def enter(facts: Facts, side: str, chance: Random) -> tuple[str, dict[str, Any]]:
    """Return an entry with a stop at 0.8 % to 2.5 % and, at times, a target."""
    sign = 1 if side == "long" else -1
    prices = {"stop_loss": facts.price * (1 - sign * chance.uniform(0.008, 0.025))}
    if chance.random() < 0.3:
        prices["take_profit"] = facts.price * (1 + sign * chance.uniform(0.01, 0.03))
    size = {"leverage": float(chance.choice((2, 3, 5))), "stake_amount": chance.choice((200.0, 400.0, 800.0))}
    levels = {"key_support": facts.price * 0.9, "key_resistance": facts.price * 1.1, "trend_strength": "weak"}
    return f"signal_entry_{side}", script.common(facts) | levels | size | prices
