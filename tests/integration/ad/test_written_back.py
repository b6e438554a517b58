"""Copies of cloud objects in a directory: groups that name their original, and registered devices."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.contracts.facts import Fact, ObjectKind, Operation
from tests.integration.ad.conftest import Reading, lab_dc
from tests.support.samba import SambaDC

pytestmark = pytest.mark.samba

Make = Callable[..., Reading]
DEVICE_ID = uuid.UUID("6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55")
OTHER_ID = uuid.UUID("0f0e0d0c-0b0a-0908-0706-050403020100")
GROUP_ID = "e5b8c201-9f4a-4736-b0d1-27a6f8c93e15"


def told(source: Reading) -> dict[str, Fact]:
    return {fact.attributes["distinguishedName"]: fact for fact in source.drain()}


def test_a_schema_without_the_class_and_the_attributes_harms_nothing(directory: SambaDC, reading: Make) -> None:
    """Samba 4.17 knows neither msDS-Device nor msDS-ExternalDirectoryObjectId."""
    dn = f"CN=Group_{GROUP_ID},CN=Users,{directory.base_dn}"
    directory.add(dn, "group", {"sAMAccountName": "written.one", "adminDescription": f"Group_{GROUP_ID}"})
    source = reading(directory)
    first = told(source)[dn]
    assert (first.kind, first.attributes["adminDescription"]) == (ObjectKind.GROUP, f"Group_{GROUP_ID}")
    directory.modify(dn, {"displayName": "changed"})
    assert told(source)[dn].op is Operation.UPDATED
    directory.delete(dn)
    assert [fact.op for fact in source.drain()] == [Operation.DELETED]


def test_a_registered_device_lives_and_dies(tmp_path: Path, reading: Make) -> None:
    """In the lab's directory alone: Samba's schema has no such class."""
    with lab_dc(tmp_path) as dc:
        container = f"CN=RegisteredDevices,{dc.base_dn}"
        dc.add(container, "msDS-DeviceContainer")
        dn, new = (f"CN={name},{container}" for name in (DEVICE_ID, OTHER_ID))
        dc.add(dn, "msDS-Device", {"msDS-DeviceID": DEVICE_ID.bytes_le, "msDS-IsEnabled": "TRUE"})
        source = reading(dc)
        snapshot = told(source)[dn]
        assert (snapshot.kind, snapshot.full) == (ObjectKind.REGISTERED_DEVICE, True)
        assert snapshot.attributes["msDS-DeviceID"] == str(DEVICE_ID)
        assert snapshot.attributes["msDS-IsEnabled"] is True
        dc.modify(dn, {"msDS-IsCompliant": "TRUE", "msDS-IsEnabled": "FALSE"})
        changed = told(source)[dn]
        assert (changed.attributes["msDS-IsEnabled"], changed.attributes["msDS-IsCompliant"]) == (False, True)
        dc.add(new, "msDS-Device", {"msDS-DeviceID": OTHER_ID.bytes_le})
        assert told(source)[new].op is Operation.CREATED
        dc.delete(dn)
        assert [fact.op for fact in source.drain()] == [Operation.DELETED]
