"""What the history lets go: documents and episodes after their time, and a person where that is asked."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine, Select, delete, select, update

from sinks.history.database import errors, forget_names
from sinks.history.schema import document, episode, involved, told_finding, transition

FORGOTTEN = "(forgotten)"
_SLICE = 1000


def expire(engine: Engine, *, episodes_before_ms: int, documents_before_ms: int) -> int:
    """Remove episodes and documents of findings that were resolved before these times; how many episodes went.

    What stands is kept, however old. Raises RetriableError.
    """
    old = select(document.c.episode).join(episode).where(episode.c.resolved_ms < documents_before_ms)
    while numbers := _some(engine, old):
        with errors(), engine.begin() as connection:
            connection.execute(delete(document).where(document.c.episode.in_(numbers)))
    gone = 0
    while numbers := _some(engine, select(episode.c.id).where(episode.c.resolved_ms < episodes_before_ms)):
        gone += len(numbers)
        with errors(), engine.begin() as connection:
            for table in (document, involved, transition):
                connection.execute(delete(table).where(table.c.episode.in_(numbers)))
            forget_names(connection, numbers)
            connection.execute(delete(episode).where(episode.c.id.in_(numbers)))
    return gone


def forget(engine: Engine, objects: Collection[str]) -> int:
    """Take a person out of every episode that names one of their ids; the episode itself is counted on. How many.

    objects: object GUIDs and Entra ids. Raises RetriableError.
    """
    asked = select(involved.c.episode).where(involved.c.object.in_(list(objects))).distinct()
    count = 0
    while numbers := _some(engine, asked):
        count += len(numbers)
        with errors(), engine.begin() as connection:
            for table in (document, involved):
                connection.execute(delete(table).where(table.c.episode.in_(numbers)))
            forget_names(connection, numbers)
            hidden = {"name": FORGOTTEN, "summary": FORGOTTEN}
            connection.execute(update(episode).where(episode.c.id.in_(numbers)).values(**hidden, unit=None))
            connection.execute(update(transition).where(transition.c.episode.in_(numbers)).values(summary=FORGOTTEN))
            about = select(episode.c.finding).where(episode.c.id.in_(numbers))  # what waits to be told names them, too
            connection.execute(update(told_finding).where(told_finding.c.finding.in_(about)).values(body=None))
    return count


def _some(engine: Engine, query: Select[int]) -> list[int]:
    with errors(), engine.connect() as connection:
        return list(connection.execute(query.limit(_SLICE)).scalars())
