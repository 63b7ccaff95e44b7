"""What past trades the prompts of a run showed: different ones, winners against their share, tokens of the block.

candlegraph demo --userdir DIR; python benchmarks/cases.py DIR
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median

from tables import show

from candlegraph.agents.prompt.cases import cases_section
from candlegraph.agents.prompt.phrases import WORDS
from candlegraph.agents.prompt.sections import text_of
from candlegraph.agents.prompt.tokens import tokens_of
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.graph.schema.facts import ExperienceFacts
from candlegraph.graph.schema.lessons import Lessons
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.books.snapshots import kept_doc
from candlegraph.memory.store import ExperienceMemory, open_memory


def main(userdir: Path) -> None:
    """Print the table."""
    path = userdir / DATABASE
    ledger = Ledger(path)
    namespace = max(name for name in ledger.namespaces() if name.startswith("backtest:"))
    docs = (kept_doc(path, row.decision_id) for row in ledger.rows(namespace))
    found = [DecisionInputs.model_validate_json(doc).lessons for doc in docs if doc is not None]
    lessons = [one for one in found if one is not None and one.cases]
    rows = [*counts(lessons, open_memory(path)), *shares(lessons), *sizes(lessons)]
    show(f"past trades in the prompts of {namespace}", ["what", "value"], rows, [], markdown=False)


def counts(lessons: Sequence[Lessons], memory: ExperienceMemory) -> list[list[str]]:
    """Return how many prompts with five cases hold five different trades."""
    five = [one for one in lessons if len(one.cases) == 5]
    whole = sum(len({trade_of(case.id, memory) for case in one.cases}) == 5 for one in five)
    texts = {case.lesson for one in lessons for case in one.cases}
    return [
        ["prompts with cases", f"{len(lessons)}"],
        ["prompts with five cases", f"{len(five)}"],
        ["  of five different trades", f"{whole}"],
        ["different lessons shown", f"{len(texts)}"],
    ]


def trade_of(experience_id: int, memory: ExperienceMemory) -> object:
    """Return which trade an experience belongs to."""
    found = memory.get(experience_id)
    return None if found is None else (found.source.pair, found.source.opened_at)


def shares(lessons: Sequence[Lessons]) -> list[list[str]]:
    """Return winners among the shown cases against winners among the similar trades."""
    known = [(one, share) for one in lessons if (share := share_of(one)) is not None]
    shown = [fmean(case.profit_pct > 0 for case in one.cases) for one, _ in known]
    forced = sum(one.similar is not None and one.similar.is_loss_forced for one, _ in known)
    difference = fmean(a - share for a, (_, share) in zip(shown, known, strict=True))
    return [
        ["prompts with a known share", f"{len(known)}"],
        ["winners among shown cases", f"{fmean(shown):.1%}"],
        ["winners among similar trades", f"{fmean(share for _, share in known):.1%}"],
        ["mean difference", f"{difference:+.2%}"],
        ["prompts with a forced loss", f"{forced}"],
    ]


def share_of(lessons: Lessons) -> float | None:
    """Return the share of winners among the similar closed trades."""
    if lessons.similar is not None:
        return lessons.similar.won / lessons.similar.trades
    return None if lessons.summary is None else _share(lessons.summary)


def _share(facts: ExperienceFacts) -> float | None:
    counts = facts.long_cases, facts.short_cases
    rates = facts.long_success_rate or 0.0, facts.short_success_rate or 0.0
    return sum(n * rate for n, rate in zip(counts, rates, strict=True)) / sum(counts) if sum(counts) else None


def sizes(lessons: Sequence[Lessons]) -> list[list[str]]:
    """Return the tokens of the section at its richest, both languages."""
    found = []
    for language in ("en", "zh"):
        words = WORDS[language]
        sections = [cases_section(one, words) for one in lessons if len(one.cases) == 5]
        tokens = [tokens_of(text_of(one, next(one.renderings(1000)), words)) for one in sections]
        found.append([f"tokens of the block, {language}, whole", f"median {median(tokens):.0f}, most {max(tokens)}"])
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
