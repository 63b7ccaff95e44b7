"""Experiences as the lines of a file: each with how its trade went and its counterfactual table, where it has them.

Both stand behind the fields of the experience, in the same object; without them it is written as it is stored.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, Select, select

from candlegraph.memory.storage.rows import EPOCH
from candlegraph.memory.storage.tables import counterfactuals, courses, experiences


def whole() -> Select[Any]:
    """Return the query of all rows; the caller says which, and in which order."""
    beside = experiences.outerjoin(courses, courses.c.experience_id == experiences.c.id)
    beside = beside.outerjoin(counterfactuals, counterfactuals.c.experience_id == experiences.c.id)
    return select(
        experiences.c.id,
        experiences.c.doc,
        courses.c.doc.label("course"),
        counterfactuals.c.experience_id.label("has_table"),
        counterfactuals.c.due_at,
        counterfactuals.c.doc.label("packed"),
        counterfactuals.c.lesson,
    ).select_from(beside)


def line_of(row: Row[Any]) -> str:
    """Return a row of `whole` as one line, without its end."""
    parts = [f'"track":{row.course}'] if row.course is not None else []
    parts += [f'"counterfactual":{{{",".join(_table_of(row))}}}'] if row.has_table is not None else []
    doc: str = row.doc
    return doc if not parts else f"{doc.removesuffix('}')},{','.join(parts)}}}"


def _table_of(row: Row[Any]) -> Iterable[str]:
    due_at = None if row.due_at is None else (EPOCH + timedelta(microseconds=row.due_at)).isoformat()
    yield f'"due_at":{json.dumps(due_at)}'
    yield f'"lesson":{json.dumps(row.lesson, ensure_ascii=False)}'
    yield f'"table":{"null" if row.packed is None else zlib.decompress(row.packed).decode()}'
