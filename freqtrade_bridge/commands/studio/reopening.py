"""What was recalled and answered at a decision, by the question it belongs to: what the server gives again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from candlegraph.agents.asking.transcript import prompt_hash
from candlegraph.agents.asking.typed import Answer, asked
from candlegraph.agents.debate import MakeCase, StateView
from candlegraph.agents.prompt.opinions import opinions_text
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.decisions.replayed import prompt_again
from candlegraph.graph.context import Context
from candlegraph.graph.schema.calls import Role
from candlegraph.graph.schema.opinions import AnalystView, Argument
from candlegraph.graph.schema.reopened import Called, Reopened, hash_of, question_key
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.ledger import DecisionRow


def reopened(row: DecisionRow, inputs: DecisionInputs, userdir: Path) -> dict[str, Any]:
    """Return what was recalled and answered then, as JSON: what LangGraph's server gives for the same questions."""
    state, context = inputs.again(str(userdir))
    assert state.facts is not None, "the inputs hold a snapshot"
    question = question_key("decision", prompt_hash(prompt_again(state, context)))
    calls = tuple(Called(name=one.name, arguments=one.arguments) for one in row.functions if one.accepted)
    found = Reopened(
        decision_id=row.decision_id,
        namespace=row.namespace,
        facts=hash_of(state.facts),
        lessons=inputs.lessons,
        answers={question: calls, **opinions_then(state, context)},
    )
    return found.model_dump(mode="json")


def opinions_then(state: CandleState, context: Context) -> dict[str, tuple[Called, ...]]:
    """Return what analyst, bull and bear answered at depth `deep`, by the question that each was asked."""
    language, found = context.settings.context_config.language, dict[str, tuple[Called, ...]]()
    if state.view is not None:
        asked_for = asked("analyst", state, context, StateView)
        found[question_key("analyst", prompt_hash(asked_for))] = (_called(StateView, state.view),)
    said = opinions_text(state.model_copy(update={"bull": None, "bear": None}), language)
    sides: tuple[tuple[Role, Argument | None], ...] = (("bull", state.bull), ("bear", state.bear))
    for role, case in sides:
        if case is not None:
            asked_for = asked(role, state, context, MakeCase, said)
            found[question_key(role, prompt_hash(asked_for))] = (_called(MakeCase, case),)
    return found


def _called(function: type[Answer], said: AnalystView | Argument) -> Called:
    return Called(name=function.__name__, arguments=said.model_dump(mode="json", exclude={"call"}))
