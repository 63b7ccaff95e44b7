"""What a candle's decisions leave behind: ledger rows with their evidence, queued memory effects, lines for people."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, Protocol

from langchain_core.messages import AIMessage, ToolMessage

from candlegraph.agents.asking.evidence import kept_of
from candlegraph.agents.prompt.files import deciding_version
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.decisions.runner import RunOutcome, decision_id
from candlegraph.graph.context import Context
from candlegraph.graph.reflection import ReflectionState
from candlegraph.graph.schema.errors import MemoryStoreError, ModelError
from candlegraph.graph.schema.experience import ClosedTrade, Experience, RecordedDecision
from candlegraph.graph.schema.fate import Fate
from candlegraph.graph.schema.frozen import digits
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.schema.signal import Clamp, TradeSignal
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.books.snapshots import SnapshotBook
from candlegraph.memory.learning.report import experience_of_decision
from candlegraph.memory.learning.track import Track
from candlegraph.memory.storage.text_files import Journal
from candlegraph.tools.market.situation import space_of

logger = logging.getLogger(__name__)

DECISIONS, EXPERIENCES, REWARDS = "logs/llm_decisions.jsonl", "logs/trade_experience.jsonl", "rag/rewards.jsonl"

AT_ONCE = 64
"""Candles of a backtest that are stored together; live each is stored before its orders are."""

Change = Literal["approval", "late answer", "fate"]
"""A person's answer, a model's that came after its deadline, and what became of the order."""


class Shown(Protocol):
    """Is told of every candle's decisions after they were stored, and of what is known of them later."""

    def decided(self, rows: Sequence[DecisionRow], states: Mapping[str, CandleState]) -> None:
        """Show decisions; `states` are how their runs ended, by id."""

    def changed(self, row: DecisionRow, change: Change, state: CandleState | None = None) -> None:
        """Show what became of a decision; `state` is that of the run that was resumed."""

    def learnt(self, row: DecisionRow, state: ReflectionState) -> None:
        """Show how the trade went that a decision opened."""


class Records:
    """Writes the databases first, then the files for people; a full disk is said aloud and stops no trade.

    `at_once`: so many candles are stored together; what is known of one later stores all that wait.
    """

    def __init__(self, context: Context, shown: Shown | None = None, *, at_once: int = 1) -> None:
        self._context, self._shown, self._at_once = context, shown, at_once
        self._rows: list[DecisionRow] = []
        self._states: dict[str, CandleState] = {}
        self._waiting = 0
        """Candles whose rows and states are still to be stored."""
        self._ledger = Ledger(context.database)
        self._prompts: dict[str, dict[str, Any]] = {}
        """Of the decisions whose lines are still to come."""
        self._snapshots = SnapshotBook(context.database, context.settings.experience_config.snapshots)
        folder = Path(context.user_data_dir)
        kept = context.settings.experience_config
        unwanted = {DECISIONS: not kept.log_decisions, EXPERIENCES: not kept.log_trades}
        names = [name for name in (DECISIONS, EXPERIENCES, REWARDS) if not unwanted.get(name)]
        self._journals = {name: Journal(folder / name) for name in names}

    def decisions(self, rows: Sequence[DecisionRow], states: Mapping[str, CandleState]) -> None:
        """Store one candle's decisions, and what they were made from; `states` are how their runs ended, by id.

        The line for people comes with them, or where an order should come of it as soon as it is known what did.
        """
        self._rows += rows
        self._states |= states
        self._waiting += 1
        if self._waiting >= self._at_once or any(row.error is not None for row in rows):
            self.store()

    def store(self) -> None:
        """Store what waits; raise MemoryStoreError, which ends a backtest: live nothing waits."""
        rows, states = self._rows, self._states
        self._rows, self._states, self._waiting = [], {}, 0
        if not rows:
            return
        self._ledger.append(rows)
        found = {key: DecisionInputs.of(state, self._context.settings) for key, state in states.items()}
        self._keep({key: one.model_dump_json(exclude_defaults=True) for key, one in found.items() if one is not None})
        if self._context.settings.experience_config.log_prompts:
            self._prompts |= {row.decision_id: _prompt(states, row) for row in rows}
        self._tell([row for row in rows if row.fate is not None or not row.acts])
        if self._shown is not None:
            self._shown.decided(rows, states)

    def _tell(self, rows: Sequence[DecisionRow]) -> None:
        self._write(DECISIONS, [_decision_line(row) | self._prompts.pop(row.decision_id, {}) for row in rows])

    def _keep(self, docs: Mapping[str, str]) -> None:
        try:
            self._snapshots.keep(docs, datetime.now(UTC))
        except MemoryStoreError as e:
            logger.error("what %d decisions were made from could not be kept: %s", len(docs), e)

    def late_clamps(self, decision_id: str, clamps: Sequence[Clamp]) -> None:
        """Add what the gate lowered at the order to the decision's row; a full disk stops no order."""
        self.store()
        try:
            self._ledger.add_clamps(decision_id, clamps)
        except MemoryStoreError as e:
            logger.error("decision %s: late clamps could not be stored: %s", decision_id, e)

    def answered(self, signal: TradeSignal, change: Change, state: CandleState | None) -> DecisionRow | None:
        """Put what a person's answer made of an entry, or a late decision, into its row."""
        self.store()
        row = self._ledger.answer(signal.decision_id, signal)
        if self._shown is not None and row is not None:
            self._shown.changed(row, change, state)
        return row

    def fate(self, decision_id: str, fate: Fate) -> None:
        """Set what became of a decision in its row, and write its line for people."""
        self.store()
        try:
            row = self._ledger.settle(decision_id, fate)
        except MemoryStoreError as e:
            logger.error("decision %s: its fate could not be stored (%s): %s", decision_id, fate.line, e)
            return
        self._tell([] if row is None else [row])
        if self._shown is not None and row is not None:
            self._shown.changed(row, "fate")

    def reflected(self, state: ReflectionState) -> None:
        """Write a closed trade, how it went, and its reward for people; the memory has them already."""
        if state.experience is None or not isinstance(state.trade, ClosedTrade):
            return
        self._write(EXPERIENCES, [state.experience.model_dump(mode="json") | _course(state.track)])
        self._write(REWARDS, [_reward_line(state.experience)])
        if self._shown is not None and state.trade.decision_id:
            self.store()
            for row in self._ledger.beginning_with(state.trade.decision_id, state.trade.namespace):
                self._shown.learnt(row, state)

    def _write(self, name: str, lines: list[dict[str, Any]]) -> None:
        if not lines or name not in self._journals:
            return
        try:
            self._journals[name].append(lines)
        except OSError as e:
            logger.error("%s: %d lines could not be written: %s", name, len(lines), e)


