"""Contributions of events: to which views an event goes, and for how long they keep it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from streams.contracts import view_keys
from streams.contracts.contributors import ContributorKind, in_slot_of
from streams.contracts.events import UNKNOWN_SERVERS, Event, Log
from streams.contracts.facts import Fact, Operation, Origin
from streams.contracts.identity import guid_of_immutable_id
from streams.contracts.views import Contribution
from streams.directory.addresses import fold_address, fold_proxy_address
from streams.directory.event_slots import (
    EXPORT_ERROR,
    GROUP_PROVISIONING,
    JOIN_LOG,
    forgotten_ms,
    is_operation,
    order_of,
    server_slot_of,
    slot_of,
)
from streams.views.installation.export_steps import is_cloud_export
from streams.views.messages import Exported, written
from streams.views.password.hash_sync_codes import is_busy
from streams.views.password.traces import is_unnamed_trace, refusal_of, trace_keys

# How fine exports of a server, and beginnings of its cycles, are told apart in time.
_ACTIVE_MS = 10_000
# How fine the tries of a password hash synchronisation that finds the service busy are told apart.
_BUSY_MS = 1_800_000
# Password hashes are written every two minutes, whether synchronisation runs or not.
_PASSWORD_WRITES = ("change user password", "reset user password", "update passwordprofile", "update stsrefreshtoken")
_TENANT_CATEGORIES = frozenset({"directorymanagement", "policy", "sourceofauthoritypolicy"})
_TENANT_SERVICES = frozenset({"application proxy"})
_SECURITY_LOG = "security/"


def contributions_of_event(event: Event) -> list[Contribution]:
    """Contributions of an event to views whose key follows from it: its server, computer, forest, user, tenant."""
    forest = event.details.get("forest")
    if event.name.startswith(_SECURITY_LOG) and forest:
        # Logged by a domain controller, which is no server of ours.
        return [_note(view_keys.forest(event.tenant, forest), ContributorKind.AUDIT.named(event.name), event)]
    if event.name == UNKNOWN_SERVERS:
        slot = ContributorKind.LATEST.named(event.name, event.details.get("table"))
        return [_note(view_keys.tenant(event.tenant), slot, event)]
    contributions = list(_to_its_server(event))
    if event.source_anchor is not None:
        contributions.append(_note(view_keys.user(event.tenant, event.source_anchor), slot_of(event), event))
    address = _refused_address(event) or _signs_in_by(event)
    if address is not None:
        contributions.append(_note(view_keys.address(event.tenant, address), slot_of(event), event))
    if is_unnamed_trace(event):
        contributions += [_note(view, ContributorKind.EVENT.named(event.id), event) for view in trace_keys(event)]
    elif (refused := refusal_of(event)) is not None:
        contributions += [
            Contribution(
                view=view,
                contributor=ContributorKind.REFUSAL.named(event.id),
                seq=order_of(event),
                changed_ms=event.ts_ms,
                body=written(refused),
                expires_ms=forgotten_ms(ContributorKind.EVENT, event.ts_ms),
            )
            for view in trace_keys(event)
        ]
    if event.log is Log.SIGN_IN and event.object_guid is not None:
        contributions.append(_note(view_keys.device(event.tenant, event.object_guid), slot_of(event), event))
    if event.entra_id and _writes_group(event):
        contributions.append(_note(view_keys.written_group(event.tenant, event.entra_id), slot_of(event), event))
    if event.log is Log.AUDIT:
        contributions += _to_its_tenant(event)
    return contributions


def _to_its_server(event: Event) -> Iterator[Contribution]:
    if event.server is None:
        return
    # Computers of one name in two domains each keep their own latest.
    own = f"@{event.domain}" if event.domain else ""
    server = view_keys.server(event.tenant, event.server)
    if event.name.startswith(JOIN_LOG):
        yield _note(view_keys.host(event.tenant, event.server), f"{slot_of(event)}{own}", event)
    else:
        yield _note(server, f"{server_slot_of(event)}{own}", event)
    # Not only the latest: was a fault before this cycle or in it, and do servers export in turns?
    if event.details.get("cycle") == "started":
        yield _note(server, f"{ContributorKind.CYCLE.named(event.ts_ms // _ACTIVE_MS)}{own}", event)
    elif is_busy(event):  # for how long has it been so?
        yield _note(server, f"{ContributorKind.CYCLE.named('busy', event.ts_ms // _BUSY_MS)}{own}", event)
    elif is_cloud_export(event):
        yield _note(server, f"{ContributorKind.CYCLE.named('export', event.ts_ms // _ACTIVE_MS)}{own}", event)


def _to_its_tenant(event: Event) -> Iterator[Contribution]:
    """Of an audit: a change of the tenant's configuration, and the write of a sync server."""
    tenant = view_keys.tenant(event.tenant)
    category, service = event.details.get("category"), event.details.get("service")
    if str(category).lower() in _TENANT_CATEGORIES or str(service).lower() in _TENANT_SERVICES:
        yield _note(tenant, ContributorKind.AUDIT.named(event.name), event)
    server = event.details.get("sync_server")
    if not server:
        return
    password = event.name.startswith(_PASSWORD_WRITES)
    slot = ContributorKind.ACTIVE.named(server, event.ts_ms // _ACTIVE_MS, *(["password"] if password else []))
    yield Contribution(
        view=tenant,
        contributor=slot,
        seq=event.ts_ms,
        changed_ms=event.ts_ms,
        body=written(Exported(server, event.ts_ms, password)),
        expires_ms=forgotten_ms(slot, event.ts_ms),
    )


def fact_of_event(event: Event) -> tuple[Origin, Fact] | None:
    """The event as a fact about an object, where the key of its view follows from the object alone; else None.

    That is its Entra object; or of a refused export the AD object, for the source anchor of a group or a contact is its
    objectGUID and not the key of its view. Exports are left out: that an object was written is seen on the object.
    """
    if event.name == EXPORT_ERROR:
        guid = guid_of_immutable_id(event.source_anchor) if event.source_anchor else None
        return (_log_of("ad", event.tenant), _logged(event, guid)) if guid else None
    if event.entra_id is None or event.source_anchor is not None:
        return None
    if "sync_server" in event.details and event.details.get("category") != "Device":
        return None
    return _log_of("entra", event.tenant), _logged(event, event.entra_id)


def _log_of(side: Literal["ad", "entra"], tenant: str) -> Origin:
    return Origin(name=f"{side}/{tenant}", side=side, tenant=tenant)


def _logged(event: Event, object_id: str) -> Fact:
    return Fact(op=Operation.LOGGED, object_id=object_id, seq=event.ts_ms << 12, ts_ms=event.seen_ms, events=[event])


def messages_of(view: str, identity: str, events: Mapping[str, Event]) -> list[Contribution]:
    """Contributions of an object's events to its view. Objects that share a view have slots of their own."""
    return [_note(view, in_slot_of(slot, identity), event) for slot, event in events.items()]


def _note(view: str, slot: str, event: Event) -> Contribution:
    return Contribution(
        view=view,
        contributor=slot,
        seq=order_of(event),
        changed_ms=event.ts_ms,
        body=written(event),
        expires_ms=forgotten_ms(slot, event.ts_ms),
    )


def _refused_address(event: Event) -> str | None:
    """The folded address that was refused, where the event names no object: its view knows who claims it."""
    attribute, value = event.details.get("attribute"), event.details.get("value")
    if event.name != EXPORT_ERROR or event.source_anchor is not None or not isinstance(value, str):
        return None
    if str(attribute).lower() not in ("userprincipalname", "mail", "proxyaddresses", "proxyaddress"):
        return None
    address = fold_proxy_address(value)
    return address.folded if address is not None else None


def _signs_in_by(event: Event) -> str | None:
    """The folded UPN of a step of a password operation that names its user by that alone, as every first step does."""
    if event.log is not Log.WINDOWS or not is_operation(event) or event.entra_id or event.source_anchor:
        return None
    address = fold_address(event.user_principal_name or "")
    return address.folded if address is not None else None


def _writes_group(event: Event) -> bool:
    """Whether Cloud Sync tells of a group on its way to AD; the same job writes users, too. Unsaid: a group."""
    details = event.details
    wrote = event.log is Log.PROVISIONING and details.get("job_kind") == GROUP_PROVISIONING
    return wrote and details.get("identity_type", "group") == "group"
