"""Computers and devices: who must join, how far it has come, what is remembered."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.facts import FOREST_KEYWORDS, Fact, ObjectKind, Operation
from streams.contracts.times import rfc3339
from streams.directory.scope import Scope
from streams.directory.state import ObjectState
from streams.views.contributions import contributions_of, contributor_of
from streams.views.device.computer import supported_system
from streams.views.device.device_view import DeviceView, Stage
from streams.views.device.host_view import HostView
from streams.views.installation.forest_view import ForestView
from tests.support.pipeline import AD, Pipeline
from tests.support.words import Word, heard_at

GUID = "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55"
NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
KEY = f"device/t/{GUID}"
PASSWORD_SET = (NOW_MS - DAY_MS + 11_644_473_600_000) * 10_000
LATER = f"A1 {rfc3339(NOW_MS - DAY_MS)} {rfc3339(NOW_MS + DAY_MS)} {{{GUID.upper()}}}"
EXPIRED = f"A2 {rfc3339(NOW_MS - 9 * DAY_MS)} {rfc3339(NOW_MS - DAY_MS)} {GUID}"
FOREIGN = f"A3 {rfc3339(NOW_MS - DAY_MS)} {rfc3339(NOW_MS + DAY_MS)} PC1.corp.local"


def computer(alive: bool = True, **attributes: Any) -> ObjectState:
    attributes = {
        "distinguishedName": "CN=PC1,OU=PCs,DC=corp,DC=local",
        "name": "PC1",
        "operatingSystem": "Windows 11 Enterprise",
        "operatingSystemVersion": "10.0 (22631)",
        "userAccountControl": 4096,
        "pwdLastSet": PASSWORD_SET,
        **attributes,
    }
    return ObjectState(
        object_id=GUID, side="ad", tenant="t", forest="corp", kind=ObjectKind.DEVICE, attributes=attributes,
        alive=alive, changed_ms=NOW_MS,
    )  # fmt: skip


def device(number: int = 1, alive: bool = True, **attributes: Any) -> ObjectState:
    attributes = {"deviceId": GUID.upper(), "trustType": "ServerAd", "displayName": "PC1",
                  "operatingSystem": "Windows", **attributes}  # fmt: skip
    return ObjectState(
        object_id=f"00000000-0000-0000-0000-{number:012}", side="entra", tenant="t", kind=ObjectKind.DEVICE,
        attributes=attributes, alive=alive, changed_ms=NOW_MS,
    )  # fmt: skip


EVERYTHING = Scope()


def build(*states: ObjectState, scope: Scope = EVERYTHING) -> DeviceView:
    entries = {contributor_of(state): Word(NOW_MS, contributions_of(state, scope)[KEY]) for state in states}
    return DeviceView.build(KEY, heard_at(KEY, entries))


def stage(view: DeviceView) -> Stage | None:
    found = view.stage(NOW_MS, 30 * DAY_MS)
    return found[0] if found else None


def test_both_sides_meet_under_the_object_guid() -> None:
    view = build(computer(), device())
    assert view.computer is not None
    assert view.device is not None
    assert view.device.device_id == GUID
    assert view.device.pending


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([computer()], Stage.CREATED),
        ([computer(userCertificate=[EXPIRED])], Stage.CREATED),
        ([computer(userCertificate=[FOREIGN])], Stage.CREATED),
        ([computer(userCertificate=[EXPIRED, LATER])], Stage.CERTIFICATE),
        ([computer(userCertificate=[LATER]), device()], Stage.PENDING),
        ([computer(), device(registrationDateTime="2026-01-01T00:00:00Z")], Stage.REGISTERED),
        ([computer(), device(), device(2, registrationDateTime="2026-01-01T00:00:00Z")], Stage.REGISTERED),
        (
            [
                computer(),
                device(
                    registrationDateTime="2026-01-01T00:00:00Z", approximateLastSignInDateTime=rfc3339(NOW_MS - DAY_MS)
                ),
            ],
            Stage.ACTIVE,
        ),
        ([computer(), device(alive=False, registrationDateTime="2026-01-01T00:00:00Z")], Stage.CREATED),
        ([device()], None),
        ([computer(alive=False)], None),
    ],
)
def test_stages(states: list[ObjectState], expected: Stage | None) -> None:
    assert stage(build(*states)) is expected


def test_the_dead_are_remembered_apart_from_the_living() -> None:
    view = build(computer(alive=False), device(alive=False))
    assert view.computer is None and view.computer_deleted is not None
    assert view.devices == () and len(view.deleted) == 1


@pytest.mark.parametrize("attributes", [{"trustType": "AzureAd"}, {"trustType": "Workplace"}, {"deviceId": None}])
def test_only_hybrid_devices_speak_to_a_device_view(attributes: dict[str, Any]) -> None:
    state = device(**attributes)
    assert not any(key.startswith("device/") for key in contributions_of(state, Scope()))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"userAccountControl": 4098}, "disabled"),
        ({"userAccountControl": 0x82000}, "domain_controller"),
        ({"userAccountControl": 0x5011000}, "domain_controller"),
        ({"operatingSystem": "Windows 7 Professional", "operatingSystemVersion": "6.1 (7601)"}, "unsupported_system"),
        ({"operatingSystem": None}, "unsupported_system"),
        ({"distinguishedName": "CN=PC1,OU=Out,DC=corp,DC=local"}, "out_of_scope"),
        ({"pwdLastSet": PASSWORD_SET - 61 * DAY_MS * 10_000, "whenCreated": "2020-01-01T00:00:00Z"}, "not_seen"),
    ],
)
def test_who_need_not_join(changes: dict[str, Any], reason: str | None) -> None:
    view = build(computer(**changes), scope=Scope(exclude_ous=["OU=Out,DC=corp,DC=local"]))
    assert view.computer is not None
    assert view.computer.outside(NOW_MS, 60 * DAY_MS) == reason


@pytest.mark.parametrize(
    ("name", "version", "supported"),
    [
        ("Windows 10 Enterprise", "10.0 (14393)", True),
        ("Windows 10 Enterprise", "10.0 (10586)", False),
        ("Windows 10 Enterprise", "10.0.19045.1", True),
        ("Windows Server 2016 Standard", "10.0 (14393)", True),
        ("Windows Server 2012 R2 Standard", "6.3 (9600)", False),
        ("Windows 11 Enterprise", None, True),
        ("Windows 8.1", None, False),
        ("Windows Server 2012 R2", None, False),
        ("Samba", "4.17", False),
        ("Mac OS X", "10.15", False),
        (None, None, False),
    ],
)
def test_supported_systems(name: str | None, version: str | None, supported: bool) -> None:
    assert supported_system(name, version) is supported


def test_hosts_are_windows_devices_of_one_name() -> None:
    key = "host/t/pc1"
    states = [computer(), device(), device(2, trustType="Workplace"), device(3, operatingSystem="iOS")]
    bodies = [contributions_of(state, Scope()).get(key) for state in states]
    assert [body is not None for body in bodies] == [True, True, True, False]
    view = HostView.build(
        key, heard_at(key, {f"ad/{n}": Word(NOW_MS, body) for n, body in enumerate(bodies) if body is not None})
    )
    assert len(view.computers) == 1
    assert [each.trust for each in view.devices] == ["ServerAd", "Workplace"]
    assert HostView.needs_evaluation(heard_at(key, {"a": Word(0, {}), "b": Word(0, {})}))


@pytest.mark.parametrize(
    ("keywords", "ids", "names"),
    [
        (None, (), ()),
        ([], (), ()),
        (["azureADId:T1", "azureADName:Contoso.com"], ("t1",), ("contoso.com",)),
        (["azureADid: t1 ", "AZUREADNAME:contoso.com"], ("t1",), ("contoso.com",)),
        (["azureADId:t1", "azureADId:t2", "enterpriseDrsName:x"], ("t1", "t2"), ()),
    ],
)
def test_keywords_of_the_connection_point(
    keywords: list[str] | None, ids: tuple[str, ...], names: tuple[str, ...]
) -> None:
    attributes = {"distinguishedName": "CN=Configuration,DC=corp", FOREST_KEYWORDS: keywords}
    state = ObjectState(object_id="f", side="ad", tenant="t", forest="corp.local", kind=ObjectKind.FOREST,
                        attributes={k: v for k, v in attributes.items() if v is not None})  # fmt: skip
    ((key, body),) = contributions_of(state, Scope(hybrid_join=True)).items()
    view = ForestView.build(key, heard_at(key, {"ad/f": Word(NOW_MS, body)}))
    assert (view.name, view.expected, view.read) == ("corp.local", True, True)
    assert (view.keywords is None) == (keywords is None)
    assert (view.tenant_ids, view.tenant_names) == (ids, names)


@pytest.mark.parametrize("value", [17, True, 1.5, {"a": 1}, [3], [None], [{"a": 1}], [["x"]]], ids=str)
@pytest.mark.parametrize("attribute", ["operatingSystem", "operatingSystemVersion", "userCertificate", "dNSHostName"])
def test_a_value_of_another_type_costs_that_value(attribute: str, value: Any) -> None:
    """And not the view, with all that its rules would say."""
    pipeline = Pipeline()  # which lets no fault pass
    fact = Fact(
        op=Operation.READ, object_id=GUID, seq=1, ts_ms=NOW_MS, kind=ObjectKind.DEVICE, full=True,
        attributes=computer().attributes | {attribute: value},
    )  # fmt: skip
    pipeline.feed(AD, [fact])
    pipeline.tick(NOW_MS + 10 * DAY_MS)
