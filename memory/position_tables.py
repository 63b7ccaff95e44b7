"""The tables of open trades and of how learnt ones went."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text

from candlegraph.memory.database import metadata

positions = Table(
    "positions",
    metadata,
    Column("namespace", String(200), primary_key=True),
    Column("trade_key", String(200), primary_key=True),
    Column("doc", Text, nullable=False, comment="the Track as JSON; gone once the trade has been learnt from"),
)

courses = Table(
    "courses",
    metadata,
    # Beside the experience and not in it: a recall reads many experiences, and needs none of this.
    Column("experience_id", ForeignKey("experiences.id", ondelete="CASCADE"), primary_key=True),
    Column("doc", Text, nullable=False, comment="the Track of a trade that has been learnt from, as JSON"),
)
