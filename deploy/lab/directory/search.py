"""Which entries a search has to look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from deploy.lab.directory import filters
from deploy.lab.directory.accounts import Account, Right
from deploy.lab.directory.controls import Controls
from deploy.lab.directory.entry import Entry
from deploy.lab.directory.messages import BASE, ONE_LEVEL, SUBTREE, Search
from deploy.lab.directory.results import DirectoryError
from deploy.lab.directory.tree import no_such_object

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore


def sees_deleted(controls: Controls, account: Account) -> bool:
    """Tell whether deleted objects exist for this request: it must ask for them and be allowed to list them."""
    return (controls.show_deleted or controls.show_recycled) and Right.READ_DELETED in account.rights


def hides_recycled(store: DirectoryStore, controls: Controls) -> bool:
    """Tell whether recycled objects are out of sight: with the recycle bin on they need a control of their own."""
    return store.recycle_bin and not controls.show_recycled


def base_entry(store: DirectoryStore, name: str, *, deleted: bool) -> Entry:
    """Return the entry a request names.

    Raises:
        DirectoryError: noSuchObject, also for a deleted object the request may not see; invalidDNSyntax.
    """
    found = store.entry(name)
    if found.deleted and not deleted:
        raise no_such_object("")
    return found


def candidates(
    store: DirectoryStore, base: Entry, search: Search, *, deleted: bool, recycled: bool = True
) -> Iterator[Entry]:
    """Yield the entries in scope that may match, using the indexes where the filter allows."""
    for entry in _in_scope(store, base, search, deleted):
        if not entry.deleted or (deleted and (recycled or entry.stored("isRecycled") is None)):
            yield entry


def _in_scope(store: DirectoryStore, base: Entry, search: Search, deleted: bool) -> Iterator[Entry]:
    if search.scope == BASE:
        yield base
        return
    if search.scope == ONE_LEVEL:
        yield from list((base.children or {}).values())
        return
    # Outside deleted objects the indexes know every object; with them only the change log does.
    for term in _conjunction(search.filter):
        if term.kind == filters.EQUAL and not deleted:
            found = _indexed(store, term)
            if found is not None:
                yield from (entry for entry in found if _is_below(entry, base))
                return
        context = store.tree.head_of(base)
        if term.kind == filters.GREATER and term.attribute.lower() == "usnchanged" and context and term.value.isdigit():
            yield from list(context.log.since(int(term.value) - 1))
            return
    yield base
    yield from store.tree.below(base)


def _conjunction(node: filters.Filter) -> Iterator[filters.Filter]:
    """Yield the terms that every match fulfils."""
    if node.kind == filters.AND:
        for part in node.parts:
            yield from _conjunction(part)
    else:
        yield node


def _indexed(store: DirectoryStore, term: filters.Filter) -> list[Entry] | None:
    """Return the entries an equality can match, None when no index knows."""
    name = term.attribute.lower()
    if name == "samaccountname":
        found = store.by_account.get(term.value.lower())
    elif name == "userprincipalname" and store.unique_upns:
        found = store.by_upn.get(term.value.lower())
    elif name == "objectguid" and len(term.value) == 16:
        found = store.by_guid.get(term.value)
    elif name == "distinguishedname":
        try:
            found = store.entry(term.value.decode(errors="replace"))
        except DirectoryError:
            found = None
    else:
        return None
    return [found] if found is not None else []


def _is_below(entry: Entry, base: Entry) -> bool:
    above: Entry | None = entry
    while above is not None:
        if above is base:
            return True
        above = above.parent
    return False


def referrals(store: DirectoryStore, base: Entry, search: Search, controls: Controls) -> list[str]:
    """Return where a subtree search of the domain would have to go on: its configuration partition."""
    if search.scope == SUBTREE and base is store.domain_context.head and not controls.domain_scope:
        return [f"ldap://{store.domain}/{store.configuration_dn}"]
    return []
