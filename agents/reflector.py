"""The reviewer model's look at a closed trade: a lesson beside the rules' one.

trade, track, scores -> two messages -> report_trade -> Insight: plain text, cut

The model is asked with the role `reviewer`; an answer that cannot be used is no answer.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from typing import Annotated

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from candlegraph.agents.models.engine import call_of
from candlegraph.agents.prompt.chinese.functions import offered
from candlegraph.agents.prompt.files import asked_prompt, version_of
from candlegraph.agents.prompt.outside_text import plain, quoted
from candlegraph.graph.context import Context
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.experience import ClosedTrade, Scores
from candlegraph.graph.settings.context import Language
from candlegraph.memory.counterfactual.lessons import lesson_of
from candlegraph.memory.counterfactual.table import AlternativeKind, Table
from candlegraph.memory.learning.report import Insight, lesson, strengths, weaknesses
from candlegraph.memory.learning.track import Track

logger = logging.getLogger(__name__)

LESSON_LENGTH, LINE_LENGTH = 140, 120
"""Characters; the rules' lesson and the model's together stay below what a prompt shows of one."""
SHOWN_REASONS = 5
NAME = "report_trade"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
OTHERWISE: dict[AlternativeKind, str] = {
    "stop": "stop of {} ATR",
    "target": "target of {} R",
    "earlier": "exit {} candles earlier",
    "later": "exit {} candles later",
    "time": "closed after {} candles",
    "entry": "entry {} candles later",
    "leverage": "{} times the leverage",
    "best": "best price while it was held",
}
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


def trade_text(
    trade: ClosedTrade, track: Track | None, scores: Scores, table: Table | None = None, language: Language = "en"
) -> str:
    """Return the trade as the model reads it; without pair, date and size, so that equal trades read equal."""
    lines = [*_trade_lines(trade), *_score_lines(scores), *_track_lines(track)]
    lines += [f"good: {one}" for one in strengths(trade, track)] + [f"bad: {one}" for one in weaknesses(trade, track)]
    lines += [f"lesson by the rules: {lesson(trade, track) if table is None else lesson_of(table, language)}"]
    lines += [] if table is None else [*_table_lines(table)]
    return "Closed trade\n<trade>\n" + "\n".join(lines) + "\n</trade>"


def _trade_lines(trade: ClosedTrade) -> Iterator[str]:
    candles = (trade.closed_at - trade.opened_at).total_seconds() / 60 / trade.candle_minutes
    stop = trade.planned_stop
    yield f"side: {trade.side}, leverage {trade.leverage:g}"
    yield f"market: {trade.regime or 'unknown'}, trend strength {trade.trend_strength or 'unknown'}"
    yield f"entry reason: {quoted(trade.entry_reason)}"
    yield f"planned stop: {'none' if stop is None else f'{abs(stop / trade.entry_price - 1):.2%} from the entry'}"
    yield f"exit: {plain(trade.exit_reason, 40)}, after {candles:.1f} candles"
    yield f"net profit: {trade.profit_pct:+.2f} % of the stake, best {trade.mfe_pct:+.2f}, worst {trade.mae_pct:+.2f}"
    yield from (f"event: {plain(one, LINE_LENGTH)}" for one in trade.events)


def _score_lines(scores: Scores) -> Iterator[str]:
    marks = f"profit {scores.profit:.0f}/30, risk {scores.risk:.0f}/25, timing {scores.timing:.0f}/25"
    yield f"marks: {marks}, efficiency {scores.efficiency:.0f}/20; total {scores.total:.0f}, grade {scores.grade}"


def _track_lines(track: Track | None) -> Iterator[str]:
    if track is None:
        return
    yield f"decisions while open: {track.decisions}, of them hold: {track.all_holds}"
    yield f"most given back of the best profit: {track.deepest_give_back_pct:.2f} % of the stake"
    if track.comparison is not None:
        yield from _named("from entry to exit", track.comparison.lines)
    yield from _named("warning", [quoted(one, LINE_LENGTH) for one in track.warnings])
    yield from _named("reason", [quoted(one, LINE_LENGTH) for one in track.reasons[-SHOWN_REASONS:]])


def _table_lines(table: Table) -> Iterator[str]:
    """Yield what the first fill would have made with one thing done otherwise, the strongest of each kind first."""
    without = "" if table.has_funding else " (here and below without funding)"
    yield f"its first fill, closed where the trade was: {table.actual_pct:+.2f} %{without}"
    for one in sorted(table.outcomes, key=lambda one: (one.kind, -abs(table.gain_atr(one)))):
        made = "no trade" if one.end == "none" else f"{one.profit_pct:+.2f} % by {one.end}"
        remarks = f" ({', '.join(one.remarks)})" if one.remarks else ""
        yield f"otherwise, {OTHERWISE[one.kind].format(f'{one.value:g}')}: {made}{remarks}"
    if (after := table.afterwards) is not None:
        away = f"{after.best_atr:.1f} ATR for it, {after.worst_atr:.1f} ATR against it"
        yield f"within {table.further} candles after the end: {away}"


def _named(name: str, lines: Iterable[str]) -> Iterator[str]:
    return (f"{name}: {line}" for line in lines)
