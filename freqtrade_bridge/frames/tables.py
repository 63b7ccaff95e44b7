"""What a run left in ledger and memory, as DataFrames; `columns` says what each column means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from candlegraph.freqtrade_bridge.frames.columns import COLUMNS, FrameName
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.graph.schema.lessons import Case
from candlegraph.memory.books.ledger import DecisionRow

Cells = dict[str, Any]
NUMBERS = [
    *("stake", "leverage", "stop", "take_profit", "planned_stop", "fees", "funding", "cost", "score", "price"),
    *("amount", "slippage_pct", "learning_score"),
]
"""Columns of numbers of which some, or all, may be unknown."""


def decisions_frame(rows: Sequence[DecisionRow]) -> pd.DataFrame:
    """Return one row per decision, oldest first."""
    return _frame("decisions", (_decision(row) for row in rows), index=[row.decision_id for row in rows])


def ledger_frame(rows: Sequence[DecisionRow]) -> pd.DataFrame:
    """Return the whole ledger for a file: decisions, their fates, and the calls and cases of each as lists."""
    frame = decisions_frame(rows)
    fates = fates_frame(rows).drop(columns=["candle", "pair", "called", "fate"]).add_prefix("fate_")
    frame = frame.join(fates).reset_index()
    frame.insert(0, "namespace", [row.namespace for row in rows])
    lists = {
        "model_calls": [[_call(call) for call in row.model_calls] for row in rows],
        "case_ids": [list(row.case_ids) for row in rows],
        "similarities": [list(row.similarities) for row in rows],
    }
    return frame.assign(**{name: pd.Series(cells, dtype=object) for name, cells in lists.items()})


def fates_frame(rows: Sequence[DecisionRow]) -> pd.DataFrame:
    """Return one row per decision that acts."""
    acting = [row for row in rows if row.acts]
    return _frame("fates", (_fate(row) for row in acting), index=[row.decision_id for row in acting])


def costs_frame(rows: Sequence[DecisionRow]) -> pd.DataFrame:
    """Return one row per answered call."""
    return _frame("costs", (one for row in rows for one in _costs(row)))


def trades_frame(known: Iterable[Experience]) -> pd.DataFrame:
    """Return one row per closed trade, in the order of their ends."""
    trades = [(one, one.source) for one in known if isinstance(one.source, ClosedTrade)]
    trades.sort(key=lambda pair: (pair[1].closed_at, pair[1].pair))
    return _frame("trades", (_trade(one, trade) for one, trade in trades))


def lessons_frame(known: Iterable[Experience]) -> pd.DataFrame:
    """Return one row per trade that was learnt from, in the order in which it was known."""
    learnt = [one for one in known if one.kind == "trade" and not one.forced]
    learnt.sort(key=lambda one: one.source.known_at)
    return _frame("lessons", (_lesson(one) for one in learnt))


def experiences_frame(known: Mapping[int, Experience]) -> pd.DataFrame:
    """Return one row per experience, by its id."""
    cells = [_lesson(one) | {"kind": one.kind, "learning_score": one.reward} for one in known.values()]
    names = ["kind", *COLUMNS["lessons"], "learning_score"]
    frame = pd.DataFrame(cells, columns=names, index=pd.Index(list(known), name="id"))
    frame["known_at"] = pd.to_datetime(frame["known_at"], utc=True)
    return frame


def cases_frame(rows: Sequence[DecisionRow], known: Mapping[int, Experience]) -> pd.DataFrame:
    """Return one row per case that a decision was shown; `known` holds the experiences by id."""
    return _frame("cases", (one for row in rows for one in _cases(row, known)))


def shown_cases(cases: Sequence[Case]) -> pd.DataFrame:
    """Return the cases of one decision, the most similar first."""
    names = [name for name in COLUMNS["cases"] if name not in ("decision_id", "candle", "opened_at")]
    told = [one.model_dump(include=set(names)) | {"rank": n, "case_id": one.id} for n, one in enumerate(cases, start=1)]
    return pd.DataFrame(told, columns=names)


def equity_frame(docs: Iterable[str], last: tuple[pd.Timestamp, float] | None) -> pd.DataFrame:
    """Return the account as each candle's decisions saw it; `last`: when the run ended, and with how much."""
    seen: dict[str, Cells] = {}
    for doc in docs:
        snapshot = json.loads(doc)["snapshot"]
        seen.setdefault(snapshot["as_of"], snapshot["account"])
    frame = pd.DataFrame(
        [{name: one.get(name, 0) for name in ("equity", "free", "open_positions")} for one in seen.values()],
        index=pd.to_datetime(list(seen), utc=True),
        columns=["equity", "free", "open_positions"],
    ).sort_index()
    if last is not None:
        at, equity = last
        frame = frame[frame.index < at]
        frame.loc[at] = [equity, equity, 0]
    frame.index.name = "at"
    frame["drawdown_pct"] = 100 * (1 - frame["equity"] / frame["equity"].cummax())
    return frame[list(COLUMNS["equity"])]


