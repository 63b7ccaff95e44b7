"""The numbers of a run, and the table a person reads at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median, quantiles
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from candlegraph.freqtrade_bridge.host.tags import EMERGENCY_TAG
from candlegraph.freqtrade_bridge.report.result import RunResult
from candlegraph.freqtrade_bridge.truth.matched import Luck
from candlegraph.graph.schema.lessons import SelfScores
from candlegraph.graph.schema.market import Frozen
from candlegraph.memory.books.ledger import DecisionRow, cost_told, fate_counts

MOST_FALLBACKS = 0.2
"""Share of the asked decisions from which on a result is doubted aloud."""
POLICY_MODELS = ("policy", "candlegraph-policy")


class Summary(Frozen):
    """One run in numbers; ratios are of the starting balance."""

    model: str
    is_rule: bool
    prices: str
    currency: str
    decisions: int
    actions: dict[str, int]
    sources: dict[str, int]
    repairs: int
    clamps: dict[str, int]
    fates: dict[str, int]
    warnings: dict[str, int]
    emergency_exits: int
    trades: int
    long_trades: int
    short_trades: int
    won_trades: int
    additions: int
    partial_exits: int
    profit_abs: float
    profit_ratio: float
    max_drawdown_ratio: float
    buy_and_hold_ratio: float
    luck: Luck | None
    calls: str
    faults: dict[str, int]
    notes: dict[str, int]
    asked: int
    fallbacks: int
    failed: int
    cost: str
    median_ms: float
    p95_ms: float
    remembered: dict[str, int]
    cumulative_reward: float
    self_scores: SelfScores | None
    with_cases: int


def summary_of(
    result: RunResult,
    decisions: Sequence[DecisionRow],
    *,
    memory: Mapping[str, Any],
    prices: str,
    luck: Luck | None = None,
) -> Summary:
    """Return the summary of a run from its files, from the statistics of its memory, and from what chance made."""
    times = [row.latency_ms for row in decisions]
    adjustments = [order for trade in result.trades for order in trade.adjustments]
    model = decisions[0].model if decisions else "none"
    asked = [row for row in decisions if row.model_calls or row.error is not None]
    return Summary(
        model=model,
        is_rule=model in POLICY_MODELS,
        prices=prices,
        currency=result.currency,
        decisions=len(decisions),
        actions=dict(Counter(row.signal.action for row in decisions).most_common()),
        sources=dict(Counter(row.signal.source for row in decisions).most_common()),
        repairs=sum(row.repairs for row in decisions),
        clamps=dict(Counter(clamp.key for row in decisions for clamp in row.signal.clamps).most_common()),
        fates=dict(fate_counts(decisions).most_common()),
        warnings=dict(Counter(one.split(":")[0] for row in decisions for one in row.signal.warnings).most_common()),
        emergency_exits=sum(trade.exit_reason == EMERGENCY_TAG for trade in result.trades),
        trades=len(result.trades),
        long_trades=sum(not trade.is_short for trade in result.trades),
        short_trades=sum(trade.is_short for trade in result.trades),
        won_trades=sum(trade.profit_abs > 0 for trade in result.trades),
        additions=sum(order.is_entry for order in adjustments),
        partial_exits=sum(not order.is_entry for order in adjustments),
        profit_abs=result.profit_abs,
        profit_ratio=result.profit_ratio,
        max_drawdown_ratio=result.max_drawdown_ratio,
        buy_and_hold_ratio=result.market_change,
        luck=luck,
        calls=_calls(decisions),
        faults=dict(sum((Counter(row.faults) for row in decisions), Counter[str]()).most_common()),
        notes=dict(Counter(note for row in decisions for call in row.model_calls for note in call.notes).most_common()),
        asked=len(asked),
        fallbacks=sum(row.signal.source == "fallback" or row.error is not None for row in asked),
        failed=sum(row.error is not None for row in decisions),
        cost=cost_told(decisions),
        median_ms=median(times) if times else 0.0,
        p95_ms=quantiles(times, n=20)[-1] if len(times) > 1 else 0.0,
        remembered=dict(memory["by_kind"]),
        cumulative_reward=float(memory["reward_stats"]["cumulative_reward"]),
        self_scores=None if memory["self_scores"] is None else SelfScores.model_validate(memory["self_scores"]),
        with_cases=sum(bool(row.case_ids) for row in decisions),
    )


def summary_rows(summary: Summary) -> list[tuple[str, str]]:
    """Return label and value of every line."""
    won = f"{summary.won_trades / summary.trades:.0%} won" if summary.trades else "none"
    return [
        ("model", f"{summary.model}{' (a fixed rule, not intelligence)' if summary.is_rule else ''}"),
        ("prices", summary.prices),
        ("decisions", f"{summary.decisions} ({_counts(summary.actions)})"),
        ("decided by", f"{_counts(summary.sources)}; {summary.repairs} answers sent back for repair"),
        *([("failed decisions", f"{summary.failed}, hold or wait instead")] if summary.failed else []),
        ("model calls", summary.calls),
        ("faulty answers", _counts(summary.faults)),
        *([("wrappings undone", _counts(summary.notes))] if summary.notes else []),
        ("cost", "none, a rule" if summary.is_rule else summary.cost),
        ("clamps of the gate", _counts(summary.clamps)),
        ("fates of the calls", _fates(summary)),
        ("warnings of the rules", _counts(summary.warnings)),
        ("emergency stop", _emergency(summary)),
        ("trades", f"{summary.trades} ({summary.long_trades} long, {summary.short_trades} short; {won})"),
        ("adjustments", f"{summary.additions} additions, {summary.partial_exits} partial exits"),
        ("profit", f"{summary.profit_abs:+,.2f} {summary.currency} ({summary.profit_ratio:+.2%})"),
        ("buy and hold", f"{summary.buy_and_hold_ratio:+.2%} (mean of the pairs, unleveraged)"),
        *([("random entries", _lucky(summary.luck))] if summary.luck else []),
        ("max drawdown", f"{summary.max_drawdown_ratio:.2%} of the account, by closed trades"),
        ("time per decision", f"{summary.median_ms:.1f} ms median, {summary.p95_ms:.1f} ms p95, model included"),
        ("remembered", f"{_counts(summary.remembered)}; learning score {summary.cumulative_reward:+.4f}, no profit"),
        *([("own scores", own_scores(summary.self_scores))] if summary.self_scores else []),
        ("learnt from", f"{summary.with_cases} decisions had similar past cases before them"),
    ]


def own_scores(scores: SelfScores) -> str:
    """Return how the model's scores of its own trades compare with the evaluator's."""
    direction = "above" if scores.bias >= 0 else "below"
    rank = "" if scores.rank_correlation is None else f", rank correlation {scores.rank_correlation:+.2f}"
    return f"{scores.trades} trades, {abs(scores.bias):.1f} {direction} the evaluator's on average{rank}"


def print_summary(summary: Summary, console: Console) -> None:
    """Print the table."""
    table = Table(title="What the graph did", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(overflow="fold")  # names of models and pairs may be longer than the terminal is wide
    for label, value in summary_rows(summary):
        table.add_row(label, Text(value))
    console.print(table)


def doubt_of(summary: Summary) -> str | None:
    """Return why the run says little about its model; None where enough of its decisions are the model's own."""
    if not summary.asked or summary.fallbacks <= MOST_FALLBACKS * summary.asked:
        return None
    kinds = _counts(summary.faults | ({"no answer": summary.failed} if summary.failed else {}))
    return (
        f"{summary.fallbacks} of {summary.asked} asked decisions ({summary.fallbacks / summary.asked:.0%}) fell back "
        f"to hold or wait: this result says little about {summary.model}. Why: {kinds}. "
        "See `candlegraph ledger show --faulty` and docs/models.md"
    )


