"""The oracle: the findings that must be open, by plain batch evaluation of both directories' final state.

It shares the views and the rules with the stream, and nothing of the streaming path: no folding of partial
facts, no retractions, no ticks, no tables. Whatever happened on the way, the stream must end here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from streams.contracts import view_keys
from streams.contracts.contributors import link as link_name
from streams.contracts.counts import numbers_heard, numbers_told
from streams.contracts.events import Event
from streams.contracts.facts import TenantState
from streams.contracts.finding import Finding, FindingState
from streams.contracts.view_keys import tenant_of
from streams.contracts.views import Contribution
from streams.detections.detection import Context, Verdict, context_of, domains_elsewhere
from streams.detections.registry import Registered
from streams.directory.event_slots import order_of, remembered
from streams.directory.links import MEMBER
from streams.directory.matching import own_view_key
from streams.directory.scope import Scope, scope_of
from streams.directory.state import ObjectState, identity_of
from streams.evaluation.explaining import BETWEEN, Words, as_explanation, explains, known_to, words_from
from streams.evaluation.findings import transition
from streams.evaluation.rules import causes_first, engine_in, explanations_of, opened, tells_at_ms
from streams.measures.registry import counts_of
from streams.views.address.unique_value_view import UniqueValueView
from streams.views.contributions import (
    contributions_of,
    contributor_of,
    left_body,
    referrer_body,
    remembered_ms,
    scoping_body,
)
from streams.views.event_contributions import contributions_of_event, fact_of_event, words_of
from streams.views.explanations import Explanation, explanation_of
from streams.views.identity.object_view import ObjectView
from streams.views.installation.tenant_view import TenantView, tenant_contributions
from streams.views.membership.membership_view import LEFT_REMEMBERED_MS, cloud_link_body
from streams.views.membership.reference_view import ReferenceView
from streams.views.membership.scoping_view import scoped
from streams.views.registry import AnyView, view_class
from streams.views.view import Entry


@dataclass(frozen=True, slots=True)
class DirectoryObject:
    """One living object, complete.

    links:   (attribute, far end): its SID in AD, its object id in Entra.
    link_ms: since when links stand, and left_ms when those ended that stand no longer; what is not there is as old as
        the object's latest change, or forgotten.
    ids:     of links of AD, ended ones too, the objectGUID of the far end, where groups decide who is in scope.
    """

    state: ObjectState
    links: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    link_ms: Mapping[tuple[str, str], int] = field(default_factory=dict)
    left_ms: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ids: Mapping[tuple[str, str], str] = field(default_factory=dict)


def expected_findings(
    objects: Iterable[DirectoryObject],
    tenants: Mapping[str, TenantState],
    scopes: Mapping[str, Scope],
    detections: Iterable[Registered],
    *,
    now_ms: int,
    sync_interval_ms: int = 1_800_000,
    events: Iterable[Event] = (),
    explained: bool = False,
    forests_read: bool = False,
    beside: Mapping[str, Iterable[str]] = MappingProxyType({}),
    scope_groups: Mapping[str, Mapping[str, tuple[str, ...] | None]] = MappingProxyType({}),
) -> dict[str, Finding]:
    """Finding id -> finding, for everything that is wrong at `now_ms` in this state of the directories.

    explained: what another finding explains away is told, too, as suppressed.
    forests_read: every forest of each tenant is among `objects`, whole, the dead that views remember included
        (Context.forests_read).
    beside: tenant -> the other tenants to which its forests are synchronised.
    scope_groups: tenant -> Context.scope_groups.
    events: everything that logs tell; those about an Entra object need its id and the object among `objects`.
    Only identity and content are meaningful; opened_at and the like are `now_ms`.
    """
    views = _views(objects, scopes, tenants, events, now_ms, sync_interval_ms, forests_read=forests_read)
    _count(views, tenants, now_ms)
    rules = causes_first(list(detections))
    causes: dict[str, dict[str, str]] = defaultdict(dict)
    cause_only: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    contexts: dict[str, Context] = {}

    def look(view: AnyView, chosen: Iterable[Registered]) -> list[_Found]:
        tenant = view.tenant
        if tenant not in contexts:
            known = tenants.get(tenant)
            contexts[tenant] = context_of(
                tenant,
                known,
                sync_interval_ms,
                causes[tenant],
                cause_only=cause_only[tenant],
                forests_read=forests_read,
                elsewhere=domains_elsewhere(tenants.get(other) for other in beside.get(tenant, ())),
                scope_groups=scope_groups.get(tenant),
            )
        return list(_look(view, chosen, contexts[tenant], now_ms))

    # Tenant-wide causes first: those that nothing explains, then those that something may; then all the rest.
    found: list[_Found] = []
    for is_explained in (False, True):
        wide = [each for each in rules if each.detection.tenant_wide]
        wide = [each for each in wide if bool(each.detection.suppressed_by) is is_explained]
        for view in views.values():
            for each in look(view, wide):
                found.append(each)
                if each.finding.state is FindingState.SUPPRESSED or each.verdict.explains:
                    causes[view.tenant][each.finding.detection] = each.finding.cause or each.finding.id
                    if each.verdict.only and each.finding.state is FindingState.OPEN:
                        cause_only[view.tenant][each.finding.detection] = frozenset(each.verdict.only)
                    contexts.pop(view.tenant, None)
    single = [each for each in rules if not each.detection.tenant_wide]
    found += _explaining_each_other(views, lambda view: look(view, single))
    return {each.finding.id: each.finding for each in found if explained or each.finding.state is FindingState.OPEN}


class _Found(NamedTuple):
    verdict: Verdict
    finding: Finding


def _look(view: AnyView, rules: Iterable[Registered], context: Context, now_ms: int) -> Iterator[_Found]:
    """What stands in one view, by rules of which causes come first."""
    here: dict[str, Explanation] = {}
    for detection, evaluate in ((each.detection, each.evaluate) for each in rules):
        verdict = evaluate(view, context, now_ms) if type(view) in detection.views else None
        if verdict is None or opened(verdict, detection.hold_s, now_ms, []) is None:
            continue
        engine = engine_in(view, context)
        causing = (context.cause_of(cause, engine, verdict.forest) for cause in verdict.suppressed_of(detection))
        by = next(filter(None, causing), None)
        if by is None:
            by = explains(detection, verdict, known_to(detection, here, explanations_of(view)), now_ms, [])
        finding = transition(detection, view.tenant, verdict, None, now_ms=now_ms, observed_ms=now_ms, suppressed_by=by)
        if finding is not None:
            here[detection.id] = as_explanation(finding)
            yield _Found(verdict, finding)


def _explaining_each_other(views: dict[str, AnyView], look: Callable[[AnyView], list[_Found]]) -> list[_Found]:
    """What stands in the views, each looked at again for as long as what explains its findings changes."""
    found: dict[str, list[_Found]] = {}
    told: dict[str, Words] = defaultdict(dict)
    heard: dict[str, Words] = defaultdict(dict)
    waiting = list(views)
    while waiting:
        key = waiting.pop()
        found[key] = look(views[key])
        before, told[key] = told[key], {}
        for verdict, finding in found[key]:
            told[key] |= words_from(as_explanation(finding), verdict.explains_in)
        after = told[key]
        for name in sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)):
            target, _, contributor = name.partition(BETWEEN)
            view = views.get(target)
            if isinstance(view, ObjectView | ReferenceView | UniqueValueView):
                heard[target].pop(contributor, None)
                if name in told[key]:
                    heard[target][contributor] = told[key][name]
                words = tuple(explanation_of(*word) for word in sorted(heard[target].items()))
                views[target] = replace(view, explanations=words)
                waiting.append(target)
    return [each for several in found.values() for each in several]


def _count(views: dict[str, AnyView], tenants: Mapping[str, TenantState], now_ms: int) -> None:
    """Tell the tenants' views what is counted of all the others."""
    for key, told in numbers_told(_counted(views, tenants, now_ms)).items():
        # Half a directory is no number; forests count as read.
        state = tenants.get(tenant_of(key))
        if state is None or not state.collected:
            continue
        if isinstance(tenant_view := views.get(key) or TenantView.build(key, {}), TenantView):
            views[key] = replace(tenant_view, counts=numbers_heard([told]))


