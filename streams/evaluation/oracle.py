"""Used by tests alone. The oracle: the findings that must be open, by plain batch evaluation of both directories.

It shares the views and the rules with the stream, and nothing of the streaming path: no folding of partial
facts, no retractions, no ticks, no tables. Whatever happened on the way, the stream must end here.

Four steps, each a law: gather (what stands in each view), build (the views), converse (until no view has anything new
to tell another), judge (tenant-wide causes first, then everything else until explanations no longer change).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from types import MappingProxyType

import msgspec

from streams.contracts import view_keys
from streams.contracts.codec import decode
from streams.contracts.contributors import link as link_name
from streams.contracts.counts import numbers_for_views, summed_numbers
from streams.contracts.events import Event
from streams.contracts.facts import TenantState
from streams.contracts.finding import Finding, FindingState
from streams.contracts.view_keys import tenant_of
from streams.contracts.views import CauseUpdate, Contribution
from streams.detections.detection import Context, context_of, domains_elsewhere
from streams.detections.registry import Registered
from streams.directory.event_slots import order_of, remembered
from streams.directory.links import MEMBER
from streams.directory.matching import own_view_key
from streams.directory.scope import Scope, scope_of
from streams.directory.state import ObjectState, identity_of
from streams.evaluation.derived import derived_bodies
from streams.evaluation.explaining import BETWEEN, Bodies
from streams.evaluation.outcome import Look
from streams.evaluation.rules import RuleResults, RuleRunner
from streams.measures.registry import counts_of
from streams.views.address.unique_value_view import UniqueValueView
from streams.views.contributions import (
    contributor_of,
    left_message,
    referrer_message,
    remembered_ms,
    scoping_message,
    statements_of,
)
from streams.views.event_contributions import contributions_of_event, fact_of_event, messages_of
from streams.views.explanations import explanation_of
from streams.views.identity.object_view import ObjectView
from streams.views.installation.tenant_view import TenantView, tenant_contributions
from streams.views.membership.membership_view import LEFT_REMEMBERED_MS, cloud_link_message
from streams.views.membership.reference_view import ReferenceView
from streams.views.membership.scoping_view import scoped
from streams.views.messages import Explains, HeldByScopeGroup, LeftGroup, Message, written
from streams.views.registry import AnyView, view_class
from streams.views.view import Entry

_NEWEST = 1 << 62
_MOST_ROUNDS = 50
"""Far more than any chain of views is long (scoping, address, object, address, object): a circle is a fault."""

_Entries = dict[str, dict[str, Entry]]
"""View key -> contributor -> its contribution as it stands."""


@dataclass(frozen=True, slots=True)
class OracleObject:
    """One living object, complete.

    links:   (attribute, far end): its SID in AD, its object id in Entra.
    link_ms: since when links stand; what is not there is as old as the object's latest change.
    left_ms: when links ended that stand no longer, where the object took part in synchronisation at that moment.
    ids:     of links of AD, ended ones too, the objectGUID of the far end, where groups decide who is in scope.
    """

    state: ObjectState
    links: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    link_ms: Mapping[tuple[str, str], int] = field(default_factory=dict)
    left_ms: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ids: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """Everything that is known at one moment; the fields are the arguments of `expected_findings`."""

    objects: Iterable[OracleObject]
    tenants: Mapping[str, TenantState]
    scopes: Mapping[str, Scope]
    events: Iterable[Event]
    now_ms: int
    sync_interval_ms: int = 0
    forests_read: bool = False
    beside: Mapping[str, Iterable[str]] = field(default_factory=dict)
    scope_groups: Mapping[str, Mapping[str, tuple[str, ...] | None]] = field(default_factory=dict)

    def context(self, tenant: str, causes: Mapping[str, CauseUpdate] = MappingProxyType({})) -> Context:
        """causes: by detection, those that stand."""
        return context_of(
            tenant,
            self.tenants.get(tenant),
            self.sync_interval_ms,
            {name: cause.finding for name, cause in causes.items() if cause.finding},
            cause_only={name: frozenset(cause.only) for name, cause in causes.items() if cause.only},
            forests_read=self.forests_read,
            elsewhere=domains_elsewhere(self.tenants.get(other) for other in self.beside.get(tenant, ())),
            scope_groups=self.scope_groups.get(tenant),
        )


def expected_findings(
    objects: Iterable[OracleObject],
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
    world = _World(
        objects=objects, tenants=tenants, scopes=scopes, events=events, now_ms=now_ms,
        sync_interval_ms=sync_interval_ms, forests_read=forests_read, beside=beside, scope_groups=scope_groups,
    )  # fmt: skip
    views = _views(world)
    views |= _tenant_views_with_counts(views, world)
    found = _judge(views, [_ungated(each) for each in detections], world)
    return {each.id: each for each in found if explained or each.state is FindingState.OPEN}


def expected_counts(
    objects: Iterable[OracleObject],
    tenants: Mapping[str, TenantState],
    scopes: Mapping[str, Scope],
    *,
    now_ms: int,
    events: Iterable[Event] = (),
) -> Counter[str]:
    """How many views count under each name (streams.contracts.counts) at `now_ms`; arguments as for findings."""
    world = _World(objects=objects, tenants=tenants, scopes=scopes, events=events, now_ms=now_ms)
    return _counts(_views(world), world)


def _views(world: _World) -> dict[str, AnyView]:
    """Every view as it stands, what views tell each other included."""
    entries = _gather(world)
    return _converse(_build(entries, entries), entries, world)


# Gather


def _gather(world: _World) -> _Entries:
    """A contribution stands until it expires; of one contributor the newest counts."""
    entries: _Entries = defaultdict(dict)
    about: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
    events = sorted(world.events, key=order_of)
    for event in events:
        logged = fact_of_event(event)
        if logged is not None:
            about[logged[0].side, logged[0].tenant, logged[1].object_id].append(event)
    contributions = chain(
        chain.from_iterable(map(tenant_contributions, world.tenants.values())),
        chain.from_iterable(map(contributions_of_event, events)),
        chain.from_iterable(_of_object(item, about, world.scopes) for item in world.objects),
    )
    for each in contributions:
        before = entries[each.view].get(each.contributor)
        expired = 0 < each.expires_ms <= world.now_ms
        if not expired and (before is None or before.changed_ms <= each.changed_ms):
            entries[each.view][each.contributor] = Entry(each.view, each.contributor, each.changed_ms, each.body)
    return entries


def _of_object(
    item: OracleObject, about: Mapping[tuple[str, str, str], list[Event]], scopes: Mapping[str, Scope]
) -> Iterator[Contribution]:
    """An object tells its views what it is and what logs tell of it, and the far ends of its links that they are."""
    logged = about.get((item.state.side, item.state.tenant, item.state.object_id), ())
    state = msgspec.structs.replace(item.state, events=remembered({}, logged))
    if item.links:
        state.member_counts = {"": sum(attribute == MEMBER for attribute, _ in item.links)}
    own_view = own_view_key(state)
    if own_view is not None:
        yield from messages_of(own_view, state.identity, state.events)
    scope = scope_of(scopes, state.tenant, state.forest)
    for view, message in statements_of(state, scope).items():
        expires_ms = state.changed_ms + remembered_ms(state) if getattr(message, "deleted", False) else 0
        yield _contribution(state, view, contributor_of(state), message, expires_ms)
    yield from _of_links(item, state, scope)
    if state.side == "ad" and scoping_message(state, scope) is not None:
        yield from _of_scoping_links(item, state)


def _of_links(item: OracleObject, state: ObjectState, scope: Scope) -> Iterator[Contribution]:
    """A group tells its members that they are, and for LEFT_REMEMBERED_MS that they were; other links likewise."""
    ad = state.side == "ad"
    message = referrer_message(state, scope) if ad else cloud_link_message(state)
    key_of = view_keys.reference if ad else view_keys.membership
    # What a group of AD told of an ended link is remembered, even if it has been deleted since, or left the scope: its
    # copy in another forest may share its view. The cloud's groups share none in any history that is judged here.
    former = referrer_message(msgspec.structs.replace(state, alive=True), _every_unit(scope)) if ad else message
    for (attribute, far_end), left_ms in item.left_ms.items():
        left = left_message(state, former, left_ms)
        if left is not None:
            contributor = link_name(attribute, state.identity)
            yield _contribution(state, key_of(state.tenant, far_end), contributor, left, left_ms + LEFT_REMEMBERED_MS)
    if message is None:
        return
    for link in item.links:
        since_ms = item.link_ms.get(link, state.changed_ms)
        standing = msgspec.structs.replace(message, since_ms=since_ms, **({"seq": _NEWEST} if ad else {}))
        yield _contribution(state, key_of(state.tenant, link[1]), link_name(link[0], state.identity), standing)


def _every_unit(scope: Scope) -> Scope:
    return replace(scope, include_ous=(), exclude_ous=())


def _of_scoping_links(item: OracleObject, state: ObjectState) -> Iterator[Contribution]:
    """A group that decides who is in scope tells its members so, by objectGUID, and for a while former ones."""
    messages: dict[tuple[str, str], tuple[Message, int]] = {
        link: (LeftGroup(left_ms), left_ms + LEFT_REMEMBERED_MS) for link, left_ms in item.left_ms.items()
    }
    for link in item.links:
        messages[link] = (HeldByScopeGroup(_NEWEST, item.link_ms.get(link, state.changed_ms)), 0)
    for link, (message, expires_ms) in messages.items():
        if link[0] == MEMBER:
            view = view_keys.scoping(state.tenant, identity_of(item.ids[link], state.forest))
            yield _contribution(state, view, link_name(MEMBER, state.identity), message, expires_ms)


def _contribution(
    state: ObjectState, view: str, contributor: str, message: Message, expires_ms: int = 0
) -> Contribution:
    return Contribution(
        view=view,
        contributor=contributor,
        seq=0,
        changed_ms=state.changed_ms,
        body=written(message),
        expires_ms=expires_ms,
    )


# Build


def _build(keys: Iterable[str], entries: Mapping[str, Mapping[str, Entry]]) -> dict[str, AnyView]:
    """A view is a pure function of its entries, whether any rule could have something to say of it or not."""
    built = {}
    for key in keys:
        shape = view_class(key)
        if shape is not None:
            built[key] = shape.build(key, scoped(entries.get(key, {})))
    return built


# Converse


def _converse(views: dict[str, AnyView], entries: _Entries, world: _World) -> dict[str, AnyView]:
    """What a view derives stands in the views that it tells, until no view has anything new to tell."""
    views = dict(views)
    contexts: dict[str, Context] = {}
    derived: dict[str, Bodies] = {}
    received: _Entries = defaultdict(dict)
    changed = list(views)
    for _ in range(_MOST_ROUNDS):
        touched: dict[str, None] = {}
        for key in changed:
            view = views[key]
            context = contexts.get(view.tenant) or contexts.setdefault(view.tenant, world.context(view.tenant))
            before, (after, _) = derived.get(key, {}), derived_bodies(view, {}, context, world.now_ms)
            derived[key] = after
            for name in _differing(before, after):
                target, _, contributor = name.partition(BETWEEN)
                touched[target] = None
                received[target].pop(contributor, None)
                if name in after:
                    received[target][contributor] = Entry(target, contributor, 0, after[name])
        if not touched:
            return views
        rebuilt = _build(touched, {key: {**entries.get(key, {}), **received[key]} for key in touched})
        views |= rebuilt
        changed = list(rebuilt)
    raise RuntimeError(f"views that tell each other for ever: {changed[:5]}")


def _differing(before: Bodies, after: Bodies) -> list[str]:
    """The names whose body is another than before, or is there no more."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _tenant_views_with_counts(views: Mapping[str, AnyView], world: _World) -> dict[str, AnyView]:
    """A tenant's view knows what is counted of all others, once the tenant was read whole: half a count is none."""
    found: dict[str, AnyView] = {}
    for key, received in numbers_for_views(_counts(views, world)).items():
        state = world.tenants.get(tenant_of(key))
        view = views.get(key) or TenantView.build(key, {})
        if state is not None and state.collected and isinstance(view, TenantView):
            found[key] = msgspec.structs.replace(view, counts=summed_numbers([received]))
    return found


