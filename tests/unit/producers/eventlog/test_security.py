"""Who changed a forest's service connection point, from the security log of a domain controller."""

from __future__ import annotations

from typing import Any

import pytest

from producers.eventlog.winlogbeat import winlogbeat_events
from streams.views.event_contributions import contributions_of_event

POINT = (
    "CN=62a0ff2e-97b9-4513-943f-0d221bd30080,CN=Device Registration Configuration,CN=Services,CN=Configuration,"
    "DC=corp,DC=Contoso,DC=local"
)


def document(event_id: int = 5136, **data: Any) -> dict[str, Any]:
    said = {
        "SubjectUserName": "omar", "SubjectDomainName": "CORP", "ObjectDN": POINT, "DSName": "corp.contoso.local",
        "AttributeLDAPDisplayName": "keywords", "AttributeValue": "azureADName:evil.example",
    }  # fmt: skip
    return {
        "@timestamp": "2026-11-26T14:00:00.000Z",
        "winlog": {
            "provider_name": "Microsoft-Windows-Security-Auditing", "event_id": str(event_id), "record_id": 7,
            "channel": "Security", "computer_name": "DC1.corp.contoso.local", "event_data": {**said, **data},
        },
    }  # fmt: skip


@pytest.mark.parametrize("event_id", [5136, 5137, 5141])
def test_a_change_of_the_point_is_told_to_its_forest_alone(event_id: int) -> None:
    (event,) = winlogbeat_events(document(event_id), "t", 1)

    assert (event.name, event.initiator, event.server) == (f"security/{event_id}", "CORP\\omar", "dc1")
    assert event.details["forest"] == "corp.contoso.local"
    assert "evil" not in str(event), "values are AD's to tell"
    assert [word.view for word in contributions_of_event(event)] == ["forest/t/corp.contoso.local"]


@pytest.mark.parametrize(
    "said",
    [
        document(4624),
        document(ObjectDN="CN=Somebody,OU=People,DC=corp,DC=contoso,DC=local"),
        document(ObjectDN=None),
        document(SubjectUserName=None),
        document(ObjectDN=POINT.partition(",DC=")[0]),
    ],
)
def test_nothing_else_of_that_log_is_kept(said: dict[str, Any]) -> None:
    assert winlogbeat_events(said, "t", 1) == []
