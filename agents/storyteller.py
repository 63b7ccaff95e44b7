"""Storyteller: one decision in plain sentences, for people who do not read JSON; and what a person changed on its way.

seen -> remembered -> proposed -> objected -> lowered -> decided, in the run's language
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from langgraph.runtime import Runtime

from candlegraph.agents.analyst import seen
from candlegraph.agents.asking.transcript import allowed_tools, prompt_hash, proposal_of, repairs
from candlegraph.agents.decision import opening_of
from candlegraph.agents.prompt.chinese.said import said
from candlegraph.agents.prompt.outside_text import plain
from candlegraph.agents.reviewer import reviewer
from candlegraph.graph.context import Context
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.context import Language, Phrase
from candlegraph.graph.state import CandleState

LONGEST = 300
"""Of a reason."""
EDITED = "edited"
LINES: dict[str, Phrase] = {
    "seen": {
        "en": "Seen: {pair} at {price:.6g}, candle closed {at:%Y-%m-%d %H:%M} UTC, {regime}, {strength}; {held}.",
        "zh": "所见：{pair} {price:.6g}，K线收于 {at:%Y-%m-%d %H:%M} UTC，市况 {regime}，{strength}；{held}。",
    },
    "flat": {"en": "no position", "zh": "无持仓"},
    "held": {"en": "a {side} position at {profit:+.2f} %", "zh": "{side} 持仓，{profit:+.2f} %"},
    "remembered": {
        "en": "Remembered: {trades} similar trades, {won} of them won; {shown} shown.",
        "zh": "所忆：相似交易 {trades} 笔，其中 {won} 笔盈利；展示 {shown} 笔。",
    },
    "nothing": {"en": "Remembered: nothing, {why}.", "zh": "所忆：无，{why}。"},
    "unlike": {"en": "no similar trade is known", "zh": "没有已知的相似交易"},
    "proposed": {
        "en": "Proposed: {name}, confidence {confidence:.0f}: {reason}",
        "zh": "所提：{name}，信心 {confidence:.0f}：{reason}",
    },
    "unasked": {"en": "Proposed: nothing, no model was asked.", "zh": "所提：无，未询问模型。"},
    "none": {"en": "Proposed: nothing that could be carried out.", "zh": "所提：无可执行的提议。"},
    "repaired": {"en": "Sent back to be corrected: {times} times.", "zh": "退回更正：{times} 次。"},
    "objected": {
        "en": "Objected: the reviewer's model says {verdict}: {reason}",
        "zh": "异议：审查者 {verdict}：{reason}",
    },
    "warned": {"en": "Warned: {warning}", "zh": "警告：{warning}"},
    "lowered": {"en": "Lowered: {line}", "zh": "下调：{line}"},
    "decided": {"en": "Decided: {name}, by {source}: {reason}", "zh": "决定：{name}，来自 {source}：{reason}"},
    "edited": {"en": "Edited by a person: {what}.", "zh": "由人修改：{what}。"},
}


async def story(state: CandleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Tell what happened, and mark the signal where a person changed what it rests on."""
    context = runtime.context or Context()
    changed = await edited(state, runtime)
    told = "\n".join(story_of(state, context.settings.context_config.language, changed))
    return {"story": told} | marked(state.signal, changed)


def marked(signal: TradeSignal | None, changed: tuple[str, ...]) -> dict[str, Any]:
    """Return the signal with a warning of what was edited; nothing where nothing was."""
    before = unmarked(signal)
    if before is None or not changed:
        return {}
    warning = f"{EDITED}: {', '.join(changed)}"
    return {"signal": before.model_copy(update={"warnings": (*before.warnings, warning)})}


async def edited(state: CandleState, runtime: Runtime[Context]) -> tuple[str, ...]:
    """Return which keys do not follow from those before them, so that a person must have written them."""
    context = runtime.context or Context()
    if state.snapshot is None:
        return ()
    expected = seen(state.snapshot, context, state.terms.depth)
    found = [key for key in ("facts", "possible", "situation") if getattr(state, key) != expected[key]]
    if state.facts is not None and context.recalled_then(state.facts) not in (None, state.lessons):
        found.append("lessons")
    if not found and state.messages and prompt_hash(state.messages) != prompt_hash(_opening(state, context)):
        found.append("messages")
    is_reviewed_only = not state.critiques and not state.terms.needs_approval
    if is_reviewed_only and unmarked(state.signal) != (await reviewer(state, runtime))["signal"]:
        found.append("signal")
    return tuple(found)


def unmarked(signal: TradeSignal | None) -> TradeSignal | None:
    """Return the signal without an earlier mark: a fork goes through here again."""
    if signal is None:
        return None
    return signal.model_copy(update={"warnings": tuple(w for w in signal.warnings if not w.startswith(EDITED))})


def _opening(state: CandleState, context: Context) -> list[Any]:
    before = state.model_copy(update={"messages": []})
    return opening_of(before, context, allowed_tools(before))


def story_of(state: CandleState, language: Language, changed: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the story's sentences."""

    def told(name: str, /, **values: Any) -> str:
        return LINES[name][language].format(**values)

    snapshot, facts, signal = state.snapshot, state.facts, state.signal
    if snapshot is not None and facts is not None:
        position = snapshot.position
        held = told("flat") if position is None else told("held", side=position.side, profit=position.profit_pct)
        words = {"regime": facts.regime, "strength": facts.trend_strength}
        yield told("seen", pair=snapshot.pair, price=snapshot.price, at=snapshot.as_of, held=held, **words)
    yield _remembered(state, told, language)
    yield from _proposed(state, told)
    for one in state.critiques:
        yield told("objected", verdict=one.verdict, reason=plain(one.reason, LONGEST))
    if signal is not None:
        yield from (told("warned", warning=said(plain(one, LONGEST), language)) for one in signal.warnings)
        yield from (told("lowered", line=said(one.line, language)) for one in signal.clamps)
        reason = said(plain(signal.reason, LONGEST), language)
        yield told("decided", name=signal.name, source=signal.source, reason=reason)
    if changed:
        yield told("edited", what=", ".join(changed))


def _remembered(state: CandleState, told: Callable[..., str], language: Language) -> str:
    lessons = state.lessons
    if lessons is None:
        return told("nothing", why=said("the memory was not asked", language))
    if lessons.unavailable is not None:
        return told("nothing", why=said(lessons.unavailable, language))
    if lessons.similar is None:
        return told("nothing", why=told("unlike"))
    similar = lessons.similar
    return told("remembered", trades=similar.trades, won=similar.won, shown=len(lessons.cases))


def _proposed(state: CandleState, told: Callable[..., str]) -> Iterator[str]:
    proposal = proposal_of(state.messages)
    if not state.messages:
        yield told("unasked")
    elif proposal is None:
        yield told("none")
    else:
        yield told(
            "proposed", name=proposal.name, confidence=proposal.confidence, reason=plain(proposal.reason, LONGEST)
        )
    if times := repairs(state.messages):
        yield told("repaired", times=times)
