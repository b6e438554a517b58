"""DirSync: what changed in a naming context since a cookie, page by page.

Objects come in the order of their last change. While a pass goes on over several pages the cookie carries two USNs:
how far the pass has come, and since when attributes count as changed; at its end both are the directory's highest USN.

Source: MS-ADTS 3.1.1.3.4.1.3; Microsoft, "Polling for Changes Using the DirSync Control".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.lab.directory import ber, changes, messages, names, schema, values
from deploy.lab.directory.accounts import Account, Right
from deploy.lab.directory.controls import DirSync
from deploy.lab.directory.cookie import Cookie
from deploy.lab.directory.entry import Entry, Shape
from deploy.lab.directory.limits import Limits
from deploy.lab.directory.matching import Predicate
from deploy.lab.directory.messages import SUBTREE, Search
from deploy.lab.directory.rendering import Renderer
from deploy.lab.directory.results import DirectoryError, ResultCode
from deploy.lab.directory.schema import Syntax
from deploy.lab.directory.tree import NamingContext

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

OBJECT_SECURITY = 0x1
ANCESTORS_FIRST = 0x800
PUBLIC_DATA_ONLY = 0x2000
INCREMENTAL_VALUES = 0x80000000
_ALWAYS = frozenset({"objectGUID", "instanceType"})
_GUID, _INSTANCE_TYPE, _NAME = ber.octets("objectGUID"), ber.octets("instanceType"), ber.octets("name")
_PARENT, _SID, _CREATED = ber.octets("parentGUID"), ber.octets("objectSid"), ber.octets("whenCreated")


@dataclass(frozen=True, slots=True)
class Page:
    """One response: encoded entries, whether more is waiting, and the cookie to come back with."""

    entries: list[bytes]
    more: bool
    cookie: bytes


def check(store: DirectoryStore, base: Entry, search: Search, flags: int, account: Account) -> NamingContext:
    """Return the naming context to read.

    Raises:
        DirectoryError: insufficientAccessRights without the replication right or the object-security flag; for a base
            that is no head of a naming context the same, or unwillingToPerform under that flag.
    """
    context = store.tree.head_of(base)
    if not flags & OBJECT_SECURITY and (Right.REPLICATE not in account.rights or context is None):
        message = "00002105: LdapErr: DSID-0C090A5C, comment: Error processing control, data 0, v4563"
        raise DirectoryError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, message)
    if context is None or search.scope != SUBTREE:
        message = "00002035: LdapErr: DSID-0C090A5D, comment: DirSync reads whole naming contexts only, data 0, v4563"
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, message)
    return context


class Pass:
    """One page of a pass over one naming context."""

    def __init__(
        self,
        context: NamingContext,
        matches: Predicate,
        renderer: Renderer,
        request: DirSync,
        account: Account,
        limits: Limits,
    ) -> None:
        self._context, self._matches, self._renderer, self._limits = context, matches, renderer, limits
        self._store = renderer.store
        self._flags, self._max_bytes = request.flags, request.max_bytes
        self._deleted = not request.flags & OBJECT_SECURITY or Right.READ_DELETED in account.rights
        self._position = Cookie.read(request.cookie, self._store.invocation_id)
        self._plans: dict[Shape, list[tuple[int, str, bytes, bool]]] = {}
        self._entries: list[bytes] = []
        self._sent: set[Entry] = set()
        self._links_left = limits.dirsync_link_values

    def page(self) -> Page:
        """Return the next page. The caller holds the store's lock."""
        usn, skip, more = self._position.object_usn, self._position.link_offset, False
        first = usn + 1
        octets = 0
        for entry in self._context.log.since(usn):
            # After a simulated rollback several objects share one USN: a cookie cannot point between them.
            if self._full(octets) and entry.usn_changed != usn:
                more = True
                break
            before = len(self._entries)
            rest = self._send(entry, skip if entry.usn_changed == first else 0)
            octets += sum(map(len, self._entries[before:]))
            if rest:
                return self._end(entry.usn_changed - 1, rest, more=True)
            usn = entry.usn_changed
        return self._end(usn, 0, more=more)

    def _full(self, octets: int) -> bool:
        objects = len(self._entries) >= self._limits.dirsync_objects
        return objects or 0 < self._max_bytes <= octets or self._links_left <= 0

    def _end(self, usn: int, link_offset: int, *, more: bool) -> Page:
        """Close the page with a cookie that continues after `usn`, or one that is up to date."""
        highest = self._store.highest_committed_usn
        position = Cookie(usn, link_offset, self._position.attribute_usn) if more else Cookie(highest, 0, highest)
        return Page(self._entries, more, position.write(self._store.invocation_id, int(self._store.clock())))

    def _send(self, entry: Entry, skip: int) -> int:
        """Send what the client lacks of `entry`, without its first `skip` link changes.

        Return 0, or how many link changes are sent by now when some did not fit.
        """
        if entry in self._sent or (entry.deleted and not self._deleted) or self._matches(entry) is not True:
            return 0
        if self._flags & ANCESTORS_FIRST:
            for ancestor in self._late_ancestors(entry):
                self._send(ancestor, 0)
        parts = [] if skip else self._plain(entry)
        rest = 0
        if self._flags & INCREMENTAL_VALUES:
            linked = list(self._link_changes(entry))
            stop = min(len(linked), skip + max(self._links_left, 1))
            parts += self._encode_links(linked[skip:stop])
            self._links_left -= stop - skip
            rest = stop if stop < len(linked) else 0
        if not parts:
            return 0
        if not rest:
            self._sent.add(entry)
        instance_type = values.unpack(entry.stored("instanceType"))
        parts += [messages.attribute(_GUID, (entry.guid,)), messages.attribute(_INSTANCE_TYPE, instance_type)]
        self._entries.append(messages.entry(self._renderer.dn(entry), parts))
        return rest

    def _late_ancestors(self, entry: Entry) -> list[Entry]:
        """Return the ancestors that changed after `entry`, topmost first: by USN alone they would come too late."""
        found, above = [], entry.parent
        while above is not None:
            if above.usn_changed > entry.usn_changed:
                found.append(above)
            above = above.parent
        return found[::-1]

    def _plain(self, entry: Entry) -> list[bytes]:
        """Return the changed attributes, removed ones without values."""
        parts: list[bytes] = []
        since, selection = self._position.attribute_usn, self._renderer.selection
        usns, stored = entry.usns, entry.values
        if isinstance(usns, tuple) or usns > since:
            for place, name, encoded, is_name in self._plan(entry.shape):
                if isinstance(usns, tuple) and usns[place] <= since:
                    continue
                value = stored[place]
                if is_name:
                    parts.append(messages.attribute(encoded, self._renderer.names(values.unpack(value))))
                elif isinstance(value, bytes):
                    parts.append(messages.attribute(encoded, (value,)))
                elif value is None or isinstance(value, tuple):
                    parts.append(messages.attribute(encoded, value or ()))
                else:
                    parts.append(self._whole_link(entry, name))
        if entry.usn_name > since:
            if "name" in selection:
                parts.append(messages.attribute(_NAME, (names.value(entry.rdn).encode(),)))
            if "parentGUID" in selection and entry.parent is not None:
                parts.append(messages.attribute(_PARENT, (entry.parent.guid,)))
        if entry.usn_created > since:
            sid = self._store.sid(entry) if "objectSid" in selection else None
            if sid is not None:
                parts.append(messages.attribute(_SID, (sid,)))
            if "whenCreated" in selection:
                parts.append(messages.attribute(_CREATED, (values.generalized_time(entry.when_created),)))
        return parts

    def _plan(self, form: Shape) -> list[tuple[int, str, bytes, bool]]:
        """Return (place, name, encoded name, whether values are names) of the attributes to report of this shape."""
        plan = self._plans.get(form)
        if plan is None:
            plan = []
            for place, name in enumerate(form.names):
                known = schema.ATTRIBUTES[name.lower()]
                by_value = known.link and self._flags & INCREMENTAL_VALUES
                wanted = name in self._renderer.selection and name not in _ALWAYS
                if known.replicated and wanted and not by_value:
                    is_name = known.syntax is Syntax.DN and not known.link
                    plan.append((place, name, ber.octets(name), is_name))
            self._plans[form] = plan
        return plan

    def _whole_link(self, entry: Entry, name: str) -> bytes:
        """Return all targets of a link; above the value limit only the first ones, under their range."""
        targets = list(entry.targets(name))
        shown = targets[: self._limits.max_val_range]
        suffix = f";range=0-{len(shown) - 1}" if len(shown) < len(targets) else ""
        return messages.attribute(ber.octets(name + suffix), [self._renderer.dn(target) for target in shown])

    def _link_changes(self, entry: Entry) -> Iterator[tuple[str, Entry]]:
        """Yield (attribute with range, target): range=1-1 for each added, range=0-0 for each removed value."""
        since = self._position.attribute_usn
        for name in entry.shape.names:
            if name in schema.LINKS and name in self._renderer.selection and entry.usn_of(name) > since:
                added, removed = changes.link_changes(entry, name, since)
                if since:  # a first pass tells only what is there
                    yield from ((f"{name};range=0-0", target) for target, _ in removed)
                yield from ((f"{name};range=1-1", target) for target, _ in added)

    def _encode_links(self, linked: list[tuple[str, Entry]]) -> Iterator[bytes]:
        by_name: dict[str, list[bytes]] = {}
        for name, target in linked:
            by_name.setdefault(name, []).append(self._renderer.dn(target))
        for name, targets in by_name.items():
            yield messages.attribute(ber.octets(name), targets)
