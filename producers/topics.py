"""Create the topics, and say whether what exists is as it must be (`synchealth topics create|check`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from streams.contracts.errors import RetriableError
from streams.contracts.topics import TOPICS, Topic
from streams.runtime.kafka import client_options, require_reachable
from streams.runtime.kafka_ping import built, cause
from streams.runtime.settings import KafkaSettings

_READY_MS = 20_000
_BOOTSTRAP_MS = 10_000
_SIZE = "max.message.bytes"  # with less, a large row ends its worker, for ever
# What would lose records that nobody has read yet.
_COMPARED = ("cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type")


def create(kafka: KafkaSettings) -> list[str]:
    """Create the topics that do not exist yet and return their names.

    Existing ones are left alone; `check` judges them. Raises RetriableError while Kafka is away.
    """
    with administered(kafka) as admin:
        missing = [topic for topic in TOPICS if topic.name not in set(admin.list_topics())]
        for topic in missing:
            new = NewTopic(
                name=topic.name,
                num_partitions=_partitions(topic, kafka),
                replication_factor=kafka.replication_factor,
                topic_configs=topic.configuration(),
            )
            try:
                admin.create_topics([new])
            except TopicAlreadyExistsError:
                continue  # another one was faster
        if missing:
            admin.wait_for_topics([topic.name for topic in missing], timeout_ms=_READY_MS)
        return [topic.name for topic in missing]


def delete(kafka: KafkaSettings, names: Sequence[str]) -> None:
    """Delete topics, records and all: for demos and tests. Raises RetriableError while Kafka is away."""
    with administered(kafka) as admin:
        admin.delete_topics(list(names))


def check(kafka: KafkaSettings) -> list[str]:
    """One sentence per fault of the topics, each with what to do; empty if all is well.

    Raises RetriableError while Kafka is away.
    """
    with administered(kafka) as admin:
        existing = set(admin.list_topics())
        missing = [topic for topic in TOPICS if topic.name not in existing]
        present = [topic for topic in TOPICS if topic.name in existing]
        faults = [f"{topic.name}: does not exist; run `synchealth topics create`" for topic in missing]
        layouts = {found["name"]: found["partitions"] for found in admin.describe_topics([t.name for t in present])}
        for topic in present:
            faults += _layout_faults(topic, layouts[topic.name], kafka)
            faults += _configuration_faults(topic, _configuration(admin, topic))
        return faults


def _layout_faults(topic: Topic, partitions: list[dict[str, Any]], kafka: KafkaSettings) -> list[str]:
    faults = []
    expected = _partitions(topic, kafka)
    if len(partitions) != expected:
        faults.append(
            f"{topic.name}: has {len(partitions)} partitions, not {expected}; records would meet the wrong worker: "
            "correct [kafka] partitions, or delete the topic and run `synchealth topics create`"
        )
    replicas = min((len(partition["replica_nodes"]) for partition in partitions), default=0)
    if replicas < kafka.replication_factor:
        faults.append(
            f"{topic.name}: has {replicas} replicas, not {kafka.replication_factor}; "
            "reassign its partitions, or lower [kafka] replication_factor"
        )
    return faults


def _configuration_faults(topic: Topic, found: dict[str, str] | None) -> list[str]:
    if found is None:
        return []
    if not found:
        return [f"{topic.name}: this broker does not tell a topic's settings; cleanup.policy cannot be checked"]
    return [
        f"{topic.name}: {name} is {found.get(name)}, not {value}; "
        f"run kafka-configs --alter --topic {topic.name} --add-config {name}={value}"
        for name, value in topic.configuration().items()
        if (name in _COMPARED and found.get(name) != value) or (name == _SIZE and _smaller(found.get(name), value))
    ]


def _smaller(found: str | None, wanted: str) -> bool:
    return found is not None and found.isdecimal() and int(found) < int(wanted)


def _configuration(admin: Any, topic: Topic) -> dict[str, str] | None:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
    try:
        described = admin.describe_configs([resource], config_filter="all")
    except TopicAuthorizationFailedError:
        return None  # the administrator's to look at
    return {name: entry["value"] for name, entry in described.get("topic", {}).get(topic.name, {}).items()}


def _partitions(topic: Topic, kafka: KafkaSettings) -> int:
    return topic.partitions or kafka.partitions


def operations_on_group(admin: Any, group: str) -> list[str] | None:
    """What `admin`'s principal may do with a consumer group: nothing where it may not even ask; None: nobody knows."""
    try:
        described = admin.describe_groups([group], include_authorized_operations=True)
    except GroupAuthorizationFailedError:
        return []
    except Exception:  # noqa: BLE001 - a broker that knows no such question: not known is not refused
        return None
    found = described.get(group, {}) if isinstance(described, dict) else {}
    return found.get("authorized_operations") or None


class administered:
    """An admin client whose Kafka errors become ours."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._client: Any = None

    def __enter__(self) -> Any:
        require_reachable(self._kafka)
        options = client_options(self._kafka, "synchealth-topics") | {"bootstrap_timeout_ms": _BOOTSTRAP_MS}
        self._client = built(self._kafka, KafkaError, lambda: KafkaAdminClient(**options))
        return self._client

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._client.close()
        if isinstance(error, KafkaError):
            raise self._unreachable(error) from error

    def _unreachable(self, error: KafkaError) -> RetriableError:
        where = ", ".join(self._kafka.bootstrap_servers)
        return RetriableError(f"Kafka at {where} cannot be asked for its topics: {cause(self._kafka, error)}")
