"""Names of contributors to views: "<kind>/<rest>", made and read here and nowhere else.

A name is unique within its view, and its newest contribution replaces the one before. The rest of the name tells
contributors of one kind apart; what the comments of `ContributorKind` say of it is all that may be read from it.
"""

from __future__ import annotations

from enum import StrEnum


class ContributorKind(StrEnum):
    """The first part of a contributor's name; the comments say what the rest is."""

    # Objects: "<objectGUID>@<forest>", or the id in the cloud; TENANT_STATE is one of the cloud.
    AD = "ad"
    ENTRA = "entra"
    # Links of an object, by their attribute: the object. Other attributes are contributed, too, and no view reads them.
    MEMBER = "member"
    MEMBERS = "members"
    MANAGER = "manager"
    # Events: their slots (streams.directory.event_slots).
    EVENT = "event"
    LATEST = "latest"
    AUDIT = "audit"
    SIGN_IN = "sign-in"
    CYCLE = "cycle"
    ACTIVE = "active"  # <server>/<when>[/password]
    REFUSAL = "refusal"  # <event id>
    SYNC = "sync"  # <time in ms>
    # Questions and answers (streams.views.questions): the view that asks, the view that answers.
    WATCH = "watch"
    LINK = "link"
    PROBE = "probe"
    HELD = "held"
    ASKS = "asks"
    HEARD = "heard"
    EXPORTED = "exported"
    # What else views contribute to each other.
    COUNTS = "census"  # <partition>
    CLOUD = "cloud"  # <Entra id of the member>/<name of the group>
    EXPLAINS = "explains"  # <detection>/<view of the finding>
    JOINED = "joined"  # <view of the person>
    LIVES = "lives"  # <server>
    MEMBER_DRIFT = "member_drift"  # [<forest>/]<part>
    MOVED = "moved"  # <view of the address>
    REPORT = "report"  # <Entra id of the manager>/<view of the user>
    RUNS = "runs"  # <server>
    SCOPED = "scoped"  # <contributor>
    SERVED = "served"  # <view of the tenant>
    SUPERIOR = "superior"  # <SID of the manager>
    UNSCOPED = "unscoped"  # <contributor>

    def named(self, *rest: object) -> str:
        """The name of a contributor of this kind."""
        return "/".join((self.value, *map(str, rest)))


def prefixes(*kinds: ContributorKind) -> tuple[str, ...]:
    """How their contributors' names begin, for `str.startswith`: every look at a view asks this of every name."""
    return tuple(f"{contributor_kind.value}/" for contributor_kind in kinds)


EVENT_SLOTS = frozenset(
    {
        ContributorKind.EVENT,
        ContributorKind.LATEST,
        ContributorKind.AUDIT,
        ContributorKind.SIGN_IN,
        ContributorKind.CYCLE,
    }
)
OF_AD = frozenset({ContributorKind.AD, ContributorKind.MEMBER, ContributorKind.MANAGER})
"""Those that are named by an object of AD; of MANAGER, the ones with a forest."""
_KINDS = {str(contributor_kind): contributor_kind for contributor_kind in ContributorKind}
_BY_AD, _BY_MANAGER = prefixes(*OF_AD), prefixes(ContributorKind.MANAGER)


def kind_of_contributor(contributor: str) -> ContributorKind | None:
    """The kind; None for a linked attribute that no view reads, and for a name that is of no kind."""
    return _KINDS.get(contributor.partition("/")[0])


def rest_of(contributor: str) -> str:
    """What follows the kind."""
    return contributor.partition("/")[2]


def attribute_of(contributor: str) -> str:
    """The linked attribute, where the contributor is a link."""
    return contributor.partition("/")[0]


def last_of(contributor: str) -> str:
    """The last part of the rest, where that is one of several without slashes."""
    return contributor.rpartition("/")[2]


def forest_of(contributor: str) -> str | None:
    """The forest of an object of AD that contributes itself or one of its links; "" where an older version did not name
    it; None for any other contributor.
    """
    if not contributor.startswith(_BY_AD):
        return None
    forest = contributor.partition("@")[2]
    if not forest and contributor.startswith(_BY_MANAGER):  # Graph calls its link the same, and its users have none
        return None
    return forest


def link(attribute: str, identity: str) -> str:
    """The name under which an object contributes one of its links."""
    return f"{attribute}/{identity}"


def in_slot_of(slot: str, identity: str) -> str:
    """The slot of an event in a view that several objects share."""
    return f"{slot}@{identity}"


TENANT_STATE = ContributorKind.ENTRA.named("state")
