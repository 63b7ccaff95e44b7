"""What decisions were told of the market where the page leaves their briefing out: a table per pair, by columns.

A column is one text: values behind one another, nothing where one is as before. Most are, since of four timeframes one
has a new candle: so a table takes a quarter of what its numbers would.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from candlegraph.graph.schema.facts import render_facts
from candlegraph.graph.schema.market import MarketSnapshot
from candlegraph.graph.schema.numbers import written
from candlegraph.memory.books.ledger import DecisionRow
from candlegraph.tools.market.facts import facts_of

DIGITS = 4
"""Of what is no price; a model was told six."""
PRICES = frozenset({"close", "support", "resistance", "entry_price", "stop", "take_profit"})
COLUMNS_HAVE = frozenset({"pair", "price", "regime"})
"""What stands in the columns of all decisions already."""
SEPARATOR, ABSENT = ";", "none"

ToldFacts = Mapping[str, str]
"""Facts of one candle by their names, as they are shown."""


def facts_in(snapshot: Mapping[str, Any]) -> ToldFacts:
    """Return the facts of a kept snapshot, as the model was told them but for the digits.

    None of one that another version kept in another form: a report is no place to fail for that.
    """
    try:
        known = MarketSnapshot.model_validate(snapshot)
    except ValidationError:
        return {}
    lines = render_facts(facts_of(known, (), ())).splitlines()[1:-1]
    told = (line.partition(": ")[::2] for line in lines)
    return {name: _short(name, text) for name, text in told if name not in COLUMNS_HAVE and text != ABSENT}


def _short(name: str, text: str) -> str:
    if "." not in text or name.rpartition(".")[2] in PRICES:
        return text
    return written(float(text), DIGITS)


def fact_tables(decisions: Sequence[DecisionRow], facts: Mapping[str, ToldFacts]) -> dict[str, Any]:
    """Return a table of each pair that has any, and which it is."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(decisions):
        if row.decision_id in facts:
            places.setdefault(row.pair, []).append(place)
    tables = {
        f"facts-{number}": _table(own, [facts[decisions[place].decision_id] for place in own])
        for number, own in enumerate(places.values())
    }
    return {"facts": {pair: number for number, pair in enumerate(places)}, **tables}


def _table(places: Sequence[int], rows: Sequence[ToldFacts]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    steps = [place - before for place, before in zip(places, [0, *places], strict=False)]
    return {"steps": steps, "columns": {name: _column(row.get(name, ABSENT) for row in rows) for name in names}}


def _column(values: Iterable[str]) -> str:
    found, before = [], None
    for value in values:
        found.append("" if value == before else value)
        before = value
    return SEPARATOR.join(found)
