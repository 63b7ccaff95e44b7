"""Two runs side by side, as frames."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from candlegraph.freqtrade_bridge.commands.books.compare import as_json, run_of
from candlegraph.freqtrade_bridge.lab.run import Run
from candlegraph.freqtrade_bridge.parity.comparison import RunComparison, comparison_of


@dataclass(frozen=True, repr=False)
class ComparedFrames:
    """What `candlegraph compare` prints."""

    found: RunComparison

    @property
    def totals(self) -> pd.DataFrame:
        """Net result, trades, costs and fates, a column a run."""
        sides = {"a": self.found.first, "b": self.found.second}
        none = dict.fromkeys([*self.found.first.fates, *self.found.second.fates], 0)
        told = {name: side.model_dump(exclude={"fates"}) | none | side.fates for name, side in sides.items()}
        return pd.DataFrame(told)

    @property
    def differing(self) -> pd.DataFrame:
        """The decisions that differ: candle, pair, cause, why, and what was decided in each run, with its id."""
        rows = [
            {name: one[name] for name in ("candle", "pair", "cause", "why")}
            | {side: one[side]["action"] for side in ("a", "b")}
            | {f"{side}_id": one[side]["decision_id"] for side in ("a", "b")}
            for one in as_json(self.found)["differing"]
        ]
        frame = pd.DataFrame(rows, columns=["candle", "pair", "cause", "why", "a", "b", "a_id", "b_id"])
        frame["candle"] = pd.to_datetime(frame["candle"], utc=True)
        return frame

    @property
    def trades(self) -> pd.DataFrame:
        """Closed trades by their entry, with the net result in each run, quote currency."""
        rows = as_json(self.found)["trades"]
        frame = pd.DataFrame(rows, columns=["pair", "side", "opened_at", "a", "b"])
        frame["opened_at"] = pd.to_datetime(frame["opened_at"], utc=True)
        return frame

    def __repr__(self) -> str:
        one, other = self.found.first, self.found.second
        told = f"{self.found.decisions} decisions, {len(self.found.departures)} differ"
        return f"<{one.name} and {other.name}: {told}; net result {one.net_result:+,.2f} and {other.net_result:+,.2f}>"


def compare(a: Run, b: Run, pair: str | None = None) -> ComparedFrames:
    """Return how two runs differ; raise ConfigError where they have no candle of a pair in common."""
    return ComparedFrames(comparison_of(run_of(a.userdir, a.namespace), run_of(b.userdir, b.namespace), pair))
