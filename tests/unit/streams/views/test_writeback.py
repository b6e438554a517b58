"""Who speaks to the views of writeback: copies, and of the originals only those whom it concerns."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.facts import WRITEBACK_ENABLED, ObjectKind
from streams.directory.scope import Scope
from streams.directory.state import ObjectState
from streams.views.writeback.writeback_view import written_statements

ID = "e5b8c201-9f4a-4736-b0d1-27a6f8c93e15"
OTHER = "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55"
EVERYTHING = Scope(group_writeback=True, device_writeback=True)


def keys(side: Any, kind: ObjectKind, scope: Scope = EVERYTHING, *, alive: bool = True, **attributes: Any) -> list[str]:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    state = ObjectState(object_id=ID, side=side, tenant="t", kind=kind, attributes=named, alive=alive)
    return list(written_statements(state, scope))


def test_ordinary_objects_say_nothing() -> None:
    assert keys("entra", ObjectKind.GROUP, Scope(), groupTypes=["Unified"]) == []
    assert keys("entra", ObjectKind.GROUP, groupTypes=[]) == []
    assert keys("entra", ObjectKind.GROUP, groupTypes=["Unified"], onPremisesSyncEnabled=True) == []
    assert keys("entra", ObjectKind.GROUP, Scope(), alive=False, onPremisesSyncEnabled=True) == []
    assert keys("entra", ObjectKind.DEVICE, Scope(), deviceId=OTHER, trustType="AzureAd") == []
    assert keys("entra", ObjectKind.DEVICE, alive=False, deviceId=OTHER) == []
    assert keys("entra", ObjectKind.USER) == keys("ad", ObjectKind.USER, adminDescription=f"Group_{OTHER}") == []
    assert keys("ad", ObjectKind.DEVICE) == keys("ad", ObjectKind.REGISTERED_DEVICE) == []


def test_a_group_that_is_marked_deleted_or_written_by_default_speaks() -> None:
    own = [f"written_group/t/{ID}"]
    marked = ObjectState(
        object_id=ID, side="entra", tenant="t", kind=ObjectKind.GROUP, attributes={WRITEBACK_ENABLED: True}
    )
    assert list(written_statements(marked, Scope())) == own
    assert keys("entra", ObjectKind.GROUP, Scope(), alive=False) == own
    assert keys("entra", ObjectKind.GROUP, groupTypes=["Unified"]) == own


@pytest.mark.parametrize(
    ("attribute", "value", "named"),
    [
        ("adminDescription", f"Group_{OTHER}", OTHER),
        ("msDS_ExternalDirectoryObjectId", f"group_{OTHER.upper()}", OTHER),
        ("adminDescription", f"User_{OTHER}", None),
        ("adminDescription", "Group_of friends", None),
        ("msDS_ExternalDirectoryObjectId", f"Group_{OTHER} ", None),
    ],
)
def test_a_copy_speaks_where_it_names_its_original(attribute: str, value: str, named: str | None) -> None:
    expected = [f"written_group/t/{named}"] if named else []
    assert keys("ad", ObjectKind.GROUP, Scope(), **{attribute: value}) == expected


def test_a_device_and_its_copy_meet_by_device_id() -> None:
    assert keys("entra", ObjectKind.DEVICE, deviceId=OTHER.upper()) == [f"written_device/t/{OTHER}"]
    assert keys("ad", ObjectKind.REGISTERED_DEVICE, Scope(), msDS_DeviceID=OTHER) == [f"written_device/t/{OTHER}"]
