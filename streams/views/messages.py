"""Messages to views: one type for each, read from and written to the body of a contribution.

On the wire and in rows a body is a JSON object without a tag of its own: what it is follows from the kind of the view
and from the contributor (`read`), as it always has. So rows and records of every version are read alike
(tests/contract/golden/views.v1.jsonl), and a message costs no byte more than what it says. Fields that have their
default are left out. What a server tells of its runs is read and written by streams.views.installation.runs; what
memberships say of who is in scope changes messages, not bodies (streams.views.membership.scoping_view).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from streams.contracts.codec import encode
from streams.contracts.contributors import EVENT_SLOTS, ContributorKind, kind_of_contributor
from streams.contracts.events import Event
from streams.contracts.view_keys import ViewKind, kind_of
from streams.directory.party import Party


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a contribution, decoded."""


# What objects say of themselves. deleted: it is dead, and speaks on for as long as it is remembered.


class ObjectStatement(Message, frozen=True, omit_defaults=True):
    """A user, group or contact to its own view: see streams.views.sides.Side. `scoped_ms` is never sent."""

    party: Party
    attributes: dict[str, Any]
    first_ms: int = 0
    changed: dict[str, int] = {}
    created_ms: int = 0
    revived_ms: int = 0
    cleared: dict[str, str] = {}
    members: int | None = None
    deleted: bool = False
    scoped_ms: int = 0


class DeviceStatement(Message, frozen=True, omit_defaults=True):
    """A computer or hybrid device to its device view: see streams.views.device."""

    party: Party
    attributes: dict[str, Any]
    expected: bool = False
    moved_ms: int = 0
    pending_ms: int | None = None
    autopilot: bool = False
    deleted: bool = False
    scoped_ms: int = 0


class HostStatement(Message, frozen=True, omit_defaults=True):
    """A computer or Windows device to the view of its name; device_id and trust of devices alone."""

    party: Party
    device_id: str = ""
    trust: str = ""
    signed_in: str | None = None
    managed: bool | None = None
    autopilot: bool = False
    registered_ms: int = 0
    scoped_ms: int = 0


class WrittenStatement(Message, frozen=True, omit_defaults=True):
    """An original in the cloud, or its copy in AD, to the view of what is written back."""

    party: Party
    attributes: dict[str, Any]
    first_ms: int = 0
    changed: dict[str, int] = {}
    expected: bool = False
    deleted: bool = False
    scoped_ms: int = 0


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way a party claims an address.

    primary: by userPrincipalName or the primary SMTP address: what soft match looks at.
    wanted:  the cloud object should hold it and does not: its UPN was replaced or the value quarantined.
    error:   the onPremisesProvisioningError behind `wanted`, if the service recorded one.
    """

    attribute: str
    value: str
    primary: bool = False
    wanted: bool = False
    error: dict[str, Any] | None = None


class AddressClaims(Message, frozen=True, omit_defaults=True):
    """An object to the view of an address."""

    party: Party
    claims: list[Claim]
    scoped_ms: int = 0


class ValueHeld(Message, frozen=True, omit_defaults=True):
    """An AD object to the view of a value that must be unique."""

    party: Party
    value: str
    scoped_ms: int = 0


class OnePerson(Message, frozen=True, omit_defaults=True):
    """An AD object to the view of a person."""

    party: Party
    scoped_ms: int = 0


class Principal(Message, frozen=True, omit_defaults=True):
    """A security principal to the view of its SID; restored_seq: see ObjectState; since_ms: it stands there since."""

    party: Party
    restored_seq: int = 0
    since_ms: int = 0
    scoped_ms: int = 0


class DeadPrincipal(Message, frozen=True, omit_defaults=True):
    """A dead principal of AD to the view of its SID: links of its forest do not count."""

    dead_in: str | None


class CloudMember(Message, frozen=True, omit_defaults=True):
    """An object of the cloud to the view of its memberships."""

    sid: str


class ScopedObject(Message, frozen=True, omit_defaults=True):
    """An AD object whose memberships decide to the view that hears of them: see streams.views.membership."""

    views: list[str] = []
    restored_seq: int = 0
    is_one: bool = False


class ServiceConnectionPoint(Message, frozen=True, omit_defaults=True):
    """The SCP to its forest; keywords None: there is none. expected: computers look for one."""

    distinguished_name: str | None = None
    keywords: list[str] | None = None
    scp_changed: str | None = None
    expected: bool = False


class SsoFields(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of the computer account of seamless single sign-on; None: unknown."""

    distinguished_name: str | None = None
    password_set_ms: int | None = None
    enabled: bool | None = None


