"""What a report shows of a run, gathered from the bot's database.

result, decisions, experiences, what was kept of each decision -> briefings of those that act -> evidence
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from candlegraph.freqtrade_bridge.commands.waiting import counted
from candlegraph.freqtrade_bridge.report.document import Briefing, RunEvidence
from candlegraph.freqtrade_bridge.report.facts import facts_in
from candlegraph.freqtrade_bridge.report.result import RunResult
from candlegraph.freqtrade_bridge.report.rows import Seen
from candlegraph.freqtrade_bridge.report.summary import POLICY_MODELS
from candlegraph.freqtrade_bridge.report.words import ReportWords, percent
from candlegraph.freqtrade_bridge.truth.matched import Luck
from candlegraph.graph.schema.experience import Experience
from candlegraph.graph.settings.context import Language
from candlegraph.memory.books.ledger import DecisionRow
from candlegraph.memory.books.snapshots import kept_docs

MOST_BRIEFINGS = 500
"""Of acting decisions, the newest; `--full` has those of all decisions."""

MOST_FACTS = 5000
"""Decisions, the newest, whose facts stand in for their briefing: a third of a megabyte."""


class KeptInputs(NamedTuple):
    """What the decisions of a run were made from, by their ids: as it is stored, and read."""

    docs: Mapping[str, str]
    read: Mapping[str, Mapping[str, Any]]

    @property
    def newest(self) -> Mapping[str, Any]:
        """Return that of the last decision, nothing where none was kept."""
        return list(self.read.values())[-1] if self.read else {}

    @property
    def language(self) -> Language:
        """Return the language of the run's prompts; English where nothing says it."""
        said = self.newest.get("settings", {}).get("context_config", {}).get("language")
        return "zh" if said == "zh" else "en"


def kept_of(database: Path, decisions: Sequence[DecisionRow]) -> KeptInputs:
    """Return what was kept of these decisions, in their order."""
    docs = kept_docs(database, [row.decision_id for row in decisions]) if decisions else {}
    ordered = {row.decision_id: docs[row.decision_id] for row in decisions if row.decision_id in docs}
    return KeptInputs(ordered, {key: json.loads(doc) for key, doc in ordered.items()})


def gather(
    result: RunResult,
    decisions: Sequence[DecisionRow],
    candles: Mapping[str, pd.DataFrame],
    experiences: Mapping[int, Experience],
    kept: KeptInputs,
    *,
    name: str,
    notes: Sequence[str] = (),
    is_sample: bool = False,
    is_full: bool = False,
) -> RunEvidence:
    """Return all that the page shows; `notes` are what else its reader must know."""
    words = ReportWords(kept.language)
    without = [pair for pair in result.pairs if pair not in candles]
    shown = briefed(decisions, kept, is_full=is_full)
    told = told_in_facts(decisions, kept, shown)
    return RunEvidence(
        result=result,
        decisions=decisions,
        candles={**candles, **decided_prices(without, decisions)},
        experiences=experiences,
        seen={key: seen_in(doc) for key, doc in kept.read.items()},
        briefings={
            row.decision_id: briefing_of(kept.docs[row.decision_id])
            for row in counted(shown, "writing briefings again")
        },
        facts={
            key: facts for key in counted(told, "reading the facts") if (facts := facts_in(kept.read[key]["snapshot"]))
        },
        language=kept.language,
        notes=(*notes_of(decisions, without, words, is_sample=is_sample), *notes),
        name=name,
    )


def briefed(decisions: Sequence[DecisionRow], kept: KeptInputs, *, is_full: bool) -> Sequence[DecisionRow]:
    """Return whose briefings the page holds: those of the newest calls that act, or of all decisions."""
    asked = [row for row in decisions if row.decision_id in kept.docs and row.calls]
    return asked if is_full else [row for row in asked if row.acts][-MOST_BRIEFINGS:]


def told_in_facts(decisions: Sequence[DecisionRow], kept: KeptInputs, shown: Sequence[DecisionRow]) -> Sequence[str]:
    """Return the newest decisions, by their ids, whose facts the page holds instead of a briefing."""
    briefings = {row.decision_id for row in shown}
    others = [row.decision_id for row in decisions if row.decision_id not in briefings]
    return [key for key in others if key in kept.read][-MOST_FACTS:]


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


def notes_of(
    decisions: Sequence[DecisionRow], without: Sequence[str], words: ReportWords, *, is_sample: bool
) -> list[str]:
    """Return what a reader must know before believing the numbers."""
    notes = [words("note.rule")] if decisions and decisions[0].model in POLICY_MODELS else []
    notes += [words("note.sample")] if is_sample else []
    notes += [words("note.candles", pairs=", ".join(without))] if without else []
    return notes if decisions else [*notes, words("note.ledger")]


def luck_notes(luck: Luck | None, words: ReportWords) -> list[str]:
    """Return what random agents with the run's entries made; nothing where there were too few entries."""
    if luck is None:
        return []
    low, middle, high = (percent(ratio, 1, signed=True) for ratio in (luck.low, luck.median, luck.high))
    share = percent(luck.as_good, 0)
    return [words("note.luck", middle=middle, low=low, high=high, tries=f"{luck.agents:,}", share=share)]


def decided_prices(pairs: Sequence[str], decisions: Sequence[DecisionRow]) -> dict[str, pd.DataFrame]:
    """Return the closes of the pairs as decisions saw them, by the open time of their candles."""
    found = {}
    for pair in pairs:
        if own := [row for row in decisions if row.pair == pair]:
            dates = pd.DatetimeIndex([row.candle for row in own], tz="UTC")
            found[pair] = pd.DataFrame({"date": dates, "close": [float(row.price) for row in own]})
    return found
