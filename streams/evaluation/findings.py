"""From verdict to finding: the level-triggered transition, and nothing else.

A finding is open exactly while its verdict stands. Nobody writes when it clears: the missing verdict clears it.
"""

from __future__ import annotations

import msgspec

from streams.contracts.codec import encode
from streams.contracts.finding import Finding, FindingState
from streams.contracts.identity import finding_id
from streams.contracts.times import rfc3339
from streams.detections.detection import Detection, Verdict


def transition(
    detection: Detection,
    tenant: str,
    verdict: Verdict | None,
    stored: Finding | None,
    *,
    now_ms: int,
    observed_ms: int,
    suppressed_by: str | None = None,
    runbook_base_url: str = "",
) -> Finding | None:
    """The finding after this verdict, or `stored` itself where nothing changed.

    stored:      the finding as last published for this view and detection, resolved ones included.
    observed_ms: when the change behind this evaluation happened.
    suppressed_by: id of the open finding that explains the verdict away, if there is one.
    """
    standing = stored is not None and stored.state is not FindingState.RESOLVED
    # A symptom that outlives its cause opens when the cause ends.
    going_on = stored is not None and (
        stored.state is FindingState.OPEN or (stored.state is FindingState.SUPPRESSED and bool(suppressed_by))
    )
    if verdict is None:
        if stored is None or not standing:
            return stored
        return resolved(stored, now_ms, min(observed_ms, now_ms))
    standing_since = None
    if stored is not None and standing:
        standing_since = stored.standing_since if going_on else stored.stands_since
    finding = Finding(
        id=finding_id(detection.id, verdict.subject.key),
        detection=detection.id,
        family=detection.family,
        severity=verdict.severity or detection.severity,
        state=FindingState.SUPPRESSED if suppressed_by else FindingState.OPEN,
        tenant=tenant,
        forest=verdict.forest,
        subject=verdict.subject,
        summary=verdict.summary,
        opened_at=stored.opened_at if stored is not None and going_on else rfc3339(now_ms),
        observed_at=stored.observed_at if stored is not None and going_on else rfc3339(min(observed_ms, now_ms)),
        updated_at=stored.updated_at if stored is not None and going_on else rfc3339(now_ms),
        revision=stored.revision if stored is not None else 1,
        evidence={"since": rfc3339(verdict.since_ms), **verdict.evidence},
        counterparts=list(verdict.counterparts),
        cause=suppressed_by or verdict.cause,
        remediation=detection.remediation,
        standing_since=standing_since,
        runbook_url=f"{runbook_base_url}{detection.id.replace('.', '/')}.md" if runbook_base_url else "",
    )
    if stored is None:
        return finding
    if encode(finding) == encode(stored):
        return stored
    return msgspec.structs.replace(
        finding,
        updated_at=rfc3339(now_ms),
        observed_at=rfc3339(min(observed_ms, now_ms)),
        revision=stored.revision + 1,
    )


def resolved(stored: Finding, now_ms: int, observed_ms: int) -> Finding:
    """A standing finding, resolved."""
    return msgspec.structs.replace(
        stored,
        state=FindingState.RESOLVED,
        resolved_at=rfc3339(now_ms),
        updated_at=rfc3339(now_ms),
        observed_at=rfc3339(observed_ms),
        revision=stored.revision + 1,
    )
