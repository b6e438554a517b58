"""One stored object, compact enough for a million of them."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

from deploy.lab.directory import schema

# None: removed (its USN is kept). An Entry: the target of a single-valued link. A dict: link targets with their USNs.
Stored: TypeAlias = "bytes | tuple[bytes, ...] | Entry | dict[Entry, int] | None"


class Shape:
    """The attribute names several entries share, with each name's place. Made by `shape`, one per set of names."""

    __slots__ = ("index", "names")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.index = {name: place for place, name in enumerate(names)}


@cache
def shape(names: tuple[str, ...]) -> Shape:
    """Return the one Shape for these names, in the schema's spelling."""
    return Shape(names)


class Entry:
    """The store's own record of an object; everybody else sees `DirectoryObject`.

    `usns` is one number while every attribute still has the USN of the creation, else one number per attribute.
    `usn_name` is the USN of the last rename or move. `rid` is 0 for objects without a SID.
    """

    __slots__ = (
        "back_links",
        "children",
        "deleted",
        "guid",
        "member_of",
        "parent",
        "rdn",
        "removed_links",
        "rid",
        "shape",
        "usn_changed",
        "usn_created",
        "usn_name",
        "usns",
        "values",
        "when_changed",
        "when_created",
    )

    def __init__(
        self,
        guid: bytes,
        parent: Entry | None,
        rdn: str,
        form: Shape,
        values: tuple[Stored, ...],
        usn: int,
        when: int,
    ) -> None:
        self.guid, self.parent, self.rdn = guid, parent, rdn
        self.shape, self.values, self.usns = form, values, usn
        self.usn_created = self.usn_changed = self.usn_name = usn
        self.when_created = self.when_changed = when
        self.rid = 0
        self.deleted = False
        self.children: dict[str, Entry] | None = None
        self.member_of: list[Entry] | None = None
        self.back_links: dict[str, list[Entry]] | None = None
        self.removed_links: dict[str, dict[Entry, int]] | None = None

    usns: int | tuple[int, ...]

    def stored(self, name: str) -> Stored:
        """Return the stored value of `name` (schema's spelling), None when absent or removed."""
        place = self.shape.index.get(name)
        return None if place is None else self.values[place]

    def usn_of(self, name: str) -> int:
        """Return the USN of the last change of a stored attribute, 0 when it never was set."""
        place = self.shape.index.get(name)
        if place is None:
            return 0
        return self.usns if isinstance(self.usns, int) else self.usns[place]

    def write(self, updates: dict[str, Stored], usn: int) -> None:
        """Store `updates`, each stamped with `usn`."""
        added = tuple(name for name in updates if name not in self.shape.index)
        size = len(self.values)
        usns = [self.usns] * size if isinstance(self.usns, int) else list(self.usns)
        values = [*self.values, *(None for _ in added)]
        usns += [usn] * len(added)
        if added:
            self.shape = shape(self.shape.names + added)
        for name, value in updates.items():
            place = self.shape.index[name]
            values[place], usns[place] = value, usn
        self.values = tuple(values)
        self.usns = usn if all(each == usn for each in usns) else tuple(usns)

    def targets(self, name: str) -> dict[Entry, int]:
        """Return the present targets of a forward link with the USN at which each was linked."""
        value = self.stored(name)
        if isinstance(value, Entry):
            return {value: self.usn_of(name)}
        return value if isinstance(value, dict) else {}

    def sources(self, back_link: str) -> list[Entry]:
        """Return the entries whose forward link points here, by the back link's name."""
        if back_link == "memberOf":
            return self.member_of or []
        return (self.back_links or {}).get(back_link, [])

    @property
    def object_class(self) -> str:
        """The structural class, e.g. `user`."""
        chain = self.stored("objectClass")
        return chain[-1].decode() if isinstance(chain, tuple) else ""


def add_source(target: Entry, forward: str, source: Entry) -> None:
    """Note at `target` that `source` links to it."""
    if forward == "member":
        if target.member_of is None:
            target.member_of = [source]
        else:
            target.member_of.append(source)
        return
    target.back_links = target.back_links or {}
    target.back_links.setdefault(schema.LINKS[forward][0], []).append(source)


def drop_source(target: Entry, forward: str, source: Entry) -> None:
    """Forget at `target` that `source` linked to it."""
    sources = target.sources(schema.LINKS[forward][0])
    if source in sources:
        sources.remove(source)
