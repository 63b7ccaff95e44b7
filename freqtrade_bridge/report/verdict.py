"""The first screen of a report: what happened in one sentence, and the numbers that say how good it was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from candlegraph.freqtrade_bridge.report.equity import EquityCurve
from candlegraph.freqtrade_bridge.report.result import UNKNOWN_RATIO, RunResult
from candlegraph.freqtrade_bridge.report.summary import POLICY_MODELS
from candlegraph.freqtrade_bridge.report.words import NONE, ReportWords, number, percent
from candlegraph.memory.books.ledger import DecisionRow

Tone = Literal["up", "down", ""]


class Tile(NamedTuple):
    """One number of the first screen: as it is shown, what stands beneath it, and the number itself."""

    key: str
    value: str
    detail: str
    raw: float | None
    tone: Tone = ""


class FirstScreen(NamedTuple):
    """The first screen: the sentence, what one must know beside it, the numbers, and what was run."""

    sentence: str
    notes: tuple[str, ...]
    tiles: tuple[Tile, ...]
    facts: tuple[tuple[str, str], ...]


def verdict_of(
    result: RunResult, decisions: Sequence[DecisionRow], curve: EquityCurve, notes: Sequence[str], words: ReportWords
) -> FirstScreen:
    """Return the first screen of a run."""
    return FirstScreen(
        sentence_of(result, decisions, words),
        tuple(notes),
        (*money_tiles(result, curve, words), *trade_tiles(result, curve, decisions, words)),
        facts_of(result, decisions, words),
    )


def sentence_of(result: RunResult, decisions: Sequence[DecisionRow], words: ReportWords) -> str:
    """Return in one plain sentence what the run made, and what holding would have."""
    who, span = who_of(decisions, words), words.span(result.ends_at - result.begins_at)
    held = _outcome("holding", result.market_change, words)
    if not result.trades:
        return words("sentence.idle", who=who, span=span, holding=held)
    return words("sentence", who=who, outcome=_outcome("run", result.profit_ratio, words), span=span, holding=held)


def who_of(decisions: Sequence[DecisionRow], words: ReportWords) -> str:
    """Return who decided: the rule, a model by its name, or several."""
    models = list(dict.fromkeys(row.model for row in decisions))
    if not models:
        return words("who.nobody")
    if models[0] in POLICY_MODELS:
        return words("who.rule")
    return models[0] if len(models) == 1 else words("who.several", first=models[0], more=len(models) - 1)


def _outcome(of: str, ratio: float, words: ReportWords) -> str:
    if round(ratio, 4) == 0:
        return words(f"{of}.even")
    return words(f"{of}.earned" if ratio > 0 else f"{of}.lost", percent=percent(abs(ratio), 1))


def money_tiles(result: RunResult, curve: EquityCurve, words: ReportWords) -> tuple[Tile, ...]:
    """Return what was earned, against holding, and at what risk."""
    profit = f"{number(result.profit_abs, signed=True)} {result.currency}"
    ratio, change = result.profit_ratio, result.market_change
    apart = number(100 * abs(ratio - change))
    beside = words("tile.holding.ahead" if ratio >= change else "tile.holding.behind", points=apart)
    marked = words("tile.drawdown.marked", percent=percent(curve.max_drawdown))
    return (
        Tile("return", percent(ratio, signed=True), profit, ratio, _tone(ratio)),
        Tile("holding", percent(change, signed=True), beside, change),
        Tile("drawdown", percent(result.max_drawdown_ratio), marked, result.max_drawdown_ratio),
        Tile("sharpe", _ratio(result.sharpe), words("tile.sharpe.detail"), result.sharpe),
        Tile("sortino", _ratio(result.sortino), words("tile.sortino.detail"), result.sortino),
    )


def trade_tiles(
    result: RunResult, curve: EquityCurve, decisions: Sequence[DecisionRow], words: ReportWords
) -> tuple[Tile, ...]:
    """Return how the trades went, how long money was at risk, and what the calls cost."""
    shorts = sum(trade.is_short for trade in result.trades)
    sides = words("tile.trades.detail", long=len(result.trades) - shorts, short=shorts)
    won = words("tile.win_rate.detail", won=result.wins, lost=result.losses)
    factor = words("tile.profit_factor.none") if result.wins and not result.losses else number(result.profit_factor)
    fees = number(sum(trade.fees for trade in result.trades))
    cost = cost_of(decisions)
    unknown = words("tile.cost.unknown") if cost is None else words("tile.cost.calls", n=f"{calls_of(decisions):,}")
    return (
        Tile(
            "profit_factor",
            factor if result.trades else NONE,
            words("tile.profit_factor.detail"),
            result.profit_factor,
        ),
        Tile("win_rate", percent(result.win_rate, 1) if result.trades else NONE, won, result.win_rate),
        Tile("trades", f"{result.trade_count:,}", sides, float(result.trade_count)),
        Tile("exposure", percent(curve.exposure, 0), words("tile.exposure.detail"), curve.exposure),
        Tile("cost", NONE if cost is None else number(cost), f"{unknown}; {words('tile.cost.fees', fees=fees)}", cost),
    )


def facts_of(result: RunResult, decisions: Sequence[DecisionRow], words: ReportWords) -> tuple[tuple[str, str], ...]:
    """Return what was run, by name."""
    models = list(dict.fromkeys(row.model for row in decisions))
    prompts = list(dict.fromkeys(row.prompt_version for row in decisions if row.prompt_version))
    days = (result.ends_at - result.begins_at).total_seconds() / 86400
    period = words("fact.period.value", begin=_day(result.begins_at), end=_day(result.ends_at), days=f"{days:.0f}")
    balance = f"{number(result.starting_balance)} → {number(result.final_balance)} {result.currency}"
    return (
        (words("fact.period"), period),
        (words("fact.balance"), balance),
        (words("fact.model"), ", ".join(models) or NONE),
        (words("fact.prompt"), ", ".join(prompts) or NONE),
    )


def origin_of(name: str, result: RunResult, decisions: Sequence[DecisionRow], words: ReportWords) -> str:
    """Return the line above the sentence: which run, of what, on which candles, with how many decisions."""
    pairs = ", ".join(pair.split(":")[0] for pair in result.pairs)
    told = words("fact.decisions", n=f"{len(decisions):,}")
    return " · ".join([name or result.strategy, pairs, result.timeframe, told])


def cost_of(decisions: Sequence[DecisionRow]) -> float | None:
    """Return the money of all model calls; None where one's price is unknown."""
    costs = [row.cost for row in decisions]
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def calls_of(decisions: Sequence[DecisionRow]) -> int:
    """Return how many model calls were answered."""
    return sum(len(row.model_calls) for row in decisions)


def _ratio(value: float) -> str:
    return NONE if value == UNKNOWN_RATIO else number(value)


def _tone(value: float) -> Tone:
    return "up" if value > 0 else "down" if value < 0 else ""


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
