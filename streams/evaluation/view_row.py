"""A view as a row: its contributions as they stand, its findings, what it emitted to others."""

from __future__ import annotations

import msgspec

from streams.contracts.codec import decode
from streams.contracts.contributors import OF_AD, forest_of, kind_of_contributor
from streams.contracts.errors import InvalidRecordError
from streams.contracts.finding import Finding
from streams.contracts.views import RETRACTED, Contribution
from streams.directory.rows import Rows
from streams.views.membership.scoping_view import scoped
from streams.views.registry import AnyView, view_class
from streams.views.view import Entry

# How long a retraction is remembered, so that a contribution overtaken by it on the way cannot come back.
RETRACTION_MEMORY_MS = 600_000


class ViewRow(msgspec.Struct, omit_defaults=True):
    """A view as stored.

    entries:  contributor -> [seq, changed_ms, body, expires_ms]; body RETRACTED: remembered for a while.
    findings: detection id -> the finding as last published.
    derived:  "<view>\\0<contributor>" -> body, as last emitted to other views.
    emitted_seq: of the newest contribution among these (stored as "told").
    due_ms:   when to look again; None: when something changes.
    counts:   the names under which it counts (streams.contracts.counts).
    waiting:  what it waits for, and since when (streams.measures).
    """

    entries: dict[str, tuple[int, int, msgspec.Raw, int]] = {}
    findings: dict[str, Finding] = {}
    derived: dict[str, msgspec.Raw] = {}
    emitted_seq: int = msgspec.field(default=0, name="told")
    due_ms: int | None = None
    counts: list[str] = []
    waiting: dict[str, int] = {}

    def take(self, item: Contribution, now_ms: int) -> bool:
        """Store a contribution unless a newer one of the same contributor stands. Returns whether it says anything new.

        Raises InvalidRecordError("wrong_shape") for a body that is no JSON object.
        """
        name = self._name(item)
        before = self.entries.get(name)
        if before is not None and item.seq < before[0]:
            return False
        if item.body == RETRACTED:
            if before is not None and before[2] == RETRACTED:
                return False
            self.entries[name] = (item.seq, item.changed_ms, RETRACTED, now_ms + RETRACTION_MEMORY_MS)
        elif not bytes(item.body).startswith(b"{"):
            raise InvalidRecordError("wrong_shape", f"what {item.contributor} says to {item.view} is no object")
        else:
            self.entries[name] = (item.seq, item.changed_ms, item.body, item.expires_ms)
        return before is None or before[1:] != self.entries[name][1:]

    def _name(self, item: Contribution) -> str:
        """The contributor. Older versions named objects of AD without their forest: such a contribution, stored here
        or on its way, is of the forest that stands in its body.
        """
        plain, _, forest = item.contributor.partition("@")
        if (forest and plain not in self.entries) or kind_of_contributor(plain) not in OF_AD:
            return item.contributor
        forest = forest or _forest_in(item.body)
        if not forest:
            return item.contributor
        name, stored = f"{plain}@{forest}", self.entries.get(plain)
        if stored is not None and _forest_in(stored[2]) in ("", forest):
            del self.entries[plain]
            self.entries.setdefault(name, stored)
        return name

    def unexpired(self, now_ms: int, reporting_forests: frozenset[str] | None = None) -> tuple[ViewRow, list[int]]:
        """The row without what has expired (events, retractions), and without objects of AD that are of none of the
        forests `reporting_forests`: the tenant is theirs no more. And when the rest will expire (ms).
        """
        past, later = [], []
        for name, (_, _, _, expires_ms) in self.entries.items():
            forest = forest_of(name) if reporting_forests is not None else None
            foreign = forest is not None and reporting_forests is not None and forest not in reporting_forests
            if 0 < expires_ms <= now_ms or foreign:
                past.append(name)
            elif expires_ms:
                later.append(expires_ms)
        if not past:
            return self, later
        entries = {name: entry for name, entry in self.entries.items() if name not in past}
        return msgspec.structs.replace(self, entries=entries), later

    def view(self, key: str) -> AnyView | None:
        """The view; None where there is nothing to judge, nothing to resolve and nothing to take back.

        Raises ValueError for a kind this version does not know, KeyError and the like for malformed bodies.
        """
        shape = view_class(key)
        if shape is None:
            raise ValueError("this version knows no view of this kind")
        entries = scoped(
            {
                contributor: Entry(key, contributor, changed_ms, body)
                for contributor, (_, changed_ms, body, _) in self.entries.items()
                if body != RETRACTED
            }
        )
        if not (self.findings or self.derived or self.counts or shape.needs_evaluation(entries)):
            return None
        return shape.build(key, entries)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to remember."""
        return not (self.entries or self.findings or self.derived or self.counts)


class _InForest(msgspec.Struct):
    forest: str | None = None


class _OfParty(msgspec.Struct):
    party: _InForest | None = None


def _forest_in(body: msgspec.Raw) -> str:
    """The forest of the party in a contribution's body; "" where it names none."""
    party = decode(body, _OfParty).party if body != RETRACTED else None
    return (party.forest or "") if party is not None else ""


def load_view(key: str, rows: Rows) -> ViewRow:
    """The row of a view; an empty one if there is none."""
    raw = rows.get(key)
    return decode(raw, ViewRow) if raw else ViewRow()


def stored_keys(rows: Rows) -> list[str]:
    """The keys of every view of the partition."""
    return [key for key, _ in rows.items("") if not key.startswith("~")]
