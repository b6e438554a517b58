"""Explanations: contributions of a finding to other views, whose findings it explains away.

Contributor: "explains/<detection>/<its view>", for as long as the finding stands, and for LINGERS_MS more with the time
of its end. A finding stands or not whatever explains it, so no explanation depends on another; only
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
"""How long an ended finding still explains others: as long as anything may linger behind it."""
_EXPLAINS = prefixes(ContributorKind.EXPLAINS)


class Explanation(NamedTuple):
    """A finding that explains others.

    view:     its own.
    finding:  its id; cause: that of the finding which is shown instead where this one is explained away, else the same.
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
    """The contributions of a view that are no explanations, and its explanations, by contributor."""
    names = sorted(name for name in entries if name.startswith(_EXPLAINS))
    if not names:
        return entries, ()
    rest = {name: entry for name, entry in entries.items() if not name.startswith(_EXPLAINS)}
    messages = ((name, entries[name].message) for name in names)
    return rest, tuple(explanation_of(name, message) for name, message in messages if isinstance(message, Explains))


def explanation_of(contributor: str, message: Explains) -> Explanation:
    """The explanation in a contribution."""
    detection, _, view = rest_of(contributor).partition("/")
    objects = frozenset(message.objects)
    return Explanation(
        detection, view, message.finding, message.cause, Severity(message.severity), objects, message.ended_ms
    )
