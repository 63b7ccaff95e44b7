"""What a report shows of a run, gathered from the bot's database and candle files.

namespace, result -> decisions, experiences, what they saw -> briefings of those that act -> evidence
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from candlegraph.freqtrade_bridge.report.document import Briefing, Evidence
from candlegraph.freqtrade_bridge.report.result import RunResult
from candlegraph.freqtrade_bridge.report.rows import Seen
from candlegraph.freqtrade_bridge.report.summary import POLICY_MODELS
from candlegraph.freqtrade_bridge.report.words import Words
from candlegraph.graph.schema.errors import CandleError
from candlegraph.graph.schema.experience import Experience
from candlegraph.graph.settings.context import Language
from candlegraph.graph.settings.places import CandleFormat
from candlegraph.memory.books.ledger import DecisionRow
from candlegraph.memory.books.snapshots import kept_docs
from candlegraph.tools.market.candle_files import candle_file, read_frame

MOST_BRIEFINGS = 500
"""Of acting decisions, the newest; `--full` has all of all decisions."""


def gather(
    database: Path,
    result: RunResult,
    decisions: Sequence[DecisionRow],
    candles: Mapping[str, pd.DataFrame],
    experiences: Mapping[int, Experience],
    *,
    name: str,
    notes: Sequence[str] = (),
    is_sample: bool = False,
    is_full: bool = False,
) -> Evidence:
    """Return all that the page shows; `notes` are what else its reader must know."""
    docs = kept_docs(database, [row.decision_id for row in decisions])
    kept = {key: json.loads(doc) for key, doc in docs.items()}
    language = language_of(kept)
    shown = briefed(decisions, docs, is_full=is_full)
    without = [pair for pair in result.pairs if pair not in candles]
    return Evidence(
        result=result,
        decisions=decisions,
        candles={**candles, **{pair: decided_prices(pair, decisions) for pair in without}},
        experiences=experiences,
        seen={key: seen_in(doc) for key, doc in kept.items()},
        briefings={row.decision_id: briefing_of(docs[row.decision_id]) for row in shown},
        language=language,
        notes=(*notes, *notes_of(decisions, without, Words(language), is_sample=is_sample)),
        name=name,
    )


def briefed(decisions: Sequence[DecisionRow], docs: Mapping[str, str], *, is_full: bool) -> Sequence[DecisionRow]:
    """Return whose briefings the page holds: those of the newest calls that act, or of all."""
    asked = [row for row in decisions if row.decision_id in docs and row.calls]
    return asked if is_full else [row for row in asked if row.acts][-MOST_BRIEFINGS:]


def briefing_of(doc: str) -> Briefing:
    """Return the messages that a decision was asked with; what writes them is loaded when the first one is wanted."""
    from candlegraph.freqtrade_bridge.commands.books.brief_again import prompt_of
    from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs

    messages, _ = prompt_of(DecisionInputs.model_validate_json(doc), Path())
    return [(one.type, str(one.content).strip()) for one in messages]


def seen_in(doc: Mapping[str, Any]) -> Seen:
    """Return what of a kept decision the page shows in a line."""
    snapshot = doc["snapshot"]
    position, account = snapshot.get("position") or {}, snapshot.get("account") or {}
    indicators: Mapping[str, float | None] = next((one["indicators"] for one in snapshot.get("timeframes", [])), {})
    return Seen(
        stop=position.get("stop"),
        profit_pct=_rounded(position.get("profit_pct"), 2),
        equity=_rounded(account.get("equity"), 2),
        rsi=_rounded(indicators.get("rsi"), 1),
        adx=_rounded(indicators.get("adx"), 1),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def language_of(kept: Mapping[str, Mapping[str, Any]]) -> Language:
    """Return the language of the run's prompts; English where nothing says it."""
    last = list(kept.values())[-1:]
    said = [doc["settings"].get("context_config", {}).get("language") for doc in last]
    return "zh" if said == ["zh"] else "en"


def notes_of(decisions: Sequence[DecisionRow], without: Sequence[str], words: Words, *, is_sample: bool) -> list[str]:
    """Return what a reader must know before believing the numbers."""
    notes = [words("note.rule")] if decisions and decisions[0].model in POLICY_MODELS else []
    notes += [words("note.sample")] if is_sample else []
    notes += [words("note.candles", pairs=", ".join(without))] if without else []
    return notes if decisions else [*notes, words("note.ledger")]


def candles_of(
    datadir: Path, result: RunResult, form: CandleFormat | None = None
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the main candles of the run by pair, and why those of others cannot be had."""
    candles, missing = {}, []
    begin, end = (pd.Timestamp(ms, unit="ms", tz="UTC") for ms in (result.begin_ms, result.end_ms))
    for pair in result.pairs:
        try:
            frame = read_frame(candle_file(datadir, pair, result.timeframe, form))
        except CandleError as e:
            missing.append(str(e))
            continue
        own = frame[(frame["date"] >= begin) & (frame["date"] <= end)]
        if len(own):
            candles[pair] = own.reset_index(drop=True)
    return candles, missing


def decided_prices(pair: str, decisions: Sequence[DecisionRow]) -> pd.DataFrame:
    """Return the closes of a pair as its decisions saw them, by the open time of their candles."""
    own = [row for row in decisions if row.pair == pair]
    dates = pd.DatetimeIndex([row.candle for row in own], tz="UTC")
    return pd.DataFrame({"date": dates, "close": [float(row.price) for row in own]})
