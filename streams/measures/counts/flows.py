"""Properties that differ from AD and always have: one by one they are nobody's fault, in bulk a flow is another."""

from __future__ import annotations

from collections.abc import Iterator

from streams.contracts.flows import FILLED_BY_RULES, MANAGER
from streams.detections.detection import Context
from streams.detections.domains import domains_of
from streams.measures.family import CountFamily
from streams.measures.objects import standing
from streams.views.identity.expected_export import differences, partners
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

COUNT = CountFamily(
    metric="synchealth_flow_differences",
    help="Objects of which a property has differed from AD since we first looked, by property.",
    labels=("forest", "property"),
    views=(UserView, GroupView, ContactView),
    told=True,
)


def count(view: ObjectView, context: Context, now_ms: int) -> Iterator[tuple[str, ...]]:
    """One for each property that did not come to differ before our eyes."""
    pair = partners(view) if standing(view) == "synced" else None
    if pair is None:
        return
    for each in differences(view, domains_of(context)):
        # Of a manager two views speak, one after the other: what is not drift yet may be on its way.
        early = each.attribute == MANAGER and now_ms < each.since_ms + context.patience_ms
        if not each.seen and each.attribute in FILLED_BY_RULES and not early:
            yield pair[0].party.forest or "none", each.attribute
