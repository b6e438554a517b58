"""A client that only follows delta links ends with what the tenant holds, whatever happened meanwhile."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deploy.lab.entra.change_log import ChangeLog
from deploy.lab.entra.delta_pages import DeltaPage, PageLimits, Visibility
from deploy.lab.entra.delta_token import LIFE_MS, DeltaRound, decode, encode
from deploy.lab.entra.graph_time import DAY_MS
from deploy.lab.entra.messages import GraphError
from deploy.lab.entra.schema import Kind
from deploy.lab.entra.tenant import TenantStore

ANYTHING = Visibility()


class Clock:
    """A lab clock that stands still until told."""

    def __init__(self) -> None:
        self.ms = 1_772_442_000_000

    def __call__(self) -> int:
        return self.ms


class Client:
    """Follows the links of one collection and keeps what they say."""

    def __init__(self, tenant: TenantStore, kind: Kind, select: tuple[str, ...] | None, limits: PageLimits) -> None:
        self.tenant, self.kind, self.limits = tenant, kind, limits
        self.known: dict[str, dict[str, Any]] = {}
        self.members: dict[str, set[str]] = {}
        self.round = DeltaRound(kind, 0, 0, True, tenant.clock(), select=select)
        self.removals: list[tuple[str, str]] = []

    def page(self, seen: Visibility = ANYTHING) -> bool:
        """Read one page; say whether the round ended."""
        token = encode(self.round, self.tenant)
        page = DeltaPage(self.tenant, decode(token, self.kind, self.tenant), self.limits, seen)
        for item in page.items:
            self._apply(item)
        self.round = page.round.ended(self.tenant.clock()) if page.done else page.round
        return page.done

    def read_round(self, *, minimal: bool = False, seen: Visibility = ANYTHING) -> None:
        """Read pages until the round ends."""
        self.round = replace(self.round, minimal=minimal)
        while not self.page(seen):
            pass

    def _apply(self, item: dict[str, Any]) -> None:
        if "@removed" in item:
            self.removals.append((item["id"], item["@removed"]["reason"]))
            self.known.pop(item["id"], None)
            self.members.pop(item["id"], None)
            return
        links = item.pop("members@delta", [])
        self.known.setdefault(item["id"], {}).update(item)
        held = self.members.setdefault(item["id"], set())
        for link in links:
            (held.discard if "@removed" in link else held.add)(link["id"])


def truth(tenant: TenantStore, kind: Kind, names: set[str]) -> dict[str, dict[str, Any]]:
    """What a client tracking `names` must know."""
    found = {}
    for object_id in tenant.ids(kind):
        item = tenant.get(kind, object_id) or {}
        found[object_id] = {n: v for n, v in item.items() if n in names or n == "id"}
    return found


SELECT = ("displayName", "mail", "members", "description", "deletedDateTime")
STEPS = st.lists(
    st.sampled_from(
        ["create", "change", "clear", "delete", "restore", "purge", "join", "leave", "page", "round", "minimal", "wait"]
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@example(steps=["create", "round", "delete", "restore", "leave"], seed=0, objects=1, members=1)
@example(steps=["create", "page", "leave"], seed=0, objects=1, members=2)
@given(steps=STEPS, seed=st.integers(0, 2**32), objects=st.integers(1, 4), members=st.integers(1, 4))
def test_any_history_and_page_size_converges(steps: list[str], seed: int, objects: int, members: int) -> None:
    chance, clock = random.Random(seed), Clock()
    tenant = TenantStore("t", clock=clock)
    client = Client(tenant, "group", SELECT, PageLimits(objects, members))
    people = [tenant.upsert("user", None, {"displayName": str(n)}) for n in range(3)]
    for step in [*steps, "round", "round"]:
        groups, gone = tenant.ids("group"), list(tenant.collections["group"].deleted_ms)
        if step == "create":
            group = tenant.upsert("group", None, {"displayName": f"g{chance.random()}"})
            tenant.set_members(group, chance.sample(people, chance.randint(0, 3)))
        elif step == "change" and groups:
            tenant.upsert("group", chance.choice(groups), {"mail": f"{chance.random()}@x", "visibility": "Private"})
        elif step == "clear" and groups:
            tenant.upsert("group", chance.choice(groups), {"mail": None})
        elif step == "delete" and groups:
            tenant.delete("group", chance.choice(groups))
        elif step == "restore" and gone:
            tenant.restore("group", chance.choice(gone))
        elif step == "purge" and (groups or gone):
            tenant.hard_delete("group", chance.choice(groups + gone))
        elif step == "join" and groups:
            tenant.add_member(chance.choice(groups), chance.choice(people))
        elif step == "leave" and groups:
            tenant.remove_member(chance.choice(groups), chance.choice(people))
        elif step == "wait":
            clock.ms += chance.randint(0, 3_600_000)
        elif step == "page":
            client.page()
        elif step in ("round", "minimal"):
            client.read_round(minimal=step == "minimal" and not client.round.full)
    assert client.known == truth(tenant, "group", set(SELECT))
    assert client.members == {group: set(tenant.members.of(group)) for group in tenant.ids("group")}


def filled(count: int) -> tuple[TenantStore, Clock, Client, list[str]]:
    clock = Clock()
    tenant = TenantStore("t", clock=clock)
    ids = [tenant.upsert("user", None, {"displayName": f"u{n}", "mail": f"u{n}@x"}) for n in range(count)]
    client = Client(tenant, "user", ("displayName", "mail"), PageLimits(10))
    client.read_round()
    return tenant, clock, client, ids


def test_a_change_to_an_untracked_property_stays_silent() -> None:
    tenant, _, client, ids = filled(3)
    tenant.upsert("user", ids[0], {"department": "Finance"})
    assert DeltaPage(tenant, client.round, PageLimits(), ANYTHING).items == []


def test_set_to_null_is_sent_and_never_set_is_absent() -> None:
    tenant, _, client, ids = filled(2)
    tenant.upsert("user", ids[0], {"mail": None, "surname": None})
    (item,) = DeltaPage(tenant, client.round, PageLimits(), ANYTHING).items
    assert item == {"id": ids[0], "displayName": "u0", "mail": None}


def test_minimal_sends_only_what_changed() -> None:
    tenant, _, client, ids = filled(2)
    tenant.upsert("user", ids[1], {"mail": "new@x"})
    page = DeltaPage(tenant, replace(client.round, minimal=True), PageLimits(), ANYTHING)
    assert page.items == [{"id": ids[1], "mail": "new@x"}]


def test_deleting_then_purging_after_thirty_days_removes_twice() -> None:
    tenant, clock, client, ids = filled(2)
    tenant.delete("user", ids[0])
    client.read_round()
    for _ in range(6):
        assert tenant.purge() == 0
        clock.ms += 5 * DAY_MS
        client.read_round()
    assert tenant.purge() == 1
    client.read_round()
    assert client.removals == [(ids[0], "changed"), (ids[0], "deleted")]


def test_contacts_and_devices_are_gone_at_once() -> None:
    tenant = TenantStore("t", clock=Clock())
    contact = tenant.upsert("contact", None, {"mail": "c@x"})
    client = Client(tenant, "contact", None, PageLimits())
    client.read_round()
    tenant.delete("contact", contact)
    client.read_round()
    assert client.removals == [(contact, "deleted")]


def test_a_token_lives_seven_days_and_dies_with_the_store() -> None:
    tenant, clock, client, _ = filled(1)
    token = encode(client.round, tenant)
    clock.ms += LIFE_MS
    assert decode(token, "user", tenant) == client.round
    clock.ms += 1
    with pytest.raises(GraphError, match="syncStateNotFound"):
        decode(token, "user", tenant)
    with pytest.raises(GraphError, match="syncStateNotFound"):
        decode(encode(client.round, tenant), "user", TenantStore("t", clock=clock))


@given(token=st.text(max_size=40))
def test_a_foreign_token_is_a_bad_request(token: str) -> None:
    with pytest.raises(GraphError, match="400 BadRequest"):
        decode(token, "user", TenantStore("t", clock=Clock()))


def test_replication_delay_holds_changes_back_until_the_time_has_passed() -> None:
    tenant, clock, client, ids = filled(3)
    tenant.upsert("user", ids[0], {"mail": "late@x"})

    def seen() -> Visibility:
        return Visibility(horizon=ChangeLog.at(clock.ms - 5000))

    clock.ms += 4000
    client.read_round(seen=seen())
    assert client.known[ids[0]]["mail"] == "u0@x"
    clock.ms += 2000
    client.read_round(seen=seen())
    assert client.known[ids[0]]["mail"] == "late@x"


def test_a_partial_full_round_leaves_objects_out_for_good_until_they_change() -> None:
    tenant, _, _, ids = filled(5)
    client = Client(tenant, "user", None, PageLimits(2))
    client.read_round(seen=Visibility(hides=lambda object_id: object_id == ids[2]))
    client.read_round()
    assert set(client.known) == set(ids) - {ids[2]}
    tenant.upsert("user", ids[2], {"displayName": "seen again"})
    client.read_round()
    assert set(client.known) == set(ids)


def test_a_property_can_be_made_to_change_silently() -> None:
    tenant, _, _, ids = filled(1)
    client = Client(tenant, "user", ("displayName", "onPremisesProvisioningErrors"), PageLimits())
    client.read_round()
    tenant.set_provisioning_errors("user", ids[0], [{"propertyCausingError": "UserPrincipalName", "value": "v"}])
    silent = Visibility(unnoticed=frozenset({"onPremisesProvisioningErrors"}))
    assert DeltaPage(tenant, client.round, PageLimits(), silent).items == []
    assert len(DeltaPage(tenant, client.round, PageLimits(), ANYTHING).items) == 1


def test_a_restore_hides_from_a_narrow_selection_only_if_ordered() -> None:
    tenant, _, client, ids = filled(1)
    tenant.delete("user", ids[0])
    client.read_round()
    tenant.restore("user", ids[0])
    assert DeltaPage(tenant, client.round, PageLimits(), Visibility(restore_needs_select=True)).items == []
    assert [item["id"] for item in DeltaPage(tenant, client.round, PageLimits(), ANYTHING).items] == ids


def test_members_of_a_big_group_are_spread_over_pages() -> None:
    tenant = TenantStore("t", clock=Clock())
    people = [tenant.upsert("user", None, {}) for _ in range(25)]
    group = tenant.upsert("group", None, {"displayName": "big"})
    tenant.set_members(group, people)
    client = Client(tenant, "group", None, PageLimits(members=10))
    pages = 1
    while not client.page():
        pages += 1
    assert pages >= 3
    assert client.members[group] == set(people)


def test_leaving_and_joining_again_between_two_reads_ends_as_a_member() -> None:
    tenant = TenantStore("t", clock=Clock())
    user, group = tenant.upsert("user", None, {}), tenant.upsert("group", None, {})
    tenant.add_member(group, user)
    client = Client(tenant, "group", None, PageLimits())
    client.read_round()
    tenant.remove_member(group, user)
    tenant.add_member(group, user)
    client.read_round()
    assert client.members[group] == {user}


def test_memory_is_bounded_by_objects_not_by_changes() -> None:
    tenant, _, _, ids = filled(10)
    for number in range(20_000):
        tenant.upsert("user", ids[number % 10], {"mail": f"{number}@x"})
    log = tenant.collections["user"].log
    assert len(log._entries) <= 5_000
    assert [entry.id for entry in log.after(0)] == [ids[number % 10] for number in range(20_000 - 10, 20_000)]
