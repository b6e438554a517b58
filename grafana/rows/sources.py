"""The directories we read: do they answer, and what do they say?"""

from __future__ import annotations

from typing import Any

from grafana import queries
from grafana.panels import lines


def panels() -> list[Any]:
    """No contact and no news are different things."""
    return [
        lines(
            "Since last contact",
            "How long ago each directory last answered, with or without news. It alerts from 5 minutes on.",
            "s",
            (queries.SOURCE_CONTACT_AGE, "{{source}}"),
            width=6,
        ),
        lines(
            "Since last change",
            "How long ago each directory last told a change. Long is normal at night.",
            "s",
            (queries.SOURCE_CHANGE_AGE, "{{source}}"),
            width=6,
        ),
        lines(
            "Facts published",
            "What the sources put on Kafka per second, by operation: r snapshot, c created, u changed, d deleted.",
            "ops",
            (queries.SOURCE_FACTS, "{{source}} {{op}}"),
            width=6,
        ),
        lines(
            "Errors of sources",
            "Failed attempts per second by stage and error. Single ones are normal; lasting ones alert.",
            "ops",
            (queries.SOURCE_ERRORS, "{{source}} {{stage}} {{error}}"),
            width=6,
            no_value="no errors",
        ),
        lines(
            "Objects of the latest full pass",
            "Climbs while a source is read in full (first snapshot or resync), then stays.",
            "short",
            (queries.SOURCE_SNAPSHOT, "{{source}}"),
            width=12,
            height=6,
        ),
        lines(
            "Windows events that nobody reads",
            "Per day, by provider and id: what servers write and no reader knows. Other: foreign providers. None of "
            "them is a fault; an id that matters is a gap of ours.",
            "short",
            (queries.SOURCE_UNREAD, "{{provider}} {{event_id}}"),
            width=12,
            height=6,
            no_value="all are read",
        ),
    ]
