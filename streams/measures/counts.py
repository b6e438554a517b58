"""What is counted over all views: how many stand where. Kept per partition, and summed by whoever reads it.

A count changes when a view is judged, with the view's own row, so it survives what the view survives. Some counts
are told to the tenant's view, because rules need them (how much would the next export delete?); all of them become
gauges of the worker. A metric label never names an object: kinds, stages, reasons, ages and systems are few, and of
organisational units the worker shows only those with the highest counts (streams.agents.metrics).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from streams.contracts.distinguished_name import parts, value_of
from streams.contracts.flows import FILLED_BY_RULES
from streams.detections.detection import Context, Thresholds
from streams.detections.domains import domains_of
from streams.views.device.device_view import DeviceView, Stage
from streams.views.device.join_errors import symbol_of
from streams.views.identity.anchors import WRITTEN_WITHIN_MS, unwritten_since_ms
from streams.views.identity.expected_export import differences, partners
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView, is_orphan
from streams.views.installation.tenant_view import tenant_view_key
from streams.views.membership.membership_view import MANAGER
from streams.views.password.operations import latest_failure, operations_of
from streams.views.registry import AnyView
from streams.views.view import PATIENCE_CYCLES

BETWEEN = "\t"
STAGES = tuple(map(str, Stage))
JOINED = (str(Stage.REGISTERED), str(Stage.ACTIVE))
UNJOINED = tuple(stage for stage in STAGES if stage not in JOINED)

# From its certificate to its registration a computer takes up to 90 minutes while it is on.
_AGES_MS = {"under 2 hours": 7_200_000, "under 1 day": 86_400_000, "under 7 days": 604_800_000}
AGES = (*_AGES_MS, "7 days or more")
_UNIT_DEPTH = 3

# subject -> (metric, what is counted, the labels after tenant)
SUBJECTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "objects": (
        "synchealth_flow_objects",
        "Objects by kind and by where they stand between AD and Entra ID.",
        ("forest", "kind", "state"),
    ),
    "leaving": (
        "synchealth_flow_leaving",
        "Objects that the next export deletes in the cloud, by the engine that does, where that is known.",
        ("forest", "engine"),
    ),
    "flows": (
        "synchealth_flow_differences",
        "Objects of which a property has differed from AD since we first looked, by property.",
        ("forest", "property"),
    ),
    "orphans": (
        "synchealth_flow_orphans",
        "Synchronised cloud objects of which no forest that we read has an AD side, nor had one lately, by kind.",
        ("forest", "kind"),
    ),
    "computers": (
        "synchealth_hybrid_join_computers",
        "Computers by stage of hybrid join, or by why they do not count.",
        ("forest", "stage", "system"),
    ),
    "join_errors": (
        "synchealth_hybrid_join_errors",
        "Computers whose join task fails, by the symbol of the newest error in their own log.",
        ("forest", "error"),
    ),
    "unjoined_units": (
        "synchealth_hybrid_join_unit_unjoined",
        "Computers that ought to join and have not, by organisational unit; units beyond the largest as (other).",
        ("forest", "unit"),
    ),
    "unjoined_ages": (
        "synchealth_hybrid_join_age_unjoined",
        "Computers that ought to join and have not, by how long they could have: since the certificate, or creation.",
        ("forest", "age"),
    ),
    "anchors": (
        "synchealth_authority_anchors",
        "Synchronised users whose source anchor the engine has not written to AD within two hours of their export.",
        ("forest", "state"),
    ),
    "writeback": (
        "synchealth_writeback_users",
        "Users whose latest password operation failed on its way to AD, by class of the failure and by Connect server.",
        ("forest", "class", "server"),
    ),
    "failing": (
        "synchealth_streams_failing_views",
        "Views at whose latest look something raised, a fault of this version: what they say may be old.",
        ("kind",),
    ),
}


@dataclass(frozen=True, slots=True, order=True)
class Count:
    """One view stands here. `toward`: the view that hears the sum; "": nobody but the metrics."""

    subject: str
    tenant: str
    labels: tuple[str, ...]
    toward: str = ""

    @property
    def name(self) -> str:
        """As it stands in rows."""
        return BETWEEN.join([self.subject, self.tenant, self.toward, *self.labels])


def count_of(name: str) -> Count:
    """The count behind a name. Raises ValueError if it is none."""
    subject, tenant, toward, *labels = name.split(BETWEEN)
    return Count(subject, tenant, tuple(labels), toward)


def counts_of(view: AnyView, context: Context, now_ms: int) -> list[str]:
    """The names under which a view counts now, sorted."""
    counter = _COUNTERS.get(type(view))
    return sorted(counter(view, context, now_ms)) if counter is not None else []


def _objects(view: ObjectView, context: Context, now_ms: int) -> Iterator[str]:
    state = standing(view)
    if state is not None:
        yield _object_name(view.tenant, _forest(view), view.kind, state)
    if is_orphan(view):
        yield _orphan(view.tenant, view.kind)
    if state in ("leaving_scope", "leaving_deleted"):
        engines = {context.engine_of(side.party) for side in (*view.ad, *view.gone)}
        if len(engines) == 1 and None not in engines:
            yield _leaving(view.tenant, _forest(view), str(engines.pop()))
    pair = partners(view) if state == "synced" else None
    if pair is not None:
        for each in differences(view, domains_of(context)):
            # Of a manager two views speak, one after the other: what is not drift yet may be on its way.
            early = each.attribute == MANAGER and now_ms < each.since_ms + PATIENCE_CYCLES * context.cycle_ms
            if not each.seen and each.attribute in FILLED_BY_RULES and not early:
                labels = (pair[0].party.forest or "none", each.attribute)
                yield Count("flows", view.tenant, labels, tenant_view_key(view.tenant)).name


@lru_cache(maxsize=1024)  # few names for many objects
def _object_name(tenant: str, forest: str, kind: str, state: str) -> str:
    return Count("objects", tenant, (forest, kind, state), tenant_view_key(tenant)).name


@lru_cache(maxsize=64)
def _leaving(tenant: str, forest: str, engine: str) -> str:
    return Count("leaving", tenant, (forest, engine), tenant_view_key(tenant)).name


def standing(view: ObjectView) -> str | None:
    """Where an object stands, in a word; None for one that synchronisation does not concern.

    synced, missing (in scope, not in the cloud), leaving_deleted and leaving_scope (the next export deletes it in
    the cloud), outside (in AD, out of scope, not in the cloud).
    """
    if view.joined is False and not view.entra:
        return None  # somebody else's account stands for it
    in_scope = any(side.party.in_scope for side in view.ad)
    synced = any(side.party.synced is True for side in view.entra)
    if not in_scope and any(side.party.may_be_in_scope for side in view.ad):
        return None  # nobody has told
    if in_scope:
        return "synced" if view.entra else "missing"
    if synced and view.ad:
        return "leaving_scope"
    if synced and view.gone:
        return "leaving_deleted"
    return "outside" if view.ad and not view.entra else None


def _users(view: UserView, context: Context, now_ms: int) -> Iterator[str]:
    yield from _objects(view, context, now_ms)
    unwritten_ms = unwritten_since_ms(view)
    if unwritten_ms is not None and now_ms >= unwritten_ms + WRITTEN_WITHIN_MS:
        yield Count("anchors", view.tenant, (_forest(view), "not_written"), tenant_view_key(view.tenant)).name
    failure = latest_failure(operations_of(view))
    if failure is not None:
        server = failure.refusal.server if failure.refusal is not None else None
        yield Count("writeback", view.tenant, (_forest(view), str(failure.error), server or "unknown")).name


@lru_cache(maxsize=64)
def _orphan(tenant: str, kind: str) -> str:
    return Count("orphans", tenant, ("none", kind), tenant_view_key(tenant)).name


def _computers(view: DeviceView, context: Context, now_ms: int) -> Iterator[str]:
    if view.is_orphan:
        yield _orphan(view.tenant, "device")
    stands = place(view, context.thresholds, now_ms)
    if view.computer is None or stands is None:
        return
    forest = view.computer.party.forest or "none"
    yield Count("computers", view.tenant, (forest, stands, system(view.computer.operating_system))).name
    if stands in UNJOINED:
        unit = unit_of(view.computer.party.distinguished_name)
        yield Count("unjoined_units", view.tenant, (forest, unit)).name
        yield Count("unjoined_ages", view.tenant, (forest, age(now_ms - view.computer.ready_since_ms(now_ms)))).name
    failure = view.join_failure
    if failure is not None and stands in STAGES:
        yield Count("join_errors", view.tenant, (forest, symbol_of(failure.client_error))).name


def place(view: DeviceView, thresholds: Thresholds, now_ms: int) -> str | None:
    """Where a computer stands: one of STAGES, or why it does not count; None where AD has no such computer.

    Reasons: domain_controller, disabled, unsupported_system, out_of_scope, not_seen (Computer.outside), and
    not_planned: its forest is not set up for hybrid join, and it has not begun.
    """
    computer, found = view.computer, view.stage(now_ms, thresholds.device_stale_ms)
    if computer is None or found is None:
        return None
    outside = computer.outside(now_ms, thresholds.computer_seen_ms)
    if outside is None and found[0] is Stage.CREATED and not computer.expected:
        return "not_planned"
    return outside or str(found[0])


def recount_at(view: AnyView, context: Context, now_ms: int) -> list[int]:
    """When time alone will let a view count elsewhere (ms): an account nobody uses, an anchor not written."""
    if isinstance(view, UserView):
        unwritten_ms = unwritten_since_ms(view)
        due_ms = unwritten_ms + WRITTEN_WITHIN_MS if unwritten_ms is not None else 0
        return [due_ms] if due_ms > now_ms else []
    if not isinstance(view, DeviceView) or view.computer is None:
        return []
    ends = [view.computer.dead_at_ms(context.thresholds.computer_seen_ms)]
    certificate, device = view.computer.join_certificate, view.device
    if certificate is not None:
        ends += [end for end in (certificate.not_before_ms, certificate.not_after_ms) if end is not None]
    if device is not None and device.signed_in_ms is not None:
        ends.append(device.signed_in_ms + context.thresholds.device_stale_ms)
    if device is None or device.pending:
        ends += [view.computer.ready_since_ms(now_ms) + limit for limit in _AGES_MS.values()]
    return [min(later)] if (later := [end for end in ends if end > now_ms]) else []


_SYSTEM = re.compile(r"windows (server )?(\d{2,4}( r2)?|xp|vista)", re.IGNORECASE)


def system(name: str | None) -> str:
    """The family of an operating system, one of few: "windows 11", "windows server 2022", "other", "unknown"."""
    if not name:
        return "unknown"
    found = _SYSTEM.match(name)
    return found[0].lower() if found else "other"


def age(waited_ms: int) -> str:
    """How long something has waited, in one of AGES."""
    return next((name for name, limit in _AGES_MS.items() if waited_ms < limit), AGES[-1])


@lru_cache(maxsize=4096)  # few units for many computers
def unit_of(distinguished_name: str | None) -> str:
    """The organisational unit of an object as a path from the top, "Sites/Graz/Computers", at most three deep.

    >>> unit_of("CN=PC1,OU=Computers,OU=Graz,DC=corp,DC=local")
    'Graz/Computers'
    """
    named = map(value_of, reversed(parts(distinguished_name or "")[1:]))
    units = [name.replace(BETWEEN, " ") for kind, name in named if kind in {"ou", "cn"}]
    return "/".join(units[:_UNIT_DEPTH]) or "(none)"


def _forest(view: ObjectView) -> str:
    return next((side.party.forest for side in (*view.ad, *view.gone) if side.party.forest), "none")


_COUNTERS: dict[type[Any], Callable[[Any, Context, int], Iterable[str]]] = {
    UserView: _users,
    GroupView: _objects,
    ContactView: _objects,
    DeviceView: _computers,
}
