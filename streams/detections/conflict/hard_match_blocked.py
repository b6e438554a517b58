"""An AD user's anchor is known in the cloud, and the cloud user of that anchor is not taken over.

Sources: Microsoft, "Troubleshoot errors during synchronization", InvalidHardMatch: typically a user who left the
scope, was restored in the cloud, and came back, while blockCloudObjectTakeoverThroughHardMatchEnabled is on. Since June
2026 an account that holds a directory role is refused whatever the tenant allows (MC1262584), since July, step by step,
one that another AD object was mapped to (onPremisesObjectIdentifier, MC1263280; jpazureid/blog
hardmatch-security-hardening.md). That one only allowOnPremUpdateOfOnPremisesObjectIdentifierEnabled lets pass.
"""

from __future__ import annotations

from streams.contracts.events import Event
from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.gates import in_cloud
from streams.directory.authority import GIVEN_BACK, latest_move
from streams.directory.engines import engine_said, told_by_cloud_sync
from streams.views.identity.object_view import UserView
from streams.views.identity.refusals import standing_refusal
from streams.views.sides import Side
from streams.views.view import PATIENCE_CYCLES

FEATURE = "blockCloudObjectTakeoverThroughHardMatchEnabled"
_REMAPPING = "allowOnPremUpdateOfOnPremisesObjectIdentifierEnabled"

DETECTION = Detection(
    id="conflict.hard_match_blocked",
    views=(UserView,),
    title="Cloud user is not taken over",
    severity=Severity.HIGH,
    remediation=(
        "See evidence.cause and evidence.likely. tenant: if both are the same person, lift "
        f"{FEATURE} for one cycle, let it match, and set it again. role: take the directory role from the account, "
        "eligible assignments too, for that cycle. object_identifier: clear onPremisesObjectIdentifier of the cloud "
        "user (PATCH /beta/users/ID). If they are two people, clear onPremisesImmutableId of the cloud user."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-sync-errors",
        "https://learn.microsoft.com/entra/fundamentals/whats-new",
    ),
    suppressed_by=("engine.long_cycle", "engine.sync_stopped", "engine.bulk_change"),
    explained_by=("conflict.duplicate_source_anchor",),
    false_positives=("A filter of the engine that include_ous and exclude_ous do not repeat.",),
    known_gaps=(
        (
            "The switch and onPremisesObjectIdentifier cannot be read in every tenant, and roles that an account is "
            "eligible for are read in none: what they refuse is told after two cycles, as likely."
        ),
        (
            "A user that synchronisation deleted and somebody restored may look like one whose source of authority was "
            "moved to the cloud (onPremisesSyncEnabled null), and is not told."
        ),
    ),
    only_if=in_cloud,
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires at once where a refusal is certain, else when two cycles have not taken the cloud user over.

    Of one whose source of authority was given back to AD none is certain.
    """
    ours = next(iter(view.in_scope), None)
    theirs = next((side for side in view.entra if side.party.synced is not True), None)
    if ours is None or theirs is None:
        return None
    back = _given_back(view)
    reason = _cause(ours, theirs, context)
    cause = reason if back is None else None
    if cause is None and (standing_refusal(view) or not (context.collected and context.synchronised)):
        return None  # the engine says itself who is refused, and why: flow.export_error
    since_ms = max(ours.changed_ms, theirs.changed_ms, back.ts_ms if back is not None else 0)
    likely = [] if cause is not None else list(dict.fromkeys([*filter(None, [reason]), *_likely(theirs, context)]))
    return Verdict(
        summary=f"{ours.party.name} is not matched to {theirs.party.name}, which has its anchor: "
        + _WHY[cause].format(name=theirs.party.name),
        since_ms=since_ms,
        open_at_ms=since_ms if cause is not None else since_ms + context.patience_ms,
        keep_open=True,
        severity=None if cause is not None else Severity.MEDIUM,
        subject=ours.party.subject(view.key),
        forest=ours.party.forest,
        evidence={
            "source_anchor": ours.party.source_anchor,
            "cause": cause,
            "feature": FEATURE,
            "was_synced": theirs.party.synced,
            "guest": theirs.party.guest,
            **engine_said(context.engines, of_the_object=ours.party.engine, logged=told_by_cloud_sync(view.events)),
        }
        | ({"likely": likely, "waited_cycles": PATIENCE_CYCLES} if cause is None else {}),
        counterparts=(ours.party.holder("blocked"), theirs.party.holder("keeps", ("onPremisesImmutableId",))),
        explains_in=view.references(),
        suppressed_by=() if cause is not None else None,
        explained_by=() if cause is not None else None,
    )


def _given_back(view: UserView) -> Event | None:
    """The audited way back of its source of authority: the engine's next cycles take it over, and no page says that
    what bars a hard match bars that.
    """
    moved = latest_move(view.events)
    return moved if moved is not None and moved.name.startswith(GIVEN_BACK) else None


_WHY = {
    "role": "{name} holds a directory role",
    "tenant": "hard match is blocked in the tenant",
    "object_identifier": "it is mapped to another object of Active Directory",
    None: f"{PATIENCE_CYCLES} cycles have not taken it over",
}


def _cause(ours: Side, theirs: Side, context: Context) -> str | None:
    """Why the service refuses, where that is certain."""
    if theirs.party.id in (context.privileged_ids or ()):
        return "role"
    if context.feature(FEATURE) is True:
        return "tenant"
    mapped_to = (context.object_identifiers or {}).get(theirs.party.id)
    if mapped_to and mapped_to != ours.party.id and context.feature(_REMAPPING) is not True:
        return "object_identifier"
    return None


def _likely(theirs: Side, context: Context) -> list[str]:
    """What may have kept the two apart, as far as it is not known to be otherwise; the likeliest first."""
    identifiers = context.object_identifiers
    mapped = theirs.party.synced is False and (identifiers is None or theirs.party.id in identifiers)
    found = {
        "object_identifier": mapped and context.feature(_REMAPPING) is not True,
        "tenant": context.feature(FEATURE) is None,
        "role": context.privileged_ids is None,
        "eligible_role": True,
        "not_exported": True,
    }
    return [name for name, may_be in found.items() if may_be]
