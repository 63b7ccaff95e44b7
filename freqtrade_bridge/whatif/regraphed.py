"""One recorded decision by the whole graph again, without its memory or its reviewing model.

The same prompt gets the answers of then; where the rule decided, it decides again; another prompt gets what a cassette
knows of it, as after a run that was recorded without its memory; else a model would have to be asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from candlegraph.agents.asking.transcript import allowed_tools, prompt_hash
from candlegraph.agents.decision import opening_of
from candlegraph.agents.models.policy_server import MODEL
from candlegraph.freqtrade_bridge.decisions.inputs import LLM_KEYS, DecisionInputs
from candlegraph.freqtrade_bridge.decisions.replayed import OUTSIDE, RULE, Repeating, first_line, from_question
from candlegraph.freqtrade_bridge.whatif.changes import Changes
from candlegraph.freqtrade_bridge.whatif.remade import Remade, gated_again, judged, state_of
from candlegraph.graph.context import Context
from candlegraph.graph.nodes import loop_thread
from candlegraph.graph.schema.errors import ModelError
from candlegraph.graph.settings.llm import LlmConfig
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow

RULES = (RULE, MODEL)
"""Names of the rule, in process and served."""
KeptDecision = tuple[DecisionRow, DecisionInputs]


def graphed_again(
    given: Sequence[KeptDecision], changes: Changes, userdir: str, models: LlmConfig | None = None
) -> list[Remade]:
    """Return the decisions by the graph, one after the other; `models`: as they were recorded in its cassette."""
    asking = Asking(changes, userdir, models)

    async def all_of_them() -> list[Remade]:
        return [await _one(row, inputs, asking) for row, inputs in given]

    return loop_thread().submit(all_of_them()).result()


class Asking:
    """Who answers: the ledger, the rule, or the cassette of the models that were recorded."""

    def __init__(self, changes: Changes, userdir: str, models: LlmConfig | None) -> None:
        self.changes, self._userdir, self._models = changes, userdir, models
        self._replayed: dict[int, Context] = {}
        """By the settings of then, which live as long as the changes: a cassette is opened once."""

    def plain(self, settings: Settings) -> Context:
        """Return the context of a decision, in which the rule decides."""
        return Context(settings=settings, user_data_dir=self._userdir)

    def cassette(self, settings: Settings) -> Context | None:
        """Return the context in which kept answers alone are given; None where no cassette was named."""
        if self._models is None:
            return None
        if id(settings) not in self._replayed:
            then = {name: getattr(settings.llm_config, name) for name in LLM_KEYS}
            models = self._models.model_copy(update={**then, "mode": "replay"})
            self._replayed[id(settings)] = self.plain(settings.model_copy(update={"llm_config": models}))
        return self._replayed[id(settings)]

    def answering(self, row: DecisionRow, settings: Settings, *, is_same: bool) -> Context | None:
        """Return who answers; None where nobody can without a model."""
        if row.model in RULES:
            return self.plain(settings)
        return self.plain(settings).with_model(_repeating(row)) if is_same else self.cassette(settings)


async def _one(row: DecisionRow, inputs: DecisionInputs, asking: Asking) -> Remade:
    changes = asking.changes
    if not row.calls or row.error is not None:
        return gated_again(row, inputs, changes)
    if (row.signal.refusal is not None and row.signal.refusal.door in OUTSIDE) or _waits(row):
        return Remade(row, inputs, "not_again", why="a person, the clock or a pause had the last word")
    settings = changes.settings(inputs.settings)
    state = _without(state_of(inputs, settings), changes)
    opening = opening_of(state, asking.plain(settings), allowed_tools(state))
    asked = asking.answering(row, settings, is_same=prompt_hash(opening) == row.prompt_hash)
    if asked is None:
        return Remade(row, inputs, "asked_anew", why="the prompt is another one")
    try:
        after = await from_question.ainvoke(state.model_copy(update={"messages": opening}), context=asked)
    except ModelError as e:
        return Remade(row, inputs, "asked_anew", why=first_line(e))
    signal = CandleState.model_validate(after).signal
    assert signal is not None, "the reviewer gives one"
    return judged(row, inputs, row.signal, signal)


def _without(state: CandleState, changes: Changes) -> CandleState:
    """Return the state without what is left out; a person's approval is never asked again."""
    terms = {"needs_approval": False} | ({"depth": "fast"} if "reviewer" in changes.without else {})
    told = {"lessons": changes.lessons(state.lessons), "terms": state.terms.model_copy(update=terms)}
    return state.model_copy(update=told)


def _repeating(row: DecisionRow) -> Repeating:
    return Repeating(calls=tuple((one.name, one.arguments) for one in row.functions if one.accepted))


def _waits(row: DecisionRow) -> bool:
    return row.signal.refusal is None and row.signal.instead_of is not None
