"""Facts: one thing a source said about one object.

A fact is partial: `attributes` holds what changed, None for what was removed, unless `full` is set.
`seq` orders the facts of one source for ever, across restarts and servers; a replay repeats it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

from streams.contracts.events import Event


class Operation(StrEnum):
    """What happened. Everything but DELETED and LOGGED asserts that the object lives."""

    READ = "r"
    CREATED = "c"
    UPDATED = "u"
    DELETED = "d"
    RESTORED = "restore"
    LOGGED = "log"


class ObjectKind(StrEnum):
    """What an object is, in words both directories share."""

    USER = "user"
    GROUP = "group"
    CONTACT = "contact"
    DEVICE = "device"
    REGISTERED_DEVICE = "registered_device"  # the copy in AD of a device that was written back
    FOREST = "forest"
    CONTAINER = "container"
    OTHER = "other"


FOREST_KEYWORDS = "serviceConnectionPointKeywords"
"""On a fact of kind FOREST: the keywords of its service connection point; absent where there is none."""


FOREST_HEARD = "heardDateTime"
"""On a fact of kind FOREST of its own: every change that the directory had until then has been told (RFC 3339)."""


WRITEBACK_ENABLED = "writebackConfiguration/isEnabled"
"""On an Entra group: whether it is marked for writeback to AD (true) or against (false); absent: neither."""


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """The far end of a link: `id` is the objectGUID (AD) or the object id (Entra)."""

    id: str
    sid: str | None = None
    distinguished_name: str | None = None


class LinkChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one linked attribute changed. `complete`: `added` is the whole set, not an increment."""

    added: list[Link] = []
    removed: list[Link] = []
    complete: bool = False


class Fact(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing a source said about one object.

    object_id:  objectGUID (dashed, lower case; unique within its forest) or Entra object id. It chooses the partition:
                of an id that several worlds have, all lie in one.
    kind:       None where a partial fact does not tell (DirSync gives objectClass only on creation).
    seq:        strictly increasing per source; equal only for a replay of the same fact.
    ts_ms:      when the source read it (ms since the epoch, UTC).
    changed_ms: when it changed in the directory, as far as the directory tells; None if it does not.
    attributes: AD or Graph spelling -> str, bool, int, list[str], list[dict] or None (removed).
                AD: objectSid as S-1-…, mS-DS-ConsistencyGuid as base64, distinguishedName always there.
    links:      linked attributes (member, manager; members), never in `attributes`.
    full:       a complete statement: attributes that are not named here are not set.
    events:     of a LOGGED fact: what logs tell of the object; it says nothing of its state.
    """

    op: Operation
    object_id: str
    seq: int
    ts_ms: int
    kind: ObjectKind | None = None
    changed_ms: int | None = None
    attributes: dict[str, Any] = {}
    links: dict[str, LinkChange] = {}
    full: bool = False
    events: list[Event] = []


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which source speaks. `name` is unique in an installation, e.g. "ad/corp.contoso.local" or "entra/<tenant>".

    `forest` is None for Entra.
    """

    name: str
    side: Literal["ad", "entra"]
    tenant: str
    forest: str | None = None


class FactChunk(msgspec.Struct, frozen=True, tag_field="type", tag="facts", kw_only=True):
    """The facts of one page that share a partition: the unit of transport."""

    origin: Origin
    facts: list[Fact]
    schema_version: int = 1


class Watermark(msgspec.Struct, frozen=True, tag_field="type", tag="watermark", kw_only=True):
    """Sent to every partition of a change topic, behind the facts: the source was read whole once, and all that it had
    until `read_ms` has been told.

    said_ms: when this was said, by the same clock, so that its age is known of a clock that is wrong, too; 0: by an
        older version.
    part: "": everything a tenant is judged by; "devices": they, too, which may be read later or never.
    """

    origin: Origin
    read_ms: int
    said_ms: int = 0
    part: str = ""
    schema_version: int = 1

    @property
    def source(self) -> str:
        """What was read: "ad/<forest>", "entra/<tenant>" or "entra/<tenant>/devices"."""
        if self.origin.side == "ad":
            return forest_source(self.origin.forest or "", self.part)
        return cloud_source(self.origin.tenant, self.part)


_FOREST, _CLOUD = "ad/", "entra/"


def forest_source(forest: str, part: str = "") -> str:
    """The name of a forest among the sources that are read (Watermark)."""
    return f"{_FOREST}{forest}" + (f"/{part}" if part else "")


def cloud_source(tenant: str, part: str = "") -> str:
    """The name of the cloud among the sources that are read (Watermark)."""
    return f"{_CLOUD}{tenant}" + (f"/{part}" if part else "")


def forest_of_source(source: str) -> str | None:
    """The forest of a source; None for the cloud."""
    return source.removeprefix(_FOREST) if source.startswith(_FOREST) else None


class Forget(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="forget", kw_only=True):
    """An order to a partition of a change topic.

    ids: forget these objects, if they are dead (or `even_living`), and every link to them; sent to all partitions.
         None: look for those that have been dead for long enough.
    words: what else names whom they stand for (UPN, addresses, SID, anchor): events that hold them are forgotten, too.
    """

    ids: list[str] | None = None
    even_living: bool = False
    words: list[str] = []
    schema_version: int = 1


CLOUD_SYNC_JOB = "AD2AADProvisioning"
"""How the kinds of Cloud Sync's jobs from Active Directory begin."""


class Domain(msgspec.Struct, frozen=True, omit_defaults=True):
    """A domain of the tenant; `name` in lower case."""

    name: str
    is_verified: bool = True
    is_initial: bool = False
    is_default: bool = False
    authentication_type: str | None = None


class TenantState(msgspec.Struct, frozen=True, tag_field="type", tag="tenant", kw_only=True):
    """Everything known of a tenant at once (the topic is compacted by tenant id).

    Each part is None while unknown: not read yet, or the right to read it is missing.
    organization: the Graph entity's fields as they came; features: onPremisesSynchronization.features;
    privileged_ids: object ids that hold a directory role.
    object_identifiers: of users with a source anchor that are synchronised no longer: id -> onPremisesObjectIdentifier
        (beta), the objectGUID that the service has mapped them to; who has none is left out.
    collected: the first complete reading of users, groups and contacts is in Kafka; before, absence means nothing.
    devices_collected: the same for devices; stays False where the right to read them is missing.
    managers_since_ms: since when it is known that delta tells of managers, as not every tenant saw it do; 0: not yet.
    synchronization: onPremisesSynchronization without its features: deletion_prevention, deletion_threshold,
        client_version, interval_s, anchor_attribute (beta), as far as they were told.
    jobs: the synchronization jobs of Cloud Sync, each {id, kind, service_principal, state, code, quarantine_reason,
        quarantine_since, quarantine_error, failures, last_run, last_success, escrowed, deletion_threshold, forest,
        groups (by whose members it is scoped)}; times RFC 3339, unset: absent.
    refused: probe -> what Graph answered, for each part that we may not read.
    """

    tenant: str
    seq: int
    ts_ms: int
    schema_version: int = 1
    domains: list[Domain] | None = None
    organization: dict[str, Any] | None = None
    features: dict[str, bool | None] | None = None
    privileged_ids: list[str] | None = None
    collected: bool = False
    devices_collected: bool = False
    managers_since_ms: int = 0
    synchronization: dict[str, Any] | None = None
    jobs: list[dict[str, Any]] | None = None
    refused: dict[str, str] = {}
    object_identifiers: dict[str, str] | None = None
