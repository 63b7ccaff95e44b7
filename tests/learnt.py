"""What waits in the outbox, and learning from it by rules alone: what the reflection graph does, without the graph."""

from datetime import UTC, datetime

from sqlalchemy import select

from candlegraph.graph.schema.experience import PartialExit
from candlegraph.memory import outbox
from candlegraph.memory.learning.report import experience_of, experience_of_part
from candlegraph.memory.learning.track import Track
from candlegraph.memory.storage.database import open_engine, reading
from candlegraph.memory.storage.tables import courses

EVER = datetime(2100, 1, 1, tzinfo=UTC)


def waiting(memory, namespace, before=EVER):
    """Return the keys of the trades that wait, in the order in which they are learnt from."""
    return outbox.due(open_engine(memory.path), namespace, before)


def learn(memory, namespace, before=EVER):
    """Learn from what was known by `before`; return what is new."""
    learnt = []
    for key in waiting(memory, namespace, before):
        trade, track = memory.take(namespace, key)
        experience = experience_of_part(trade) if isinstance(trade, PartialExit) else experience_of(trade, track)
        if memory.settle(experience, track, is_queued=True) is not None:
            learnt.append(experience)
    return learnt


def course_of(memory, experience_id):
    """Return how a trade went that was learnt from; None where it was not followed."""
    with reading(memory.engine) as connection:
        doc = connection.scalar(select(courses.c.doc).where(courses.c.experience_id == experience_id))
    return None if doc is None else Track.model_validate_json(doc)
