"""A party: an object that takes part in a view, named well enough to be found in either directory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from streams.contracts.finding import Holder, Subject
from streams.contracts.identity import immutable_id_of_guid
from streams.directory.authority import CLOUD_MANAGED, cloud_managed
from streams.directory.state import ObjectState, identity_of

MEMBERSHIP_UNKNOWN = "membership_unknown"
"""Why an AD object is not known to be in scope: groups decide (streams.views.membership.scoping_view), none told."""


class Party(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object of one directory.

    view:         key of its own object view; None for an Entra object that no AD object can match.
    out_of_scope: why it is not synchronised (AD only); None if it is.
    synced:       onPremisesSyncEnabled (Entra only): True synced, False was, None never, or no longer by choice:
    cloud_managed: its source of authority was moved to the cloud (Entra only; streams.directory.authority).
    engine:       which one synchronises it, where the settings say (AD only; streams.directory.engines).
    created:      whenCreated, RFC 3339; of an Entra object createdDateTime, in the view of its SID alone.
    guest:        userType Guest: somebody of another organisation (Entra only).
    persons:      by what it is the same person as objects of other forests (streams.directory.person).
    half:         somebody else's account may stand for it (AD only): a disabled account, a contact.
    """

    side: str
    kind: str
    id: str
    tenant: str
    distinguished_name: str | None = None
    user_principal_name: str | None = None
    display_name: str | None = None
    source_anchor: str | None = None
    sid: str | None = None
    forest: str | None = None
    view: str | None = None
    out_of_scope: str | None = None
    synced: bool | None = None
    cloud_managed: bool = False
    engine: str | None = None
    created: str | None = None
    guest: bool = False
    persons: tuple[str, ...] = ()
    half: bool = False

    @property
    def in_scope(self) -> bool:
        """An AD object that synchronisation exports."""
        return self.side == "ad" and self.out_of_scope is None

    @property
    def may_be_in_scope(self) -> bool:
        """In scope, or not known to be out of it."""
        return self.side == "ad" and self.out_of_scope in (None, MEMBERSHIP_UNKNOWN)

    @property
    def exported_but_for_authority(self) -> bool:
        """In scope, or out of it for no other reason than that the cloud manages its cloud object."""
        return self.side == "ad" and self.out_of_scope in (None, CLOUD_MANAGED)

    def unexported(self) -> Party:
        """An AD object as one that nobody exports, because the cloud manages its cloud object."""
        return msgspec.structs.replace(self, out_of_scope=CLOUD_MANAGED) if self.in_scope else self

    @property
    def identity(self) -> str:
        """What tells it from every other party: an `id` is unique within its forest only."""
        return identity_of(self.id, self.forest)

    @property
    def name(self) -> str:
        """What people call it: display name and UPN, as far as there are; else DN, else id."""
        if self.display_name and self.user_principal_name:
            return f"{self.display_name} ({self.user_principal_name})"
        return self.display_name or self.user_principal_name or self.distinguished_name or self.id

    def matches(self, other: Party) -> bool:
        """Whether both are the two sides of one synchronised object: one object view, or one SID; or of one person.

        The SID also joins tenants whose source anchor is an attribute that we do not read.
        """
        if self.side == other.side:
            return False
        if (self.half or other.half) and self._shares_key(other):
            return True
        if self.kind != other.kind:
            return False
        if self.view is not None and self.view == other.view:
            return True
        return self.sid is not None and self.sid == other.sid

    def is_one_person_with(self, other: Party) -> bool:
        """Whether Entra Connect joins the two: objects of two forests, of which one at most is an active account."""
        if self.side == other.side == "ad":
            return self.forest != other.forest and (self.half or other.half) and self._shares_key(other)
        return self.matches(other)

    def _shares_key(self, other: Party) -> bool:
        if not self.persons and not other.persons:
            return False
        mine, theirs = ({*party.persons, f"objectSid:{(party.sid or '').lower()}"} for party in (self, other))
        return not mine.isdisjoint(other.persons) or not theirs.isdisjoint(self.persons)

    def holder(self, role: str | None = None, attributes: Iterable[str] = ()) -> Holder:
        """As a finding names it."""
        return Holder(
            side=self.side,
            kind=self.kind,
            id=self.id,
            distinguished_name=self.distinguished_name,
            user_principal_name=self.user_principal_name,
            display_name=self.display_name,
            source_anchor=self.source_anchor,
            forest=self.forest,
            attributes=sorted(set(attributes)),
            role=role or ("out_of_scope" if self.out_of_scope else None),
        )

    def subject(self, key: str) -> Subject:
        """As the subject of a finding on the view `key`."""
        return Subject(
            kind=key.partition("/")[0],
            key=key,
            distinguished_name=self.distinguished_name,
            user_principal_name=self.user_principal_name,
            display_name=self.display_name,
            object_guid=self.id if self.side == "ad" else None,
            entra_id=self.id if self.side == "entra" else None,
            created=self.created,
        )


