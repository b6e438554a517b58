"""What one object says to which views: the whole mapping from an object to its contributions.

Pure and shared: the streaming projector diffs two of these, the oracle collects them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.contracts import view_keys
from streams.contracts.contributors import Speaker
from streams.contracts.facts import ObjectKind
from streams.directory.matching import object_view_key, own_reference_key
from streams.directory.object_ref import MEMBERSHIP_UNKNOWN, party_body
from streams.directory.person import joined_as, person_views
from streams.directory.scope import Scope
from streams.directory.soft_deletion import deletion_attributes, restorable
from streams.directory.state import ObjectState
from streams.directory.written_back import original_of
from streams.views.address.address_view import address_claims
from streams.views.address.unique_value_view import held_values
from streams.views.device.device_view import REMEMBERED_MS as DEVICE_REMEMBERED_MS
from streams.views.device.device_view import device_bodies
from streams.views.device.host_view import host_bodies
from streams.views.identity.object_view import REMEMBERED_MS, object_bodies
from streams.views.installation.forest_view import forest_bodies, is_sso_account, scope_group_bodies, sso_bodies
from streams.views.membership.member_drift_view import written_name
from streams.views.membership.reference_view import stands_since_ms
from streams.views.writeback.writeback_view import written_bodies

_WATCHED_KINDS = (ObjectKind.USER, ObjectKind.GROUP, ObjectKind.CONTACT)


def contributor_of(state: ObjectState) -> str:
    """The name under which an object speaks in every view: "ad/<objectGUID>@<forest>" or "entra/<id>"."""
    return Speaker(state.side).named(state.identity)


def contributions_of(state: ObjectState, scope: Scope) -> dict[str, dict[str, Any]]:
    """View key -> body. The dead of AD, dead devices and what can be restored only speak to their own view; a dead
    principal of AD says to the view of its SID that it is dead, for as long as it is known: links to it are, too.

    scope: of the object's forest; of Entra objects: what of their tenant is written back.
    """
    bodies, written = _bodies(state, scope), written_bodies(state, scope)
    if written:
        bodies = bodies | written
    if state.side == "ad" and scope.scope_groups and state.alive:
        bodies = bodies | _asking_its_groups(state, scope, bodies) | scope_group_bodies(state, scope)
    return bodies


def _asking_its_groups(
    state: ObjectState, scope: Scope, bodies: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """What an object whose memberships decide says to the view that hears of them."""
    undecided = [
        view for view, body in bodies.items() if body.get("party", {}).get("out_of_scope") == MEMBERSHIP_UNKNOWN
    ]
    if not undecided:
        return {}
    said: dict[str, Any] = {"views": sorted(undecided), "restored_seq": state.restored_seq}
    if scope.scopes(state):
        said["is_one"] = True
    return {view_keys.scoping(state.tenant, state.identity): said}


def _bodies(state: ObjectState, scope: Scope) -> dict[str, dict[str, Any]]:
    if state.kind is ObjectKind.DEVICE and is_sso_account(state):
        return sso_bodies(state) if scope.home else {}
    if state.kind is ObjectKind.DEVICE:
        return device_bodies(state, scope) | host_bodies(state, scope)
    if state.kind is ObjectKind.FOREST:
        return forest_bodies(state, scope)
    if state.kind not in _WATCHED_KINDS:
        return {}
    own_view = object_view_key(state)
    reference = own_reference_key(state)
    if not state.alive:
        dead = {reference: {"dead_in": state.forest}} if reference is not None and state.side == "ad" else {}
        if own_view is None or (state.side != "ad" and not restorable(state)):
            return dead
        said = deletion_attributes(state) if state.side == "entra" else {}
        party = _with_engine(party_body(state, own_view, None), state, scope)
        return dead | {own_view: {"party": party, "attributes": said, "deleted": True}}
    joined_by = scope.joined_by(state)
    keys, half = joined_as(state, joined_by)
    outside = scope.reason_outside(state) if state.side == "ad" else None
    party = _with_engine(party_body(state, own_view, outside, persons=keys, half=half), state, scope)
    bodies: dict[str, dict[str, Any]] = {
        view_keys.address(state.tenant, address): {"party": party, "claims": claims}
        for address, claims in address_claims(state).items()
    }
    if own_view is not None:
        bodies |= object_bodies(state, party, own_view)
    bodies.update((key, {"party": party, "value": value}) for key, value in held_values(state).items())
    bodies.update((key, {"party": party}) for key in person_views(state, keys, joined_by))
    if reference is not None:
        since_ms = stands_since_ms(state)
        named = party if state.side == "ad" else {**party, "created": state.text("createdDateTime")}
        bodies[reference] = {"party": named, "restored_seq": state.restored_seq, "since_ms": since_ms}
        if state.side == "entra":
            bodies[view_keys.membership(state.tenant, state.object_id)] = {"sid": party["sid"]}
    return bodies


def _with_engine(party: dict[str, Any], state: ObjectState, scope: Scope) -> dict[str, Any]:
    engine = scope.engine_of(state) if state.side == "ad" else None
    return {**party, "engine": engine} if engine is not None else party


def remembered_ms(state: ObjectState) -> int:
    """How long views remember an object after its deletion (ms)."""
    return DEVICE_REMEMBERED_MS if state.kind is ObjectKind.DEVICE else REMEMBERED_MS


def referrer_body(state: ObjectState, scope: Scope) -> dict[str, Any] | None:
    """What an AD object says to the views it points at; None while its links do not count."""
    if not state.alive or state.kind not in (ObjectKind.USER, ObjectKind.GROUP):
        return None
    original = original_of(state) if state.kind is ObjectKind.GROUP and scope.home else None
    if original is not None:  # the cloud masters it, in scope or not
        return {"party": party_body(state, object_view_key(state), None), "copy_of": written_name(original)}
    outside = scope.reason_outside(state)
    if outside not in (None, MEMBERSHIP_UNKNOWN):
        return None
    return {"party": party_body(state, object_view_key(state), outside)}


def scoping_body(state: ObjectState, scope: Scope) -> dict[str, Any] | None:
    """What a group says to its members of their scope; None where memberships in it decide nothing."""
    return {} if state.alive and scope.scopes(state) else None


def left_body(state: ObjectState, telling: dict[str, Any] | None, moment_ms: int) -> dict[str, Any] | None:
    """What a group says, for a while, to a member that it no longer has; `telling`: what it says to those it has."""
    if telling is None or state.kind is not ObjectKind.GROUP:
        return None
    if not telling:  # to the view of the member's scope, which asks for no name
        return {"left_ms": moment_ms}
    sid = telling.get("copy_of") or telling["party"].get("sid") if state.side == "ad" else telling["sid"]
    return {"sid": sid, "left_ms": moment_ms} if sid else None