class SsoStatement(Message, frozen=True, omit_defaults=True):
    """The computer account of seamless single sign-on to its forest."""

    sso: SsoFields
    deleted: bool = False


class ScopeGroup(Message, frozen=True, omit_defaults=True):
    """A group that scopes the synchronisation to its forest."""

    scope_group: Party


class TenantReading(Message, frozen=True, omit_defaults=True):
    """A reading of the tenant to its view: see streams.contracts.facts.TenantState."""

    organization: dict[str, Any] | None = None
    synchronization: dict[str, Any] | None = None
    jobs: list[dict[str, Any]] | None = None
    refused: dict[str, str] = {}
    features: dict[str, bool | None] | None = None


class Synchronised(Message, frozen=True, omit_defaults=True):
    """A synchronisation of the tenant, told by its name alone."""


# What links say: of an object, to the view of their far end. since_ms: the link stands since.


class Referrer(Message, frozen=True, omit_defaults=True):
    """An AD object to a principal that it points at; seq of the fact that set the link."""

    party: Party
    seq: int = 0
    since_ms: int = 0


class HeldInCopy(Message, frozen=True, omit_defaults=True):
    """The copy in AD of a group of the cloud to a member; copy_of: the name of the group."""

    party: Party
    copy_of: str
    seq: int = 0
    since_ms: int = 0


class HeldByGroup(Message, frozen=True, omit_defaults=True):
    """A group of the cloud to a member; sid: the name of the group, where the contributor does not have it."""

    since_ms: int
    sid: str | None = None


class LeftGroup(Message, frozen=True, omit_defaults=True):
    """A group to whom it holds no longer; sid: its name, where that is asked for."""

    left_ms: int
    sid: str | None = None


class ReportsTo(Message, frozen=True, omit_defaults=True):
    """A user to the manager, in the cloud or by way of it; view: the user's, where the contributor does not have it."""

    since_ms: int
    view: str | None = None


class HeldByScopeGroup(Message, frozen=True, omit_defaults=True):
    """A group that scopes the synchronisation to a member."""

    seq: int = 0
    since_ms: int = 0


# Questions and answers (streams.views.questions).


class Question(Message, frozen=True, omit_defaults=True):
    """One view to another; who asks is the contributor, the two names older versions read.

    refused: of a value, the object was refused with it, and that stands; domain: of a server of which there may be two.
    """

    asker: str = ""
    watcher: str = ""
    refused: bool = False
    domain: str | None = None


class Counterparts(Message, frozen=True, omit_defaults=True):
    """The view of an object: its ids in the cloud (None: nobody asked for them), when its AD side moved (0: there is
    none; None: an older version does not say), and whether the cloud has the say over it.
    """

    entra: list[str] | None = None
    ad_ms: int | None = None
    cloud_managed: bool = False


class HolderOfValue(msgspec.Struct, frozen=True, array_like=True):
    """Who holds a value: `name` is its DN, or what people call it. forest: "" in Entra."""

    id: str
    name: str
    side: str = ""
    kind: str = ""
    forest: str = ""

    def is_one_of(self, parties: Iterable[Party]) -> bool:
        """Whether it is one of these. A message of an older version names no forest."""
        return any(party.id == self.id and self.forest in ("", party.forest or "") for party in parties)


class Holders(Message, frozen=True, omit_defaults=True):
    """The view of a value: who holds it."""

    holders: list[HolderOfValue]


class ReadUntil(Message, frozen=True, omit_defaults=True):
    """A forest: until when its source has read every change (ms). Also the message of that source to the forest.

    first_ms: since when the source writes watermarks (ms); set in the message to the forest alone.
    """

    read_until_ms: int = msgspec.field(name="heard_ms")
    first_ms: int = 0