def people(parties: Iterable[Party]) -> list[list[Party]]:
    """These AD objects by person, each group and all groups in the order they came; of one forest nobody is joined.

    Two users with one anchor are one identity in Entra: conflict.duplicate_source_anchor's business.
    """
    found: list[list[Party]] = []
    for party in parties:
        group = next((each for each in found if any(_is_one_identity(party, other) for other in each)), None)
        if group is None:
            group = next((each for each in found if _is_joined(party, each)), None)
        if group is None:
            found.append([party])
        else:
            group.append(party)
    return found


def _is_one_identity(party: Party, other: Party) -> bool:
    same_anchor = party.kind == other.kind == "user" and party.view is not None and party.view == other.view
    return same_anchor or party.identity == other.identity


def _is_joined(party: Party, group: Sequence[Party]) -> bool:
    apart = all(party.forest != other.forest for other in group)
    return apart and any(party.is_one_person_with(other) for other in group)


def party_of(
    state: ObjectState,
    view: str | None,
    out_of_scope: str | None,
    *,
    persons: Sequence[str] = (),
    half: bool = False,
    engine: str | None = None,
) -> Party:
    """The party of an object."""
    ad, moved = state.side == "ad", cloud_managed(state)
    synced = None if ad or moved else state.attributes.get("onPremisesSyncEnabled")
    return Party(
        side=state.side,
        kind=str(state.kind),
        id=state.object_id,
        tenant=state.tenant,
        distinguished_name=state.text("distinguishedName" if ad else "onPremisesDistinguishedName"),
        user_principal_name=state.text("userPrincipalName"),
        display_name=state.text("displayName") or _own_name(state),
        source_anchor=source_anchor(state),
        sid=state.text("objectSid" if ad else "onPremisesSecurityIdentifier"),
        forest=state.forest,
        view=view,
        out_of_scope=out_of_scope,
        synced=synced if isinstance(synced, bool) else None,
        cloud_managed=moved,
        engine=engine,
        created=state.text("whenCreated") if ad else None,
        guest=not ad and state.text("userType") == "Guest",
        persons=tuple(persons),
        half=half,
    )


def _own_name(state: ObjectState) -> str | None:
    """Its name attribute; of a deleted AD object without what the directory has added: "name\\nDEL:<objectGUID>"."""
    name = state.text("name")
    return name.partition("\nDEL:")[0] if name and not state.alive else name


def source_anchor(state: ObjectState) -> str | None:
    """The immutableId. AD users: mS-DS-ConsistencyGuid, else objectGUID; Entra: onPremisesImmutableId."""
    if state.side == "entra":
        return state.text("onPremisesImmutableId")
    if state.kind != "user":
        return None
    return state.text("mS-DS-ConsistencyGuid") or immutable_id_of_guid(state.object_id)
