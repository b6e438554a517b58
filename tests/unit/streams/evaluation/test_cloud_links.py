"""Links of groups in the cloud: who is told, what is remembered, and what ordinary groups cost."""

from __future__ import annotations

from typing import Any

from streams.contracts.codec import decode
from streams.contracts.facts import Fact, Link, LinkChange, ObjectKind, Operation
from streams.contracts.views import RETRACTED, Contribution
from streams.directory.links import LinkRow, StoredLink, row_key
from streams.directory.rows import MemoryRows
from streams.directory.state import ObjectState
from streams.evaluation.projector import Projector
from streams.views.membership.membership_view import LEFT_REMEMBERED_MS
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import ENTRA, TENANT
from tests.support.words import said_in

SYNCED = {"onPremisesSyncEnabled": True, "onPremisesSecurityIdentifier": sid_of("staff")}


class _Group:
    """One cloud group and what a projector says of it."""

    def __init__(self) -> None:
        self.projector, self.rows, self.number = Projector({}), MemoryRows(), 0

    def tell(self, attributes: dict[str, Any] | None = None, *, at_ms: int = 0, **change: Any) -> list[Contribution]:
        """One more fact; what the members hear of it."""
        self.number += 1
        links = {}
        if change:
            ways = {way: [Link(guid_of(name)) for name in change.get(way, ())] for way in ("added", "removed")}
            links = {"members": LinkChange(**ways, complete=change.get("complete", False))}
        fact = Fact(
            op=Operation.UPDATED, object_id=guid_of("staff-c"), seq=(START_MS + self.number) << 12,
            ts_ms=START_MS + (at_ms or self.number), kind=ObjectKind.GROUP, attributes=attributes or {}, links=links,
        )  # fmt: skip
        said = self.projector.apply(ENTRA, fact, self.rows)
        return [word for word in said if word.contributor.startswith("members/")]

    @property
    def link_rows(self) -> list[str]:
        return [key for key in self.rows.rows if key.startswith("link/")]


def test_a_synchronised_group_tells_its_members_once() -> None:
    group = _Group()
    assert group.tell(SYNCED) == []
    said = group.tell(added=["ann", "bob"], at_ms=500)
    assert {word.view for word in said} == {f"membership/{TENANT}/{guid_of(name)}" for name in ("ann", "bob")}
    assert all(said_in(word.body) == {"sid": sid_of("staff"), "since_ms": START_MS + 500} for word in said)
    assert group.tell(added=["ann", "bob"], complete=True) == [], "a new full round repeats it"
    assert group.tell({"displayName": "Staff"}) == []


def test_who_leaves_hears_when_for_a_while() -> None:
    group = _Group()
    group.tell(SYNCED, added=["ann", "bob"], complete=True)
    (said,) = group.tell(removed=["bob"], at_ms=900)
    assert said.view.endswith(guid_of("bob"))
    assert said_in(said.body) == {"sid": sid_of("staff"), "left_ms": START_MS + 900}
    assert said.expires_ms == START_MS + 900 + LEFT_REMEMBERED_MS
    (said,) = group.tell(complete=True)
    assert "left_ms" in said_in(said.body)


def test_a_group_that_is_taken_over_later_tells_whom_it_has_had_all_along() -> None:
    group = _Group()
    assert group.tell({"displayName": "Staff"}, added=["ann"], complete=True, at_ms=100) == []
    (said,) = group.tell(SYNCED)
    assert said_in(said.body) == {"sid": sid_of("staff"), "since_ms": START_MS + 100}
    (said,) = group.tell({"onPremisesSyncEnabled": False})
    assert said.body == RETRACTED


def test_a_microsoft_365_group_costs_nothing() -> None:
    group = _Group()
    assert group.tell({"groupTypes": ["Unified"]}, added=["ann", "bob"], complete=True) == []
    assert group.link_rows == []


def test_who_is_added_anew_is_a_member_since_then() -> None:
    """It may have been dead in between, and the group has heard nothing of it."""
    group = _Group()
    group.tell(SYNCED, added=["ann"], at_ms=10)
    (said,) = group.tell(added=["ann"], at_ms=70)
    assert said_in(said.body)["since_ms"] == START_MS + 70


def test_rows_of_an_earlier_version_are_read() -> None:
    row = decode(b'{"links":{"member":{"x":[5,true,null],"y":[6,false,"S-1"]}}}', LinkRow)
    assert row.links["member"] == {"x": StoredLink(5, True), "y": StoredLink(6, False, "S-1")}
    known = ObjectState(object_id="g", side="entra", tenant=TENANT)
    assert row_key(known, "ab") == "link/g/ab"
