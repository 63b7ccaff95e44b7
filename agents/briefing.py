"""What the model reads: the system prompt, and one message with the facts block and the similar past cases."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from candlegraph.graph.facts import Facts, render_facts
from candlegraph.graph.state import Case, Lessons

CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]+"
)
"""Control, invisible and direction characters, and the tag characters that spell words nobody sees."""
LESSON_LENGTH = 240


@cache
def system_prompt() -> str:
    """Return the prompt of the decision role."""
    return files("candlegraph.agents").joinpath("prompts/decision.en.md").read_text(encoding="utf-8")


@cache
def prompt_version() -> str:
    """Return the first 12 hex digits of the prompt file's SHA-256; every log line carries it."""
    return hashlib.sha256(system_prompt().encode()).hexdigest()[:12]


def briefing(facts: Facts, lessons: Lessons) -> list[BaseMessage]:
    """Return the opening messages of a decision; without a date, so that equal markets read equal."""
    shown = facts.model_copy(update={"experience": lessons.summary})
    body = f"{render_facts(shown)}\n\n<cases>\n{cases_block(lessons)}\n</cases>"
    return [SystemMessage(system_prompt()), HumanMessage(body)]


def cases_block(lessons: Lessons) -> str:
    """Return one line per case, or why there are none."""
    if lessons.unavailable:
        return f"unavailable: {plain(lessons.unavailable)}"
    return "\n".join(case_line(case) for case in lessons.cases) or "no similar past case"


def case_line(case: Case) -> str:
    """Return one case as the model sees it."""
    score = "unscored" if case.score is None else f"score {case.score:.0f} ({case.grade})"
    return (
        f"case {case.id}: {plain(case.pair)} {case.side}, similarity {case.similarity:.2f}, {score}, "
        f"entry {case.entry_price:.6g}, held {case.duration_minutes / 60:.1f} h, profit {case.profit_pct:+.2f} %; "
        f"lesson: {plain(case.lesson) or 'none'}"
    )


def plain(text: str) -> str:
    """Return outside text as harmless data: no markup, no control characters, cut in length."""
    return CONTROL.sub(" ", text).replace("<", "(").replace(">", ")")[:LESSON_LENGTH].strip()
