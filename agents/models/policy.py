"""The offline policy model: a stated trend rule behind the chat-model protocol. A rule, not intelligence.

It reads the facts block of the prompt and answers with the same function calls as a language model, so that demo, tests
and backtests exercise the whole path without a key. It looks at the main timeframe (m), the next (n) and the third (t):

    flat      long   regime trend_up, t: EMA spread > 0, n: MACD histogram > 0, m: close crosses EMA 20 from a pull-back
                     (0 < distance < 1 ATR), m: RSI 45-68, strength not weak, support and resistance known
              short  the mirror image
              wait   otherwise; also when at least eight similar past trades of the side lost on average, and the 99 %
                     interval of that mean ends below zero; and the more often, the more the pattern of the side's past
                     trades speaks against it: at evidence e (20 proves it) one market in e is taken, but never fewer
                     than one in four, to see whether the pattern still holds; a checksum of the market tells which
    position  exit   the regime has turned against the side, or half of a best profit over 6 % was given back
              -50 %  once, when the price has moved 1.5 planned stop distances in favour
              +40 %  once, when it has moved 0.8 of them, before any reduction, and the trend is strong
              hold   otherwise; a winner of 5 % or more is recorded once while it is held
    others    as analyst it counts timeframes, as reviewer it halves the stake of an entry whose trend is not strong
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from candlegraph.graph.schema.facts import (
    ABSENT,
    ExperienceFacts,
    Facts,
    PositionFacts,
    parse_facts,
)
from candlegraph.graph.schema.indicators import TimeframeFacts
from candlegraph.graph.schema.market import SIGN, Side
from candlegraph.graph.schema.numbers import significant

RuleCall = tuple[str, dict[str, Any]]

RISK_ATR = 2.5
LEVERAGE = 5.0
STAKE_SHARE = 0.12
"""Of the equity, so that a winner may be added to within the risk limit."""
LEARNT_CASES = 8
LEAST_TAKEN = 1 / 4
RECORD_FROM_PCT = 5.0


class PolicyModel(BaseChatModel):
    """The rule as a LangChain chat model; answers only with functions that were bound."""

    bound: frozenset[str] = frozenset()

    @property
    def _llm_type(self) -> str:
        return "candlegraph-policy"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the rule, restricted to `tools`."""
        names = frozenset(convert_to_openai_tool(one)["function"]["name"] for one in tools)
        return self.model_copy(update={"bound": names})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.answered(messages))])

    def answered(self, messages: Sequence[BaseMessage]) -> AIMessage:
        """Return the rule's answer."""
        calls = policy_calls("\n".join(str(m.content) for m in messages if m.type == "human"), self.bound)
        return AIMessage(
            content="",
            tool_calls=[
                {"name": name, "args": arguments, "id": f"call_{len(messages)}_{i}", "type": "tool_call"}
                for i, (name, arguments) in enumerate(calls)
            ],
        )

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages)


def policy_calls(prompt: str, bound: frozenset[str]) -> list[RuleCall]:
    """Return the calls of the rule for the facts block in `prompt`, memory call first; raise FactsError without one."""
    facts = parse_facts(prompt)
    if opinion := opinion_call(facts, bound):
        return [opinion]
    calls = flat_calls(facts) if facts.position is None else position_calls(facts, facts.position)
    if not bound or calls[-1][0] in bound:
        return [call for call in calls if not bound or call[0] in bound]
    name: Literal["signal_wait", "signal_hold"] = "signal_wait" if facts.position is None else "signal_hold"
    return [_stay(name, facts, f"{calls[-1][0]} is not possible now")]


def opinion_call(facts: Facts, bound: frozenset[str]) -> RuleCall | None:
    """Return what the rule says in another role than the deciding one."""
    if "StateView" in bound:
        return "StateView", _view(facts)
    if "MakeCase" in bound:
        return "MakeCase", _case(facts)
    if "ReviewEntry" in bound:
        return "ReviewEntry", _review(facts)
    return None


def _view(facts: Facts) -> dict[str, Any]:
    bias = "bullish" if facts.alignment > 0 else "bearish" if facts.alignment < 0 else "neutral"
    return {
        "bias": bias,
        "regime": facts.regime,
        "key_support": facts.support,
        "key_resistance": facts.resistance,
        "conflicts": f"alignment {facts.alignment:+d} of {len(facts.timeframes)} timeframes",
        "would_change_mind": "a close beyond the nearest level on the other side",
    }


