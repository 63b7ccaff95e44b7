"""One decision as a researcher holds it: what was asked, what was answered, and the same question asked anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage

from candlegraph.agents.asking.evidence import opinions
from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.decision import opening_of
from candlegraph.agents.prompt.files import DECIDING
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.decisions.replayed import state_again
from candlegraph.freqtrade_bridge.frames.tables import shown_cases
from candlegraph.freqtrade_bridge.host.configuration_files import over
from candlegraph.freqtrade_bridge.lab.given import GIVEN, Model, Prompts, llm_of, prompts_of
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.settings import settings_of
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow
from candlegraph.memory.books.snapshots import kept_doc


@dataclass(frozen=True, repr=False)
class Decision:
    """One decision on one candle of one pair."""

    pair: str
    as_of: pd.Timestamp
    """Close time of the candle, UTC: the moment of decision."""
    messages: Sequence[BaseMessage]
    """What was sent and answered. Of a stored decision answers hold the calls, without what else was said."""
    signal: TradeSignal
    opinions: Mapping[str, str]
    """What other roles said, as JSON by role."""
    cases: pd.DataFrame
    fate: str | None = None
    """What became of a call that acts; None: it does not act, or nothing was traded."""
    row: DecisionRow | None = None
    """The ledger's row; None: it was taken just now, and nothing was stored."""
    state: CandleState = field(default_factory=CandleState)
    context: Context = field(default_factory=Context)
    model: BaseChatModel | None = None
    """That was handed in."""

    @property
    def id(self) -> str:
        """The ledger's id; empty where nothing was stored."""
        return "" if self.row is None else self.row.decision_id

    @property
    def prompt(self) -> str:
        """What the deciding model read before its first answer."""
        before = self.messages[: next((n for n, m in enumerate(self.messages) if isinstance(m, AIMessage)), None)]
        return "\n\n".join(str(message.content) for message in before)

    def again(self, *, model: Model = None, prompt: Prompts = None) -> Decision:
        """Return the decision taken anew from the same snapshot, cases and opinions; nothing is traded or learnt.

        `prompt`: the deciding prompt's text, a folder as a Path, or texts by name. Without `model` the run's own is
        asked; no reviewing model and no person is.
        """
        chosen = self.model if model is None else model
        if chosen is None and self.context.settings.llm_config.provider == GIVEN:
            named = self.context.settings.llm_config.model
            raise BridgeError(f"the model {named!r} was handed in from Python; hand it in again: again(model=…)")
        context = changed(self.context, chosen, prompt)
        return taken(state_again(self.state, context), context, chosen)

    def __repr__(self) -> str:
        told = f"{self.pair} {self.as_of:%Y-%m-%d %H:%M}: {self.signal.name}"
        return f"<Decision {told}{'' if self.fate is None else f', {self.fate}'}>"


def taken(state: CandleState, context: Context, model: Model) -> Decision:
    """Return a decision that was taken just now."""
    if state.signal is None or state.snapshot is None:
        raise BridgeError("the graph ended without a signal")
    return Decision(
        pair=state.snapshot.pair,
        as_of=pd.Timestamp(state.snapshot.as_of),
        messages=tuple(state.messages),
        signal=state.signal,
        opinions=opinions(state),
        cases=cases_of(state),
        state=state,
        context=context,
        model=model if isinstance(model, BaseChatModel) else None,
    )


def stored(row: DecisionRow, database: Path, config: Mapping[str, Any], model: BaseChatModel | None) -> Decision:
    """Return a decision of the ledger; raise BridgeError where what it was made from is gone."""
    doc = kept_doc(database, row.decision_id)
    if doc is None:
        raise BridgeError(
            f"what decision {row.decision_id[:8]} was made from was not kept, or is gone: see "
            "experience_config.snapshots (keep, max_days, max_mb)"
        )
    state, context = DecisionInputs.model_validate_json(doc).again(str(database.parents[1]))
    if config:
        whole = with_texts(config, context.settings.llm_config.own_prompts)
        context = context.model_copy(update={"settings": settings_of(whole)})
    return Decision(
        pair=row.pair,
        as_of=pd.Timestamp(row.as_of),
        messages=(*opening_of(state, context, allowed_tools(state)), *_answers(row)),
        signal=row.signal,
        opinions=row.opinions,
        cases=cases_of(state),
        fate=row.fate_line if row.acts else None,
        row=row,
        state=state,
        context=context,
        model=model,
    )


def cases_of(state: CandleState) -> pd.DataFrame:
    """Return the similar past trades that the decision was shown."""
    return shown_cases(() if state.lessons is None else state.lessons.cases)


def _answers(row: DecisionRow) -> list[AIMessage]:
    """Return what the deciding model called, one message a call; its thoughts stand in the first."""
    calls = [
        {"name": one.name, "args": one.arguments, "id": f"{row.decision_id[:8]}-{number}", "type": "tool_call"}
        for number, one in enumerate(row.functions)
    ]
    return [AIMessage("" if number else row.reasoning, tool_calls=[call]) for number, call in enumerate(calls)]


def changed(context: Context, model: Model, prompt: Prompts) -> Context:
    """Return the context with another model or prompt."""
    settings = context.settings
    if isinstance(prompt, str):
        prompt = {f"{DECIDING[settings.llm_config.prompt]}.{settings.context_config.language}": prompt}
    if llm_config := llm_of(model) | prompts_of(prompt):
        known = with_texts(settings.model_dump(exclude_unset=True), settings.llm_config.own_prompts)
        if isinstance(prompt, Path):
            known = with_texts(known, {})
        context = context.model_copy(update={"settings": settings_of(over({"llm_config": llm_config}, known))})
    return context.with_model(model) if isinstance(model, BaseChatModel) else context


def with_texts(config: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return a configuration whose own prompts are these: a folder may be another by now."""
    return {**config, "llm_config": {**config.get("llm_config", {}), "prompts_dir": None, "own_prompts": dict(texts)}}
