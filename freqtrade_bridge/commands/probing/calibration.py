"""`candlegraph calibration`: a model's confidence, self-scores, stops and targets against what came of its trades."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from candlegraph.freqtrade_bridge.commands.arguments import database_of
from candlegraph.freqtrade_bridge.commands.books.ledger import rows_of
from candlegraph.freqtrade_bridge.commands.probing.recorded import closed_trades
from candlegraph.freqtrade_bridge.report.listing import console, print_json
from candlegraph.freqtrade_bridge.truth.calibration import Excursions, ModelCalibration, SaidAndDone, calibration_of
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.schema.lessons import SelfScores
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.store import open_memory

PAGE = "docs/truth.md"


def print_calibration(arguments: Namespace) -> None:
    """Print what the run's closed trades say."""
    database = database_of(arguments.userdir)
    rows = rows_of(Ledger(database), arguments.run_name)
    name = rows[0].namespace
    trades = said_and_done(closed_trades(arguments.userdir, name), {row.decision_id: row for row in rows})
    if not trades:
        raise ConfigError(f"calibration: {name}: no closed trade whose entry stated a confidence")
    found = calibration_of(trades)
    kept = open_memory(database).stats(name)["self_scores"]
    scores = None if kept is None else SelfScores.model_validate(kept)
    if arguments.json:
        print_json({"run": name, **found.model_dump(mode="json"), "self_scores": kept})
        return
    print_found(name, found, scores)


def said_and_done(trades: Sequence[ClosedTrade], rows: Mapping[str, DecisionRow]) -> list[SaidAndDone]:
    """Return the trades whose entry stated a confidence; those that the end of the data closed say nothing."""
    return list(_said_and_done(trades, rows))


def _said_and_done(trades: Sequence[ClosedTrade], rows: Mapping[str, DecisionRow]) -> Iterator[SaidAndDone]:
    for trade in trades:
        row = rows.get(trade.decision_id)
        if row is None or trade.forced or not row.signal.confidence:
            continue
        risk = trade.risk_pct
        known = {} if risk is None else _in_risk(trade, risk)
        yield SaidAndDone(
            confidence=row.signal.confidence / 100, won=trade.profit_abs > 0, target_r=_target(trade, row), **known
        )


def _in_risk(trade: ClosedTrade, risk: float) -> dict[str, float]:
    """Return the moves over the loss at the planned stop, both in percent of the stake."""
    worst = min(trade.mae_pct, trade.profit_pct)
    return {"best_r": trade.mfe_pct / risk, "worst_r": worst / risk, "result_r": trade.profit_pct / risk}


def _target(trade: ClosedTrade, row: DecisionRow) -> float | None:
    """Return how many stop distances the target was away."""
    target, stop = row.signal.take_profit, trade.planned_stop
    if target is None or stop is None or stop == trade.entry_price:
        return None
    return abs(target - trade.entry_price) / abs(trade.entry_price - stop)


def print_found(name: str, found: ModelCalibration, scores: SelfScores | None) -> None:
    """Print the judgement first, then what it is made of."""
    screen = console()
    screen.print(f"{found.judgement.capitalize()}: {found.trades} closed trades of {name}", soft_wrap=True)
    screen.print("\n".join([*_confidence(found), *_scores(scores), *_levels(found.excursions)]), soft_wrap=True)
    table = Table("said", "won", "trades", title="by confidence", title_justify="left", box=None, pad_edge=False)
    for one in found.bins:
        table.add_row(f"{one.said:.0%}", one.won.told, str(one.won.of))
    screen.print(table)
    screen.print(f"What this says: {PAGE}, Calibration")


def _confidence(found: ModelCalibration) -> Iterator[str]:
    parts, share = found.brier, found.won.ratio
    yield f"  said on average    {found.said:.0%}"
    yield f"  won                {found.won.told}, 95% interval in brackets"
    yield f"  Brier score        {parts.score:.3f}, 0 is best; always saying {share:.0%} makes {parts.uncertainty:.3f}"
    yield f"    said and won lie apart   {parts.reliability:+.3f}"
    yield f"    tells trades apart       {-parts.resolution:+.3f}"
    yield f"    luck of the trades       {parts.uncertainty:+.3f} (rest {parts.rest:+.3f})"
    if found.auc is None:
        yield "  surer of winners   cannot be said: all won, all lost, or always the same confidence"
    else:
        yield f"  surer of winners   {found.auc:.2f}; 0.50 is not at all, p = {found.auc_p:.2g}"


def _scores(scores: SelfScores | None) -> Iterator[str]:
    if scores is None:
        yield "  own scores         none were given at exits"
        return
    rank = "not known" if scores.rank_correlation is None else f"{scores.rank_correlation:+.2f}"
    told = f"{scores.bias:+.0f} against the evaluator's, {scores.trades} trades; rank correlation {rank}"
    yield f"  own scores         {told}"


def _levels(found: Excursions | None) -> Iterator[str]:
    if found is None:
        yield "  stops and targets  not known: no trade's risk at its entry was kept"
        return
    yield f"  stops reached      {found.stopped.told} of {found.trades} trades (1 R: the loss at the stop)"
    if found.target_r is not None:
        away = f"the middle one {found.target_r:.1f} R away"
        yield f"  targets reached    {found.reached.told} of {found.targets}; {away}"
    yield f"  best price         {found.best_r:+.2f} R in the middle; the end {found.given_back_r:.2f} R below"
    if found.winners_worst_r is not None:
        yield f"  winners' worst     nine of ten never went below {found.winners_worst_r:+.2f} R"