def _case(facts: Facts) -> dict[str, Any]:
    """Return the same case for either side: the rule knows no rhetoric, it only counts timeframes."""
    return {
        "strength": 50.0 + 10 * min(4, abs(facts.alignment)),
        "points": [f"alignment {facts.alignment:+d}", f"trend strength {facts.trend_strength}, regime {facts.regime}"],
        "risk": "the regime turns",
    }


def _review(facts: Facts) -> dict[str, Any]:
    """Half the stake where the trend is only moderate; the rule objects to nothing else."""
    if facts.trend_strength == "strong":
        return {"verdict": "approve", "reason": "strong trend"}
    return {"verdict": "shrink", "shrink_to_pct": 50.0, "reason": f"{facts.trend_strength} trend"}


def flat_calls(facts: Facts) -> list[RuleCall]:
    """Return what the rule does without a position."""
    side = entry_side(facts)
    if side is None:
        return [_stay("signal_wait", facts, "no trend in agreement with a pull-back")]
    if warning := past_warning(facts, side):
        return [_stay("signal_wait", facts, warning)]
    return [_entry(facts, side)]


def entry_side(facts: Facts) -> Side | None:
    """Return the side that the trend rule favours."""
    frames = list(facts.timeframes.values())
    if facts.missing != ABSENT or facts.trend_strength == "weak" or not (facts.support and facts.resistance):
        return None
    sides: tuple[tuple[Side, int], ...] = (("long", 1), ("short", -1))
    for side, sign in sides:
        if facts.regime == f"trend_{'up' if sign > 0 else 'down'}" and _pulls_back(frames, sign):
            return side
    return None


def _pulls_back(frames: Sequence[TimeframeFacts], sign: int) -> bool:
    main, second, third = frames[0], frames[min(1, len(frames) - 1)], frames[min(2, len(frames) - 1)]
    rsi, distance = main.rsi, main.ema_20_distance
    if rsi is None or distance is None or third.ema_spread is None or second.macd_histogram is None:
        return False
    calm = 45 < (rsi if sign > 0 else 100 - rsi) < 68
    return calm and 0 < sign * distance < 1 and sign * third.ema_spread > 0 and sign * second.macd_histogram > 0


def past_warning(facts: Facts, side: Side) -> str | None:
    """Return why similar past trades, or the pattern of all past trades of this setup, speak against `side`."""
    if facts.experience is None:
        return None
    return cases_warning(facts.experience, side) or pattern_warning(facts, facts.experience, side)


def cases_warning(past: ExperienceFacts, side: Side) -> str | None:
    """Return that similar trades lost on average, and clearly so, with their ids."""
    one = past.of(side)
    if one.cases < LEARNT_CASES or one.mean_profit_pct is None or one.within_pct is None:
        return None
    if one.mean_profit_pct + one.within_pct >= 0:
        return None
    return f"{one.cases} similar past {side} trades made {one.mean_profit_pct:.2f} % on average (cases {past.ids})"


def pattern_warning(facts: Facts, past: ExperienceFacts, side: Side) -> str | None:
    """Return what the pattern says against `side`, but for the share of markets in which it is put to the test.

    Where there is nothing to find, the share is ever below s in at most s of all courses.
    """
    one, market = past.of(side), f"{facts.pair} {facts.support} {facts.resistance}"
    if not one.against or zlib.crc32(market.encode()) < max(LEAST_TAKEN, 1 / one.against) * 2**32:
        return None
    return f"past {side} trades of this setup speak against it: evidence {one.against:.1f}, 20 proves it"


def _entry(facts: Facts, side: Side) -> RuleCall:
    sign = SIGN[side]
    frames = list(facts.timeframes.values())
    atr = frames[min(1, len(frames) - 1)].atr or 0.0
    stake = significant(STAKE_SHARE * facts.account.equity)
    return f"signal_entry_{side}", {
        **({"stake_amount": stake} if 0 < stake <= facts.account.free else {}),
        "pair": facts.pair,
        "leverage": LEVERAGE,
        "confidence_score": 75.0 if facts.trend_strength == "strong" else 60.0,
        "key_support": facts.support,
        "key_resistance": facts.resistance,
        "rsi_value": frames[0].rsi,
        "trend_strength": facts.trend_strength,
        "stop_loss": significant(facts.price - sign * RISK_ATR * atr),
        "take_profit": significant(facts.price + sign * 4 * RISK_ATR * atr),
        "reason": f"{facts.trend_strength} {facts.regime}, alignment {facts.alignment:+d}, pull-back to EMA 20"
        + similar_told(facts.experience, side),
    }


