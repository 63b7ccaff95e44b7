"""The tables of a bot's one durable file, and those of them that a database by URL has."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", String(40), primary_key=True, comment="schema, identity, removals, or a counter"),
    Column("value", BigInteger, nullable=False),
)

experiences = Table(
    "experiences",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True, comment="ordered by commit, see `writing`"),
    Column("namespace", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("trade_key", String(200), nullable=False),
    Column("pair", String(60), nullable=False),
    Column("side", String(10), nullable=False),
    Column("regime", String(20)),
    Column("forced", Boolean, nullable=False),
    Column("known_at", BigInteger, nullable=False, comment="microseconds since 1970, UTC"),
    Column("profit_pct", Float, nullable=False),
    Column("score", Float),
    Column("grade", String(1)),
    Column("reward", Float),
    Column("reward_quality", Float),
    Column("doc", Text, nullable=False, comment="the whole Experience as JSON"),
    UniqueConstraint("namespace", "kind", "trade_key"),
    Index("experiences_by_time", "namespace", "known_at"),
    sqlite_autoincrement=True,  # an id in a log must never come to mean another row
)

vectors = Table(
    "vectors",
    metadata,
    Column("experience_id", ForeignKey("experiences.id"), primary_key=True),
    Column("space", String(100), nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="float16"),
)

text_vectors = Table(
    "text_vectors",
    metadata,
    Column("experience_id", ForeignKey("experiences.id", ondelete="CASCADE"), primary_key=True),
    Column("space", String(300), primary_key=True, comment="words, provider, model, dimension"),
    Column("revision", BigInteger, nullable=False, index=True, comment="ordered by commit, see `writing`"),
    Column("dimension", Integer, nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="float16"),
)

embedding_refusals = Table(
    "embedding_refusals",
    metadata,
    Column("experience_id", ForeignKey("experiences.id", ondelete="CASCADE"), primary_key=True),
    Column("model", String(300), primary_key=True, comment="words, provider, model"),
    Column("tries", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False, comment="microseconds since 1970, UTC"),
    Column("problem", String(400), nullable=False),
)

embedding_cache = Table(
    "embedding_cache",
    metadata,
    Column("model", String(300), primary_key=True, comment="words, provider, model"),
    Column("text_hash", String(64), primary_key=True, comment="SHA-256"),
    Column("dimension", Integer, nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="float16"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("namespace", String(200), nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("pair", String(60), nullable=False),
    Column("trade_key", String(200), nullable=False),
    Column("doc", Text, nullable=False, comment="the ClosedTrade as JSON"),
    UniqueConstraint("namespace", "trade_key"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", String(100), primary_key=True),
    Column("namespace", String(200), nullable=False),
    Column("candle", BigInteger, nullable=False),
    Column("pair", String(60), nullable=False),
    Column("doc", Text, nullable=False, comment="the DecisionRow as JSON"),
    Index("decisions_by_candle", "namespace", "candle", "pair"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("decision_id", String(100), nullable=False, unique=True),
    Column("kept_at", BigInteger, nullable=False, comment="microseconds since 1970, UTC, of the machine's clock"),
    Column("doc", LargeBinary, nullable=False, comment="what the decision was made from, JSON, deflated"),
    Index("snapshots_by_age", "kept_at"),
)

account = Table(
    "account",
    metadata,
    Column("namespace", String(200), primary_key=True),
    Column("doc", Text, nullable=False, comment="the AccountMark as JSON"),
)

proposals = Table(
    "proposals",
    metadata,
    Column("id", String(40), primary_key=True, comment="hash of what is proposed"),
    Column("namespace", String(200), nullable=False),
    Column("status", String(20), nullable=False),
    Column("created_at", BigInteger, nullable=False, comment="microseconds since 1970, UTC"),
    Column("changed_at", BigInteger, nullable=False, comment="when the status was set"),
    Column("note", String(200), nullable=False, comment="why it was set, in a person's words"),
    Column("doc", Text, nullable=False, comment="the ApprovalRequest as JSON"),
    Index("proposals_by_status", "namespace", "status"),
)

audits = Table(
    "audits",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("namespace", String(200), nullable=False),
    Column("at", BigInteger, nullable=False, comment="microseconds since 1970, UTC"),
    Column("pair", String(60), nullable=False),
    Column("doc", Text, nullable=False, comment="the AuditRow as JSON"),
    Index("audits_by_time", "namespace", "at"),
)

holds = Table(
    "holds",
    metadata,
    Column("namespace", String(200), primary_key=True),
    Column("pair", String(60), primary_key=True),
    Column("doc", Text, nullable=False, comment="the Hold as JSON; gone once a person has decided"),
)

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

retired = Table(
    "retired",
    metadata,
    # A cleanup takes an experience out of the retrieval; what is counted from it stays.
    Column("experience_id", ForeignKey("experiences.id", ondelete="CASCADE"), primary_key=True),
)

counterfactuals = Table(
    "counterfactuals",
    metadata,
    Column("experience_id", ForeignKey("experiences.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True, comment="ordered by commit, see `writing`"),
    Column("due_at", BigInteger, index=True, comment="when more can be known, microseconds; null: never"),
    Column("doc", LargeBinary, comment="the Table as JSON, deflated; null: not known yet"),
    Column("known_at", BigInteger, comment="of what follows; null: the experience holds all there is"),
    Column("lesson", Text, comment="takes the place of the experience's"),
    Column("gains", Text, comment="the Paired of a complete table as JSON"),
)

SHARED = (
    meta,
    experiences,
    vectors,
    text_vectors,
    embedding_refusals,
    embedding_cache,
    courses,
    retired,
    counterfactuals,
)
"""What several bots share where the memory is a database by URL; the rest stays in each bot's own file."""
