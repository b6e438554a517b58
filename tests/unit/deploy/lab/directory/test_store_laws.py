"""Laws of the store under any sequence of writes."""

from __future__ import annotations

import uuid

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from deploy.lab.directory.results import DirectoryError
from deploy.lab.directory.store import DirectoryStore

NAMES = st.sampled_from([f"n{number}" for number in range(6)])
VALUES = st.one_of(st.none(), st.sampled_from(["a", "b", "c"]))


class StoreMachine(RuleBasedStateMachine):
    """Writes at random, beside a follower that keeps a copy of the domain by `changes_since` alone."""

    users = Bundle("users")
    groups = Bundle("groups")

    @initialize()
    def start(self) -> None:
        self.store = DirectoryStore(seed=1)
        self.base = f"CN=Users,{self.store.base_dn}"
        self.store.add(f"OU=Other,{self.store.base_dn}", {"objectClass": "organizationalUnit"})
        self.usn = self.store.highest_committed_usn
        self.members: dict[uuid.UUID, set[uuid.UUID]] = {}
        self.departments: dict[uuid.UUID, str | None] = {}
        self.dead: set[uuid.UUID] = set()

    @rule(target=users, name=NAMES, department=VALUES)
    def add_user(self, name: str, department: str | None) -> uuid.UUID | None:
        attributes = {"objectClass": "user", "sAMAccountName": name, "userPrincipalName": f"{name}@x.y"}
        if department:
            attributes["department"] = department
        return self._try(lambda: self.store.add(f"CN={name},{self.base}", attributes))

    @rule(target=groups, name=NAMES)
    def add_group(self, name: str) -> uuid.UUID | None:
        return self._try(lambda: self.store.add(f"CN=g-{name},{self.base}", {"objectClass": "group"}))

    @rule(user=users, department=VALUES)
    def set_department(self, user: uuid.UUID | None, department: str | None) -> None:
        self._try(lambda: self.store.modify(user or uuid.UUID(int=0), {"department": department}))

    @rule(user=users, group=groups)
    def join(self, user: uuid.UUID | None, group: uuid.UUID | None) -> None:
        self._try(lambda: self.store.add_values(group or uuid.UUID(int=0), "member", user or uuid.UUID(int=0)))

    @rule(user=users, group=groups)
    def leave(self, user: uuid.UUID | None, group: uuid.UUID | None) -> None:
        self._try(lambda: self.store.remove_values(group or uuid.UUID(int=0), "member", user or uuid.UUID(int=0)))

    @rule(user=users, unit=st.booleans(), name=NAMES)
    def move(self, user: uuid.UUID | None, unit: bool, name: str) -> None:
        parent = f"OU=Other,{self.store.base_dn}" if unit else self.base
        self._try(lambda: self.store.move(user or uuid.UUID(int=0), parent, f"CN={name}"))

    @rule(user=users)
    def delete(self, user: uuid.UUID | None) -> None:
        self._try(lambda: self.store.delete(user or uuid.UUID(int=0)))

    @rule(user=users)
    def restore(self, user: uuid.UUID | None) -> None:
        self._try(lambda: self.store.restore(user or uuid.UUID(int=0)))

    @rule(group=consumes(groups))
    def delete_group(self, group: uuid.UUID | None) -> None:
        self._try(lambda: self.store.delete(group or uuid.UUID(int=0)))

    @rule()
    def follow(self) -> None:
        """Read the changes and apply them, as a synchronising client must."""
        for change in self.store.changes_since(self.usn):
            if change.deleted:
                self.dead.add(change.guid)
                self.departments.pop(change.guid, None)
                self.members.pop(change.guid, None)
                for members in self.members.values():
                    members.discard(change.guid)  # nothing is said of the groups of the dead
                continue
            self.dead.discard(change.guid)
            if "isDeleted" in change.attributes:  # dead and back since the last look: it left its groups meanwhile
                for members in self.members.values():
                    members.discard(change.guid)
            if "department" in change.attributes:
                self.departments[change.guid] = self.store.get(change.guid).first("department")
            members = self.members.setdefault(change.guid, set())
            members -= set(change.unlinked.get("member", ()))
            members |= set(change.linked.get("member", ()))
        self.usn = self.store.highest_committed_usn

    @invariant()
    def every_name_leads_to_its_object(self) -> None:
        for found in self.store.objects(deleted=True):
            assert self.store.get(found.dn).guid == found.guid

    @invariant()
    def back_links_mirror_links(self) -> None:
        forward = {(o.guid, t) for o in self.store.objects() for t in o.targets("member")}
        backward = {(self.store.get(group).guid, o.guid) for o in self.store.objects() for group in o.all("memberOf")}
        assert forward == backward

    @invariant()
    def account_and_principal_names_are_unique_and_indexed(self) -> None:
        for name, index in (("sAMAccountName", self.store.by_account), ("userPrincipalName", self.store.by_upn)):
            live = [o.raw(name)[0].lower() for o in self.store.objects() if o.raw(name)]
            assert len(live) == len(set(live))
            assert {key for key in index if not key.startswith(b"$")} == {
                key for key in live if not key.startswith(b"$")
            }

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        self.follow()
        for found in self.store.objects():
            assert found.guid not in self.dead
            if found.object_class == "group" and found.guid in self.members:
                assert self.members[found.guid] == set(found.targets("member"))
            if found.guid in self.departments:
                assert self.departments[found.guid] == found.first("department")

    def _try(self, write: object) -> uuid.UUID | None:
        """Write; a refusal must leave everything, the USN included, as it was."""
        before = self.store.highest_committed_usn
        try:
            return write()  # type: ignore[operator, no-any-return]
        except DirectoryError:
            assert self.store.highest_committed_usn == before
            return None


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
