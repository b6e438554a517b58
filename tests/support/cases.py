"""Plays a detection's cases (<name>.cases.json): steps of facts, tenant states and time, and what must be open.

A step is one of
  {"ad" | "ad2": fact} or {"entra": fact}: {"id": "any name", "op": "c", "kind": "user", "full": true,
        "attributes": {...}, "links": {"member": {"added": ["name", …]}}}; op defaults to "u", names become GUIDs,
        "links": {"member": {"many": 50000}} adds so many that nobody else speaks of;
        AD users get objectSid and distinguishedName unless the case gives them, AD devices the account of a
        Windows 11 computer created on 2026-09-01; the cases begin on 2026-09-21;
  {"event": {"name": "passwordresetservice/31002", "log": "windows", …}}: fields of Event; "about": the Entra object of
        that name, "device": the AD computer of that name, "anchor": the AD object whose objectGUID makes the source
        anchor, "ago_s": it happened so long ago;
  {"tenant": {...}}: fields of TenantState;
  {"counts": {"objects/corp/user/missing": 600, …}}: another partition counts so many (streams.contracts.counts);
  a case's "forests": ["corp"] are those of the tenant's settings, read whole with their first fact, or a count;
  its "users_joined_by" is the tenant's;
  {"after_s": seconds}: a tick that much later;
  {"open": ["detection id", …]}: exactly these are open now; beside it "evidence": {detection: {key: value}}
        and "forest": {detection: forest}, also of what "explained": {detection: what explains it} names.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from streams.contracts import view_keys
from streams.contracts.codec import convert
from streams.contracts.contributors import ContributorKind
from streams.contracts.events import Event
from streams.contracts.facts import Fact, Origin, TenantState, Watermark
from streams.contracts.finding import FindingState
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.views import Contribution
from streams.directory.scope import Scope, scope_name
from streams.evaluation.knowledge import TenantOptions
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline
from tests.support.words import body_of

START_MS = 1_790_000_000_000
AD2 = Origin(name="ad/fabrikam", side="ad", tenant=TENANT, forest="fabrikam")
ORIGINS = {"ad": AD, "ad2": AD2, "entra": ENTRA}
_GUID = re.compile(r"@guid:([\w-]+)")
_COMPUTER = {
    "operatingSystem": "Windows 11 Enterprise",
    "operatingSystemVersion": "10.0 (22631)",
    "userAccountControl": 4096,
    "whenCreated": "2026-09-01T00:00:00Z",
}


def guid_of(name: str) -> str:
    """The GUID a case's name stands for."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def sid_of(name: str) -> str:
    """The SID a case's name stands for."""
    return f"S-1-5-21-1-2-3-{uuid.uuid5(uuid.NAMESPACE_OID, name).int % 100_000}"


def play(case: dict[str, Any], *, family: str, duplicate: bool = False) -> None:
    """Play one case; AssertionError where it does not go as it says.

    family: whose detections the case speaks of; what the others say of the same facts is their cases' business.
    duplicate: deliver every fact twice and restart the worker after every step, which must change nothing.
    """
    scope = Scope(
        include_ous=case.get("include_ous", ()),
        exclude_ous=case.get("exclude_ous", ()),
        hybrid_join=case.get("hybrid_join", False),
        users_joined_by=case.get("users_joined_by", ""),
        cloud_sync_ous=case.get("cloud_sync_ous", ()),
        scope_groups=case.get("scope_groups", ()),
    )
    tenant_scope = Scope(
        group_writeback=case.get("group_writeback", False),
        device_writeback=case.get("device_writeback", False),
        users_joined_by=scope.users_joined_by,
    )
    options = TenantOptions(
        forests=frozenset(case.get("forests", ())),
        accept_orphans=case.get("accept_orphans", False),
        engine_units="cloud_sync_ous" in case,
        scope_groups={"corp": tuple(case["scope_groups"]) if "scope_groups" in case else None},
    )
    other = Scope(users_joined_by=scope.users_joined_by)
    scopes = {"corp": scope, "fabrikam": other, scope_name(TENANT, None): tenant_scope}
    pipeline = Pipeline(scopes, tenants={TENANT: options})
    now_ms, seq = START_MS, START_MS << 12
    for number, step in enumerate(case["steps"], 1):
        now_ms += 1000
        seq += 1 << 12
        where = f"{case['name']}, step {number}"
        if "open" in step:
            found = sorted({finding.detection for finding in pipeline.open().values() if finding.family == family})
            assert found == sorted(step["open"]), f"{where}: open {found}, expected {step['open']}"
            if "explained" in step:
                explained = {
                    finding.detection: pipeline.findings[finding.cause or ""].detection
                    for finding in pipeline.findings.values()
                    if finding.state is FindingState.SUPPRESSED and finding.family == family
                }
                assert explained == step["explained"], f"{where}: explained {explained}"
            for finding in pipeline.findings.values():
                if finding.state is FindingState.RESOLVED:
                    continue
                if finding.detection in step.get("forest", {}):
                    assert finding.forest == step["forest"][finding.detection], f"{where}: {finding.forest}"
                for key, value in step.get("evidence", {}).get(finding.detection, {}).items():
                    assert finding.evidence.get(key) == value, f"{where}: {finding.evidence}"
        elif "after_s" in step:
            now_ms += int(step["after_s"] * 1000)
            pipeline.tick(now_ms)
        elif "counts" in step:
            for origin in ORIGINS.values():
                pipeline.worked_off(origin)
            pipeline.tick(now_ms)
            for _ in range(2 if duplicate else 1):
                pipeline.contribute([_counts(step["counts"], now_ms)], now_ms=now_ms)
        elif "event" in step:
            for _ in range(2 if duplicate else 1):
                pipeline.log([event_of(step["event"], number, now_ms)], now_ms=now_ms)
        elif "tenant" in step:
            state = {"tenant": TENANT, "seq": seq, "ts_ms": now_ms, **step["tenant"]}
            pipeline.tell(convert({**state, "type": "tenant"}, TenantState))
        else:
            ((side, raw),) = ((side, raw) for side, raw in step.items() if side in ORIGINS)
            fact = fact_of(side, raw, seq, now_ms)
            for _ in range(2 if duplicate else 1):
                pipeline.feed(ORIGINS[side], [fact], now_ms=now_ms)
        if duplicate:
            pipeline.restart()


