"""The rights in Kafka that each role needs, and no more: as commands to grant them, and against what Kafka grants.

Source: Apache Kafka documentation, "Authorization and ACLs" (operations of each request; Write on a topic implies
idempotent writes since 3.0; Read and Write imply Describe); KIP-430 (authorized operations in describe answers).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from producers.topics import administered, operations_on_group
from streams.contracts.topics import (
    ACTIONS,
    AD_CHANGES,
    AD_OBJECTS,
    CHECKPOINTS,
    DEADLETTERS,
    ENTRA_AUDITS,
    ENTRA_CHANGES,
    ENTRA_OBJECTS,
    ENTRA_TENANT,
    FINDINGS,
    SERVER_EVENTS,
    TOPICS,
    VIEW_STATES,
    VIEWS,
    Topic,
)
from streams.runtime.settings import KafkaSettings, Settings

Role = Literal["producer", "worker", "exporter", "desk", "notify", "reader", "admin"]
ROLES: tuple[Role, ...] = ("producer", "worker", "exporter", "desk", "notify", "reader", "admin")
"""reader: the command line (findings, explain, funnel); admin: topics, reevaluate, resync, forget, redrive;
desk: also ack, assign, … at a command line that asks no desk."""

_FACTS = (AD_CHANGES, ENTRA_CHANGES, ENTRA_AUDITS, ENTRA_TENANT, SERVER_EVENTS)
_STATES = (AD_OBJECTS, ENTRA_OBJECTS, VIEW_STATES)
_READS: dict[Role, tuple[Topic, ...]] = {
    "producer": (CHECKPOINTS,),
    "worker": (*_FACTS, VIEWS, CHECKPOINTS, *_STATES),  # the latter says whose the topics are
    "exporter": (FINDINGS, ACTIONS, DEADLETTERS),
    # How fresh everything is, the timeline of a finding, an object in both directories.
    "desk": (*_FACTS, VIEWS, AD_OBJECTS, ENTRA_OBJECTS, FINDINGS, ACTIONS, DEADLETTERS, CHECKPOINTS),
    "notify": (*_FACTS, VIEWS, FINDINGS, ACTIONS, DEADLETTERS, CHECKPOINTS),  # how fresh everything is, too
    "reader": (*_FACTS, VIEWS, *_STATES, FINDINGS, DEADLETTERS, CHECKPOINTS),  # funnel counts the rows of views
    "admin": TOPICS,
}
_WRITES: dict[Role, tuple[Topic, ...]] = {
    "producer": tuple(topic for topic in TOPICS if "producer" in topic.writers),
    "worker": tuple(topic for topic in TOPICS if "worker" in topic.writers),
    "desk": tuple(topic for topic in TOPICS if "desk" in topic.writers),
    "notify": (ACTIONS,),  # what people say in tickets
    "admin": TOPICS,
}
_LAYOUT: tuple[Role, ...] = ("worker",)  # looks at the layout of every topic before it begins
_GROUP: dict[Role, str] = {"worker": "Read", "desk": "Describe", "notify": "Describe", "reader": "Describe"}
_DENIED = frozenset({29, 30})  # TOPIC_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED


class Grant(NamedTuple):
    """Operations on one topic or group."""

    kind: Literal["topic", "group"]
    name: str
    operations: tuple[str, ...]


def event_topics(settings: Settings) -> list[str]:
    """Topics of our own Kafka that others fill with events."""
    return [topic for table in settings.eventlog if not table.bootstrap_servers for topic in table.topics]


def grants(role: Role, group: str, events: Sequence[str] = ()) -> list[Grant]:
    """Everything that `role` needs; `group`: of the workers; `events`: topics of others in the same Kafka."""
    found = []
    for topic in TOPICS:
        operations = []
        if topic in _READS.get(role, ()):
            operations.append("Read")
        if topic in _WRITES.get(role, ()):
            operations.append("Write")
        if operations and role == "admin":
            operations += ["Create", "DescribeConfigs"]
        if operations or role in _LAYOUT:
            found.append(Grant("topic", topic.name, (*operations, "Describe")))
    if role == "producer":
        found += [Grant("topic", name, ("Read", "Describe")) for name in events]
    if role in _GROUP:
        found.append(Grant("group", group, (_GROUP[role],)))
    return found


def command(grant: Grant, principal: str, kafka: KafkaSettings) -> str:
    """The command of Kafka's own tool that grants it."""
    server = kafka.bootstrap_servers[0]
    arguments = ["kafka-acls.sh", "--bootstrap-server", server, "--command-config", "admin.properties"]
    arguments += ["--add", "--allow-principal", f"User:{principal}"]
    for operation in grant.operations:
        arguments += ["--operation", operation]
    return shlex.join([*arguments, f"--{grant.kind}", grant.name])


def missing(kafka: KafkaSettings, roles: Iterable[Role], group: str, events: Sequence[str] = ()) -> list[Grant]:
    """The grants that `roles` need and our principal lacks, merged; empty where a broker does not tell.

    Topics that do not exist yet are left out. Raises RetriableError while Kafka is away.
    """
    needed: dict[tuple[Literal["topic", "group"], str], set[str]] = {}
    for grant in (each for role in roles for each in grants(role, group, events)):
        needed.setdefault((grant.kind, grant.name), set()).update(grant.operations)
    with administered(kafka) as admin:
        allowed = _allowed(admin, [name for kind, name in needed if kind == "topic"], group)
    lacking = []
    for (kind, name), operations in needed.items():
        have = allowed.get((kind, name))
        lack = tuple(each for each in sorted(operations) if have is not None and _plain(each) not in have)
        if lack:
            lacking.append(Grant(kind, name, lack))
    return lacking


def _allowed(admin: Any, topics: Sequence[str], group: str) -> dict[tuple[str, str], set[str]]:
    """Topic or group -> the operations that we may do; no entry where the broker does not tell."""
    return dict(_allowed_topics(admin, topics)) | dict(_allowed_group(admin, group))


def _allowed_topics(admin: Any, topics: Sequence[str]) -> Iterator[tuple[tuple[str, str], set[str]]]:
    for found in admin.describe_topics(list(topics)):
        granted = found.get("authorized_operations")
        if found.get("error_code") in _DENIED:
            yield ("topic", found["name"]), set()
        elif granted and not found.get("error_code"):
            yield ("topic", found["name"]), {_plain(each) for each in granted}


def _allowed_group(admin: Any, group: str) -> Iterator[tuple[tuple[str, str], set[str]]]:
    granted = operations_on_group(admin, group)
    if granted is not None:
        yield ("group", group), {_plain(each) for each in granted}


def _plain(operation: str) -> str:
    return operation.replace("_", "").lower()
