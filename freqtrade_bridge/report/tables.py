"""Sums over trades and calls by what people ask for: pair, side, month, exit, regime, door, day, role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from candlegraph.freqtrade_bridge.report.result import TradeRow
from candlegraph.freqtrade_bridge.report.rows import Linked, rounded
from candlegraph.memory.books.ledger import DecisionRow, fate_counts

BY = ("pair", "side", "month", "exit", "regime")


def trade_sums(
    trades: Sequence[TradeRow], decisions: Sequence[DecisionRow], links: Linked
) -> dict[str, list[dict[str, Any]]]:
    """Return count, wins, profit and mean profit of the stake of the ended trades, by each of `BY`."""
    keys = [_keys(trade, number, decisions, links) for number, trade in enumerate(trades)]
    return {by: _summed(trades, [one[by] for one in keys], is_sorted=by == "month") for by in BY}


def _keys(trade: TradeRow, number: int, decisions: Sequence[DecisionRow], links: Linked) -> Mapping[str, str]:
    regime = decisions[links.entries[number]].regime if number in links.entries else None
    return {
        "pair": trade.pair,
        "side": trade.side,
        "month": "" if trade.closed_at is None else f"{trade.closed_at:%Y-%m}",
        "exit": trade.exit_reason,
        "regime": regime or "unknown",
    }


def _summed(trades: Sequence[TradeRow], keys: Sequence[str], *, is_sorted: bool) -> list[dict[str, Any]]:
    groups: dict[str, list[TradeRow]] = {}
    for key, trade in zip(keys, trades, strict=True):
        if trade.closed_at is not None:
            groups.setdefault(key, []).append(trade)
    rows = [
        {
            "key": key,
            "trades": len(own),
            "won": sum(trade.profit_abs > 0 for trade in own),
            "profit": rounded(sum(trade.profit_abs for trade in own)),
            "mean": round(sum(trade.profit_ratio for trade in own) / len(own), 6),
        }
        for key, own in groups.items()
    ]
    return sorted(rows, key=lambda row: row["key"] if is_sorted else -row["profit"])


def fate_sums(decisions: Sequence[DecisionRow]) -> list[list[Any]]:
    """Return how many calls that act came to what end, the most frequent first."""
    return [list(one) for one in fate_counts(decisions).most_common()]


def costs(decisions: Sequence[DecisionRow]) -> list[list[Any]]:
    """Return day, role, calls, tokens in and out, money, and calls whose price is unknown, by day and role."""
    sums: dict[tuple[str, str], list[float]] = {}
    for row in decisions:
        for call in row.model_calls:
            own = sums.setdefault((f"{row.as_of:%Y-%m-%d}", call.role), [0, 0, 0, 0.0, 0])
            for place, value in enumerate((1, call.tokens_in, call.tokens_out, call.cost or 0.0, call.cost is None)):
                own[place] += value
    return [[day, role, *values] for (day, role), values in sorted(sums.items())]
