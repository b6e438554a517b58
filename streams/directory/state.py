"""One directory object as its facts tell it (streams.directory.fold): registers with their sequence numbers."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from streams.contracts.events import Event
from streams.contracts.facts import ObjectKind, Origin


class Vanished(msgspec.Struct, frozen=True, array_like=True):
    """Of an attribute that is not set: the last value that was told, by which fact, and the newest fact that took it.

    told: 0: none was ever told. taken: 0: nobody said so, a complete statement just lacks it, as it would if we might
    not read it any more.
    """

    told: int
    taken: int
    value: str | None

    @property
    def cleared(self) -> bool:
        """Whether the directory itself said that the value was removed."""
        return self.value is not None and self.taken > self.told


class ObjectState(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The current state of one object.

    base:     seq of the newest complete statement; every attribute is at least that new.
    seqs:     attribute -> seq, where newer than `base`; a removed attribute stays here.
    life_seq: seq of the fact that decided `alive`.
    restored_seq: seq of the newest restoration from the deleted objects; links older than it are gone.
    seq:      the highest seq folded in: the version of everything derived from this state.
    changed_ms: when the newest fact changed, or was read.
    first_ms:   when the oldest fact of which we know changed, or was read; created_ms: when it was created before our
                eyes, 0 if it was there before.
    revived_ms: when it last came back from death before our eyes; 0: never. For lateness only.
    changed:    attribute -> when its value last changed (ms), as far as we saw it change. For lateness only: facts that
                overtake each other may leave it a little off.
    events:     slot -> the newest event of it (streams.directory.event_slots), from LOGGED facts.
    link_buckets: which link rows of this object exist (streams.directory.links).
    member_counts: link row -> how many members stand in it; rows without any are left out.
    vanished:   of AD, attribute that flows -> what was its last value (streams.contracts.flows).
    links_base: linked attribute ("*": any other) -> seq of the newest complete statement of its links.
    namesake: another world knew this id first; only the names of rows tell (streams.directory.links).
    has_members: of a group, whether its newest word on members leaves it any; None: unknown, as after a removal, which
                may have been the last one. members_seq: the seq of that word.
    """

    object_id: str
    side: Literal["ad", "entra"]
    tenant: str
    forest: str | None = None
    kind: ObjectKind | None = None
    kind_seq: int = 0
    attributes: dict[str, Any] = {}
    base: int = 0
    seqs: dict[str, int] = {}
    alive: bool = True
    life_seq: int = 0
    restored_seq: int = 0
    seq: int = 0
    changed_ms: int = 0
    first_ms: int = 0
    created_ms: int = 0
    revived_ms: int = 0
    changed: dict[str, int] = {}
    events: dict[str, Event] = {}
    vanished: dict[str, Vanished] = {}
    link_buckets: list[str] = []
    member_counts: dict[str, int] = {}
    links_base: dict[str, int] = {}
    namesake: bool = False
    has_members: bool | None = None
    members_seq: int = 0

    @property
    def identity(self) -> str:
        """Its name among all objects of a tenant: a GUID is unique within its forest only."""
        return identity_of(self.object_id, self.forest)

    def text(self, name: str) -> str | None:
        """A single-valued attribute as text; None if it is unset or empty."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) and value else None

    def texts(self, name: str) -> list[str]:
        """A multi-valued attribute as a list of texts; [] if it is unset."""
        value = self.attributes.get(name)
        if isinstance(value, str):
            return [value]
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def identity_of(object_id: str, forest: str | None) -> str:
    """The name of an AD object among those of all forests: "<objectGUID>@<forest>"; of an Entra object its id."""
    return f"{object_id}@{forest}" if forest else object_id


def new_state(origin: Origin, object_id: str) -> ObjectState:
    """The state of an object nobody has spoken of yet."""
    return ObjectState(object_id=object_id, side=origin.side, tenant=origin.tenant, forest=origin.forest)
