"""What a finding of one view says to views whose findings it explains away.

Word: "explains/<detection>/<its view>" in the view that is told, for as long as the finding stands; for LINGERS_MS
more it says since when it does not. A finding stands or not whatever explains it, so no word depends on another; only
what it counts under (`cause`) follows those that explain it, along `Detection.explained_by`, which has no circle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from streams.contracts.contributors import Speaker, prefixes, rest_of, speaker_of
from streams.contracts.finding import Severity
from streams.views.messages import Explains
from streams.views.view import Entry

LINGERS_MS = 5_400_000
"""How long the end of a finding is told: as long as anything lingers behind its explanation."""
_EXPLAINS = prefixes(Speaker.EXPLAINS)


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
    return Speaker.EXPLAINS.named(detection, view)


def told_by(contributor: str) -> str | None:
    """The detection that explains under this name; None for any other contributor."""
    return rest_of(contributor).partition("/")[0] if speaker_of(contributor) is Speaker.EXPLAINS else None


def heard(entries: Mapping[str, Entry]) -> tuple[Mapping[str, Entry], tuple[Explanation, ...]]:
    """What a view was told by anybody else, and by findings that explain."""
    names = sorted(name for name in entries if name.startswith(_EXPLAINS))
    if not names:
        return entries, ()
    rest = {name: entry for name, entry in entries.items() if not name.startswith(_EXPLAINS)}
    told = ((name, entries[name].said) for name in names)
    return rest, tuple(explanation_of(name, said) for name, said in told if isinstance(said, Explains))


def explanation_of(contributor: str, said: Explains) -> Explanation:
    """The explanation behind a word."""
    detection, _, view = rest_of(contributor).partition("/")
    objects = frozenset(said.objects)
    return Explanation(detection, view, said.finding, said.cause, Severity(said.severity), objects, said.ended_ms)
