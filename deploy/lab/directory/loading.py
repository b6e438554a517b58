"""Fast creation of many objects: a directory of a million is ready in seconds."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from deploy.lab.directory import baseline, names, schema, values
from deploy.lab.directory.entry import Entry, Stored, shape
from deploy.lab.directory.results import DirectoryError, ResultCode

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

_BATCH = 10_000
Cell = str | bytes | Sequence[str] | None


def load(
    store: DirectoryStore, parent: Entry, object_class: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> int:
    """Create one object of `object_class` below `parent` per row; return how many.

    Args:
        columns: attribute names, unlinked ones, of the cells that follow the first; the first is the object's name.
        rows: `(name, cell, cell, …)`; a cell is text, bytes, a list of texts, or None where the object lacks it.

    Values are taken as they are: only account and principal names are checked for uniqueness. Listeners, hence change
    notifications, are not told.

    Raises:
        DirectoryError: an unknown attribute or class, or a name that is taken; rows before it are in the directory.
    """
    chosen, defaults = baseline.class_of(store, {"objectClass": [object_class]}, "")
    spelled = [schema.canonical(name) for name in columns]
    for name in columns:
        known = schema.attribute(name)
        if known is None or known.computed or known.link:
            raise DirectoryError(ResultCode.NO_SUCH_ATTRIBUTE, f"00000057: {name} cannot be loaded")
    fixed: dict[str, Stored] = {"objectClass": tuple(part.encode() for part in chosen.chain)}
    fixed |= {name: value for name, value in defaults.items() if name not in spelled}
    form = shape((*fixed, *spelled))
    account = spelled.index("sAMAccountName") if "sAMAccountName" in spelled else -1
    principal = spelled.index("userPrincipalName") if "userPrincipalName" in spelled else -1
    if parent.children is None:
        parent.children = {}
    log, when, prefix, children = (
        store.tree.context_of(parent).log,
        int(store.clock()),
        chosen.rdn + "=",
        parent.children,
    )
    constant = tuple(fixed.values())
    usn, count, by_guid, by_rid = store.highest_committed_usn, 0, store.by_guid, store.by_rid
    with _collector_paused():
        for batch, guids in _batches(store, rows):
            for place, row in enumerate(batch):
                cells = [cell.encode() if type(cell) is str else _cell(cell) for cell in row[1:]]
                rdn = prefix + str(row[0])
                child = names.key(rdn)
                if child == rdn:
                    child = rdn  # one string instead of two
                if child in children:
                    raise DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, f"00002071: {rdn} exists below {parent.rdn}")
                usn += 1
                entry = Entry(
                    guids[place * 16 : place * 16 + 16], parent, rdn, form, constant + tuple(cells), usn, when
                )
                if account >= 0:
                    _claim(store.by_account, cells[account], entry, unique=True)
                if principal >= 0:
                    _claim(store.by_upn, cells[principal], entry, unique=store.unique_upns)
                children[child] = by_guid[entry.guid] = entry
                if chosen.security_principal:
                    entry.rid = store.next_rid
                    store.next_rid += 1
                    by_rid[entry.rid] = entry
                log.append(usn, entry, again=False)
                store.highest_committed_usn = usn
                count += 1
    return count


def _claim(index: dict[bytes, Entry], value: Stored, entry: Entry, *, unique: bool) -> None:
    if not isinstance(value, bytes):
        return
    lower = value.lower()
    if lower == value:
        lower = value  # share the stored octets
    if index.setdefault(lower, entry) is not entry and unique:
        raise DirectoryError(ResultCode.ENTRY_ALREADY_EXISTS, f"00000524: {value.decode()} is taken")


def _cell(cell: Cell) -> Stored:
    if cell is None or isinstance(cell, bytes):
        return cell
    return values.pack([values.encode(value) for value in cell])


def _batches(store: DirectoryStore, rows: Iterable[Sequence[Cell]]) -> Iterator[tuple[list[Sequence[Cell]], bytes]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH)):
        yield batch, store.new_guids(len(batch))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Hold the cyclic garbage collector: it would walk every object made so far, again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
