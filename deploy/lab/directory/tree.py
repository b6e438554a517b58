"""Where entries stand: naming contexts, children by name, distinguished names, and the log of who changed last."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from deploy.lab.directory import names
from deploy.lab.directory.entry import Entry
from deploy.lab.directory.results import DirectoryError, ResultCode

_COMPACT_ABOVE = 4096


class ChangeLog:
    """The entries of one naming context in the order of their last change.

    Appending is all a change costs: an older place of the same entry is recognised by its outdated USN and skipped.
    """

    def __init__(self) -> None:
        self._usns: array[int] = array("Q")
        self._entries: list[Entry] = []
        self._stale = 0

    def append(self, usn: int, entry: Entry, *, again: bool) -> None:
        """Note that `entry` changed at `usn`; `again`: it stood in the log before."""
        self._usns.append(usn)
        self._entries.append(entry)
        self._stale += again
        if self._stale > _COMPACT_ABOVE and self._stale * 2 > len(self._entries):
            self._compact()

    def since(self, usn: int) -> Iterator[Entry]:
        """Yield every entry whose uSNChanged is above `usn`, in that order."""
        usns, entries = self._usns, self._entries
        for place in range(bisect_right(usns, usn), len(entries)):
            entry = entries[place]
            if entry.usn_changed == usns[place]:
                yield entry

    def rewind(self, usn: int) -> None:
        """Pretend that nothing happened after `usn`."""
        later = list(self.since(usn))
        keep = bisect_right(self._usns, usn)
        del self._usns[keep:], self._entries[keep:]
        for entry in later:
            entry.usn_changed = usn
            self.append(usn, entry, again=False)

    def copy(self) -> ChangeLog:
        """Return an independent log of the same changes."""
        other = ChangeLog()
        other._usns, other._entries, other._stale = self._usns[:], self._entries[:], self._stale
        return other

    def _compact(self) -> None:
        live = list(self.since(0))
        self._usns, self._entries, self._stale = array("Q", (entry.usn_changed for entry in live)), live, 0


class NamingContext:
    """One partition: its `head`, its distinguished name, its change log and its container of deleted objects."""

    def __init__(self, dn: str, head: Entry) -> None:
        self.dn, self.head = dn, head
        self.relative_names = names.split(dn)
        self.keys = tuple(map(names.key, self.relative_names))
        self.log = ChangeLog()
        self.deleted_objects: Entry = head


class Tree:
    """All naming contexts of the directory."""

    def __init__(self) -> None:
        self.contexts: list[NamingContext] = []
        self._by_head: dict[Entry, NamingContext] = {}
        self._dns: dict[Entry, str] = {}

    def add_context(self, dn: str, head: Entry) -> NamingContext:
        context = NamingContext(dn, head)
        self.contexts.append(context)
        self.contexts.sort(key=lambda each: -len(each.keys))
        self._by_head[head] = context
        return context

    def context_of(self, entry: Entry) -> NamingContext:
        while entry.parent is not None:
            entry = entry.parent
        return self._by_head[entry]

    def head_of(self, entry: Entry) -> NamingContext | None:
        """Return the context whose head `entry` is, None for any other entry."""
        return self._by_head.get(entry)

    def dn(self, entry: Entry) -> str:
        """Return the distinguished name."""
        known = self._dns.get(entry)
        if known is not None:
            return known
        if entry.parent is None:
            return self._by_head[entry].dn
        found = f"{names.escape(entry.rdn)},{self.dn(entry.parent)}"
        if entry.children is not None:  # leaves are not remembered: a million strings would be the larger half
            self._dns[entry] = found
        return found

    def find(self, relative_names: tuple[str, ...]) -> Entry:
        """Return the entry of these relative names (leaf first).

        Raises:
            DirectoryError: noSuchObject, with the nearest ancestor that exists.
        """
        keys = tuple(map(names.key, relative_names))
        for context in self.contexts:
            depth = len(context.keys)
            if keys[-depth:] == context.keys:
                return self._descend(context.head, keys[:-depth])
        raise no_such_object(self.dn(self.contexts[-1].head) if self.contexts else "")

    def place(self, entry: Entry, parent: Entry, rdn: str) -> None:
        """Put `entry` below `parent` as `rdn`.

        Raises:
            DirectoryError: entryAlreadyExists when another child has that name; noSuchObject below a deleted parent.
        """
        key = names.key(rdn)
        if parent.deleted and not entry.deleted:
            raise no_such_object(self.dn(parent))
        if parent.children is None:
            parent.children = {}
        other = parent.children.get(key)
        if other is not None and other is not entry:
            raise DirectoryError(
                ResultCode.ENTRY_ALREADY_EXISTS,
                "00002071: UpdErr: DSID-0305038D, problem 6005 (ENTRY_EXISTS), data 0",
            )
        parent.children[key] = entry
        entry.parent, entry.rdn = parent, rdn

    def take_away(self, entry: Entry) -> None:
        """Undo `place`."""
        if entry.parent is not None and entry.parent.children:
            del entry.parent.children[names.key(entry.rdn)]
            entry.parent = None

    def move(self, entry: Entry, parent: Entry, rdn: str) -> None:
        """Take `entry` from where it stands and `place` it elsewhere; nothing changes when that is refused."""
        old_parent, old_key = entry.parent, names.key(entry.rdn)
        self.place(entry, parent, rdn)
        if old_parent is not None and old_parent.children and (old_parent, old_key) != (parent, names.key(rdn)):
            del old_parent.children[old_key]
        self.forget_names()

    def forget_names(self) -> None:
        """Work every distinguished name out anew when it is next asked for."""
        self._dns.clear()

    def below(self, entry: Entry) -> Iterator[Entry]:
        """Yield all descendants of `entry`, ancestors first."""
        waiting = [entry]
        while waiting:
            children = waiting.pop().children
            if children:
                found = list(children.values())
                yield from found
                waiting.extend(child for child in found if child.children)

    def _descend(self, entry: Entry, keys: tuple[str, ...]) -> Entry:
        for key in reversed(keys):
            child = (entry.children or {}).get(key)
            if child is None:
                raise no_such_object(self.dn(entry))
            entry = child
        return entry


def no_such_object(matched: str) -> DirectoryError:
    """Return the error for a name that leads nowhere."""
    message = f"0000208D: NameErr: DSID-03100241, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'{matched}'\n"
    return DirectoryError(ResultCode.NO_SUCH_OBJECT, message, matched)
