"""Findings as the evaluating agent publishes them, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from streams.contracts.finding import Finding, FindingState, Holder, Severity, Subject
from streams.contracts.identity import finding_id
from streams.contracts.times import rfc3339

TENANT = "7d1c6f2e-3b0a-4a55-9f6e-1d2c3b4a5968"
FOREST = "corp.contoso.local"
START_MS = 1_795_000_000_000


def finding(
    number: int = 1, state: str = "open", *, revision: int = 1, at_ms: int = START_MS, **changes: Any
) -> Finding:
    """Finding `number` of conflict.duplicate_address: opened at `at_ms`, and resolved ten minutes later if so asked."""
    address = f"smtp:ada{number}@contoso.com"
    key = f"address/{TENANT}/{address}"
    resolved = state == "resolved"
    updated_ms = at_ms + (600_000 if resolved else 0)
    fields: dict[str, Any] = {
        "id": finding_id("conflict.duplicate_address", key),
        "detection": "conflict.duplicate_address",
        "family": "conflict",
        "severity": Severity.HIGH,
        "state": FindingState(state),
        "tenant": TENANT,
        "forest": FOREST,
        "subject": Subject(kind="address", key=key, display_name=address),
        "summary": f"2 objects claim {address}",
        "opened_at": rfc3339(at_ms),
        "observed_at": rfc3339(updated_ms - 250),
        "updated_at": rfc3339(updated_ms),
        "resolved_at": rfc3339(updated_ms) if resolved else None,
        "revision": revision,
        "remediation": "Remove the address from the object that should not own it.",
        "runbook_url": "docs/runbooks/conflict/duplicate_address.md",
        "evidence": {"address": address},
        "counterparts": [
            Holder(
                side="ad",
                kind="user",
                id=f"6e1a2c90-5b7d-4f38-9c21-{number:012x}",
                distinguished_name=f"CN=Ada {number},OU=Staff,DC=corp,DC=contoso,DC=local",
                user_principal_name=f"ada{number}@contoso.com",
                display_name=f"Ada {number}",
                source_anchor="kCwabn1bOE+cIQpL430fVQ==",
                forest=FOREST,
                attributes=["proxyAddresses", "userPrincipalName"],
                role="keeps",
            ),
            Holder(
                side="entra",
                kind="user",
                id=f"0b0f4c1e-0000-4000-8000-{number:012x}",
                user_principal_name=f"ada{number}2@contoso.com",
                display_name=f"Ada {number} (cloud)",
                attributes=["proxyAddresses"],
                role="quarantined",
            ),
        ],
    }
    return Finding(**(fields | changes))


def told_or_lingering(known: Mapping[str, Finding], wanted: Container[str]) -> dict[str, Finding]:
    """What is open; and of `wanted` what a cause that ended lately still explains: the oracle has no history."""
    told = {key for key, each in known.items() if each.state is FindingState.OPEN}
    return {
        key: each
        for key, each in known.items()
        if key in told or (key in wanted and each.state is FindingState.SUPPRESSED and each.cause not in told)
    }
