"""The directory itself: objects in memory with the update sequence numbers Active Directory would give them.

Every write takes one new USN and stamps with it the object, each attribute and each link value that changed, which is
what DirSync and USN polling read. All methods are safe to call from several threads.

Source: MS-ADTS 3.1.1.1 (state model), 3.1.1.5 (updates).
"""

from __future__ import annotations

import hashlib
import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from deploy.lab.directory import (
    baseline,
    changes,
    links,
    loading,
    names,
    schema,
    sids,
    state,
    tombstones,
    uniqueness,
    values,
)
from deploy.lab.directory.entry import Entry, Stored, shape
from deploy.lab.directory.object import DirectoryObject
from deploy.lab.directory.results import DirectoryError, ResultCode
from deploy.lab.directory.tree import NamingContext, Tree, no_such_object
from deploy.lab.directory.updates import Operation, Update, plan
from deploy.lab.directory.values import Values

Reference: TypeAlias = uuid.UUID | str
Listener: TypeAlias = Callable[[Entry], None]


class DirectoryStore:
    """One Active Directory domain, which is also its own forest.

    Args:
        domain: DNS name of the domain.
        netbios: its short name; the first label in upper case unless given.
        unique_upns: refuse a userPrincipalName another object has, as Windows does within a forest. Off,
            duplicates come in as they do from several forests or from before 2012 R2.
        recycle_bin: deleted objects keep their attributes and links until they are restored.
        seed: makes GUIDs and the domain SID reproducible; random unless given.
        clock: seconds since the epoch; whenCreated, whenChanged and pwdLastSet follow it.

    Methods that take `reference` accept the object's GUID or its distinguished name; all of them raise DirectoryError
    with the LDAP result code Active Directory would answer.
    """

    def __init__(
        self,
        domain: str = "corp.contoso.local",
        *,
        netbios: str | None = None,
        unique_upns: bool = True,
        recycle_bin: bool = False,
        seed: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.domain, self.netbios = domain.lower(), netbios or domain.split(".")[0].upper()[:15]
        self.base_dn = ",".join(f"DC={label}" for label in self.domain.split("."))
        self.configuration_dn = f"CN=Configuration,{self.base_dn}"
        self.schema_dn = f"CN=Schema,{self.configuration_dn}"
        self.unique_upns, self.recycle_bin, self.clock = unique_upns, recycle_bin, clock
        self.lock = threading.RLock()
        self.tree = Tree()
        self.by_guid: dict[bytes, Entry] = {}
        self.by_account: dict[bytes, Entry] = {}
        self.by_upn: dict[bytes, Entry] = {}
        self.by_rid: dict[int, Entry] = {}
        self.categories: dict[str, bytes] = {}
        self.listeners: list[Listener] = []
        self.deactivated: dict[Entry, list[tuple[Entry, str, Entry]]] = {}
        self.highest_committed_usn = 4096
        self.next_rid = 1000
        self._random: random.Random = random.Random(seed) if seed is not None else random.SystemRandom()
        self._passwords: dict[Entry, bytes] = {}
        self._salt = secrets.token_bytes(16)
        self.invocation_id = uuid.UUID(int=self._random.getrandbits(128), version=4)
        self.domain_sid = sids.parse("S-1-5-21-" + "-".join(str(self._random.getrandbits(31)) for _ in range(3)))
        baseline.build(self)
        self.domain_guid = uuid.UUID(bytes_le=self.domain_context.head.guid)

    # --- reading ---------------------------------------------------------------------------------------------------

    def get(self, reference: Reference) -> DirectoryObject:
        """Return the object, deleted ones too when asked by GUID."""
        return DirectoryObject(self, self.entry(reference))

    def find_account(self, account_name: str) -> DirectoryObject | None:
        """Return the live object of this sAMAccountName."""
        entry = self.by_account.get(account_name.lower().encode())
        return DirectoryObject(self, entry) if entry else None

    def objects(self, *, below: Reference | None = None, deleted: bool = False) -> Iterator[DirectoryObject]:
        """Yield every object below a container (the domain unless told), parents first; deleted ones only if asked."""
        root = self.entry(below) if below is not None else self.domain_context.head
        for entry in self.tree.below(root):
            if deleted or not entry.deleted:
                yield DirectoryObject(self, entry)

    def changes_since(self, usn: int) -> Iterator[changes.Change]:
        """Yield what happened to each object of the domain after `usn`, in the order of the last change of each."""
        for entry in self.domain_context.log.since(usn):
            yield changes.of(self, entry, usn)

    def __len__(self) -> int:
        return len(self.by_guid)

    # --- writing ---------------------------------------------------------------------------------------------------

    def add(self, dn: str, attributes: Mapping[str, Values]) -> uuid.UUID:
        """Create an object; `attributes` must name its objectClass. Return its objectGUID.

        What Active Directory would set by itself (objectSid, objectCategory, userAccountControl 546 …) is set.
        """
        with self.lock:
            relative = names.split(dn)
            if len(relative) < 2:
                raise DirectoryError(ResultCode.NAMING_VIOLATION, "00002089: an object needs a parent")
            parent = self.tree.find(relative[1:])
            entry = self.create(parent, relative[0], attributes)
            return uuid.UUID(bytes_le=entry.guid)

    def modify(self, reference: Reference, attributes: Mapping[str, Values]) -> None:
        """Replace whole attributes; `None` or an empty list removes one. The same value again is no change."""
        updates = [Update(Operation.REPLACE, name, values.as_list(value)) for name, value in attributes.items()]
        self.update(self.entry(reference), updates)

    def add_values(self, reference: Reference, attribute: str, *new: values.Value) -> None:
        """Add values to one attribute; DN-valued ones may be given as GUIDs."""
        self.update(self.entry(reference), [Update(Operation.ADD, attribute, list(new))])

    def remove_values(self, reference: Reference, attribute: str, *old: values.Value) -> None:
        self.update(self.entry(reference), [Update(Operation.DELETE, attribute, list(old))])

    def move(self, reference: Reference, new_parent_dn: Reference | None, new_rdn: str | None = None) -> None:
        """Move below `new_parent_dn` (None: stay) and, with `new_rdn` such as `CN=New name`, rename."""
        with self.lock:
            entry = self.entry(reference)
            parent = self.entry(new_parent_dn) if new_parent_dn is not None else entry.parent
            rdn = names.one(new_rdn) if new_rdn is not None else entry.rdn
            if parent is None or entry.parent is None:
                raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "00002016: a naming context cannot move")
            above: Entry | None = parent
            while above is not None:
                if above is entry:
                    raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "00002078: an object cannot move into itself")
                above = above.parent
            if (parent, rdn) != (entry.parent, entry.rdn):
                self.tree.move(entry, parent, rdn)
                entry.usn_name = self.commit(entry, {})

    def delete(self, reference: Reference, *, subtree: bool = False) -> None:
        """Delete an object, with everything below it if `subtree`; it stays as a tombstone."""
        with self.lock:
            tombstones.delete(self, self.entry(reference), subtree=subtree)

    def restore(
        self, reference: Reference, dn: str | None = None, attributes: Mapping[str, Values] | None = None
    ) -> None:
        """Bring a deleted object back under `dn` (its old name and parent unless given)."""
        with self.lock:
            tombstones.restore(self, self.entry(reference), dn, attributes or {})

    def recycle(self, reference: Reference) -> None:
        """Strip a deleted object of what the recycle bin kept: it cannot be restored whole any more."""
        with self.lock:
            tombstones.recycle(self, self.entry(reference))

    def purge(self, reference: Reference) -> None:
        """Remove a tombstone for good, as garbage collection does after the tombstone lifetime; no change is logged."""
        with self.lock:
            tombstones.purge(self, self.entry(reference))

    def set_password(self, reference: Reference, password: str) -> None:
        """Set the password an account binds with; pwdLastSet becomes now."""
        with self.lock:
            entry = self.entry(reference)
            self._passwords[entry] = self._digest(password)
            self.commit(entry, {"pwdLastSet": values.filetime(self.clock())})

    def load(
        self, parent: Reference, object_class: str, columns: Sequence[str], rows: Iterable[Sequence[loading.Cell]]
    ) -> int:
        """Create many objects fast; see `loading.load`. Return how many."""
        with self.lock:
            return loading.load(self, self.entry(parent), object_class, columns, rows)

    # --- disasters -------------------------------------------------------------------------------------------------

    def simulate_restore_from_backup(self) -> uuid.UUID:
        """Take a new invocationId, as a domain controller restored from a backup does; return it."""
        with self.lock:
            self.invocation_id = uuid.UUID(int=self._random.getrandbits(128), version=4)
            self.modify(baseline.ntds_settings_dn(self), {"invocationId": self.invocation_id})
            return self.invocation_id

    def simulate_usn_rollback(self, usn: int) -> None:
        """Hand out the USNs above `usn` a second time under the same invocationId: a disk image was put back.

        Raises:
            ValueError: `usn` lies in the future.
        """
        with self.lock:
            if usn > self.highest_committed_usn:
                raise ValueError(f"USN {usn} has not been reached yet")
            for context in self.tree.contexts:
                context.log.rewind(usn)
            self.highest_committed_usn = usn

    def save_state(self) -> state.State:
        """Return a snapshot for `restore_state`."""
        with self.lock:
            return state.save(self)

    def restore_state(self, saved: state.State) -> None:
        """Go back to a snapshot of this store: data, USNs and invocationId. Clients that read on see a USN rollback."""
        with self.lock:
            state.restore(self, saved)

    # --- for the server and the modules of this package --------------------------------------------------------------

    @property
    def domain_context(self) -> NamingContext:
        return self.tree.contexts[-1]

    def entry(self, reference: Reference) -> Entry:
        """Return the stored entry of a GUID or DN (also `<GUID=…>`, `<SID=…>`)."""
        if isinstance(reference, uuid.UUID):
            return self._by_guid(reference.bytes_le)
        base = names.parse_base(reference)
        if isinstance(base, names.GuidName):
            return self._by_guid(base.guid)
        if isinstance(base, names.SidName):
            found = self.by_rid.get(int.from_bytes(base.sid[-4:], "little"))
            if found is None or self.sid(found) != base.sid:
                raise no_such_object("")
            return found
        return self.tree.find(base)

    def dn(self, entry: Entry) -> str:
        return self.tree.dn(entry)

    def sid(self, entry: Entry) -> bytes | None:
        return sids.with_rid(self.domain_sid, entry.rid) if entry.rid else None

    def verify_password(self, entry: Entry, password: str) -> bool:
        known = self._passwords.get(entry)
        return known is not None and secrets.compare_digest(known, self._digest(password))

    def new_guids(self, count: int) -> bytes:
        """Return `count` random version 4 GUIDs, 16 bytes each, joined."""
        raw = bytearray(self._random.randbytes(16 * count))
        for start in range(0, len(raw), 16):
            raw[start + 7] = raw[start + 7] & 0x0F | 0x40
            raw[start + 8] = raw[start + 8] & 0x3F | 0x80
        return bytes(raw)

    def create(self, parent: Entry, rdn: str, attributes: Mapping[str, Values]) -> Entry:
        """Create one object below `parent`; see `add`."""
        with self.lock:
            updates = [Update(Operation.ADD, name, values.as_list(value)) for name, value in attributes.items()]
            chosen, defaults = baseline.class_of(self, attributes, rdn)
            given = {schema.canonical(update.name) for update in updates}
            updates = [update for update in updates if schema.canonical(update.name) != "objectClass"]
            usn = self.highest_committed_usn + 1
            entry = Entry(self.new_guids(1), None, rdn, shape(()), (), usn, int(self.clock()))
            planned = plan(self, entry, updates, creating=True)
            stored = {name: value for name, value in defaults.items() if name not in given} | planned.plain
            if chosen.security_principal and "sAMAccountName" not in stored:
                stored["sAMAccountName"] = b"$" + entry.guid.hex()[:18].upper().encode()
            self.tree.place(entry, parent, rdn)
            try:
                uniqueness.claim(self, entry, stored)
            except DirectoryError:
                self.tree.take_away(entry)
                raise
            if chosen.security_principal:
                entry.rid, self.next_rid = self.next_rid, self.next_rid + 1
            self.register(entry)
            for name, (targets, _) in planned.linked.items():
                stored[name] = links.adopt(entry, name, targets, usn)
            ordered = {"objectClass": tuple(part.encode() for part in chosen.chain)} | stored
            entry.shape, entry.values = shape(tuple(ordered)), tuple(ordered.values())
            self._log(entry, usn, again=False)
            if planned.password is not None:
                self.set_password(uuid.UUID(bytes_le=entry.guid), planned.password)
            return entry

    def update(self, entry: Entry, updates: Sequence[Update], *, permissive: bool = False) -> None:
        """Apply several changes to one object as one write: all of them or, on an error, none.

        `permissive`: adding a value that is there, or removing one that is not, is no error.
        """
        with self.lock:
            if entry.deleted:
                raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "0000200A: a deleted object can only be restored")
            planned = plan(self, entry, updates, permissive=permissive)
            uniqueness.claim(self, entry, planned.plain)
            usn = self.highest_committed_usn + 1
            stored = dict(planned.plain)
            for name, (add, remove) in planned.linked.items():
                stored[name] = links.changed(entry, name, add, remove, usn)
            if stored:
                self.commit(entry, stored)
            if planned.password is not None:
                self.set_password(uuid.UUID(bytes_le=entry.guid), planned.password)

    def commit(self, entry: Entry, stored: dict[str, Stored]) -> int:
        """Write already checked values under the next USN; return that USN."""
        usn = self.highest_committed_usn + 1
        entry.write(stored, usn)
        entry.when_changed = int(self.clock())
        self._log(entry, usn, again=True)
        return usn

    def register(self, entry: Entry) -> None:
        """Make a new entry findable by its GUID and SID."""
        self.by_guid[entry.guid] = entry
        if entry.rid:
            self.by_rid[entry.rid] = entry

    def _log(self, entry: Entry, usn: int, *, again: bool) -> None:
        entry.usn_changed = self.highest_committed_usn = usn
        self.tree.context_of(entry).log.append(usn, entry, again=again)
        for listener in tuple(self.listeners):
            listener(entry)

    def _by_guid(self, guid: bytes) -> Entry:
        found = self.by_guid.get(guid)
        if found is None:
            raise no_such_object("")
        return found

    def _digest(self, password: str) -> bytes:
        return hashlib.blake2b(password.encode(), key=self._salt).digest()
