"""Names of contributors: who says something to a view. "<speaker>/<rest>", made and read here and nowhere else.

A contributor is one within its view, and its newest word stands. The rest of the name tells it from others of its kind;
what `Speaker` says of it is all that may be read from it.
"""

from __future__ import annotations

from enum import StrEnum


class Speaker(StrEnum):
    """What speaks: the first part of a contributor's name, and what the rest is."""

    # Objects: "<objectGUID>@<forest>", or the id in the cloud; TENANT_STATE is one of the cloud.
    AD = "ad"
    ENTRA = "entra"
    # Links of an object, by their attribute: the object. Other attributes speak, too, and no view listens.
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
    # What else views tell each other.
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


def prefixes(*speakers: Speaker) -> tuple[str, ...]:
    """How their contributors' names begin, for `str.startswith`: every look at a view asks this of every name."""
    return tuple(f"{speaker.value}/" for speaker in speakers)


EVENT_SLOTS = frozenset({Speaker.EVENT, Speaker.LATEST, Speaker.AUDIT, Speaker.SIGN_IN, Speaker.CYCLE})
OF_AD = frozenset({Speaker.AD, Speaker.MEMBER, Speaker.MANAGER})
"""Those that are named by an object of AD; of MANAGER, the ones with a forest."""
_SPEAKERS = {str(speaker): speaker for speaker in Speaker}
_BY_AD, _BY_MANAGER = prefixes(*OF_AD), prefixes(Speaker.MANAGER)


def speaker_of(contributor: str) -> Speaker | None:
    """What speaks; None for a linked attribute that no view knows, and for a name that is none of these."""
    return _SPEAKERS.get(contributor.partition("/")[0])


def rest_of(contributor: str) -> str:
    """What follows the speaker."""
    return contributor.partition("/")[2]


def attribute_of(contributor: str) -> str:
    """The linked attribute, where the contributor is a link."""
    return contributor.partition("/")[0]


def last_of(contributor: str) -> str:
    """The last part of the rest, where that is one of several without slashes."""
    return contributor.rpartition("/")[2]


def forest_of(contributor: str) -> str | None:
    """The forest of an object of AD that speaks for itself or one of its links; "" where an older version did not name
    it; None for any other contributor.
    """
    if not contributor.startswith(_BY_AD):
        return None
    forest = contributor.partition("@")[2]
    if not forest and contributor.startswith(_BY_MANAGER):  # Graph calls its link the same, and its users have none
        return None
    return forest


def link(attribute: str, identity: str) -> str:
    """The name under which an object speaks for one of its links."""
    return f"{attribute}/{identity}"


def in_slot_of(slot: str, identity: str) -> str:
    """The slot of an event in a view that several objects share."""
    return f"{slot}@{identity}"


TENANT_STATE = Speaker.ENTRA.named("state")
