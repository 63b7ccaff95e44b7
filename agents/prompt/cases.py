"""Past cases and what was learnt from them, as the model reads it."""

from __future__ import annotations

from collections.abc import Iterator

from candlegraph.agents.prompt.case_text import CUT, SHORT, WHOLE, lines_of, share_line
from candlegraph.agents.prompt.chinese.said import said
from candlegraph.agents.prompt.outside_text import quoted
from candlegraph.agents.prompt.phrases import Words
from candlegraph.agents.prompt.sections import Rendering, Section
from candlegraph.graph.schema.facts import ExperienceFacts
from candlegraph.graph.schema.lessons import Advice, Lessons, Pattern
from candlegraph.graph.schema.market import Side

WORTH_SAYING = 2.0
"""Evidence for or against from which on an undecided pattern leans to a side."""
TOLD = 5
"""Trades from which on their mean has an interval: of two it is so wide that it says nothing."""
LESSON_LENGTH = 500
"""Characters: of a counterfactual lesson with what a model adds."""


def cases_section(lessons: Lessons, words: Words) -> Section:
    """Return what is learnt and the similar past trades: all, then less of each, fewer, none; warnings stay longest."""
    count = len(lessons.cases)
    learnt = learnt_lines(lessons, words)
    share = [share_line(lessons.similar, words.language)] if lessons.similar and lessons.cases else []

    def renderings(room: int) -> Iterator[Rendering]:
        yield Rendering("\n".join([*learnt, *share, cases_block(lessons, words)]))
        yield Rendering("\n".join([*learnt, *share, *lines_of(lessons.cases, words, CUT)]), words.case_ends)
        lines = lines_of(lessons.cases, words, SHORT)
        for kept in range(count, 0, -1):
            left_out = [words.some_cases.format(count - kept, count)] if kept < count else []
            told = "\n".join([*learnt, *share, *lines[:kept]])
            yield Rendering(told, words.comma.join([*left_out, words.case_ends]))
        for kept in range(len(learnt), 0, -1):
            left_out = [words.some_cases.format(count, count)] if count else []
            left_out += [words.other_lessons] if kept < len(learnt) else []
            yield Rendering("\n".join(learnt[:kept]), words.comma.join(left_out))

    return Section("similar_trades", words.cases, "cases", renderings)


def learnt_lines(lessons: Lessons, words: Words) -> list[str]:
    """Return warnings first, then other patterns, then what the similar cases and all trades gave."""
    guidance = lessons.guidance
    if guidance is None or not guidance.trades:
        return []
    if guidance.trades < guidance.needed:
        return [words.too_few.format(guidance.trades, guidance.needed)]
    patterns = sorted((*guidance.patterns, *guidance.by_leverage), key=lambda one: one.verdict != "warned")
    lines = [pattern_line(one, words) for one in patterns]
    lines += [advice_line(one, words) for one in guidance.advice]
    lines += similar_lines(lessons.summary, words) if lessons.summary else []
    trend = words.no_trend if guidance.recent_trend is None else f"{guidance.recent_trend:+.4f}"
    total = words.guidance.format(
        trades=guidance.trades,
        net=guidance.net_result,
        reward=guidance.cumulative_reward,
        trend=trend,
        level=guidance.level,
    )
    return [*lines, total]


def pattern_line(one: Pattern, words: Words) -> str:
    """Return one pattern with its counts and intervals."""
    return words.pattern.format(
        verdict=verdict_words(one, words),
        setup=setup_words(one, words, one.leverage),
        trades=one.trades,
        rate=one.win_rate,
        low=one.win_rate_low,
        high=one.win_rate_high,
        net=words.unknown_r if one.mean_r is None else words.net_r.format(one.mean_r),
        reward=one.mean_reward,
        reward_low=one.reward_low,
        reward_high=one.reward_high,
    )


def verdict_words(one: Pattern, words: Words) -> str:
    """Return what a pattern says, and of an undecided one to which side it leans."""
    verdict, evidence = words.verdict_of(one.verdict), max(one.favour, one.against)
    if one.verdict != "open" or evidence < WORTH_SAYING:
        return verdict
    return words.leaning[one.against > one.favour].format(verdict, evidence)


def advice_line(one: Advice, words: Words) -> str:
    """Return what would have done better over the trades of a setup."""
    rule = words.rules[one.kind].format(one.value)
    return words.advice.format(setup=setup_words(one, words), trades=one.trades, rule=rule, gain=one.gain_atr)


def setup_words(one: Pattern | Advice, words: Words, leverage: str | None = None) -> str:
    """Return the setup that trades had in common."""
    return words.setup.format(
        side=words.side_of(one.side),
        regime=said(one.regime, words.language),
        strength=said(one.trend_strength or words.any, words.language),
        rsi=one.rsi or words.any,
        volatility=said(one.volatility or words.any, words.language),
        leverage=leverage or words.any,
    )


def similar_lines(summary: ExperienceFacts, words: Words) -> list[str]:
    """Return how the similar closed trades of each side ended."""
    sides: tuple[Side, ...] = ("long", "short")
    return [similar_line(summary, side, words) for side in sides if summary.of(side).success_rate is not None]


def similar_line(summary: ExperienceFacts, side: Side, words: Words) -> str:
    """Return how the similar closed trades of a side ended."""
    one = summary.of(side)
    within = words.a_few if one.within_pct is None or one.cases < TOLD else words.within.format(one.within_pct)
    return words.similar.format(
        side=words.side_of(side), count=one.cases, rate=one.success_rate, profit=one.mean_profit_pct, within=within
    )


def cases_block(lessons: Lessons, words: Words) -> str:
    """Return one line per case, or why there are none."""
    if lessons.unavailable:
        return f"{words.unavailable}{words.colon}{quoted(lessons.unavailable)}"
    return "\n".join(lines_of(lessons.cases, words, WHOLE)) or words.no_case
