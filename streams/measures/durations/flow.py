"""From a change in AD to the cloud showing it: attribute by attribute, and a new object as a whole ("object")."""

from __future__ import annotations

from collections.abc import Iterator

from streams.detections.detection import Context
from streams.detections.domains import domains_of
from streams.measures.family import DurationFamily, DurationSample, Waits
from streams.views.identity.expected_export import SOURCES, differences, partners
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

DURATION = DurationFamily(
    metric="synchealth_flow_latency_seconds",
    help="From a change in Active Directory to the cloud showing it, by kind of object.",
    label="kind",
    views=(UserView, GroupView, ContactView),
)
OBJECT = "object"


def waiting(view: ObjectView, context: Context, _now_ms: int) -> Waits:
    """Attributes that we saw change and the cloud does not show yet; "object" for one that it does not have yet."""
    ours = view.in_scope
    if len(ours) != 1:
        return {}
    if not view.entra:
        # Before the cloud was read whole, its silence says nothing.
        return {OBJECT: ours[0].created_ms} if ours[0].created_ms and context.collected else {}
    return {each.attribute: each.since_ms for each in differences(view, domains_of(context)) if each.seen}


def ended(view: ObjectView, before: Waits, after: Waits, now_ms: int) -> Iterator[DurationSample]:
    """What arrived."""
    forest = next((side.party.forest or "none" for side in view.in_scope), None)
    if forest is None:  # whoever waited has gone: nothing has arrived
        return
    for what, since_ms in before.items():
        if what not in after and "/" not in what and _arrived(view, what, since_ms):
            yield DurationSample("flow", view.tenant, forest, view.kind, max(0, now_ms - since_ms) / 1000)


def _arrived(view: ObjectView, what: str, since_ms: int) -> bool:
    """Whether a wait that is over ended in the cloud, rather than by a change in AD or of what we compare."""
    pair = partners(view)
    if pair is None or pair[1].attributes.get("onPremisesProvisioningErrors"):  # left, or perhaps in quarantine
        return False
    return what == OBJECT or pair[0].since_ms(*SOURCES.get(what, ())) == since_ms
