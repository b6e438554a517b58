"""From the records of a finding to its episodes: which one a record belongs to, and what it makes of it. Pure."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from streams.contracts.codec import decode, encode
from streams.contracts.distinguished_name import container_of
from streams.contracts.errors import InvalidRecordError
from streams.contracts.finding import Finding, FindingState, Holder
from streams.contracts.times import parse_rfc3339

_LONGEST_NAME, _MOST_NAMES = 320, 200


@dataclass(frozen=True, slots=True)
class Standing:
    """An episode as far as its finding's records determine it; the columns of schema.episode, but for what people do.

    id:        of the finding and its first opening: the same whenever the topic is read again.
    unit:      DN of the container that the subject stands in; None where it has no DN.
    opened_ms: when it first stood, explained by a cause or not.
    """

    id: int
    finding: str
    detection: str
    family: str
    severity: str
    state: str
    tenant: str
    forest: str | None
    unit: str | None
    kind: str
    name: str
    summary: str
    cause: str | None
    opened_ms: int
    observed_ms: int
    updated_ms: int
    resolved_ms: int | None
    revision: int

    @property
    def is_over(self) -> bool:
        return self.state == FindingState.RESOLVED


def after(before: Standing | None, finding: Finding) -> Standing | None:
    """The episode after a record; None where that changes nothing (a replay, or the end of what never stood).

    before: the latest episode of that finding. Where the record belongs to a later one, `before` is over (`ended`).
    Raises InvalidRecordError for times that are none.
    """
    try:
        opened_ms, updated_ms = parse_rfc3339(finding.opened_at), parse_rfc3339(finding.updated_at)
        observed_ms = parse_rfc3339(finding.observed_at)
        resolved_ms = parse_rfc3339(finding.resolved_at) if finding.resolved_at else None
    except ValueError as error:
        raise InvalidRecordError("wrong_shape", f"a time of finding {finding.id}: {error}") from error
    if before is not None and (updated_ms, finding.revision) <= (before.updated_ms, before.revision):
        return None
    over = finding.state is FindingState.RESOLVED
    goes_on = before is not None and not before.is_over and _same(before, finding, opened_ms)
    if before is not None and goes_on:
        opened_ms, observed_ms = before.opened_ms, before.observed_ms
    subject = finding.subject
    return Standing(
        id=before.id if before is not None and goes_on else episode_id(finding.id, opened_ms),
        finding=finding.id,
        detection=finding.detection,
        family=finding.family,
        severity=finding.severity.value,
        state=finding.state.value,
        tenant=finding.tenant,
        forest=finding.forest,
        unit=(container_of(subject.distinguished_name) or None) if subject.distinguished_name else None,
        kind=subject.kind,
        name=subject.display_name or subject.user_principal_name or subject.distinguished_name or subject.key,
        summary=finding.summary,
        cause=finding.cause,
        opened_ms=opened_ms,
        observed_ms=observed_ms,
        updated_ms=updated_ms,
        resolved_ms=(resolved_ms or updated_ms) if over else None,
        revision=finding.revision,
    )


def _same(before: Standing, finding: Finding, opened_ms: int) -> bool:
    """Whether a record goes on with the episode that stands: not, where it opened anew after an end that was missed.

    What a cause explained away opens under a time of its own when the cause ends, in the next revision.
    """
    if opened_ms == before.opened_ms:
        return True
    return finding.revision == before.revision + 1


def ended(before: Standing, at_ms: int) -> Standing:
    """An episode of whose end no record was read: compaction kept only what came after, at `at_ms` at the latest."""
    return replace(before, state=FindingState.RESOLVED.value, resolved_ms=max(at_ms, before.updated_ms), cause=None)


def episode_id(finding: str, opened_ms: int) -> int:
    """A positive number of 63 bits."""
    digest = hashlib.blake2b(f"{finding} {opened_ms}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def packed(finding: Finding) -> bytes:
    """The whole record, compressed."""
    return zlib.compress(encode(finding), 6)


def unpacked(body: bytes) -> Finding:
    """What `packed` has packed. Raises InvalidRecordError."""
    return decode(zlib.decompress(body), Finding)


def names_of(finding: Finding) -> str:
    """Everything that somebody may search the finding by, a line each: names, addresses and ids of all involved."""
    found: dict[str, None] = {finding.id: None, finding.detection: None}
    subject = finding.subject
    for text in (
        subject.display_name, subject.user_principal_name, subject.distinguished_name, subject.object_guid,
        subject.entra_id, subject.key,
    ):  # fmt: skip
        if text:
            found[text] = None
    for holder in finding.counterparts:
        for text in (
            holder.display_name, holder.user_principal_name, holder.distinguished_name, holder.id, holder.source_anchor,
        ):  # fmt: skip
            if text:
                found[text] = None
    for text in _strings(finding.evidence):
        if len(found) >= _MOST_NAMES:
            break
        found[text] = None
    return "\n".join(text[:_LONGEST_NAME].replace("\n", " ") for text in found)


def objects_of(finding: Finding) -> list[Holder]:
    """Every object that takes part; the subject as one, where the rule says nothing else of it."""
    subject = finding.subject
    known = {(holder.side, holder.id) for holder in finding.counterparts}
    first = [
        Holder(side=side, kind=subject.kind, id=identity, role="subject")
        for side, identity in (("ad", subject.object_guid), ("entra", subject.entra_id))
        if identity and (side, identity) not in known
    ]
    return first + finding.counterparts


def _strings(value: Any) -> Iterator[str]:
    """The strings within some JSON, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
