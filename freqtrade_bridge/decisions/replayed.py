"""One stored decision on the installed version: is its prompt the same, and what do the same answers come to.

stored inputs -> state before the first question -> its prompt, by section; the graph from there, with the answers that
were given, or with the rule where the rule decided -> the signal then and now

Nobody is asked and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import PrivateAttr

from candlegraph.agents.asking.transcript import allowed_tools, prompt_hash
from candlegraph.agents.decision import opening_of
from candlegraph.agents.models.cassette import Cassette
from candlegraph.agents.prompt.files import deciding_version
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs, parts_of
from candlegraph.freqtrade_bridge.decisions.kept_answers import changed_since
from candlegraph.graph.builder import graph, wired
from candlegraph.graph.context import Context
from candlegraph.graph.nodes import loop_thread
from candlegraph.graph.schema.errors import CandlegraphError, ModelError
from candlegraph.graph.schema.frozen import Frozen, digits
from candlegraph.graph.schema.signal import Source, TradeSignal
from candlegraph.graph.state import CandleInput, CandleState
from candlegraph.memory.books.ledger import DecisionRow

RULE = "policy"
"""The model's name of a run that the rule decides in process."""
NUMBERS = ("leverage", "stake", "stop", "take_profit", "adjustment_pct", "stake_ratio")
OUTSIDE = ("late", "paused", "person")
"""Doors that no prompt and no answer leads to: the clock, a pause, a person."""
CLOSED: tuple[Source, ...] = ("locked", "halted", "paused")
"""Answers without a model that follow from the snapshot alone; triage and budgets know more."""
from_question = wired("decision", CandleState).compile(name="replay")
"""The graph from the first question to the deciding model on."""


class Compared(Frozen):
    """What became of a decision: `None` where it is the same, or where nothing can be said of it."""

    row: DecisionRow
    sent: str | None = None
    """Hash of the prompt as this version writes it; None: none was sent."""
    prompt: str | None = None
    """The first section that reads otherwise."""
    signal: TradeSignal | None = None
    """As this version decides."""
    decision: str | None = None
    """Then and now."""
    is_compared: bool = True
    """Whether the decision could be taken again."""
    misses: tuple[str, ...] | None = None
    """The parts of the question by which a replay would miss the kept answer; None: none is kept."""


class Repeating(BaseChatModel):
    """Says again what a model called, one function after the other; more than that it does not know."""

    calls: tuple[tuple[str, dict[str, Any]], ...]
    _said: int = PrivateAttr(default=0)

    @property
    def _llm_type(self) -> str:
        return "candlegraph-repeating"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        """Return itself: what may be called is judged by who reads the answer."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self._said >= len(self.calls):
            raise ModelError("what was answered then is not taken any more")
        name, arguments = self.calls[self._said]
        self._said += 1
        call = {"name": name, "args": arguments, "id": f"again-{self._said}", "type": "tool_call"}
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=[call]))])


def changed_part(then: dict[str, str], messages: Sequence[BaseMessage]) -> str | None:
    """Return the first section that reads otherwise, is new, or is gone; None where all are the same."""
    now = parts_of(messages)
    different = [title for title in now if then.get(title) != now[title]]
    gone = [title for title in then if title not in now]
    return next(iter([*different, *gone]), None)


def prompt_again(state: CandleState, context: Context) -> list[BaseMessage]:
    """Return the opening messages of a decision as this version writes them."""
    return opening_of(state, context, allowed_tools(state))


def decided_again(row: DecisionRow, state: CandleState, context: Context) -> str | None:
    """Return what the decision was and is now, None where it is the same; raise ModelError where it needs an answer."""
    return difference(row.signal, signal_again(row, state, context))


def difference(was: TradeSignal, now: TradeSignal) -> str | None:
    """Return what a signal was and is now, None where it is the same."""
    told = [f"{was.name} → {now.name}"] if was.name != now.name else []
    for name in NUMBERS:
        then, here = getattr(was, name), getattr(now, name)
        if then != here and not (then and here and abs(then - here) <= 1e-9 * abs(then)):
            told.append(f"{name} {_shown(then)} → {_shown(here)}")
    return ", ".join(told) + (f" ({now.reason[:120]})" if now.name != was.name else "") if told else None


def signal_hash(signal: TradeSignal) -> str:
    """Return 16 hex digits of what a signal does: action, side and numbers; not its words, nor its run."""
    numbers = (f"{getattr(signal, name) or 0:.9g}" for name in NUMBERS)
    return digits(" ".join([signal.action, signal.side or "flat", *numbers]))


def compared(row: DecisionRow, inputs: DecisionInputs, userdir: Path, cassette: Cassette | None = None) -> Compared:
    """Return what becomes of one decision on this version, by the answers of then."""
    state, context = inputs.again(str(userdir))
    messages = prompt_again(state, context) if row.calls else []
    misses = changed_since(cassette, row, state, context, messages) if cassette and messages else None
    version, prompt = deciding_version(context.settings), None
    if row.calls and row.prompt_version != version:
        prompt = f"the prompt's file, version {row.prompt_version} → {version}"
    elif row.calls and prompt_hash(messages) != row.prompt_hash:
        prompt = changed_part(inputs.parts, messages) if inputs.parts else "which section is not known"
    elif misses:
        prompt = f"of what was sent: {', '.join(misses)}"
    sent = prompt_hash(messages) if row.calls else None
    found = Compared(row=row, sent=sent, prompt=prompt, misses=misses)
    if not can_be_again(row):
        return found.model_copy(update={"is_compared": False})
    try:
        signal = signal_again(row, state, context)
    except ModelError as e:
        return found.model_copy(update={"decision": f"{row.signal.name} → asked anew: {first_line(e)}"})
    return found.model_copy(update={"signal": signal, "decision": difference(row.signal, signal)})


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, else its name."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def can_be_again(row: DecisionRow) -> bool:
    """Return whether the decision is the graph's own, from answers that are known."""
    refusal = row.signal.refusal
    outside = refusal is not None and refusal.door in OUTSIDE
    reviewed = any(role.startswith("reviewer") for role in row.opinions)
    asked = row.signal.refusal is None and row.signal.instead_of is not None
    if not row.calls:
        return row.error is None and row.signal.source in CLOSED
    answered = row.model == RULE or any(one.accepted for one in row.functions)
    return row.error is None and answered and not (outside or reviewed or asked)


def state_again(state: CandleState, context: Context, *, whole: bool = False) -> CandleState:
    """Return how the graph ends from before the first question, or `whole` from its beginning.

    The stored terms may name a person's approval, or a reviewing model: neither is asked again.
    """
    terms = state.terms.model_copy(update={"needs_approval": False, "depth": "fast"})
    known = state.model_copy(update={"terms": terms, "messages": []})
    return loop_thread().submit(_run(known, context, whole=whole)).result()


def signal_again(row: DecisionRow, state: CandleState, context: Context) -> TradeSignal:
    """Return what the graph makes of the answers of then; raise ModelError where it needs another one."""
    calls = tuple((one.name, one.arguments) for one in row.functions if one.accepted)
    asked = context if row.model == RULE else context.with_model(Repeating(calls=calls))
    signal = state_again(state, asked, whole=not row.calls).signal
    if signal is None:
        raise CandlegraphError("the graph ended without a signal")
    return signal


async def _run(known: CandleState, context: Context, *, whole: bool) -> CandleState:
    if whole:
        return CandleState.model_validate(await graph.ainvoke(CandleInput(snapshot=known.snapshot), context=context))
    return CandleState.model_validate(await from_question.ainvoke(known, context=context))


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