def _fates(summary: Summary) -> str:
    """Return how many calls that should act did, and at which doors the others ended."""
    filled = sum(summary.fates.get(kind, 0) for kind in ("filled", "partly filled"))
    return f"{filled} of {sum(summary.fates.values())} calls that act were filled ({_counts(summary.fates)})"


def _lucky(luck: Luck) -> str:
    """Return what agents made that entered at random times; in so many words what they share with the run."""
    return (
        f"{luck.median:+.2%} in the middle of {luck.agents} tries with the same sides, stakes and stops "
        f"(90% between {luck.low:+.2%} and {luck.high:+.2%}); {luck.as_good:.0%} did as well as this run or better"
    )


def _emergency(summary: Summary) -> str:
    if not summary.emergency_exits:
        return "did not fire"
    return f"FIRED: {summary.emergency_exits} positions closed, no entry from then on"


def _calls(decisions: Sequence[DecisionRow]) -> str:
    calls = [call for row in decisions for call in row.model_calls]
    depths = Counter(row.depth for row in decisions)
    tokens = sum(call.tokens_in + call.tokens_out for call in calls)
    replayed = sum(call.is_replayed for call in calls)
    told = f"{len(calls):,} ({_counts(dict(Counter(call.role for call in calls)))}), depth {', '.join(depths)}"
    return f"{told}; {tokens:,} tokens" + (f"; {replayed:,} replayed" if replayed else "")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
