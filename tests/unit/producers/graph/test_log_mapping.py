"""What a row of an audit or provisioning log becomes, and what it must not carry."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.graph.mapping.audits import audit_event, sync_server
from producers.graph.mapping.provisioning import provisioning_event
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import Event, Result
from streams.views.event_contributions import contributions_of_event

SAMPLES = Path(__file__).parents[3] / "integration" / "entra" / "samples"
ROW = {
    "id": "Directory_x_1",
    "activityDateTime": "2026-03-02T11:02:33.4410000Z",
    "activityDisplayName": "Self-serve password reset flow activity progress",
    "loggedByService": "Self-service Password Management",
    "category": "UserManagement",
    "result": "failure",
}


def _audit(name: str, **more: Any) -> Event | None:
    return audit_event({**json.loads((SAMPLES / f"directoryaudit_{name}.json").read_text()), **more}, "t", 1)


def test_both_spellings_of_an_activity_are_one() -> None:
    event = audit_event(ROW, "t", 1)
    assert event is not None
    assert event.name == "self-service password reset flow activity progress"
    assert event.ts_ms == 1772449353441


@pytest.mark.parametrize(
    ("initiator", "server"),
    [
        ("ConnectSyncProvisioning_AADC01_4f0c9e1a7b3d", "aadc01"),
        ("Sync_AAD_C_02_4f0c9e1a7b3d@contoso.onmicrosoft.com", "aad_c_02"),
        ("sync_aadc01_4F0C9E1A7B3D@contoso.onmicrosoft.com", "aadc01"),
        ("Sync_AADC01_4f0c@contoso.com", None),
        ("ada@contoso.com", None),
        (None, None),
    ],
)
def test_both_kinds_of_sync_identities_name_their_server(initiator: str | None, server: str | None) -> None:
    assert sync_server(initiator) == server


def test_an_export_names_its_server_and_no_values() -> None:
    event = _audit("update_user_connectsync_app")
    assert event is not None
    assert event.details["sync_server"] == "aadc01"
    assert "values" not in event.details
    assert event.entra_id == "8c2f5d1e-94b7-4c0a-8b3f-6a1d20e57c91"


def test_the_same_write_by_a_person_is_of_no_interest() -> None:
    person = {"user": {"userPrincipalName": "ada@contoso.com"}, "app": None}
    assert _audit("update_user_connectsync_app", initiatedBy=person) is None


def test_values_of_the_configuration_are_decoded() -> None:
    event = _audit("set_dirsyncenabled_flag")
    assert event is not None
    assert event.details["values"] == {"DirSyncEnabled": False}
    assert event.entra_id is None, "a directory is no object"


def test_the_switch_of_writeback_says_who() -> None:
    event = _audit("sspr_disable_writeback")
    assert event is not None
    assert (event.name, event.initiator) == (
        "disable password writeback for directory",
        "ConnectSyncProvisioning_AADC01_4f0c9e1a7b3d",
    )


def test_a_failed_group_of_cloud_sync_is_told_with_its_step() -> None:
    event = provisioning_event(json.loads((SAMPLES / "provisioning_failure.json").read_text()), "t", 1)
    assert event is not None
    assert (event.name, event.result, event.details["failed_step"]) == ("create", Result.FAILURE, "EntryExportAdd")
    assert event.entra_id == "e5b8c201-9f4a-4736-b0d1-27a6f8c93e15"
    assert event.object_guid is None


@pytest.mark.parametrize(("who", "groups"), [("User", 0), ("Group", 1), (None, 1)])
def test_a_user_of_the_group_job_is_not_taken_for_a_group(who: str | None, groups: int) -> None:
    row = json.loads((SAMPLES / "provisioning_failure.json").read_text())
    source = {**row["sourceIdentity"], "identityType": who}
    event = provisioning_event({**row, "sourceIdentity": source, "targetIdentity": {"identityType": who}}, "t", 1)
    assert event is not None and event.details.get("identity_type") == (who.lower() if who else None)
    assert sum(word.view.startswith("written_group/") for word in contributions_of_event(event)) == groups


def test_provisioning_into_other_applications_is_left_out() -> None:
    row = json.loads((SAMPLES / "provisioning_success.json").read_text())
    other = {"id": "x", "displayName": "Salesforce"}
    assert provisioning_event({**row, "jobId": "salesforce.1", "targetSystem": other}, "t", 1) is None


@pytest.mark.parametrize("change", [{"id": None}, {"activityDateTime": "yesterday"}, {"resultReason": 7}])
def test_what_is_no_row_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecordError):
        audit_event({**ROW, **change}, "t", 1)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*ROW, "targetResources", "initiatedBy", "additionalDetails"]), _JSON))
def test_nothing_but_a_refusal_comes_out_of_garbage(garbage: dict[str, Any]) -> None:
    for mapped in (audit_event, provisioning_event):
        with contextlib.suppress(InvalidRecordError):
            mapped({**ROW, **garbage}, "t", 1)


@pytest.mark.parametrize(("name", "server"), [("Contoso Directory Sync", "aadc01"), ("Someone else", None)])
def test_an_application_of_ones_own_is_the_server_that_the_settings_say(name: str, server: str | None) -> None:
    """Any name: "bring your own" applications say no server (app-based authentication of Entra Connect)."""
    initiated = {"user": None, "app": {"displayName": name, "appId": None}}
    row = ROW | {"category": "UserManagement", "loggedByService": "Core Directory", "initiatedBy": initiated}
    event = audit_event(row, "t", 1, {"contoso directory sync": "aadc01"})
    assert (event.details["sync_server"] if event else None) == server
