"""Finished cells -> the account of each strategy and baseline -> edge, differences, selection -> what it all says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from candlegraph.freqtrade_bridge.host.trials import Trial, count_of
from candlegraph.freqtrade_bridge.lab.evaluation.cells import CellResult, KeptCell
from candlegraph.freqtrade_bridge.lab.evaluation.lines import agents_of_line, equity_of, r_of, window_returns
from candlegraph.freqtrade_bridge.lab.evaluation.measured import summed
from candlegraph.freqtrade_bridge.lab.evaluation.plan import EvaluationPlan
from candlegraph.freqtrade_bridge.lab.evaluation.result import DailyDifference, EvaluatedLine, Evaluation, TradeSums
from candlegraph.freqtrade_bridge.lab.evaluation.verdict import doubts_of, verdict_of
from candlegraph.freqtrade_bridge.truth.cone import cone_of
from candlegraph.freqtrade_bridge.truth.edge import edge_of, interval_of
from candlegraph.freqtrade_bridge.truth.matched import luck_of
from candlegraph.freqtrade_bridge.truth.ratios import daily_returns, ratios_of
from candlegraph.freqtrade_bridge.truth.selection import Selection, selection_of

SHOWN_DAYS = 30
"""Over which a difference is told."""
FEWEST_DAYS = 8
"""Below which no interval of daily differences is given, nor a ratio."""
Lines = Mapping[str, Sequence[Sequence[KeptCell]]]
"""The cells of each strategy and baseline, repetition by repetition."""


def evaluation_of(
    plan: EvaluationPlan, cells: Sequence[KeptCell], trials: Sequence[Trial], datadir: Path
) -> Evaluation:
    """Return what the finished cells of a plan say; `trials`: all others that were ever run here."""
    known = _by_line(cells)
    equities = {name: equity_of(_results(lines[0])) for name, lines in known.items()}
    some = next(iter(equities.values()))
    if "wait" in plan.baselines:
        equities["wait"] = pd.Series(1.0, index=some.index)
    names = [one.name for one in plan.strategies]
    baselines = {name: equity for name, equity in equities.items() if name not in names}
    tested = [_tested(name, known[name], baselines, datadir) for name in names]
    lines = (*tested, *(_baseline(name, equity, known.get(name)) for name, equity in baselines.items()))
    selection = _selection(equities, names, trials)
    return Evaluation(
        name=plan.name,
        content=plan.content,
        plan=plan.model_dump(mode="json"),
        verdict=verdict_of(tested),
        days=tuple(f"{day:%Y-%m-%d}" for day in some.index),
        windows=tuple((f"{one.begin}", f"{one.end}") for one in plan.windows.all),
        lines=lines,
        selection=selection,
        doubts=tuple(doubts_of(tested, selection)),
    )


def _by_line(cells: Sequence[KeptCell]) -> dict[str, list[list[KeptCell]]]:
    found: dict[str, dict[int, list[KeptCell]]] = {}
    for cell in cells:
        found.setdefault(cell.result.strategy, {}).setdefault(cell.result.repetition, []).append(cell)
    return {name: [repeated[number] for number in sorted(repeated)] for name, repeated in found.items()}


def _results(cells: Sequence[KeptCell]) -> list[CellResult]:
    return [one.result for one in cells]


def _tested(
    name: str, repetitions: Sequence[Sequence[KeptCell]], baselines: Mapping[str, pd.Series], datadir: Path
) -> EvaluatedLine:
    """Return a tested strategy: judged by its first repetition, the others say how much of it is noise."""
    results = _results(repetitions[0])
    equity, r = equity_of(results), r_of(results)
    repeated = [float(equity_of(_results(one)).iloc[-1] - 1) for one in repetitions]
    line = _line(name, "tested", equity, results, repetitions[0]).model_copy(
        update={
            "repeated": tuple(repeated),
            "noise": float(np.std(repeated, ddof=1)) if len(repeated) > 1 else None,
            "against": {other: found for other, held in baselines.items() if (found := difference_of(equity, held))},
        }
    )
    if not len(r):
        return line
    agents = agents_of_line(results, datadir)
    luck = luck_of(agents.paths[:, -1] - 1, line.returned)
    cone = tuple((1.0, *one) for one in cone_of(agents.paths))
    return line.model_copy(update={"edge": edge_of(r, agents.mean_r), "luck": luck, "cone": cone})


def _baseline(name: str, equity: pd.Series, repetitions: Sequence[Sequence[KeptCell]] | None) -> EvaluatedLine:
    cells = () if repetitions is None else repetitions[0]
    return _line(name, "baseline", equity, _results(cells), cells)


def _line(
    name: str, kind: str, equity: pd.Series, results: Sequence[CellResult], cells: Sequence[KeptCell]
) -> EvaluatedLine:
    moves = len(equity) > FEWEST_DAYS and equity.std() > 0
    return EvaluatedLine.model_validate(
        {
            "name": name,
            "kind": kind,
            "returned": float(equity.iloc[-1] - 1),
            "windows": window_returns(results),
            "equity": equity.tolist(),
            "ratios": ratios_of(equity) if moves else None,
            "sums": sums_of(cells) if cells else None,
        }
    )


def sums_of(cells: Sequence[KeptCell]) -> TradeSums:
    """Return what the trades of the cells come to."""
    sums, costs = summed(_results(cells)), [one.spent for one in cells]
    trades, balance = int(sums["trades"]), sum(one.result.start for one in cells)
    spent = None if None in costs else float(sum(one for one in costs if one is not None))
    return TradeSums(
        trades=trades,
        win_rate=sums["won"] / trades if trades else None,
        profit_factor=sums["gained"] / sums["lost"] if sums["lost"] else None,
        exposure=sums["exposed"] / sums["candles"],
        turnover=sums["volume"] / balance,
        fees=sums["fees"] / balance,
        funding=sums["funding"] / balance,
        liquidations=int(sums["liquidations"]),
        fallbacks=sums["fallbacks"] / sums["decisions"] if sums["decisions"] else 0.0,
        spent=spent,
        spent_per_trade=spent / trades if trades and spent is not None else None,
        tokens_per_trade=sums["tokens"] / trades if trades else None,
    )


def difference_of(equity: pd.Series, other: pd.Series) -> DailyDifference | None:
    """Return by how much one account's days are better than another's; None where they are too few."""
    days = (daily_returns(equity) - daily_returns(other)).to_numpy(dtype=float)
    if len(days) < FEWEST_DAYS:
        return None
    low, high = interval_of(days)
    return DailyDifference(mean=SHOWN_DAYS * float(days.mean()), interval=(SHOWN_DAYS * low, SHOWN_DAYS * high))


def _selection(equities: Mapping[str, pd.Series], names: Sequence[str], trials: Sequence[Trial]) -> Selection | None:
    returns = pd.DataFrame({name: daily_returns(equity) for name, equity in equities.items()})
    if len(returns) < FEWEST_DAYS:
        return None
    others = [name for name in equities if name not in names]
    known = [
        one.ended.sharpe for one in trials if one.ended and one.ended.sharpe is not None and _as_long(one, returns)
    ]
    return selection_of(returns[[*names]], returns[others], count_of(tuple(trials)) + len(names), known)


def _as_long(trial: Trial, returns: pd.DataFrame) -> bool:
    """Return whether the trial took half as long or longer: ratios of a few days lie far apart by themselves."""
    return trial.begun.days is not None and trial.begun.days >= len(returns) / 2