def _counts(counts: dict[str, int], now_ms: int) -> Contribution:
    view = view_keys.tenant(TENANT)
    name = ContributorKind.COUNTS.named(99)
    return Contribution(view=view, contributor=name, seq=now_ms, changed_ms=now_ms, body=body_of(counted(counts)))


def counted(counts: dict[str, int]) -> dict[str, Any]:
    """What one partition of the views counts of directories that are read whole and worked off."""
    read = {Watermark(origin=origin, read_ms=1).source: 1 for origin in ORIGINS.values()}
    return {"counts": counts, "read": read, "partitions": 1}


def event_of(raw: dict[str, Any], number: int, now_ms: int) -> Event:
    """The event of a step; `number` of the step names it."""
    said = {key: value for key, value in raw.items() if key not in ("about", "anchor", "device", "ago_s")}
    if "about" in raw:
        said["entra_id"] = guid_of(raw["about"])
    if "device" in raw:
        said["object_guid"] = guid_of(raw["device"])
    if "anchor" in raw:
        said["source_anchor"] = immutable_id_of_guid(guid_of(raw["anchor"]))
    ts_ms = now_ms - int(raw.get("ago_s", 0) * 1000)
    filled = {"id": f"event-{number}", "log": "audit", "tenant": TENANT, "ts_ms": ts_ms, "seen_ms": now_ms}
    return convert({**filled, **said}, Event)


def fact_of(side: str, raw: dict[str, Any], seq: int, now_ms: int) -> Fact:
    """The fact of a step of this side."""
    name, op = raw["id"], raw.get("op", "u")
    attributes = {key: _named(value) for key, value in raw.get("attributes", {}).items()}
    if side != "entra" and op in "rc":
        attributes.setdefault("distinguishedName", f"CN={name},OU=People,DC={ORIGINS[side].forest},DC=local")
        if raw.get("kind") in ("user", "group"):
            attributes.setdefault("objectSid", sid_of(name))
            attributes.setdefault("sAMAccountName", name)
        if raw.get("kind") == "device":
            attributes = {**_COMPUTER, "name": name, "objectSid": sid_of(name), **attributes}
    return convert(
        {
            "op": op,
            "object_id": guid_of(name),
            "seq": seq,
            "ts_ms": now_ms,
            "kind": raw.get("kind"),
            "full": raw.get("full", op in "rc"),
            "attributes": attributes,
            "links": {
                attribute: {
                    **{way: change[way] for way in change if way != "many"},
                    **{
                        way: [{"id": guid_of(far), "sid": sid_of(far)} for far in change.get(way, ())]
                        for way in ("added", "removed")
                    },
                    **({"added": _many(change["many"])} if "many" in change else {}),
                }
                for attribute, change in raw.get("links", {}).items()
            },
        },
        Fact,
    )


def _many(number: int) -> list[dict[str, str]]:
    """So many far ends without a SID, as contacts are."""
    return [{"id": f"{each % 256:02x}{each:06x}-0000-4000-8000-000000000000"} for each in range(number)]


def _named(value: Any) -> Any:
    """`@anchor:name` and `@sid:name` stand for what the AD object of that name has, `@guid:name` within a text too."""
    if isinstance(value, list):
        return [_named(item) for item in value]
    if isinstance(value, str) and "@guid:" in value:
        return _GUID.sub(lambda found: guid_of(found[1]), value)
    if isinstance(value, str) and value.startswith("@anchor:"):
        return immutable_id_of_guid(guid_of(value.removeprefix("@anchor:")))
    if isinstance(value, str) and value.startswith("@sid:"):
        return sid_of(value.removeprefix("@sid:"))
    return value
