"""Linked attributes: member, manager and their like, kept per value with the USN of each value.

A link is a reference to the target itself, so a renamed target needs no repair, and it vanishes silently with its
target: Active Directory reports no change of a group whose member was deleted.

Source: MS-ADTS 3.1.1.1.6 (linked attributes); reference measurements on Samba 4.17.
"""

from __future__ import annotations

from collections.abc import Iterable

from deploy.lab.directory import schema
from deploy.lab.directory.entry import Entry, Stored, add_source, drop_source


def changed(source: Entry, name: str, add: Iterable[Entry], remove: Iterable[Entry], usn: int) -> Stored:
    """Link and unlink targets of the forward link `name`; return the new value for `Entry.write`.

    Removed values are remembered, with the USN of their removal, because DirSync reports them.
    """
    before = source.targets(name)
    links = dict(before)
    gone = dict((source.removed_links or {}).get(name, {}))
    for target in remove:
        if links.pop(target, None) is not None:
            gone[target] = usn
            drop_source(target, name, source)
    for target in add:
        if target not in links:
            links[target] = usn
            gone.pop(target, None)
            add_source(target, name, source)
    if gone or source.removed_links:
        source.removed_links = {**(source.removed_links or {}), name: gone}
    return _stored(name, links)


def adopt(source: Entry, name: str, targets: Iterable[Entry], usn: int) -> Stored:
    """Like `changed` for an object that is just being created: all of `targets` are new."""
    links = dict.fromkeys(targets, usn)
    for target in links:
        add_source(target, name, source)
    return _stored(name, links)


def forget(entry: Entry) -> list[tuple[Entry, str, Entry]]:
    """Cut every link from and to `entry`, silently; return what was cut as (source, link name, target)."""
    cut: list[tuple[Entry, str, Entry]] = []
    for name in schema.LINKS:
        cut += [(entry, name, target) for target in entry.targets(name)]
    for back, forward in schema.BACK_LINKS.items():
        cut += [(source, forward, entry) for source in entry.sources(back)]
    for source, name, target in cut:
        links = {other: usn for other, usn in source.targets(name).items() if other is not target}
        _put(source, name, links)
        drop_source(target, name, source)
    entry.removed_links = None
    return cut


def _put(source: Entry, name: str, links: dict[Entry, int]) -> None:
    """Replace the stored links without a new USN: nobody is told."""
    place = source.shape.index.get(name)
    if place is not None:
        values = list(source.values)
        values[place] = _stored(name, links)
        source.values = tuple(values)


def _stored(name: str, links: dict[Entry, int]) -> Stored:
    if not links:
        return None
    return next(iter(links)) if schema.LINKS[name][1] else links
