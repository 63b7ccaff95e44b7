"""What an evaluation says in words, by stated rules: the verdict, what takes from it, and the lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from candlegraph.freqtrade_bridge.lab.evaluation.result import EvaluatedLine, Evaluation
from candlegraph.freqtrade_bridge.truth.edge import LEVEL, between
from candlegraph.freqtrade_bridge.truth.selection import Selection

SURE = 0.95
"""Deflated Sharpe ratio from which on the trials that were made are no excuse."""
MANY_FALLBACKS = 0.2
EVEN = 0.5
PAGE = "docs/truth.md"


def verdict_of(tested: Sequence[EvaluatedLine]) -> str:
    """Return one sentence a strategy."""
    return " ".join(_judged(line) for line in tested)


def _judged(line: EvaluatedLine) -> str:
    if line.edge is None:
        return f"Too little data to tell: {line.name} made no trade with a stop."
    if line.edge.judgement == "too little data to tell" and line.edge.needed is not None:
        need = f"; it would need about {line.edge.needed:,}" if line.edge.needed > line.edge.trades else ""
        return f"Too little data to tell: {line.name}, {line.edge.trades:,} trades{need}."
    return f"{line.edge.judgement.capitalize()}: {line.name}, {line.edge.trades:,} trades."


def doubts_of(tested: Sequence[EvaluatedLine], selection: Selection | None) -> Iterator[str]:
    """Yield what takes from the verdict."""
    for line in tested:
        if line.sums is not None and line.sums.fallbacks > MANY_FALLBACKS:
            share = f"{line.sums.fallbacks:.0%}"
            yield f"{line.name}: {share} of its decisions fell back: this says little about its model."
        if line.noise is not None and abs(line.returned) < 2 * line.noise:
            yield (
                f"{line.name}: its {line.returned:+.2%} is less than twice what its repetitions differ by, "
                f"{line.noise:.2%}."
            )
    if selection is None or not any(line.edge and line.edge.judgement == "edge shown" for line in tested):
        return
    if len(tested) > 1 and selection.spa is not None and selection.spa > LEVEL:
        yield f"Of {len(tested)} strategies the best may be the luckiest: SPA p = {selection.spa:.2f}."
    if selection.deflated is not None and selection.deflated < SURE:
        yield (
            f"{selection.trials} backtests were tried here: the deflated Sharpe ratio of {selection.best} is "
            f"{selection.deflated:.2f}, below {SURE}."
        )
    if selection.overfitting is not None and selection.overfitting >= EVEN:
        yield f"The choice among the strategies is as good as a coin: overfitting {selection.overfitting:.0%}."


def told(found: Evaluation) -> list[str]:
    """Return the verdict first, then what it is made of."""
    first, last = found.windows[0][0], found.windows[-1][1]
    return [
        found.verdict,
        *found.doubts,
        f"  plan                {found.name}, {len(found.windows)} windows from {first} to {last}",
        *(text for line in found.tested for text in _strategy(line)),
        *(f"  {line.name:19} {line.returned:+.2%}" for line in found.lines if line.kind == "baseline"),
        *([] if found.selection is None else _chosen(found.selection, len(found.tested))),
        f"  what this says      {PAGE}",
    ]


def _strategy(line: EvaluatedLine) -> Iterator[str]:
    yield f"  {line.name:19} {line.returned:+.2%}{_noise(line)}"
    if (edge := line.edge) is not None:
        interval = between(edge.interval, "R", "none, too few trades")
        yield f"    mean of a trade   {edge.mean_r:+.2f} R; 90% interval {interval}"
        yield f"    can be shown      {edge.smallest_r:+.2f} R and more, with so many trades (80% power)"
        money = "" if line.luck is None else f", in money {line.luck.as_good:.0%}"
        yield f"    random agents     {edge.agents_r:+.2f} R in the middle; {edge.as_good:.0%} did as well{money}"
    for name, one in line.against.items():
        low, high = one.interval
        yield f"    against {name:9} {one.mean:+.2%} in 30 days, 90% between {low:+.2%} and {high:+.2%}"
    if line.ratios is not None:
        yield f"    Sharpe            {_number(line.ratios.freqtrade.sharpe)} (ffn {_number(line.ratios.ffn.sharpe)})"
        yield f"    drawdown          {line.ratios.freqtrade.drawdown:.2%}, at the ends of days"
    if line.sums is not None and line.sums.spent:
        yield f"    money             {line.sums.spent:.4g}"


def _noise(line: EvaluatedLine) -> str:
    return "" if line.noise is None else f", repetitions differ by {line.noise:.2%}"


def _chosen(chosen: Selection, tested: int) -> Iterator[str]:
    deflated = "not defined" if chosen.deflated is None else f"{chosen.deflated:.2f}"
    yield f"  deflated Sharpe     {deflated} ({chosen.best}, the best of {chosen.trials} backtests tried here)"
    if tested > 1 and chosen.spa is not None:
        yield f"  several at once     SPA p = {chosen.spa:.2f}; may be the best: {', '.join(chosen.confidence_set)}"
    if chosen.overfitting is not None:
        yield f"  overfitting         {chosen.overfitting:.0%} (the best of one half is below the middle in the other)"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