def expected_counts(
    objects: Iterable[DirectoryObject],
    tenants: Mapping[str, TenantState],
    scopes: Mapping[str, Scope],
    *,
    now_ms: int,
    events: Iterable[Event] = (),
) -> Counter[str]:
    """How many views count under each name (streams.contracts.counts) at `now_ms`; arguments as for findings."""
    return _counted(_views(objects, scopes, tenants, events, now_ms, 0), tenants, now_ms)


def _counted(views: Mapping[str, AnyView], tenants: Mapping[str, TenantState], now_ms: int) -> Counter[str]:
    found: Counter[str] = Counter()
    # What counts where depends on no interval and on no cause: nothing of them in these contexts.
    known = {view.tenant for view in views.values()}
    contexts = {tenant: context_of(tenant, tenants.get(tenant), 0) for tenant in known}
    for view in views.values():
        found.update(counts_of(view, contexts[view.tenant], now_ms))
    return found


def _views(
    objects: Iterable[DirectoryObject],
    scopes: Mapping[str, Scope],
    tenants: Mapping[str, TenantState],
    events: Iterable[Event],
    now_ms: int,
    sync_interval_ms: int,
    *,
    forests_read: bool = False,
) -> dict[str, AnyView]:
    entries: dict[str, dict[str, Entry]] = defaultdict(dict)
    for tenant in tenants.values():
        for said in tenant_contributions(tenant):
            if not 0 < said.expires_ms <= now_ms:
                entries[said.view][said.contributor] = Entry(said.changed_ms, said.body or {})
    about: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
    for event in sorted(events, key=order_of):
        _note(contributions_of_event(event), entries, now_ms)
        logged = fact_of_event(event)
        if logged is not None:
            about[logged[0].side, logged[0].tenant, logged[1].object_id].append(event)
    for item in objects:
        logged_of_it = about.get((item.state.side, item.state.tenant, item.state.object_id), ())
        state = msgspec.structs.replace(item.state, events=remembered({}, logged_of_it))
        if item.links:
            state.member_counts = {"": sum(attribute == MEMBER for attribute, _ in item.links)}
        own_view = own_view_key(state)
        if own_view is not None:
            _note(words_of(own_view, state.identity, state.events), entries, now_ms)
        scope = scope_of(scopes, state.tenant, state.forest)
        for key, body in contributions_of(state, scope).items():
            if body.get("deleted") and state.changed_ms + remembered_ms(state) <= now_ms:
                continue
            entries[key][contributor_of(state)] = Entry(state.changed_ms, body)
        _link(item, state, scope, entries, now_ms)
    views = _build(entries, entries)
    # What views tell each other: questions and their answers; from a member in the cloud to its group.
    contexts = {
        tenant: context_of(tenant, known, sync_interval_ms, forests_read=forests_read)
        for tenant, known in tenants.items()
    }
    told: dict[str, dict[str, Entry]] = {}
    for _ in range(_ROUNDS):
        before, told = told, defaultdict(dict)
        for view in views.values():
            context = contexts.get(view.tenant) or context_of(view.tenant, None, sync_interval_ms)
            for word in view.derived():
                from_ms = tells_at_ms(word, context)
                if from_ms is not None and from_ms <= now_ms:
                    told[word.view][word.contributor] = Entry(0, word.body)
        touched = {key: {**entries.get(key, {}), **told.get(key, {})} for key in before.keys() | told.keys()}
        views |= _build(touched, touched)
    return views


