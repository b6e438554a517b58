"""The oracle's findings for what a pure pipeline knows: small worlds whose end needs no second book-keeping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.contracts.events import Event
from streams.contracts.facts import TenantState
from streams.contracts.finding import Finding
from streams.detections.registry import all_detections
from streams.engine.links import standing_links
from streams.engine.object_row import load_objects, state_key
from streams.engine.oracle import DirectoryObject, expected_findings
from streams.views.scope import Scope
from tests.support.pipeline import Pipeline


def oracle_of(
    pipeline: Pipeline,
    tenants: Iterable[TenantState],
    scopes: Mapping[str, Scope] | None = None,
    events: Iterable[Event] = (),
    **more: bool,
) -> dict[str, Finding]:
    """What must be open by the objects as they stand in the pipeline's rows."""
    rows = pipeline.object_rows
    objects = []
    for _, raw in rows.items(state_key("")):
        for state in load_objects(raw):
            links = list(standing_links(state, state.link_buckets, rows))
            ends = {(each.attribute, each.sid or "" if state.side == "ad" else each.far_end): each for each in links}
            objects.append(
                DirectoryObject(state, frozenset(ends), {name: each.since_ms for name, each in ends.items()})
            )
    return expected_findings(
        objects,
        {tenant.tenant: tenant for tenant in tenants},
        scopes or {},
        all_detections(),
        now_ms=pipeline.partition.now_ms,
        events=events,
        **more,
    )
