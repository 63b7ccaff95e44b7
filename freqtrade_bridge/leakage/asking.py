"""A model asked about recorded decisions as they were, and in disguise; and which market it takes them for."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import AwareDatetime, Field

from candlegraph.agents.analyst import seen
from candlegraph.agents.asking.typed import Answer, ask_typed
from candlegraph.agents.prompt.briefing import market_text
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.leakage.masking import bare, bare_lessons, masked
from candlegraph.freqtrade_bridge.scenarios.asking import Reply, ScenarioContext, reply_to, some_at_a_time
from candlegraph.freqtrade_bridge.scenarios.scenario import Told
from candlegraph.graph.schema.errors import ModelError
from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.state import CandleState

QUESTION = (
    "Below is a briefing of one crypto market at one candle's close. It holds no date. Name the market and the month "
    "that you take it for, even if you have to guess."
)


class NameOrigin(Answer):
    """Name the market and the month that the data are from. Guess where you do not know."""

    coin: str = Field(min_length=1, max_length=20, description="like BTC")
    month: str = Field(pattern=r"^\d{4}-\d{2}$", description="like 2024-03")


class Guess(Frozen):
    """Which market a model took a briefing for; empty: no valid answer."""

    coin: str = ""
    month: str = ""


class Matched(Frozen):
    """One recorded decision, asked as it was and in disguise."""

    pair: str
    as_of: AwareDatetime
    move_atr: float = Field(description="of the price, from then on, in ATR of the main timeframe")
    plain: Reply
    disguised: Reply
    plain_guess: Guess
    disguised_guess: Guess


class MatchedQuestion(Frozen):
    """One recorded decision that is asked again, and what the market did after it."""

    inputs: DecisionInputs
    move_atr: float


async def ask_matched(
    questions: Sequence[MatchedQuestion], context: ScenarioContext, at_once: int
) -> tuple[Matched, ...]:
    """Return what the context's model answers, some decisions at a time."""
    return await some_at_a_time((_matched(one, context) for one in questions), at_once)


async def _matched(question: MatchedQuestion, context: ScenarioContext) -> Matched:
    snapshot, lessons = question.inputs.snapshot, bare_lessons(question.inputs.lessons)
    plain, disguised = bare(snapshot), masked(snapshot)
    return Matched(
        pair=snapshot.pair,
        as_of=snapshot.as_of,
        move_atr=question.move_atr,
        plain=await reply_to(Told(snapshot=plain, lessons=lessons), context),
        disguised=await reply_to(Told(snapshot=disguised, lessons=lessons), context),
        plain_guess=await guessed(plain, context),
        disguised_guess=await guessed(disguised, context),
    )


async def guessed(snapshot: MarketSnapshot, context: ScenarioContext) -> Guess:
    """Return which market the model takes a briefing for."""
    state = CandleState(**seen(snapshot, context, "fast"))
    told = [SystemMessage(QUESTION), HumanMessage(market_text(state, context.settings))]
    try:
        found, _ = await ask_typed(context, "decision", told, NameOrigin)
    except ModelError:
        return Guess()
    return Guess(coin=found.coin, month=found.month)
