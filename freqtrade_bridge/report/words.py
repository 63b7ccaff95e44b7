"""The words of a report in every language, from `assets/words.LANGUAGE.json`; numbers as a reader sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from importlib.resources import files

from candlegraph.graph.settings.context import Language

NONE = "–"
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
MONTH_DAYS = 30.44


class ReportWords:
    """One language; what is asked for must be in its file."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self.table = _table(language)

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key, filled in."""
        return self.table[key].format(**values)

    def known(self, prefix: str, name: str) -> str:
        """Return the word for a name of the program, as `action.enter_long`; a name without one stands for itself."""
        return self.table.get(f"{prefix}.{name}", name.replace("_", " "))

    def span(self, length: timedelta) -> str:
        """Return how long something was, in the unit a person would use."""
        days = length / DAY
        if days < 2:
            return self._count("hours", round(length / timedelta(hours=1)))
        if days >= 70:
            return self._count("months", round(days / MONTH_DAYS))
        weeks = round(length / WEEK)
        if weeks >= 2 and abs(length - weeks * WEEK) <= DAY / 2:
            return self._count("weeks", weeks)
        return self._count("days", round(days))

    def _count(self, unit: str, number: int) -> str:
        spelled = self.table.get(f"number.{number}", str(number))
        return self(f"span.{unit}" if number != 1 else f"span.{unit}.one", n=spelled)


@cache
def _table(language: Language) -> Mapping[str, str]:
    text = files("candlegraph.freqtrade_bridge.report").joinpath("assets", f"words.{language}.json")
    table: dict[str, str] = json.loads(text.read_text(encoding="utf-8"))
    return table


def percent(ratio: float, digits: int = 2, *, signed: bool = False) -> str:
    """Return 0.0123 as `1.23 %`, with a true minus sign; `signed` adds the plus."""
    form = f"{100 * ratio:+,.{digits}f}" if signed else f"{100 * ratio:,.{digits}f}"
    return _minus(form) + "\u00a0%"


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """Return a number with separated thousands and a true minus sign."""
    return _minus(f"{value:+,.{digits}f}" if signed else f"{value:,.{digits}f}")


def _minus(text: str) -> str:
    bare = text.lstrip("+-")
    if not bare.strip("0.,"):
        return bare  # nothing is neither earned nor lost
    return text.replace("-", "\u2212")