def similar_told(past: ExperienceFacts | None, side: Side) -> str:
    """Return how often similar past trades of a side succeeded, as the end of a reason."""
    if past is None or (one := past.of(side)).success_rate is None:
        return ""
    return f"; {one.cases} similar past {side} trades succeeded {one.success_rate:.0%} of the time"


def position_calls(facts: Facts, position: PositionFacts) -> list[RuleCall]:
    """Return what the rule does with an open position."""
    sign = SIGN[position.side]
    if reason := exit_reason(facts, position, sign):
        return [_exit(facts, position, reason)]
    if adjustment := adjustment_of(facts, position):
        return [_adjust(facts, *adjustment)]
    hold = _stay("signal_hold", facts, f"the {position.side} idea still stands")
    if position.profit_pct >= RECORD_FROM_PCT and position.recorded_decisions == 0:
        return [_record(facts, position), hold]
    return [hold]


def exit_reason(facts: Facts, position: PositionFacts, sign: int) -> str | None:
    """Return why the rule leaves, if it does: what was right, what was wrong, what to do next time."""
    if sign * facts.alignment <= -2:
        wrong = "stayed too long in it" if position.profit_pct < 0 else "nothing, the trend carried it"
        return f"right: out as the regime turned to {facts.regime}; wrong: {wrong}; next time: watch higher timeframes"
    if position.mfe_pct > 6 and position.profit_pct < position.mfe_pct / 2:
        told = f"right: in with the trend, {position.mfe_pct:.1f} % at best; wrong: half of it was given back"
        return f"{told}; next time: take a part of it early"
    return None


def adjustment_of(facts: Facts, position: PositionFacts) -> tuple[float, str] | None:
    """Return percent and reason of an adjustment, if the rule makes one."""
    r = position.r_multiple
    if r is None or not (facts.support and facts.resistance):
        return None
    if r >= 1.5 and position.reductions == 0:
        return -50.0, f"{r:.1f} stop distances in favour: secure half"
    strong = facts.trend_strength == "strong"
    if r >= 0.8 and position.adds == 0 and position.reductions == 0 and strong and position.profit_pct > 0:
        return 40.0, f"{r:.1f} stop distances in favour in a strong trend"
    return None


def _main_rsi(facts: Facts) -> float:
    """Return the RSI to state; the neutral 50 where it is unavailable, since the functions demand a number."""
    rsi = next(iter(facts.timeframes.values())).rsi
    return 50.0 if rsi is None else rsi


def _stay(name: Literal["signal_hold", "signal_wait"], facts: Facts, reason: str) -> RuleCall:
    return name, {"pair": facts.pair, "confidence_score": 60.0, "rsi_value": _main_rsi(facts), "reason": reason}


def _exit(facts: Facts, position: PositionFacts, reason: str) -> RuleCall:
    return "signal_exit", {
        "pair": facts.pair,
        "confidence_score": 70.0,
        "rsi_value": _main_rsi(facts),
        "trade_score": max(0.0, min(100.0, 50 + 5 * position.profit_pct)),
        "reason": reason,
    }


def _adjust(facts: Facts, adjustment_pct: float, reason: str) -> RuleCall:
    return "adjust_position", {
        "pair": facts.pair,
        "adjustment_pct": adjustment_pct,
        "confidence_score": 70.0,
        "key_support": facts.support,
        "key_resistance": facts.resistance,
        "reason": reason,
    }


def _record(facts: Facts, position: PositionFacts) -> RuleCall:
    return "record_decision_to_rag", {
        "pair": facts.pair,
        "decision_type": "hold",
        "reason": f"held a {position.side} winner in {facts.regime}, {facts.trend_strength} trend",
        "confidence": 0.7,
        "current_profit_pct": position.profit_pct,
    }