def _counts(views: Mapping[str, AnyView], world: _World) -> Counter[str]:
    """What counts where depends on no interval, no cause and no reading of forests: nothing of them here."""
    contexts = {
        tenant: context_of(tenant, world.tenants.get(tenant), 0) for tenant in {v.tenant for v in views.values()}
    }
    found: Counter[str] = Counter()
    for view in views.values():
        found.update(counts_of(view, contexts[view.tenant], world.now_ms))
    return found


# Judge


def _judge(views: Mapping[str, AnyView], detections: list[Registered], world: _World) -> list[Finding]:
    """A tenant-wide cause explains in every view of its tenant: so these rules run first, unexplained ones before
    those that another may explain; then all the others, and what explains each other within and across views.
    """
    causes: dict[str, dict[str, CauseUpdate]] = defaultdict(dict)
    found: list[Finding] = []
    for is_explained in (False, True):
        wide = [each for each in detections if each.detection.tenant_wide]
        runner = RuleRunner([each for each in wide if bool(each.detection.suppressed_by) is is_explained])
        for view in views.values():
            results = _run(runner, view, world.context(view.tenant, causes[view.tenant]), world.now_ms)
            found += results.findings.values()
            causes[view.tenant] |= {cause.detection: cause for cause in results.causes if cause.finding}
    runner = RuleRunner([each for each in detections if not each.detection.tenant_wide])
    contexts = {tenant: world.context(tenant, causes[tenant]) for tenant in {v.tenant for v in views.values()}}
    return found + _explaining_each_other(dict(views), runner, contexts, world.now_ms)