class ExportBegan(Message, frozen=True, omit_defaults=True):
    """A server: when its newest cycle that exported, and has ended, began (ms)."""

    began_ms: int


# What else views contribute to each other.


class MovedToCloud(Message, frozen=True, omit_defaults=True):
    """An address to a contact of AD: the cloud has the say over what it was exported as."""

    cloud_managed: bool


class ScopeDecision(Message, frozen=True, omit_defaults=True):
    """A scoping view to the views of its object: it is in scope, or out of it, since then (ms)."""

    since_ms: int


class Joined(Message, frozen=True, omit_defaults=True):
    """A person to one of its objects: whether that is the account; None: to the view of the account's SID."""

    account: bool | None = None


class ManagerDrift(Message, frozen=True, omit_defaults=True):
    """A manager on one side only, to the user. lacking: AD names it and the cloud does not; else the other way round.

    since_ms: since when it could have flowed; link_ms: since when the user has it.
    other_domain: AD names one of another domain of the forest.
    """

    name: str
    lacking: bool
    since_ms: int
    link_ms: int
    other_domain: bool = False


class MemberDrifts(Message, frozen=True, omit_defaults=True):
    """A member that stands on both sides, of a membership that stands on one, to a part of the group."""

    name: str
    lacking: bool
    since_ms: int
    other_domain: bool = False


