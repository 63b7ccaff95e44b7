"""The reviewer model's look at a closed trade: a lesson beside the rules' one.

trade, track, scores -> two messages -> report_trade -> Insight: plain text, cut

The model is asked with the role `reviewer`; an answer that cannot be used is no answer.
"""

from __future__ import annotations

import logging
import re
from typing import Annotated

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from candlegraph.agents.models.engine import call_of
from candlegraph.agents.prompt.chinese.functions import offered
from candlegraph.agents.prompt.closed_trade import LINE_LENGTH, trade_text
from candlegraph.agents.prompt.files import asked_prompt, version_of
from candlegraph.agents.prompt.outside_text import plain
from candlegraph.graph.context import Context
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.experience import ClosedTrade, Scores
from candlegraph.memory.counterfactual.table import Table
from candlegraph.memory.learning.report import Insight
from candlegraph.memory.learning.track import Track

logger = logging.getLogger(__name__)

LESSON_LENGTH = 140
"""Characters; the rules' lesson and the model's together stay below what a prompt shows of one."""
NAME = "report_trade"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
Text = Annotated[str, StringConstraints(strip_whitespace=True)]


class TradeReport(BaseModel):
    """Report on the closed trade; call it exactly once."""

    model_config = ConfigDict(extra="forbid", frozen=True, title=NAME)

    lesson: Text = Field(min_length=1, description="one sentence: what to do next time, and when; at most 140 letters")
    went_well: Text = Field("", description="one short sentence, or empty; at most 120 letters")
    to_improve: Text = Field("", description="one short sentence, or empty; at most 120 letters")


async def insight_into(
    trade: ClosedTrade, track: Track | None, scores: Scores, table: Table | None, context: Context
) -> tuple[Insight | None, CallRecord | None]:
    """Return what the model adds, None where its answer cannot be used, and its call; raise ModelError if none came."""
    language = context.settings.context_config.language
    told = trade_text(trade, track, scores, table, language)
    prompt = asked_prompt("reflection", context.settings)
    messages: list[BaseMessage] = [SystemMessage(prompt), HumanMessage(told)]
    answer = await context.ask(
        "reviewer", messages, offered([TradeReport], language), prompt_version=version_of(prompt)
    )
    report = report_of(answer)
    if report is None:
        logger.warning("%s: the reviewer's answer cannot be used, the rules' lesson stands", trade.trade_key)
    elif made_up := invented(report, told):
        shown = ", ".join(made_up[:5])
        logger.warning("%s: the reviewer's answer cannot be used, nobody told it %s", trade.trade_key, shown)
        report = None
    return report, call_of(answer)


def report_of(answer: AIMessage) -> Insight | None:
    """Return the report in an answer as plain, short text; None unless it is exactly one valid call."""
    if len(answer.tool_calls) != 1 or answer.invalid_tool_calls or answer.tool_calls[0]["name"] != NAME:
        return None
    try:
        report = TradeReport.model_validate(answer.tool_calls[0]["args"])
    except ValidationError:
        return None
    said = plain(report.lesson, LESSON_LENGTH)
    if not said:
        return None  # nothing but hidden characters
    return Insight(
        lesson=said, went_well=plain(report.went_well, LINE_LENGTH), to_improve=plain(report.to_improve, LINE_LENGTH)
    )


def invented(report: Insight, told: str) -> list[str]:
    """Return the numbers that a report cites and the model was not told; it may round, and leave a sign away."""
    known = [abs(float(one)) for one in NUMBER.findall(told)]
    cited = NUMBER.findall(" ".join([report.lesson, report.went_well, report.to_improve]))
    return [one for one in cited if not any(_rounds_to(number, one) for number in known)]


def _rounds_to(number: float, cited: str) -> bool:
    digits = len(cited.partition(".")[2])
    return abs(number - abs(float(cited))) <= 0.5 * 10.0**-digits + 1e-9
