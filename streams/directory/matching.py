"""By what both sides of an object meet: the keys of its own view, and of the view of its SID.

The pairs of attributes by which Entra Connect matches, so that both sides arrive under one key: users by source anchor,
groups by SID, contacts by primary address, computers by objectGUID and deviceId.
"""

from __future__ import annotations

from streams.contracts import view_keys
from streams.contracts.facts import ObjectKind
from streams.directory.addresses import fold_address, fold_proxy_address
from streams.directory.authority import cloud_managed
from streams.directory.party import source_anchor
from streams.directory.state import ObjectState

HYBRID = "ServerAd"
"""The trust type of a hybrid joined device."""


def own_view_key(state: ObjectState) -> str | None:
    """The key of an object's own view, whatever it is; None if nothing on the other side could ever match it."""
    return device_view_key(state) if state.kind is ObjectKind.DEVICE else object_view_key(state)


def object_view_key(state: ObjectState) -> str | None:
    """The key of the view of a user, group or contact; None if nothing on the other side could ever match it."""
    if state.kind is ObjectKind.USER:
        anchor = source_anchor(state)
        return view_keys.user(state.tenant, anchor) if anchor else None
    if state.kind is ObjectKind.GROUP:
        sid = sid_of(state)
        return view_keys.group(state.tenant, sid) if sid else None
    if state.kind is ObjectKind.CONTACT:
        primary = primary_address(state)
        return view_keys.contact(state.tenant, primary) if primary else None
    return None


def device_view_key(state: ObjectState) -> str | None:
    """The key of a computer's or a hybrid device's view; None for a device that is not hybrid."""
    if state.kind is not ObjectKind.DEVICE:
        return None
    if state.side == "ad":
        return view_keys.device(state.tenant, state.object_id)
    device_id = state.text("deviceId")
    if state.text("trustType") != HYBRID or device_id is None:
        return None
    return view_keys.device(state.tenant, device_id)


def own_reference_key(state: ObjectState) -> str | None:
    """The reference view that `state` is the principal of; None for what has no SID or is not synchronised."""
    if state.kind not in (ObjectKind.USER, ObjectKind.GROUP):
        return None
    if state.side == "entra" and state.attributes.get("onPremisesSyncEnabled") is not True and not cloud_managed(state):
        return None
    sid = sid_of(state)
    return view_keys.reference(state.tenant, sid) if sid else None


def sid_of(state: ObjectState) -> str | None:
    """The SID as either side tells it."""
    return state.text("objectSid" if state.side == "ad" else "onPremisesSecurityIdentifier")


def primary_address(state: ObjectState) -> str | None:
    """The folded primary SMTP address: of proxyAddresses, else mail."""
    for value in state.texts("proxyAddresses"):
        address = fold_proxy_address(value)
        if address is not None and address.primary:
            return address.folded
    mail = fold_address(state.text("mail") or "")
    return mail.folded if mail else None
