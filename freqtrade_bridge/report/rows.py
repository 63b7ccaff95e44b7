"""Trades and decisions as plain JSON for the page, each knowing the others that belong to it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from candlegraph.freqtrade_bridge.report.result import TradeRow
from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.memory.books.ledger import DecisionRow

LEVELS = ("key_support", "key_resistance")
SHORTEST_ID = 8


class Linked(NamedTuple):
    """Which decisions belong to which trade, by their places in the two lists."""

    entries: Mapping[int, int]
    """The decision that opened it, by trade."""
    members: Mapping[int, tuple[int, ...]]
    """All decisions of its pair from its entry to its end, by trade."""
    trades: Mapping[int, int]
    """The trade, by decision."""


def linked(trades: Sequence[TradeRow], decisions: Sequence[DecisionRow]) -> Linked:
    """Return what belongs together: by pair and time, since an archive has no id of either."""
    by_pair: dict[str, list[int]] = {}
    for index, row in enumerate(decisions):
        by_pair.setdefault(row.pair, []).append(index)
    entries: dict[int, int] = {}
    members: dict[int, tuple[int, ...]] = {}
    for number, trade in enumerate(trades):
        own = by_pair.get(trade.pair, [])
        times = [decisions[index].as_of for index in own]
        entry = _entry(trade, own, times, decisions)
        if entry is not None:
            entries[number] = entry
        members[number] = (*([] if entry is None else [entry]), *_while_open(trade, own, times))
    return Linked(entries, members, {index: number for number, found in members.items() for index in found})


def _entry(
    trade: TradeRow, own: Sequence[int], times: Sequence[datetime], decisions: Sequence[DecisionRow]
) -> int | None:
    """Return the newest decision before the trade that wanted its side; a late fill still belongs to it."""
    for index in reversed(own[: bisect_right(times, trade.opened_at)]):
        row = decisions[index]
        if row.signal.wanted.is_entry and row.signal.wanted.entry_side == trade.side:
            return index if row.fate is None or row.fate.is_filled else None
    return None


def _while_open(trade: TradeRow, own: Sequence[int], times: Sequence[datetime]) -> Sequence[int]:
    end = len(own) if trade.closed_at is None else bisect_right(times, trade.closed_at)
    return own[bisect_right(times, trade.opened_at) : end]


class Seen(NamedTuple):
    """What a decision saw that its ledger row does not hold: the stop in force, profit and account at that moment."""

    stop: float | None
    profit_pct: float | None
    equity: float | None
    rsi: float | None
    adx: float | None


def trade_rows(
    trades: Sequence[TradeRow],
    decisions: Sequence[DecisionRow],
    links: Linked,
    experiences: Mapping[int, Experience],
    seen: Mapping[str, Seen],
) -> list[dict[str, Any]]:
    """Return every trade with its orders, its stops as they moved, its levels, and what was learnt from it."""
    learnt = by_trade(experiences)
    rows = []
    for number, trade in enumerate(trades):
        entry = decisions[links.entries[number]] if number in links.entries else None
        own = [decisions[index] for index in links.members[number]]
        case, experience = learnt.get((trade.pair, _second(trade.opened_at)), (None, None))
        rows.append(_trade(trade) | _planned(entry) | {
            "stops": _stops(trade, own, seen),
            "decisions": list(links.members[number]),
            "entry_decision": links.entries.get(number),
            "case": case,
            "score": experience.scores.total if experience and experience.scores else None,
            "grade": experience.scores.grade if experience and experience.scores else None,
            "lesson": experience.lesson if experience else "",
        })  # fmt: skip
    return rows


def by_trade(experiences: Mapping[int, Experience]) -> dict[tuple[str, int], tuple[int, Experience]]:
    """Return the experience of each closed trade, with its id, by pair and second of the entry."""
    return {
        (one.source.pair, _second(one.source.opened_at)): (number, one)
        for number, one in experiences.items()
        if isinstance(one.source, ClosedTrade)
    }


def _trade(trade: TradeRow) -> dict[str, Any]:
    return {
        "pair": trade.pair,
        "side": trade.side,
        "leverage": trade.leverage,
        "opened": _second(trade.opened_at),
        "closed": None if trade.closed_at is None else _second(trade.closed_at),
        "stake": rounded(trade.stake),
        "entry": trade.entry_price,
        "exit": trade.exit_price,
        "profit": rounded(trade.profit_abs),
        "ratio": round(trade.profit_ratio, 6),
        "fees": rounded(trade.fees),
        "funding": rounded(trade.funding),
        "reason": trade.exit_reason,
        "orders": [
            [order.filled_ms // 1000, order.price, order.amount, order.is_entry, order.tag or ""]
            for order in trade.orders
        ],
    }


def _planned(entry: DecisionRow | None) -> dict[str, Any]:
    """Return what the entry planned: its target, the levels that the model named, and the regime."""
    if entry is None:
        return {"regime": None, "target": None, "levels": [], "confidence": None}
    return {
        "regime": entry.regime,
        "target": entry.signal.take_profit,
        "levels": levels_of(entry),
        "confidence": round(entry.signal.confidence),
    }


def levels_of(row: DecisionRow) -> list[float]:
    """Return support and resistance as the model named them in the call that was accepted."""
    named = [call.arguments.get(level) for call in row.functions if call.accepted for level in LEVELS]
    return [float(level) for level in named if isinstance(level, int | float) and level > 0]


def _stops(trade: TradeRow, own: Sequence[DecisionRow], seen: Mapping[str, Seen]) -> list[list[float]]:
    """Return when the stop was where: as planned at the entry, as each decision saw it, as it was at the end."""
    points: list[list[float]] = []
    planned = own[0].signal.stop if own and own[0].signal.stop else None
    known = [(_second(trade.opened_at), planned)]
    known += [(_second(row.as_of), seen[row.decision_id].stop) for row in own if row.decision_id in seen]
    if trade.closed_at is not None:
        known.append((_second(trade.closed_at), trade.stop))
    for time, stop in known:
        if stop is not None and (not points or points[-1][1] != stop):
            points.append([max(time, _second(trade.opened_at)), stop])
    return points


def decision_columns(decisions: Sequence[DecisionRow], links: Linked) -> dict[str, list[Any]]:
    """Return what the table and its filters need, a list for each column: they deflate well."""
    return {
        "id": short_ids(decisions),
        "time": [_second(row.as_of) for row in decisions],
        "pair": [row.pair for row in decisions],
        "state": [row.state for row in decisions],
        "action": [row.signal.wanted.action for row in decisions],
        "share": [row.signal.wanted.adjustment_pct for row in decisions],
        "confidence": [round(row.signal.confidence) for row in decisions],
        "source": [row.signal.source for row in decisions],
        "fate": [row.fate_door if row.acts else "" for row in decisions],
        "price": [row.price for row in decisions],
        "regime": [row.regime for row in decisions],
        "reason": [row.signal.reason for row in decisions],
        "trade": [links.trades.get(index) for index in range(len(decisions))],
        "stop": [row.signal.stop if row.signal.wanted.is_entry else None for row in decisions],
    }


def short_ids(decisions: Sequence[DecisionRow]) -> list[str]:
    """Return the first digits of each id, as many as tell all apart; `ledger show --decision` takes them."""
    ids = [row.decision_id for row in decisions]
    length = SHORTEST_ID
    while len({one[:length] for one in ids}) < len(set(ids)):
        length += 4
    return [one[:length] for one in ids]


def decision_detail(row: DecisionRow, cases: Mapping[int, int], seen: Seen | None) -> dict[str, Any]:
    """Return what an opened row shows beside its columns; `cases` is the trade of this run by the id of a case."""
    found = {
        "cases": [
            [case, round(similarity, 2), cases.get(case)]
            for case, similarity in zip(row.case_ids, row.similarities, strict=True)
        ],
        "calls": [
            [call.role, call.model, call.tokens_in, call.tokens_out, call.cost, round(call.seconds, 2), len(call.tries)]
            for call in row.model_calls
        ],
        "functions": [[call.name, _told(call.arguments), call.accepted] for call in row.functions],
        "clamps": [clamp.line for clamp in row.signal.clamps],
        "warnings": [*row.signal.warnings, *row.signal.claim_mismatches],
        "faults": row.faults,
        "repairs": row.repairs,
        "thoughts": row.reasoning,
        "opinions": row.opinions,
        "error": row.error,
        "fate": row.fate_line if row.acts else "",
        "plan": [row.signal.leverage, rounded(row.signal.stake), row.signal.stop, row.signal.take_profit],
        "seen": None if seen is None else list(seen),
    }
    return {name: value for name, value in found.items() if value not in (None, [], {}, "", 0, [None] * 4)}


def _told(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else a call said than the reason, which has its own place; numbers as a person reads them."""
    shown = {name: value for name, value in arguments.items() if name not in ("reason", "pair")}
    return {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in shown.items()}


def rounded(value: float | None) -> float | None:
    """Return money with as many digits as a person reads."""
    return None if value is None else round(value, 4)


def _second(moment: datetime) -> int:
    return int(moment.timestamp())
