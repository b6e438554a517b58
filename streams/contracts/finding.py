"""Findings: the life of a verdict, as the compacted findings topic carries it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Severity(StrEnum):
    """How loud: CRITICAL pages, HIGH alerts, MEDIUM is work for today, LOW for this week."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the loudest."""
        return list(Severity).index(self)


class FindingState(StrEnum):
    """SUPPRESSED: the verdict stands but an open cause explains it away; counted, not alerted."""

    OPEN = "open"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"


class Holder(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An object that takes part in a finding, named well enough to be found in either directory.

    attributes: where it holds the contested value, e.g. ["userPrincipalName", "proxyAddresses"].
    role:       what the rule says of it: "keeps", "quarantined", "would_be_quarantined", "out_of_scope", …
    """

    side: str
    kind: str
    id: str
    distinguished_name: str | None = None
    user_principal_name: str | None = None
    display_name: str | None = None
    source_anchor: str | None = None
    forest: str | None = None
    attributes: list[str] = []
    role: str | None = None


class Subject(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the finding is about. `key` is the view key; `kind` its first part; `created`: when AD says that it was."""

    kind: str
    key: str
    distinguished_name: str | None = None
    user_principal_name: str | None = None
    display_name: str | None = None
    object_guid: str | None = None
    entra_id: str | None = None
    created: str | None = None


class Finding(msgspec.Struct, frozen=True, tag_field="type", tag="finding", kw_only=True):
    """One finding. Times are RFC 3339 UTC with milliseconds.

    opened_at:   when this opening was seen; reopening starts a new one under the same id.
    observed_at: when the change behind the latest transition happened: detection latency starts here.
    updated_at:  the partition's time at the latest transition.
    standing_since: when it began to stand, where that was before opened_at: until then a cause explained it away.
    cause:       id of the finding that explains this one, if any.
    """

    id: str
    detection: str
    family: str
    severity: Severity
    state: FindingState
    tenant: str
    forest: str | None
    subject: Subject
    summary: str
    opened_at: str
    observed_at: str
    updated_at: str
    revision: int
    evidence: dict[str, Any] = {}
    counterparts: list[Holder] = []
    cause: str | None = None
    remediation: str = ""
    runbook_url: str = ""
    resolved_at: str | None = None
    standing_since: str | None = None
    schema_version: int = 1

    @property
    def stands_since(self) -> str:
        """When this episode began: it has stood ever since, explained away or not."""
        return self.standing_since or self.opened_at