def _frame(name: FrameName, cells: Iterable[Cells], index: Sequence[str] | None = None) -> pd.DataFrame:
    frame = pd.DataFrame(list(cells), columns=list(COLUMNS[name]))
    for column in frame.columns.intersection(NUMBERS):
        frame[column] = frame[column].astype("float64")
    for column in frame.columns.intersection(["candle", "as_of", "at", "opened_at", "closed_at", "known_at"]):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    if index is not None:
        frame.index = pd.Index(list(index), name="id", dtype="str")
    return frame


def _decision(row: DecisionRow) -> Cells:
    signal = row.signal
    told = row.model_dump(include=set(COLUMNS["decisions"])) | signal.model_dump(include=set(COLUMNS["decisions"]))
    return told | {
        "called": signal.wanted.name,
        "action": signal.name,
        "clamps": "; ".join(clamp.line for clamp in row.changes),
        "fate": row.fate_door if row.acts else None,
        "cost": row.cost,
        "seconds": row.latency_ms / 1000,
        "cases": len(row.case_ids),
    }


def _fate(row: DecisionRow) -> Cells:
    fate = row.fate
    told: dict[str, Any] = {"candle": row.candle, "pair": row.pair, "called": row.signal.wanted.name}
    if fate is None:
        return told
    told |= fate.model_dump(include={"at", "why", "price", "amount", "stake", "leverage", "slippage_pct"})
    told["fate"] = fate.kind.replace("_", " ")
    if fate.refusal is not None:
        told |= {"door": fate.refusal.door.replace("_", " "), "key": fate.refusal.key, "why": fate.refusal.why}
    return told


def _costs(row: DecisionRow) -> Iterator[Cells]:
    for call in row.model_calls:
        yield {"decision_id": row.decision_id, "candle": row.candle, "pair": row.pair} | _call(call)


def _call(call: CallRecord) -> Cells:
    told = call.model_dump(include={"role", "model", "tokens_in", "tokens_cached", "tokens_out", "cost", "seconds"})
    return told | {"replayed": call.is_replayed, "failed_attempts": len(call.tries)}


def _trade(one: Experience, trade: ClosedTrade) -> Cells:
    return (
        trade.model_dump(include=set(COLUMNS["trades"]))
        | _marks(one)
        | {
            "profit": trade.profit_abs,
            "best_pct": trade.mfe_pct,
            "worst_pct": trade.mae_pct,
            "learning_score": one.reward,
        }
    )


def _lesson(one: Experience) -> Cells:
    source = one.source
    told = {"known_at": source.known_at, "pair": source.pair, "side": source.side, "profit_pct": one.profit_pct}
    words = {"strengths": "; ".join(one.strengths), "weaknesses": "; ".join(one.weaknesses)}
    rest = {"lesson": one.lesson, "insight": one.insight, "decision_id": source.decision_id}
    return told | _marks(one) | words | rest


def _marks(one: Experience) -> Cells:
    return {} if one.scores is None else {"score": one.scores.total, "grade": one.scores.grade}


def _cases(row: DecisionRow, known: Mapping[int, Experience]) -> Iterable[Cells]:
    pairs = zip(row.case_ids, row.similarities, strict=True)
    for rank, (case_id, similarity) in enumerate(pairs, start=1):
        shown = {"decision_id": row.decision_id, "candle": row.candle, "rank": rank}
        shown |= {"case_id": case_id, "similarity": similarity}
        if (one := known.get(case_id)) is not None:
            shown |= _lesson(one) | {"opened_at": one.source.opened_at, "decision_id": row.decision_id}
        yield shown