_NEWEST = 1 << 62
_ROUNDS = 5
"""As many as the longest chain of views: scoping, address, object, address, object; and none is told twice over."""


def _link(
    item: DirectoryObject, state: ObjectState, scope: Scope, entries: dict[str, dict[str, Entry]], now_ms: int
) -> None:
    """What the far ends of an object's links hear."""
    ad = state.side == "ad"
    if ad and scoping_body(state, scope) is not None:
        _scope(item, state, entries, now_ms)
    body = referrer_body(state, scope) if ad else cloud_link_body(state)
    if body is None:
        return
    key_of = view_keys.reference if ad else view_keys.membership
    for link, left_ms in item.left_ms.items():
        gone = left_body(state, body, left_ms)
        if gone is not None and left_ms + LEFT_REMEMBERED_MS > now_ms:
            entries[key_of(state.tenant, link[1])][link_name(link[0], state.identity)] = Entry(state.changed_ms, gone)
    for link in item.links:
        word = {**body, "since_ms": item.link_ms.get(link, state.changed_ms)} | ({"seq": _NEWEST} if ad else {})
        entries[key_of(state.tenant, link[1])][link_name(link[0], state.identity)] = Entry(state.changed_ms, word)


def _scope(item: DirectoryObject, state: ObjectState, entries: dict[str, dict[str, Entry]], now_ms: int) -> None:
    """What a group that decides who is in scope says to its members, and to those it has let go."""
    words = {
        link: {"left_ms": left_ms} for link, left_ms in item.left_ms.items() if left_ms + LEFT_REMEMBERED_MS > now_ms
    }
    words |= {link: {"seq": _NEWEST, "since_ms": item.link_ms.get(link, state.changed_ms)} for link in item.links}
    for link, word in words.items():
        if link[0] == MEMBER:
            key = view_keys.scoping(state.tenant, identity_of(item.ids[link], state.forest))
            entries[key][link_name(MEMBER, state.identity)] = Entry(state.changed_ms, word)


def _note(said: Iterable[Contribution], entries: dict[str, dict[str, Entry]], now_ms: int) -> None:
    """The newest word of each slot, unless the view has forgotten it by now."""
    for word in said:
        before = entries[word.view].get(word.contributor)
        if word.expires_ms > now_ms and (before is None or before.changed_ms <= word.changed_ms):
            entries[word.view][word.contributor] = Entry(word.changed_ms, word.body or {})


def _build(keys: Iterable[str], entries: Mapping[str, Mapping[str, Entry]]) -> dict[str, AnyView]:
    built = {}
    for key in keys:
        shape = view_class(key)
        if shape is not None:
            built[key] = shape.build(key, scoped(entries[key]))
    return built
