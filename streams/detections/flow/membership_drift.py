"""A synchronised group has members in one directory that it lacks in the other, and nothing is on its way.

Source: Microsoft, "Microsoft Entra Connect Sync V2 endpoint API" (group membership is exported member by member; what
is refused is left out and only logged) and "Attributes synchronized by Microsoft Entra Connect" (member).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.domains import domains_of
from streams.detections.flow._lateness import drifts_at_ms, pending
from streams.views.identity.expected_export import partners
from streams.views.identity.object_view import GroupView
from streams.views.membership.member_drift_view import gather_ms
from streams.views.sides import Side
from streams.views.view import PATIENCE_CYCLES

DETECTION = Detection(
    id="flow.membership_drift",
    views=(GroupView,),
    title="Members differ between AD and Entra ID",
    severity=Severity.MEDIUM,
    remediation=(
        "Compare the group's members in the connector spaces of AD and of Entra ID: a member that the metaverse has "
        "and the cloud lacks was refused in the export. A full synchronisation (Start-ADSyncSyncCycle -PolicyType "
        "Initial) exports the group's members again; if that does not help, take the member out of the group and put "
        "it back."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-endpoint-api-v2",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/reference-connect-sync-attributes-synchronized",
    ),
    suppressed_by=("engine.long_cycle", "engine.sync_stopped", "engine.bulk_change", "engine.verified_domain_change"),
    false_positives=(
        "A synchronisation rule of your own that filters or transforms member.",
        "A group whose members the cloud hides from our application (hidden membership).",
    ),
    known_gaps=(
        "Only users and groups of the group's own forest are judged, no computers; contacts have no SID.",
        "A member that is not synchronised at all is conflict.reference_to_unsynced_object.",
        "Members by primary group are in no member attribute, are not synchronised, and are not judged.",
    ),
)

_NAMED = 20


def evaluate(view: GroupView, context: Context, now_ms: int) -> Verdict | None:
    """Fires when both sides of group and member have stood for two cycles, and the membership on one side only."""
    drifting, pair = view.drifting, partners(view)
    if drifting is None or pair is None or not context.collected:
        return None  # a first reading of very many memberships takes longer than two cycles
    group, cloud = pair
    # "In the multi-forest environment, all the references … need to be within the domain" (Cloud Sync FAQ).
    foreign = drifting.other_domain if domains_of(context).by_cloud_sync(group.party) else 0
    if drifting.lacking - foreign + drifting.surplus == 0:
        return None
    if cloud.attributes.get("onPremisesProvisioningErrors"):
        return None  # in quarantine: that finding comes first
    since_ms = max(drifting.since_ms, _stands_ms(group, "distinguishedName"), _stands_ms(cloud, *_JOINED_BY))
    open_at_ms = since_ms + context.patience_ms + gather_ms(context.cycle_ms)
    # Of a group that is itself late, flow.export_overdue speaks first.
    late = [drifts_at_ms(each, context) for each in pending(view, context) if each.seen]
    counts = {"lacking_in_cloud": drifting.lacking - foreign, "surplus_in_cloud": drifting.surplus}
    says = [f"{number} {name.partition('_')[0]}" for name, number in counts.items() if number]
    return Verdict(
        summary=f"{group.party.name}: members differ between AD and Entra ID ({', '.join(says)} in the cloud)",
        since_ms=since_ms,
        open_at_ms=max([open_at_ms, *late]),
        keep_open=True,
        subject=group.party.subject(view.key),
        forest=group.party.forest,
        evidence={
            **counts,
            "members": [
                {"name": each.name, "sid": each.sid, "differs": "lacking" if each.lacking else "surplus"}
                for each in drifting.named[:_NAMED]
            ],
            "waited_cycles": PATIENCE_CYCLES,
        },
        counterparts=(group.party.holder("authority", ("member",)), cloud.party.holder("differs", ("members",))),
    )


_JOINED_BY = ("onPremisesSyncEnabled", "onPremisesSecurityIdentifier")


def _stands_ms(side: Side, *attributes: str) -> int:
    return max(side.since_ms(*attributes), side.revived_ms)
