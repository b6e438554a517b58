"""A message as an OCSF Detection Finding, for those who collect security events.

Sources: https://schema.ocsf.io/1.3.0/classes/detection_finding (class 2004: activity 1 Create, 2 Update, 3 Close;
status 1 New, 2 In Progress, 3 Suppressed, 4 Resolved), https://schema.ocsf.io/1.3.0/objects/finding_info,
https://schema.ocsf.io/1.3.0/objects/resource_details, https://schema.ocsf.io/1.3.0/objects/metadata.
"""

from __future__ import annotations

from typing import Any

from sinks.notify.channels.channel import Sender
from sinks.notify.notice import Kind, Notice
from sinks.notify.wording import LONGEST_FACT, name_of, shortened
from streams.contracts.codec import encode
from streams.contracts.finding import Finding, FindingState, Severity
from streams.contracts.times import parse_rfc3339

VERSION = "1.3.0"
CLASS = 2004
_ACTIVITIES = {Kind.OPENED: (1, "Create"), Kind.CHANGED: (2, "Update"), Kind.CLOSED: (3, "Close")}
_OTHER = (99, "Other")
_SEVERITIES = {
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.HIGH: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}
_MOST_RESOURCES = 20


def detection_finding(notice: Notice, sender: Sender, *, most_bytes: int = 60_000) -> dict[str, Any]:
    """The event; with as many of those involved as fit into `most_bytes` of JSON."""
    resources = _resources(notice.finding) if notice.finding is not None else []
    while True:
        event = _event(notice, sender, resources)
        if len(encode(event)) <= most_bytes or not resources:
            return event
        resources = resources[: len(resources) // 2]


def _event(notice: Notice, sender: Sender, resources: list[dict[str, Any]]) -> dict[str, Any]:
    activity_id, activity = _ACTIVITIES.get(notice.kind, _OTHER)
    severity_id, severity = _SEVERITIES[notice.severity]
    status_id, status = _status(notice)
    event: dict[str, Any] = {
        "class_uid": CLASS, "class_name": "Detection Finding", "category_uid": 2, "category_name": "Findings",
        "type_uid": CLASS * 100 + activity_id, "type_name": f"Detection Finding: {activity}",
        "activity_id": activity_id, "activity_name": activity, "severity_id": severity_id, "severity": severity,
        "status_id": status_id, "status": status, "time": notice.at_ms, "message": f"{notice.title}. {notice.text}",
        "metadata": {
            "version": VERSION, "uid": notice.key, "log_provider": sender.installation,
            "product": {"name": "SyncHealth", "vendor_name": "SyncHealth", "version": sender.version},
        },
        "finding_info": _info(notice),
    }  # fmt: skip
    if resources:
        event["resources"] = resources
    if notice.remediation:
        event["remediation"] = {"desc": notice.remediation, "references": [u for _, u in notice.links]}
    if notice.finding is not None:
        event["unmapped"] = {"tenant": notice.finding.tenant, "forest": shortened(notice.finding.forest or "", 255)}
    return event


def _info(notice: Notice) -> dict[str, Any]:
    finding = notice.finding
    info: dict[str, Any] = {"uid": finding.id if finding else notice.thread, "title": notice.title, "desc": notice.text}
    if notice.desk_url:
        info["src_url"] = notice.desk_url
    if finding is not None:
        info["types"] = [finding.family]
        info["analytic"] = {"uid": finding.detection, "name": finding.detection, "type_id": 1, "type": "Rule"}
        info["first_seen_time"] = info["created_time"] = _ms(finding.stands_since)
        info["last_seen_time"] = info["modified_time"] = _ms(finding.updated_at)
    return info


def _status(notice: Notice) -> tuple[int, str]:
    if notice.kind is Kind.CLOSED:
        return 4, "Resolved"
    if notice.finding is not None and notice.finding.state is FindingState.SUPPRESSED:
        return 3, "Suppressed"
    return (1, "New") if notice.kind is Kind.OPENED else (2, "In Progress")


def _resources(finding: Finding) -> list[dict[str, Any]]:
    subject = finding.subject
    known = subject.object_guid or subject.entra_id or subject.key
    first: dict[str, Any] = {"uid": known, "name": name_of(finding), "type": subject.kind}
    others: list[dict[str, Any]] = [
        {
            "uid": holder.id, "type": holder.kind, "labels": [f"{holder.side}: {holder.role or 'involved'}"],
            "name": holder.user_principal_name or holder.display_name or holder.distinguished_name or holder.id,
        }
        for holder in finding.counterparts[:_MOST_RESOURCES]
    ]  # fmt: skip
    return [
        {key: [shortened(each, LONGEST_FACT) for each in value] if isinstance(value, list)
         else shortened(str(value), LONGEST_FACT) for key, value in resource.items()}
        for resource in [first, *others]
    ]  # fmt: skip


def _ms(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        return 0