class NamedMember(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A drifting member by name, SID, and whether the cloud lacks it."""

    name: str
    sid: str
    lacking: bool


class DriftOfPart(Message, frozen=True, omit_defaults=True):
    """A part of a group's members to the group; named: some of them; other_domain: so many of the lacking are of
    another domain than the group.
    """

    lacking: int
    surplus: int
    since_ms: int
    named: list[NamedMember]
    other_domain: int = 0


class Explains(Message, frozen=True, omit_defaults=True):
    """A finding to a view whose findings it explains: see streams.views.explanations."""

    finding: str
    cause: str
    severity: str
    objects: list[str]
    ended_ms: int | None = None


class ServerLives(Message, frozen=True, omit_defaults=True):
    """What of a server lives: to its tenant; of the others, to each server. forests: name -> last sign (ms)."""

    forests: dict[str, int] = {}
    writeback_ms: int = 0


class Exported(Message, frozen=True, omit_defaults=True):
    """An audit to the tenant: a sync server wrote something; password: nothing but that."""

    server: str
    ts_ms: int
    password: bool = False


class Refused(Message, frozen=True, omit_defaults=True):
    """A refused password to the traces around it; user: the view of whom it concerns."""

    user: str
    ts_ms: int


class Counted(Message, frozen=True, omit_defaults=True):
    """A partition to the tenant: what it counts, and until when (ms) it has worked off each source."""

    counts: dict[str, int] = {}
    read: dict[str, int] = {}
    partitions: int = 0


AnyMessage = Message | Event

_BY_CONTRIBUTOR: dict[ContributorKind, type[AnyMessage]] = {
    **dict.fromkeys(EVENT_SLOTS, Event),
    ContributorKind.ACTIVE: Exported,
    ContributorKind.ASKS: Question,
    ContributorKind.COUNTS: Counted,
    ContributorKind.EXPLAINS: Explains,
    ContributorKind.EXPORTED: ExportBegan,
    ContributorKind.HEARD: ReadUntil,
    ContributorKind.HELD: Holders,
    ContributorKind.JOINED: Joined,
    ContributorKind.LINK: Counterparts,
    ContributorKind.LIVES: ServerLives,
    ContributorKind.MEMBER_DRIFT: DriftOfPart,
    ContributorKind.MOVED: MovedToCloud,
    ContributorKind.PROBE: Question,
    ContributorKind.REFUSAL: Refused,
    ContributorKind.REPORT: ReportsTo,
    ContributorKind.SCOPED: ScopeDecision,
    ContributorKind.SERVED: ServerLives,
    ContributorKind.SUPERIOR: ManagerDrift,
    ContributorKind.SYNC: Synchronised,
    ContributorKind.UNSCOPED: ScopeDecision,
    ContributorKind.WATCH: Question,
}
"""What these say is the same in every view that hears it."""

_OF_OBJECTS: dict[str, type[Message]] = {
    ViewKind.ADDRESS: AddressClaims,
    ViewKind.CONTACT: ObjectStatement,
    ViewKind.DEVICE: DeviceStatement,
    ViewKind.GROUP: ObjectStatement,
    ViewKind.HOST: HostStatement,
    ViewKind.MEMBERSHIP: CloudMember,
    ViewKind.PERSON: OnePerson,
    ViewKind.REFERENCE: Principal,
    ViewKind.SCOPING: ScopedObject,
    ViewKind.TENANT: TenantReading,
    ViewKind.USER: ObjectStatement,
    ViewKind.VALUE: ValueHeld,
    ViewKind.WRITTEN_DEVICE: WrittenStatement,
    ViewKind.WRITTEN_GROUP: WrittenStatement,
}
"""What an object says of itself."""


Read = Callable[[Raw], AnyMessage]


class _Keys(msgspec.Struct):
    """Keys that tell apart messages of one kind of contributor: older than tagged types."""

    left_ms: Raw | UnsetType = UNSET
    dead_in: Raw | UnsetType = UNSET
    copy_of: Raw | UnsetType = UNSET
    view: Raw | UnsetType = UNSET
    heard_ms: Raw | UnsetType = UNSET
    sso: Raw | UnsetType = UNSET
    scope_group: Raw | UnsetType = UNSET


_KEYS = msgspec.json.Decoder(_Keys)


def _known_by(other: type[AnyMessage], **known: type[AnyMessage]) -> Read:
    """key -> the message that a body with this key is; `other` where it has none of them."""
    readers = [(key, f'"{key}"'.encode(), msgspec.json.Decoder(shape).decode) for key, shape in known.items()]
    otherwise: Read = msgspec.json.Decoder(other).decode

    def chosen(body: Raw) -> AnyMessage:
        text = bytes(body)
        for key, spelt, reads in readers:
            if spelt in text and getattr(_KEYS.decode(body), key) is not UNSET:
                return reads(body)
        return otherwise(body)

    return chosen if readers else otherwise


@cache
def _reader(kind: str, contributor_kind: ContributorKind | None) -> Read:
    """The decoder of the bodies of these contributors in views of this kind."""
    if contributor_kind in _BY_CONTRIBUTOR:
        return _known_by(_BY_CONTRIBUTOR[contributor_kind])
    if contributor_kind is ContributorKind.CLOUD:
        return _known_by(HeldByGroup, left_ms=LeftGroup)
    if contributor_kind in (ContributorKind.AD, ContributorKind.ENTRA):
        if kind == ViewKind.REFERENCE:
            return _known_by(Principal, dead_in=DeadPrincipal)
        if kind == ViewKind.FOREST:
            return _known_by(ServiceConnectionPoint, heard_ms=ReadUntil, sso=SsoStatement, scope_group=ScopeGroup)
        return _known_by(_OF_OBJECTS[kind])
    # Links, by whatever attribute; of drifting members the contributor is the SID.
    if kind == ViewKind.REFERENCE:
        return _known_by(Referrer, left_ms=LeftGroup, copy_of=HeldInCopy)
    if kind == ViewKind.MEMBERSHIP:
        return _known_by(HeldByGroup, left_ms=LeftGroup, view=ReportsTo)
    return _known_by(HeldByScopeGroup if kind == ViewKind.SCOPING else MemberDrifts, left_ms=LeftGroup)


def read(view: str, contributor: str, body: Raw) -> AnyMessage:
    """The message in the body of a contribution to this view. Raises KeyError for a contributor that no view of this
    kind reads, msgspec.DecodeError for a body of another shape.
    """
    return _reader(kind_of(view), kind_of_contributor(contributor))(body)


def written(message: AnyMessage) -> Raw:
    """The message as the body of a contribution. One message has one form, so that bodies may be compared."""
    return Raw(encode(message))
