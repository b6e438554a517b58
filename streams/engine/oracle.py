"""The oracle: the findings that must be open, by plain batch evaluation of both directories' final state.

It shares the views and the rules with the stream, and nothing of the streaming path: no folding of partial
facts, no retractions, no ticks, no tables. Whatever happened on the way, the stream must end here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streams.contracts.facts import TenantState
from streams.contracts.finding import Finding
from streams.detections.detection import context_of
from streams.detections.registry import Registered
from streams.engine.findings import transition
from streams.engine.judge import opened
from streams.views.contributions import contributions_of, contributor_of, referrer_body
from streams.views.reference import reference_view_key
from streams.views.registry import AnyView, view_class
from streams.views.scope import Scope
from streams.views.state import ObjectState
from streams.views.tenant import tenant_contributions
from streams.views.view import Entry


@dataclass(frozen=True, slots=True)
class DirectoryObject:
    """One living object, complete. `links`: (attribute, SID of the far end), AD only."""

    state: ObjectState
    links: frozenset[tuple[str, str]] = field(default_factory=frozenset)


def expected_findings(
    objects: Iterable[DirectoryObject],
    tenants: Mapping[str, TenantState],
    scopes: Mapping[str, Scope],
    detections: Iterable[Registered],
    *,
    now_ms: int,
    sync_interval_ms: int = 1_800_000,
) -> dict[str, Finding]:
    """Finding id -> finding, for everything that is wrong at `now_ms` in this state of the directories.

    Only identity and content are meaningful; opened_at and the like are `now_ms`.
    """
    views = _views(objects, scopes, tenants.values())
    rules = tuple(detections)
    causes: dict[str, dict[str, str]] = defaultdict(dict)
    findings: dict[str, Finding] = {}
    # Tenant-wide causes first: they explain others away.
    for tenant_wide in (True, False):
        for view in views.values():
            context = context_of(view.tenant, tenants.get(view.tenant), sync_interval_ms, causes[view.tenant])
            for registered in rules:
                detection = registered.detection
                if detection.tenant_wide is not tenant_wide or type(view) not in detection.views:
                    continue
                verdict = registered.evaluate(view, context, now_ms)
                if verdict is None or opened(verdict, detection.hold_s, now_ms, []) is None:
                    continue
                if any(cause in context.causes for cause in detection.suppressed_by):
                    continue
                finding = transition(detection, view.tenant, verdict, None, now_ms=now_ms, observed_ms=now_ms)
                if finding is not None:
                    findings[finding.id] = finding
                    if tenant_wide:
                        causes[view.tenant][detection.id] = finding.id
    return findings


def _views(
    objects: Iterable[DirectoryObject], scopes: Mapping[str, Scope], tenants: Iterable[TenantState]
) -> dict[str, AnyView]:
    everything = Scope()
    entries: dict[str, dict[str, Entry]] = defaultdict(dict)
    for tenant in tenants:
        for said in tenant_contributions(tenant):
            entries[said.view][said.contributor] = Entry(said.changed_ms, said.body or {})
    for item in objects:
        state = item.state
        scope = scopes.get(state.forest or "", everything)
        for key, body in contributions_of(state, scope).items():
            entries[key][contributor_of(state)] = Entry(state.changed_ms, body)
        referrer = referrer_body(state, scope)
        if referrer is not None:
            for attribute, sid in item.links:
                entries[reference_view_key(state.tenant, sid)][f"{attribute}/{state.object_id}"] = Entry(
                    state.changed_ms, {**referrer, "seq": _NEWEST}
                )
    views = _build(entries, entries)
    # What views tell each other: questions of contested addresses first, then the answers.
    for _ in range(2):
        told = [item for view in views.values() for item in view.derived()]
        for word in told:
            entries[word.view][word.contributor] = Entry(0, word.body)
        views |= _build({word.view for word in told}, entries)
    return views


_NEWEST = 1 << 62


def _build(keys: Iterable[str], entries: Mapping[str, Mapping[str, Entry]]) -> dict[str, AnyView]:
    built = {}
    for key in keys:
        shape = view_class(key)
        if shape is not None:
            built[key] = shape.build(key, entries[key])
    return built
