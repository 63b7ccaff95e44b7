"""What a model's answers to situations are worth: form, admissibility, steadiness, tokens, money; with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import Field

from candlegraph.freqtrade_bridge.scenarios.asking import Replies, Reply
from candlegraph.freqtrade_bridge.scenarios.written import Answer
from candlegraph.freqtrade_bridge.truth.shares import PairedCounts, Share
from candlegraph.graph.schema.frozen import Frozen


class Miss(Frozen):
    """A situation to which not every answer was admissible."""

    name: str
    group: str
    answered: dict[str, int] = Field(description="how often, by answer; `none`: no valid one")
    admissible: tuple[Answer, ...]
    why: str
    fault: str = ""


class ScenarioReport(Frozen):
    """One model over all situations; each counts once in an interval, however often it was asked."""

    model: str
    scenarios: int
    unasked: int = Field(description="left out: every door was closed, and no model was asked")
    answers: int = Field(description="asked in all, reworded and turned around too")
    valid: Share = Field(description="right in form at once")
    admissible: Share
    repeated: Share = Field(description="situations with the same answer in every run; of none where asked once")
    reworded: Share = Field(description="with the same answer to another wording, of those that have one")
    reordered: Share = Field(description="with the same answer when the sections come in another order")
    groups: dict[str, Share] = Field(description="admissible, by group")
    tokens_in: int
    tokens_out: int
    cost: float | None = Field(description="in the currency of llm_config.prices; None: of a model without a price")
    misses: tuple[Miss, ...]


def report_of(model: str, given: Sequence[Replies]) -> ScenarioReport:
    """Return what the answers are worth."""
    replies = [one for one in given if one.runs[0].is_asked]
    calls = [call for one in replies for reply in one.all for call in reply.calls]
    costs = [call.cost for call in calls]
    return ScenarioReport(
        model=model,
        scenarios=len(replies),
        unasked=len(given) - len(replies),
        answers=sum(len(one.all) for one in replies),
        valid=Share.of_parts([_mean(reply.is_valid for reply in one.all) for one in replies]),
        admissible=Share.of_parts([admitted(one) for one in replies]),
        repeated=Share.of_parts([float(_is_steady(one)) for one in replies if len(one.runs) > 1]),
        reworded=Share.of_parts([_same(one, one.reworded) for one in replies if one.reworded]),
        reordered=Share.of_parts([_same(one, one.reordered) for one in replies if one.reordered]),
        groups=_by_group(replies),
        tokens_in=sum(call.tokens_in for call in calls),
        tokens_out=sum(call.tokens_out for call in calls),
        cost=None if None in costs else sum(cost for cost in costs if cost is not None),
        misses=tuple(_miss(one) for one in replies if admitted(one) < 1),
    )


def compared(first: Sequence[Replies], second: Sequence[Replies]) -> PairedCounts:
    """Return whether two models differ over the same situations; more than half of the answers decide each."""
    one, other = ([admitted(replies) > 0.5 for replies in given] for given in (first, second))
    return PairedCounts.of(one, other)


def admitted(one: Replies) -> float:
    """Return which part of the runs was answered admissibly."""
    return _mean(one.scenario.admits(reply.answer, reply.leverage) for reply in one.runs)


def _by_group(replies: Sequence[Replies]) -> dict[str, Share]:
    groups: dict[str, list[float]] = {}
    for one in replies:
        groups.setdefault(one.scenario.group, []).append(admitted(one))
    return {name: Share.of_parts(parts) for name, parts in groups.items()}


def _is_steady(one: Replies) -> bool:
    answers = set(_answers(one.runs))
    return len(answers) == 1 and None not in answers


def _same(one: Replies, others: Sequence[Reply]) -> float:
    """Return which part of the other askings got the answer that the runs gave most."""
    usual, _ = Counter(_answers(one.runs)).most_common(1)[0]
    return _mean(answer is not None and answer == usual for answer in _answers(others))


def _miss(one: Replies) -> Miss:
    scenario, answers = one.scenario, Counter(str(answer or "none") for answer in _answers(one.runs))
    return Miss(
        name=scenario.name,
        group=scenario.group,
        answered=dict(answers.most_common()),
        admissible=scenario.admissible,
        why=scenario.why,
        fault=next((reply.fault for reply in one.runs if reply.fault), ""),
    )


def _answers(replies: Iterable[Reply]) -> list[Answer | None]:
    return [reply.answer for reply in replies]


def _mean(found: Iterable[bool]) -> float:
    values = list(found)
    return sum(values) / len(values)
