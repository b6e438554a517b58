"""A person through joining, leaving and being forgotten, by the agents and with restarts: nothing is left of her."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.events import Event, Log, Result
from streams.contracts.facts import Fact, Forget, Link, LinkChange, ObjectKind, Operation, TenantState
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.topics import (
    AD_CHANGES,
    AD_OBJECTS,
    ENTRA_AUDITS,
    ENTRA_CHANGES,
    ENTRA_OBJECTS,
    VIEW_STATES,
    VIEWS,
)
from tests.support.agents import Agents
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT

DAY_MS = 86_400_000
KIM, CLOUD, STAFF, CLOUD_STAFF = guid_of("kim"), guid_of("kim-cloud"), guid_of("staff"), guid_of("staff-cloud")
DEV, OLAF, OLAF_CLOUD = guid_of("kims-device"), guid_of("olaf"), guid_of("olaf-cloud")
TRACES = ("novak", KIM, CLOUD, DEV, sid_of("kim"), immutable_id_of_guid(KIM), "kims-laptop")


class Organisation:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.agents = Agents(monkeypatch, START_MS)
        self.agents.tenant(TenantState(tenant=TENANT, seq=1, ts_ms=START_MS, collected=True, devices_collected=True))
        self.agents.watermark(AD)
        self.agents.watermark(ENTRA)

    def tell(self, origin: Any, object_id: str, op: Operation = Operation.CREATED, **more: Any) -> None:
        now_ms = self.agents.now_ms = self.agents.now_ms + 1000
        self.agents.tell(origin, Fact(op=op, object_id=object_id, seq=now_ms << 12, ts_ms=now_ms, **more))
        self.agents.restart()

    def user(self, origin: Any, object_id: str, **attributes: Any) -> None:
        self.tell(origin, object_id, kind=ObjectKind.USER, full=True, attributes=attributes)

    def joins(self) -> None:
        self.user(AD, OLAF, distinguishedName="CN=Olaf,DC=c", objectSid=sid_of("olaf"), sAMAccountName="olaf",
                  userPrincipalName="olaf@c.com")  # fmt: skip
        self.user(ENTRA, OLAF_CLOUD, userPrincipalName="olaf@c.com", onPremisesImmutableId=immutable_id_of_guid(OLAF),
                  onPremisesSyncEnabled=True, onPremisesSecurityIdentifier=sid_of("olaf"))  # fmt: skip
        self.user(AD, KIM, distinguishedName="CN=Kim Novak,DC=c", objectSid=sid_of("kim"), displayName="Kim Novak",
                  userPrincipalName="novak@c.com", mail="olaf@c.com", sAMAccountName="novak",
                  proxyAddresses=["SMTP:novak@c.com"])  # fmt: skip
        assert "conflict.duplicate_address" in self.agents.open()
        self.user(ENTRA, CLOUD, userPrincipalName="novak@c.com", onPremisesImmutableId=immutable_id_of_guid(KIM),
                  onPremisesSyncEnabled=True, displayName="Kim Novak",
                  onPremisesSecurityIdentifier=sid_of("kim"))  # fmt: skip
        self.tell(ENTRA, DEV, kind=ObjectKind.DEVICE, full=True,
                  attributes={"deviceId": DEV, "displayName": "kims-laptop", "trustType": "ServerAd"})  # fmt: skip
        for origin, group, member in ((AD, STAFF, KIM), (ENTRA, CLOUD_STAFF, CLOUD)):
            others = Link(OLAF if origin is AD else OLAF_CLOUD, sid_of("olaf"))
            links = {"member" if origin is AD else "members": LinkChange(
                added=[Link(member, sid_of("kim") if origin is AD else None), others], complete=True,
            )}  # fmt: skip
            sid = "objectSid" if origin is AD else "onPremisesSecurityIdentifier"
            self.tell(origin, group, kind=ObjectKind.GROUP, full=True, links=links, attributes={
                "distinguishedName": "CN=Staff,DC=c", sid: sid_of("staff"), "sAMAccountName": "Staff",
                "onPremisesSyncEnabled": True, "displayName": "Staff",
            })  # fmt: skip
        for about in (CLOUD, OLAF_CLOUD):  # Kim as the one whom it is about, and as the one who did it
            self.agents.events(Event(
                id=f"audit-{about}", log=Log.AUDIT, name="reset password (by admin)", tenant=TENANT,
                ts_ms=self.agents.now_ms, seen_ms=self.agents.now_ms, entra_id=about, result=Result.SUCCESS,
                user_principal_name="novak@c.com" if about == CLOUD else "olaf@c.com", initiator="novak@c.com",
                details={"service": "self-service password management", "category": "UserManagement"},
            ), topic=ENTRA_AUDITS.name)  # fmt: skip

    def leaves(self) -> None:
        """She is taken out of nothing: both directories drop the links to what they delete without a word."""
        for origin, object_id in ((AD, KIM), (ENTRA, CLOUD), (ENTRA, DEV)):
            self.tell(origin, object_id, Operation.DELETED)

    def left(self) -> dict[str, list[str]]:
        """Topic or table -> what of her is still there."""
        found: dict[str, list[str]] = {}
        texts = [(table, key, value) for table, rows in self.agents.rows.items() for key, value in rows.rows.items()]
        texts += [
            (topic, key.decode(), value or b"") for topic, log in self.agents.log.items() for key, value, _ in log
        ]
        for where, key, value in texts:
            text = f"{key} {value.decode()}".lower()
            found.setdefault(where, []).extend(f"{trace} in {text[:300]}" for trace in TRACES if trace.lower() in text)
        return {where: traces for where, traces in found.items() if traces}


@pytest.fixture
def organisation(monkeypatch: pytest.MonkeyPatch) -> Organisation:
    organisation = Organisation(monkeypatch)
    organisation.joins()
    return organisation


def test_nothing_is_left_of_a_leaver(organisation: Organisation) -> None:
    agents = organisation.agents
    assert {AD_OBJECTS.name, ENTRA_OBJECTS.name, VIEW_STATES.name, AD_CHANGES.name} <= organisation.left().keys()
    organisation.leaves()
    agents.pass_time(100 * DAY_MS)
    assert AD_OBJECTS.name in organisation.left(), "she may come back"
    agents.restart()
    for _ in range(3):
        agents.pass_time(28 * DAY_MS)
        agents.restart()
    agents.pass_time(8 * DAY_MS)  # what ordered the partitions to forget goes with the retention of its topic
    assert organisation.left() == {}
    assert agents.letters() == 0
    # Those who stayed are as they were.
    rows = agents.rows[AD_OBJECTS.name].rows
    assert {f"object/{OLAF}", f"object/{STAFF}"} <= rows.keys()
    assert any(OLAF in value.decode() for key, value in rows.items() if key.startswith(f"link/{STAFF}"))
    assert [finding for finding in agents.open() if finding.startswith("flow.")] == []


def test_who_came_back_is_not_forgotten(organisation: Organisation) -> None:
    agents = organisation.agents
    organisation.leaves()
    agents.pass_time(179 * DAY_MS)
    organisation.user(AD, KIM, distinguishedName="CN=Kim Novak,DC=c", objectSid=sid_of("kim"), sAMAccountName="novak")
    agents.put(AD_CHANGES.name, Forget(ids=[KIM]))  # an order that was on its way
    agents.pass_time(30 * DAY_MS)
    assert f"object/{KIM}" in agents.rows[AD_OBJECTS.name].rows
    assert f"object/{CLOUD}" not in agents.rows[ENTRA_OBJECTS.name].rows


def test_one_who_asks_to_be_forgotten_is_forgotten_at_once(organisation: Organisation) -> None:
    agents = organisation.agents
    organisation.leaves()
    for topic in (AD_CHANGES.name, ENTRA_CHANGES.name):
        agents.put(topic, Forget(ids=[KIM, CLOUD, DEV], words=["novak@c.com", KIM, CLOUD]))
    agents.pass_time(3 * 3_600_000)  # what a resolved finding explained it goes on explaining for a while
    append_only = {AD_CHANGES.name, ENTRA_CHANGES.name, ENTRA_AUDITS.name, VIEWS.name}
    assert organisation.left().keys() <= append_only
    agents.pass_time(31 * DAY_MS)
    assert organisation.left() == {}
    # What others did is still known: as long as views remember it, which is over by now.
    assert f"object/{OLAF_CLOUD}" in agents.rows[ENTRA_OBJECTS.name].rows


def test_a_living_object_is_forgotten_only_by_force(organisation: Organisation) -> None:
    agents = organisation.agents
    agents.put(AD_CHANGES.name, Forget(ids=[KIM]))
    assert f"object/{KIM}" in agents.rows[AD_OBJECTS.name].rows
    agents.put(AD_CHANGES.name, Forget(ids=[KIM], even_living=True))
    assert f"object/{KIM}" not in agents.rows[AD_OBJECTS.name].rows
    assert "conflict.duplicate_address" not in agents.open()


def test_a_sweep_is_bounded_and_the_next_goes_on(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.evaluation.forgetting.MOST_AT_ONCE", 1)
    organisation.leaves()
    organisation.agents.pass_time(181 * DAY_MS)
    assert ENTRA_OBJECTS.name in organisation.left(), "one object of two"
    for _ in range(6):
        organisation.agents.pass_time(8 * DAY_MS)
    assert organisation.left() == {}
