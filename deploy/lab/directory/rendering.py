"""Entries as search results: which attributes, in which form, how many values.

The plan for one set of attribute names is worked out once, so that a page of a thousand like objects costs little.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from deploy.lab.directory import ber, messages, reading, schema, sids
from deploy.lab.directory.entry import Entry, Shape
from deploy.lab.directory.results import DirectoryError
from deploy.lab.directory.schema import Attribute, Syntax

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

_RANGE = re.compile(r"range=(\d+)-(\d+|\*)$", re.IGNORECASE)


class Selection:
    """The attributes a search asked for: everything, or named ones, each perhaps with a range of values.

    `named` holds the schema's spelling; names the schema lacks are ignored, as Active Directory does.
    """

    def __init__(self, requested: Sequence[str]) -> None:
        self.everything = not requested or "*" in requested
        self.named: dict[str, tuple[int, int | None] | None] = {}
        for text in requested:
            name, _, option = text.partition(";")
            known = schema.attribute(name)
            if known is None:
                continue
            found = _RANGE.match(option)
            self.named[known.name] = (
                (int(found[1]), None if found[2] == "*" else int(found[2])) if found else self.named.get(known.name)
            )

    def __contains__(self, name: str) -> bool:
        return self.everything or name in self.named


class Renderer:
    """Turns entries into SearchResultEntry octets for one search.

    Args:
        extended_dn: None, 0 (hexadecimal) or 1 (text): prefix every DN with the object's GUID and SID.
        types_only: names without values.
        max_val_range: at most this many values of one attribute; the rest is fetched by ranges.
    """

    def __init__(
        self,
        store: DirectoryStore,
        selection: Selection,
        *,
        extended_dn: int | None = None,
        types_only: bool = False,
        max_val_range: int = 1500,
    ) -> None:
        self.store, self.selection = store, selection
        self._extended_dn, self._types_only, self._max_val_range = extended_dn, types_only, max_val_range
        self._plans: dict[Shape, list[tuple[int, bytes]]] = {}
        self._names: dict[bytes, bytes] = {}  # few different ones: categories, parents of deleted objects

    def dn(self, entry: Entry) -> bytes:
        """Return the name of `entry` in the form the search asked for."""
        plain = self.store.dn(entry).encode()
        if self._extended_dn is None:
            return plain
        sid = self.store.sid(entry)
        if self._extended_dn == 0:
            return b"<GUID=%s>;%s%s" % (
                entry.guid.hex().encode(),
                b"<SID=%s>;" % sid.hex().encode() if sid else b"",
                plain,
            )
        guid = str(uuid.UUID(bytes_le=entry.guid)).encode()
        return b"<GUID=%s>;%s%s" % (guid, b"<SID=%s>;" % sids.text(sid).encode() if sid else b"", plain)

    def names(self, values: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Return stored names in the form the search asked for; a name that leads nowhere stays as it is."""
        if self._extended_dn is None:
            return values
        return tuple(self._names.get(value) or self._name(value) for value in values)

    def _name(self, value: bytes) -> bytes:
        try:
            found = self.dn(self.store.entry(value.decode()))
        except DirectoryError:
            found = value  # a class of the schema, which the lab does not hold as objects
        self._names[value] = found
        return found

    def render(self, entry: Entry) -> bytes:
        """Return the entry with what the selection asks of it."""
        values = entry.values
        parts: list[bytes] = []
        for place, name in self._plan(entry.shape):
            value = values[place]
            if value is None:
                continue
            if isinstance(value, bytes):
                parts.append(messages.attribute(name, () if self._types_only else (value,)))
            elif isinstance(value, tuple):
                parts += self._limited(name, value, None)
        for known in self._others(entry):
            parts += self._other(entry, known)
        return messages.entry(self.dn(entry), parts)

    def _plan(self, form: Shape) -> list[tuple[int, bytes]]:
        """Return (place, encoded name) of the plain stored attributes of this shape that were asked for."""
        plan = self._plans.get(form)
        if plan is None:
            plan = []
            for place, name in enumerate(form.names):
                known = schema.ATTRIBUTES[name.lower()]
                wanted = name in self.selection and (name in self.selection.named or not known.operational)
                plain = not known.link and not (known.syntax is Syntax.DN and self._extended_dn is not None)
                if wanted and plain and not known.secret and self.selection.named.get(name) is None:
                    plan.append((place, ber.octets(name)))
            self._plans[form] = plan
        return plan

    def _others(self, entry: Entry) -> Iterable[Attribute]:
        """Yield the attributes that `render` does not take straight from the stored values."""
        selection = self.selection
        if selection.everything:
            for known in reading.present(self.store, entry):
                if known.name not in selection.named and self._not_planned(known):
                    yield known
        for name, value_range in selection.named.items():
            known = schema.ATTRIBUTES[name.lower()]
            if value_range is not None or self._not_planned(known):
                yield known

    def _not_planned(self, known: Attribute) -> bool:
        return known.computed or known.link or (known.syntax is Syntax.DN and self._extended_dn is not None)

    def _other(self, entry: Entry, known: Attribute) -> list[bytes]:
        value_range = self.selection.named.get(known.name)
        linked = entry.targets(known.name) if known.link else entry.sources(known.name)
        if known.link or known.name in schema.BACK_LINKS:
            return self._limited_links(known.name, linked, value_range)
        values = reading.read(self.store, entry, known)
        if known.syntax is Syntax.DN:
            values = self.names(values)
        return self._limited(ber.octets(known.name), values, value_range)

    def _limited_links(
        self, name: str, linked: dict[Entry, int] | list[Entry], value_range: tuple[int, int | None] | None
    ) -> list[bytes]:
        window = self._window(len(linked), value_range)
        if window is None:
            return []
        low, stop, suffix = window
        values = [] if self._types_only else [self.dn(other) for other in islice(linked, low, stop)]
        return [messages.attribute(ber.octets(name + suffix), values)]

    def _limited(
        self, encoded_name: bytes, values: tuple[bytes, ...], value_range: tuple[int, int | None] | None
    ) -> list[bytes]:
        window = self._window(len(values), value_range)
        if window is None:
            return []
        low, stop, suffix = window
        if suffix:
            encoded_name = ber.octets(encoded_name[2:] + suffix.encode())
        return [messages.attribute(encoded_name, () if self._types_only else values[low:stop])]

    def _window(self, count: int, value_range: tuple[int, int | None] | None) -> tuple[int, int, str] | None:
        """Return (first, past the last, name suffix) of the values to send, None when there are none."""
        if count == 0 or (value_range is not None and value_range[0] >= count):
            return None
        if value_range is None and count <= self._max_val_range:
            return 0, count, ""
        low, high = value_range or (0, None)
        stop = min(low + self._max_val_range, count if high is None else high + 1)
        return (low, count, f";range={low}-*") if stop >= count else (low, stop, f";range={low}-{stop - 1}")
