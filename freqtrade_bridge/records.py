"""What a candle's decisions leave behind: ledger rows, queued memory effects, lines for people."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.messages import ToolMessage

from candlegraph.agents.briefing import prompt_version
from candlegraph.agents.decision import fault_counts, repairs
from candlegraph.freqtrade_bridge.evidence import (
    functions,
    inputs_hash,
    model_calls,
    opinions,
    prompt_hash,
    reasoning,
)
from candlegraph.freqtrade_bridge.runner import Outcome, decision_id
from candlegraph.graph.context import Context
from candlegraph.graph.errors import MemoryStoreError, ModelError
from candlegraph.graph.market import MarketSnapshot
from candlegraph.graph.reflection import ReflectionState
from candlegraph.graph.signal import Clamp, TradeSignal
from candlegraph.graph.state import CandleState
from candlegraph.memory.experience import ClosedTrade, Experience, RecordedDecision
from candlegraph.memory.journal import Journal
from candlegraph.memory.ledger import DecisionRow, Ledger
from candlegraph.memory.positions import Track
from candlegraph.memory.review import experience_of_decision
from candlegraph.tools.market.situation import space_of

logger = logging.getLogger(__name__)

DECISIONS, EXPERIENCES, REWARDS = "logs/llm_decisions.jsonl", "logs/trade_experience.jsonl", "rag/rewards.jsonl"


class Records:
    """Writes the databases first, then the files for people; a full disk is said aloud and stops no trade."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ledger = Ledger(context.database)
        folder = Path(context.user_data_dir)
        self._journals = {name: Journal(folder / name) for name in (DECISIONS, EXPERIENCES, REWARDS)}

    def decisions(self, rows: Sequence[DecisionRow]) -> None:
        """Store one candle's decisions."""
        self._ledger.append(rows)
        self._write(DECISIONS, [_decision_line(row) for row in rows])

    def late_clamps(self, decision_id: str, clamps: Sequence[Clamp]) -> None:
        """Add what the gate lowered at the order to the decision's row; a full disk stops no order."""
        try:
            self._ledger.add_clamps(decision_id, clamps)
        except MemoryStoreError as e:
            logger.error("decision %s: late clamps could not be stored: %s", decision_id, e)

    def answered(self, signal: TradeSignal) -> None:
        """Put what a person's answer made of an entry into its row; a line of its own says so to people."""
        row = self._ledger.answer(signal.decision_id, signal)
        self._write(DECISIONS, [] if row is None else [_decision_line(row)])

    def reflected(self, state: ReflectionState) -> None:
        """Write a closed trade, how it went, and its reward for people; the memory has them already."""
        if state.experience is None or not isinstance(state.trade, ClosedTrade):
            return
        self._write(EXPERIENCES, [state.experience.model_dump(mode="json") | _course(state.track)])
        self._write(REWARDS, [_reward_line(state.experience)])

    def _write(self, name: str, lines: list[dict[str, Any]]) -> None:
        if not lines:
            return
        try:
            self._journals[name].append(lines)
        except OSError as e:
            logger.error("%s: %d lines could not be written: %s", name, len(lines), e)


def decision_row(context: Context, snapshot: MarketSnapshot, outcome: Outcome, signal: TradeSignal) -> DecisionRow:
    """Return the ledger row of one decision."""
    state = outcome.state or CandleState()
    calls, cases = model_calls(state), () if state.lessons is None else state.lessons.cases
    return DecisionRow(
        decision_id=decision_id(context.namespace, snapshot.pair, snapshot.candle),
        namespace=context.namespace,
        pair=snapshot.pair,
        candle=snapshot.candle,
        as_of=snapshot.as_of,
        recorded_at=datetime.now(UTC),
        state="flat" if snapshot.position is None else snapshot.position.side,
        price=snapshot.price,
        regime=None if state.facts is None else state.facts.regime,
        model=context.model_name,
        prompt_version=prompt_version(context.settings.context_config.language, context.settings.llm_config.prompt),
        prompt_hash=prompt_hash(state.messages),
        calls=len(calls),
        repairs=repairs(state.messages),
        tokens_in=sum(call.tokens_in for call in calls),
        tokens_out=sum(call.tokens_out for call in calls),
        latency_ms=outcome.latency_ms,
        case_ids=tuple(case.id for case in cases),
        similarities=tuple(case.similarity for case in cases),
        signal=signal,
        error=None if outcome.error is None else f"{type(outcome.error).__name__}: {outcome.error}"[:500],
        mode=context.settings.llm_config.mode,
        depth=outcome.depth,
        inputs_hash=inputs_hash(snapshot),
        model_calls=calls,
        tries=tuple(outcome.error.tries) if isinstance(outcome.error, ModelError) else (),
        functions=functions(state.messages),
        faults=fault_counts(state, context.settings),
        reasoning=reasoning(state.messages),
        opinions=opinions(state),
    )


def commit_effects(context: Context, state: CandleState) -> int:
    """Carry out the memory functions that the decision queued; return how many decisions were recorded."""
    recorded = 0
    for message in state.messages:
        effect: Any = message.artifact if isinstance(message, ToolMessage) and message.status == "success" else None
        match effect:
            case {"effect": "record"}:
                recorded += context.memory.add(_recorded(context, state, effect)) is not None
            case {"effect": "cleanup", "strategy": strategy}:
                _clean_up(context, state, strategy)
    return recorded


def _recorded(context: Context, state: CandleState, arguments: dict[str, Any]) -> Experience:
    snapshot, facts = state.snapshot, state.facts
    assert snapshot is not None and snapshot.position is not None and facts is not None, "bound in a position only"
    position = snapshot.position
    return experience_of_decision(
        RecordedDecision(
            namespace=context.namespace,
            pair=snapshot.pair,
            side=position.side,
            entry_price=position.entry_price,
            opened_at=position.opened_at,
            known_at=snapshot.as_of,
            regime=facts.regime,
            situation=state.situation,
            space=space_of(facts),
            decision_id=decision_id(context.namespace, snapshot.pair, snapshot.candle),
            key=decision_id(context.namespace, snapshot.pair, snapshot.candle),
            decision_type=arguments["decision_type"],
            reason=arguments["reason"],
            confidence=arguments["confidence"],
            current_profit_pct=position.profit_pct,
        )
    )


def _clean_up(context: Context, state: CandleState, strategy: Any) -> None:
    assert state.snapshot is not None, "the analyst runs first"
    settings = context.settings.experience_config.rag_config.cleanup
    report = context.memory.cleanup(context.namespace, strategy, as_of=state.snapshot.as_of, settings=settings)
    logger.info("memory cleanup asked for by the model: %s", report.message)


def _decision_line(row: DecisionRow) -> dict[str, Any]:
    return row.model_dump(mode="json") | {"cost": row.cost, "trace_id": row.decision_id}


def _course(track: Track | None) -> dict[str, Any]:
    """Return the market at entry and exit, what changed between, and the fills."""
    if track is None:
        return {"course": None}
    changed = () if track.comparison is None else track.comparison.lines
    return {"course": track.model_dump(mode="json") | {"comparison": changed}}


def _reward_line(one: Experience) -> dict[str, Any]:
    return {
        "known_at": one.source.known_at.isoformat(),
        "namespace": one.source.namespace,
        "pair": one.source.pair,
        "key": one.key,
        "profit_pct": one.profit_pct,
        "score": None if one.scores is None else one.scores.total,
        "reward": one.reward,
        "reward_quality": one.reward_quality,
    }