def decision_row(
    context: Context, snapshot: MarketSnapshot, outcome: RunOutcome, signal: TradeSignal, now: datetime
) -> DecisionRow:
    """Return the ledger row of one decision; a call that was refused at once has its fate."""
    state = outcome.state or CandleState()
    cases = () if state.lessons is None else state.lessons.cases
    said = kept_of(state)
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
        prompt_version=deciding_version(context.settings),
        prompt_hash=said.prompt_hash,
        calls=len(said.calls),
        repairs=said.repairs,
        tokens_in=sum(call.tokens_in for call in said.calls),
        tokens_out=sum(call.tokens_out for call in said.calls),
        latency_ms=outcome.latency_ms,
        case_ids=tuple(case.id for case in cases),
        similarities=tuple(case.similarity for case in cases),
        signal=signal,
        error=None if outcome.error is None else f"{type(outcome.error).__name__}: {outcome.error}"[:500],
        mode=context.settings.llm_config.mode,
        depth=outcome.depth,
        inputs_hash=inputs_hash(snapshot),
        model_calls=said.calls,
        tries=tuple(outcome.error.tries) if isinstance(outcome.error, ModelError) else (),
        functions=said.functions,
        faults=said.faults,
        reasoning=said.reasoning,
        opinions=said.opinions,
        fate=fate_at_once(signal, now),
    )


def fate_at_once(signal: TradeSignal, now: datetime) -> Fate | None:
    """Return the fate of a call that was refused before any order."""
    return None if signal.refusal is None else Fate(kind="refused", at=now, refusal=signal.refusal)


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
        ),
        context.settings.context_config.language,
    )


def _clean_up(context: Context, state: CandleState, strategy: Any) -> None:
    assert state.snapshot is not None, "the analyst runs first"
    settings = context.settings.experience_config.rag_config.cleanup
    report = context.memory.cleanup(context.namespace, strategy, as_of=state.snapshot.as_of, settings=settings)
    logger.info("memory cleanup asked for by the model: %s", report.message)


def _decision_line(row: DecisionRow) -> dict[str, Any]:
    return row.model_dump(mode="json") | {"cost": row.cost, "trace_id": row.decision_id}


def _prompt(states: Mapping[str, CandleState], row: DecisionRow) -> dict[str, Any]:
    """Return what the deciding model read before its first answer, whole."""
    state = states.get(row.decision_id)
    messages = [] if state is None else takewhile(lambda m: not isinstance(m, AIMessage), state.messages)
    return {"prompt": [{"role": m.type, "content": m.content} for m in messages]}


def _course(track: Track | None) -> dict[str, Any]:
    """Return the market at entry and exit, what changed between, and the fills."""
    if track is None:
        return {"course": None}
    changed = () if track.comparison is None else track.comparison.lines
    return {"course": track.model_dump(mode="json", exclude={"opening"}) | {"comparison": changed}}


def _reward_line(one: Experience) -> dict[str, Any]:
    return {
        "known_at": one.source.known_at.isoformat(),
        "namespace": one.source.namespace,
        "pair": one.source.pair,
        "key": one.key,
        "profit_abs": one.source.profit_abs if isinstance(one.source, ClosedTrade) else None,
        "profit_pct": one.profit_pct,
        "score": None if one.scores is None else one.scores.total,
        "reward": one.reward,
        "reward_quality": one.reward_quality,
    }


def inputs_hash(snapshot: MarketSnapshot) -> str:
    """Return 16 hex digits of the SHA-256 of the snapshot, without the trade's id in its database."""
    return digits(snapshot.model_dump_json(exclude={"position": {"trade_id"}}))
