"""Which engine synchronises an object, Entra Connect or Cloud Sync, and how that is known.

Both may serve one forest, each other units of it: "an object should be in scope in only one of the tools" (Microsoft,
"Microsoft Entra Cloud Sync supported topologies and scenarios"). They differ in their cycles (30 and 2 minutes), in
the deletion threshold (of the tenant; of each configuration), in groups (250,000 and 50,000 members), and in that
Cloud Sync joins nobody across forests and writes no anchor to Active Directory ("Migrate from Microsoft Entra Connect
to Cloud Sync: Decision Guide"). Which of the two brings an object no directory tells: the settings do
(forest.cloud_sync_ous); a forest that no job of Cloud Sync names is Entra Connect's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from streams.contracts.events import Event, Log
from streams.contracts.facts import CLOUD_SYNC_JOB, TenantState

CONNECT, CLOUD_SYNC = "connect", "cloud_sync"
EITHER = "connect_or_cloud_sync"
JOB = CLOUD_SYNC_JOB

_OUT_OF_USE = frozenset({"notconfigured", "notrun"})


def in_use(job: Mapping[str, Any]) -> bool:
    """Whether a job of Cloud Sync brings objects of Active Directory to the cloud, or ought to."""
    if not str(job.get("kind") or "").startswith(JOB) or str(job.get("state")).lower() == "disabled":
        return False
    return str(job.get("code")).lower() not in _OUT_OF_USE


def engines_of(state: TenantState) -> dict[str, str]:
    """Engine -> how it is known, of those that the tenant shows."""
    found = {}
    if (state.synchronization or {}).get("client_version"):
        found[CONNECT] = "client_version"
    if any(map(in_use, state.jobs or ())):
        found[CLOUD_SYNC] = "service_principal_job"
    return found


def cloud_sync_forests(state: TenantState) -> frozenset[str] | None:
    """The forests that jobs of Cloud Sync bring; None where jobs may not be read, or one does not tell."""
    if state.jobs is None:
        return None
    forests = [job.get("forest") for job in state.jobs if in_use(job)]
    return None if None in forests else frozenset(map(str, forests))


def cloud_sync_groups(state: TenantState) -> dict[str, tuple[str, ...]]:
    """Forest -> DNs of the groups by which its jobs are scoped, all of them together; (): none is, as far as they tell.

    Source: Microsoft Graph, groupFilter ("for Active Directory groups, use the distinguished names").
    """
    found: dict[str, set[str]] = {}
    for job in filter(in_use, state.jobs or ()):
        if isinstance(job.get("forest"), str) and isinstance(job.get("groups"), list):
            found.setdefault(job["forest"], set()).update(map(str, job["groups"]))
    return {forest: tuple(sorted(groups)) for forest, groups in found.items()}


def told_by_cloud_sync(events: Iterable[Event]) -> bool:
    """Whether Cloud Sync's provisioning log is among what logs tell of an object."""
    rows = (event for event in events if event.log is Log.PROVISIONING)
    return any(str(event.details.get("job_kind") or "").startswith(JOB) for event in rows)


def engine_said(
    engines: Mapping[str, str], *, of_the_object: str | None = None, logged: bool = False
) -> dict[str, str]:
    """As evidence: the engine that a rule assumes, and why.

    engines: of the tenant; of_the_object: by the settings; logged: Cloud Sync's provisioning log told of the object.
    """
    if of_the_object is not None:
        return {"engine": of_the_object, "engine_known_by": "setting"}
    if logged:
        return {"engine": CLOUD_SYNC, "engine_known_by": "provisioning_log"}
    if len(engines) > 1:
        return {"engine": EITHER, "engine_known_by": ", ".join(engines[each] for each in sorted(engines))}
    name, how = next(iter(engines.items()), (CONNECT, "assumed"))
    return {"engine": name, "engine_known_by": how}
