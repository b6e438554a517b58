"""Azure Monitor's records against what Graph shows of the same events."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.eventlog.graph_shape import audit_item, provisioning_item
from producers.graph.mapping.provisioning import provisioning_event
from streams.contracts.errors import InvalidRecordError

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
USER = "8c2f5d1e-94b7-4c0a-8b3f-6a1d20e57c91"
GROUP = "e5b8c201-9f4a-4736-b0d1-27a6f8c93e15"


def audit_record(**more: Any) -> dict[str, Any]:
    return {
        "time": "2026-03-02T11:02:33.4410000Z",
        "resourceid": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
        "operationname": "Reset password (self-service)",
        "category": "AuditLogs",
        "tenantid": TENANT,
        "durationms": "0",
        "level": 4,
        "properties": {
            "id": "SSPR_0c53781b_8Q3KD_51207733",
            "category": "UserManagement",
            "correlationId": "0c9e7d31-52b8-4a64-8f1d-a3b6e0c5d297",
            "result": "failure",
            "resultReason": "OnPremisesConnectivityError",
            "activityDisplayName": "Reset password (self-service)",
            "activityDateTime": "2026-03-02T13:02:33.4410000+02:00",
            "loggedByService": "Self-service Password Management",
            "operationType": "Update",
            "initiatedBy": {"user": {"id": USER, "userPrincipalName": "amira.haddad@contoso.com"}},
            "targetResources": [
                {"id": USER, "type": "User", "modifiedProperties": [], "administrativeUnits": []},
            ],
            "additionalDetails": [{"key": "OnPremisesAgent", "value": "Microsoft Entra Connect"}],
        }
        | more,
    }


AUDIT_OF_GRAPH = {
    "id": "SSPR_0c53781b_8Q3KD_51207733",
    "category": "UserManagement",
    "correlationId": "0c9e7d31-52b8-4a64-8f1d-a3b6e0c5d297",
    "result": "failure",
    "resultReason": "OnPremisesConnectivityError",
    "activityDisplayName": "Reset password (self-service)",
    "activityDateTime": "2026-03-02T11:02:33.441Z",
    "loggedByService": "Self-service Password Management",
    "operationType": "Update",
    "userAgent": None,
    "initiatedBy": {
        "user": {
            "id": USER,
            "displayName": None,
            "userPrincipalName": "amira.haddad@contoso.com",
            "ipAddress": None,
            "userType": None,
            "homeTenantId": None,
            "homeTenantName": None,
        },
        "app": None,
    },
    "targetResources": [
        {
            "id": USER,
            "displayName": None,
            "type": "User",
            "userPrincipalName": None,
            "groupType": None,
            "modifiedProperties": [],
        }
    ],
    "additionalDetails": [{"key": "OnPremisesAgent", "value": "Microsoft Entra Connect"}],
}


def provisioning_record(**more: Any) -> dict[str, Any]:
    return {
        "time": "2026-03-02T09:52:20.1410000Z",
        "category": "ProvisioningLogs",
        "tenantid": TENANT,
        "properties": {
            "id": "0bd1a01d-44b5-5859-9c79-d5e33a584f0a",
            "activityDateTime": "2026-03-02T09:52:20Z",
            "tenantId": TENANT,
            "jobId": f"AAD2ADGroupProvisioning.{TENANT}",
            "cycleId": "a90f1e2d",
            "changeId": "e723b393",
            "provisioningAction": "create",
            "durationInMilliseconds": "2411",
            "servicePrincipal": {"Id": "4d5e6f70", "Name": "corp.contoso.com"},
            "sourceSystem": {"details": {}, "Id": "bab3751f", "Name": "Microsoft Entra ID"},
            "targetSystem": {"details": {"ApplicationId": "1a"}, "Id": "c1d2e3f4", "Name": "Active Directory"},
            "initiatedBy": {"Type": "system", "Id": "", "Name": "Azure AD Provisioning Service"},
            "sourceIdentity": {"identityType": "Group", "details": {"id": GROUP}, "Id": GROUP, "Name": "Merger"},
            "targetIdentity": {"identityType": "group", "details": {}, "Id": "", "Name": ""},
            "provisioningStatusInfo": {
                "Status": "failure",
                "errorInformation": {
                    "errorCode": "InsufficientAccessRights",
                    "reason": "No right to create the object.",
                    "additionalDetails": None,
                    "errorCategory": "failure",
                    "recommendedAction": "Grant it.",
                },
            },
            "provisioningSteps": [
                {"name": "EntryImportAdd", "provisioningStepType": 0, "status": 0, "description": "a", "details": {}},
                {"name": "EntryExportAdd", "provisioningStepType": "5", "status": 1, "description": "b", "details": {}},
            ],
            "modifiedProperties": [{"displayName": "cn", "oldValue": None, "newValue": "Merger"}],
            "statusInfo": {"Status": 1},
            "action": "Create",
        }
        | more,
    }


PROVISIONING_OF_GRAPH = {
    "id": "0bd1a01d-44b5-5859-9c79-d5e33a584f0a",
    "activityDateTime": "2026-03-02T09:52:20.000Z",
    "tenantId": TENANT,
    "jobId": f"AAD2ADGroupProvisioning.{TENANT}",
    "cycleId": "a90f1e2d",
    "changeId": "e723b393",
    "provisioningAction": "create",
    "durationInMilliseconds": 2411,
    "servicePrincipal": {"id": "4d5e6f70", "displayName": "corp.contoso.com"},
    "sourceSystem": {"id": "bab3751f", "displayName": "Microsoft Entra ID", "details": {}},
    "targetSystem": {"id": "c1d2e3f4", "displayName": "Active Directory", "details": {"ApplicationId": "1a"}},
    "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
    "sourceIdentity": {"id": GROUP, "displayName": "Merger", "identityType": "Group", "details": {"id": GROUP}},
    "targetIdentity": {"id": "", "displayName": "", "identityType": "group", "details": {}},
    "provisioningStatusInfo": {
        "status": "failure",
        "errorInformation": {
            "errorCode": "InsufficientAccessRights",
            "reason": "No right to create the object.",
            "additionalDetails": None,
            "errorCategory": "failure",
            "recommendedAction": "Grant it.",
        },
    },
    "provisioningSteps": [
        {"name": "EntryImportAdd", "provisioningStepType": "import", "status": "success"}
        | {"description": "a", "details": {}},
        {"name": "EntryExportAdd", "provisioningStepType": "export", "status": "failure"}
        | {"description": "b", "details": {}},
    ],
    "modifiedProperties": [{"displayName": "cn", "oldValue": None, "newValue": "Merger"}],
}


def test_an_audit_becomes_what_graph_shows() -> None:
    assert audit_item(audit_record()) == AUDIT_OF_GRAPH


def test_json_in_strings_and_other_capitals_change_nothing() -> None:
    record = audit_record()
    inner = {key[0].upper() + key[1:]: value for key, value in record["properties"].items()}
    inner["TargetResources"] = orjson.dumps(inner["TargetResources"]).decode()
    inner["InitiatedBy"] = orjson.dumps(inner["InitiatedBy"]).decode()
    assert audit_item(record | {"properties": orjson.dumps(inner).decode()}) == AUDIT_OF_GRAPH


def test_what_the_properties_leave_out_stands_around_them() -> None:
    record = audit_record(activityDateTime=None, activityDisplayName=None, result=None, correlationId=None)
    item = audit_item(record | {"resulttype": "Failure", "correlationid": "c"})
    expected = AUDIT_OF_GRAPH | {"correlationId": "c"}
    assert item == expected


def test_a_provisioning_row_becomes_what_graph_shows() -> None:
    assert provisioning_item(provisioning_record()) == PROVISIONING_OF_GRAPH


def test_a_row_without_its_status_and_action_has_them_elsewhere() -> None:
    item = provisioning_item(provisioning_record(provisioningStatusInfo=None, provisioningAction=None))
    assert item["provisioningStatusInfo"] == {"status": "failure", "errorInformation": None}
    assert item["provisioningAction"] == "create"


@pytest.mark.parametrize("properties", [None, [], "x", "[1]"])
def test_a_record_without_properties_is_refused(properties: Any) -> None:
    for normal in (audit_item, provisioning_item):
        with pytest.raises(InvalidRecordError):
            normal({"properties": properties})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(sorted(AUDIT_OF_GRAPH)), JSON)
def test_any_value_in_an_audit_is_survived(key: str, value: Any) -> None:
    assert set(audit_item(audit_record(**{key: value}))) == set(AUDIT_OF_GRAPH)


@given(st.sampled_from(sorted(PROVISIONING_OF_GRAPH)), JSON)
def test_any_value_in_a_provisioning_row_is_survived(key: str, value: Any) -> None:
    assert set(provisioning_item(provisioning_record(**{key: value}))) == set(PROVISIONING_OF_GRAPH)


@pytest.mark.parametrize(
    ("time", "read"),
    [
        ("1/9/2007 9:41:00 AM", "2007-01-09T09:41:00.000Z"),
        ("1/9/2007 12:41:00 AM", "2007-01-09T00:41:00.000Z"),
        ("01/09/2007 21:41:00", "2007-01-09T21:41:00.000Z"),
        ("1/9/2007 10:41:00 AM +01:00", "2007-01-09T09:41:00.000Z"),
        ("2007-01-09T09:41:00", "2007-01-09T09:41:00.000Z"),
        ("2007-01-09T09:41:00.123456789Z", "2007-01-09T09:41:00.123Z"),
        ("2007-01-09T09:41:00.1234567+05:30", "2007-01-09T04:11:00.123Z"),
        ("13/9/2007 9:41:00 AM", "13/9/2007 9:41:00 AM"),
    ],
)
def test_times_of_azure_monitor(time: str, read: str) -> None:
    assert audit_item({"time": time, "properties": {"id": "x"}})["activityDateTime"] == read


@pytest.mark.parametrize("status", [2, "skipped", 0])
def test_why_an_object_was_left_out(status: object) -> None:
    step = {"name": "EntrySynchronizationSkip", "status": status, "description": "It is left out."}
    for details, reason in (({"SkipReason": "NotEntitled"}, "NotEntitled"), ({}, "It is left out.")):
        record = {"time": "2026-11-23T09:31:08Z", "properties": {"provisioningSteps": [{**step, "details": details}]}}
        item = provisioning_item(record) | {"id": "x", "jobId": "AD2AADProvisioning.x"}
        event = provisioning_event(item, "t", 0)
        assert event is not None
        assert event.details.get("skip_reason") == (reason if details or status != 0 else None)
