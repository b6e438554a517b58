"""What a finding of one view says to views whose findings it explains away.

Word: "explains/<detection>/<its view>" in the view that is told, for as long as the finding stands; for LINGERS_MS
more it says since when it does not. A finding stands or not whatever explains it, so no word depends on another; only
what it counts under (`cause`) follows those that explain it, along `Detection.explained_by`, which has no circle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from streams.contracts.contributors import ContributorKind, kind_of_contributor, prefixes, rest_of
from streams.contracts.finding import Severity
from streams.views.messages import Explains
from streams.views.view import Entry

LINGERS_MS = 5_400_000
"""How long the end of a finding is told: as long as anything lingers behind its explanation."""
_EXPLAINS = prefixes(ContributorKind.EXPLAINS)


class Explanation(NamedTuple):
    """A finding that explains others.

    view:     its own.
    finding:  its id; cause: that of the finding which is told instead where this one is explained away, else the same.
    objects:  ids of those that take part in it, the first ones.
    ended_ms: when it ended; None: it stands.
    """

    detection: str
    view: str
    finding: str
    cause: str
    severity: Severity
    objects: frozenset[str] = frozenset()
    ended_ms: int | None = None


def name_of(detection: str, view: str) -> str:
    """The contributor under which a detection's finding on `view` explains."""
    return ContributorKind.EXPLAINS.named(detection, view)


def explaining_detection(contributor: str) -> str | None:
    """The detection that explains under this name; None for any other contributor."""
    return (
        rest_of(contributor).partition("/")[0] if kind_of_contributor(contributor) is ContributorKind.EXPLAINS else None
    )


def split_explanations(entries: Mapping[str, Entry]) -> tuple[Mapping[str, Entry], tuple[Explanation, ...]]:
    """What a view was messages by anybody else, and by findings that explain."""
    names = sorted(name for name in entries if name.startswith(_EXPLAINS))
    if not names:
        return entries, ()
    rest = {name: entry for name, entry in entries.items() if not name.startswith(_EXPLAINS)}
    messages = ((name, entries[name].message) for name in names)
    return rest, tuple(explanation_of(name, message) for name, message in messages if isinstance(message, Explains))


def explanation_of(contributor: str, message: Explains) -> Explanation:
    """The explanation behind a word."""
    detection, _, view = rest_of(contributor).partition("/")
    objects = frozenset(message.objects)
    return Explanation(
        detection, view, message.finding, message.cause, Severity(message.severity), objects, message.ended_ms
    )
