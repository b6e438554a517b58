"""The contributions of one object: the whole mapping from its state to views and bodies.

Pure and shared: the streaming projector diffs two of these, the oracle collects them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Raw
from msgspec.structs import replace

from streams.contracts import view_keys
from streams.contracts.contributors import ContributorKind
from streams.contracts.facts import ObjectKind
from streams.directory.matching import object_view_key, own_reference_key
from streams.directory.party import MEMBERSHIP_UNKNOWN, Party, party_of
from streams.directory.person import joined_as, person_views
from streams.directory.scope import Scope
from streams.directory.soft_deletion import deletion_attributes, restorable
from streams.directory.state import ObjectState
from streams.directory.written_back import original_of
from streams.views.address.address_view import address_claims
from streams.views.address.unique_value_view import held_values
from streams.views.device.device_view import REMEMBERED_MS as DEVICE_REMEMBERED_MS
from streams.views.device.device_view import device_statements
from streams.views.device.host_view import host_statements
from streams.views.identity.object_view import REMEMBERED_MS, object_statement
from streams.views.installation.forest_view import (
    forest_statements,
    is_sso_account,
    scope_group_statements,
    sso_statements,
)
from streams.views.membership.group_name import CloudGroup
from streams.views.membership.reference_view import stands_since_ms
from streams.views.messages import (
    AddressClaims,
    CloudMember,
    DeadPrincipal,
    HeldByGroup,
    HeldByScopeGroup,
    HeldInCopy,
    LeftGroup,
    Message,
    ObjectStatement,
    OnePerson,
    Principal,
    Referrer,
    ScopedObject,
    ValueHeld,
    written,
)
from streams.views.writeback.writeback_view import written_statements

_WATCHED_KINDS = (ObjectKind.USER, ObjectKind.GROUP, ObjectKind.CONTACT)


def contributor_of(state: ObjectState) -> str:
    """The contributor name of an object in every view: "ad/<objectGUID>@<forest>" or "entra/<id>"."""
    return ContributorKind(state.side).named(state.identity)


def contributions_of(state: ObjectState, scope: Scope) -> dict[str, Raw]:
    """View key -> body. Deleted objects of AD, deleted devices and what can be restored contribute to their own view
    alone; a deleted principal of AD also to the view of its SID (DeadPrincipal), for as long as it is remembered: links
    to it are, too.

    scope: of the object's forest; of Entra objects: what of their tenant is written back.
    """
    return {view: written(message) for view, message in statements_of(state, scope).items()}


def statements_of(state: ObjectState, scope: Scope) -> dict[str, Message]:
    """View key -> the message of the object to it."""
    statements = _statements(state, scope) | written_statements(state, scope)
    if state.side == "ad" and scope.scope_groups and state.alive:
        statements = statements | _asking_its_groups(state, scope, statements) | scope_group_statements(state, scope)
    return statements


def _asking_its_groups(state: ObjectState, scope: Scope, statements: Mapping[str, Message]) -> dict[str, Message]:
    """The message to its scoping view of an object whose scope its memberships decide; {} for any other."""
    undecided = [view for view, message in statements.items() if _scope_in(message) == MEMBERSHIP_UNKNOWN]
    if not undecided:
        return {}
    message = ScopedObject(views=sorted(undecided), restored_seq=state.restored_seq, is_one=scope.scopes(state))
    return {view_keys.scoping(state.tenant, state.identity): message}


def _scope_in(message: Message) -> str | None:
    party = getattr(message, "party", None)
    return party.out_of_scope if isinstance(party, Party) else None


def _statements(state: ObjectState, scope: Scope) -> dict[str, Message]:
    if state.kind is ObjectKind.DEVICE and is_sso_account(state):
        return sso_statements(state) if scope.home else {}
    if state.kind is ObjectKind.DEVICE:
        return device_statements(state, scope) | host_statements(state, scope)
    if state.kind is ObjectKind.FOREST:
        return forest_statements(state, scope)
    if state.kind not in _WATCHED_KINDS:
        return {}
    own_view = object_view_key(state)
    reference = own_reference_key(state)
    engine = scope.engine_of(state) if state.side == "ad" else None
    statements: dict[str, Message] = {}
    if not state.alive:
        if reference is not None and state.side == "ad":
            statements[reference] = DeadPrincipal(state.forest)
        if own_view is not None and (state.side == "ad" or restorable(state)):
            attributes = deletion_attributes(state) if state.side == "entra" else {}
            party = party_of(state, own_view, None, engine=engine)
            statements[own_view] = ObjectStatement(party, attributes, deleted=True)
        return statements
    joined_by = scope.joined_by(state)
    keys, half = joined_as(state, joined_by)
    outside = scope.reason_outside(state) if state.side == "ad" else None
    party = party_of(state, own_view, outside, persons=keys, half=half, engine=engine)
    for address, claims in address_claims(state).items():
        statements[view_keys.address(state.tenant, address)] = AddressClaims(party, claims)
    if own_view is not None:
        statements[own_view] = object_statement(state, party)
    statements.update((key, ValueHeld(party, value)) for key, value in held_values(state).items())
    statements.update((key, OnePerson(party)) for key in person_views(state, keys, joined_by))
    if reference is not None:
        named = party if state.side == "ad" else replace(party, created=state.text("createdDateTime"))
        statements[reference] = Principal(named, state.restored_seq, stands_since_ms(state))
        if state.side == "entra" and party.sid is not None:
            statements[view_keys.membership(state.tenant, state.object_id)] = CloudMember(party.sid)
    return statements


def remembered_ms(state: ObjectState) -> int:
    """How long views remember an object after its deletion (ms)."""
    return DEVICE_REMEMBERED_MS if state.kind is ObjectKind.DEVICE else REMEMBERED_MS


def referrer_message(state: ObjectState, scope: Scope) -> Referrer | HeldInCopy | None:
    """The message of an AD object to the views that it links to; None while its links do not count."""
    if not state.alive or state.kind not in (ObjectKind.USER, ObjectKind.GROUP):
        return None
    original = original_of(state) if state.kind is ObjectKind.GROUP and scope.home else None
    if original is not None:  # the cloud masters it, in scope or not
        return HeldInCopy(party_of(state, object_view_key(state), None), str(CloudGroup(original)))
    outside = scope.reason_outside(state)
    if outside not in (None, MEMBERSHIP_UNKNOWN):
        return None
    return Referrer(party_of(state, object_view_key(state), outside))


def scoping_message(state: ObjectState, scope: Scope) -> HeldByScopeGroup | None:
    """The message of a group to the scoping views of its members; None where it decides no scope."""
    return HeldByScopeGroup() if state.alive and scope.scopes(state) else None


def left_message(state: ObjectState, current: Message | None, moment_ms: int) -> LeftGroup | None:
    """The message to a former member, sent for LEFT_REMEMBERED_MS. current: the message to current members."""
    if state.kind is not ObjectKind.GROUP:
        return None
    match current:
        case HeldByScopeGroup():  # the view of the member's scope asks for no name
            return LeftGroup(moment_ms)
        case HeldInCopy(copy_of=str(name)) | Referrer(party=Party(sid=str(name))) | HeldByGroup(sid=str(name)):
            return LeftGroup(moment_ms, name)
    return None