def _ungated(registered: Registered) -> Registered:
    """A rule that is asked of every view: no gate decides here what the stream has to find."""
    return replace(registered, detection=replace(registered.detection, only_if=None))


def _run(runner: RuleRunner, view: AnyView, context: Context, now_ms: int) -> RuleResults:
    """What the rules say of a view of which nothing was said before. Raises RuntimeError if a rule raises."""
    results = runner.run(view, {}, {}, Look(context, now_ms, now_ms))
    if results.faults:
        raise RuntimeError(f"{results.faults[0].detection} on {view.key}: {results.faults[0].error}")
    return results


def _explaining_each_other(
    views: dict[str, AnyView], runner: RuleRunner, contexts: Mapping[str, Context], now_ms: int
) -> list[Finding]:
    """A finding counts under the one that explains it, wherever that is: each view is judged again for as long as what
    explains its findings changes.
    """
    found: dict[str, RuleResults] = {}
    received: dict[str, Bodies] = defaultdict(dict)
    waiting = list(views)
    while waiting:
        key = waiting.pop()
        before = found[key].explanations if key in found else {}
        found[key] = _run(runner, views[key], contexts[views[key].tenant], now_ms)
        after = found[key].explanations
        for name in sorted(_differing(before, after)):
            target, _, contributor = name.partition(BETWEEN)
            view = views.get(target)
            if isinstance(view, ObjectView | ReferenceView | UniqueValueView):
                received[target].pop(contributor, None)
                if name in after:
                    received[target][contributor] = after[name]
                explanations = tuple(
                    explanation_of(name, decode(body, Explains)) for name, body in sorted(received[target].items())
                )
                views[target] = msgspec.structs.replace(view, explanations=explanations)
                waiting.append(target)
    return [finding for results in found.values() for finding in results.findings.values()]
