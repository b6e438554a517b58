"""The Winlogbeat of the lab's Connect server: ships its event log into a Kafka topic."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import orjson
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from deploy.lab.sync.event_log import Document, EventLog
from streams.contracts.errors import RetriableError, SyncHealthError
from streams.runtime.kafka import client_options, require_reachable
from streams.runtime.settings import KafkaConnection

TOPIC = "winlogbeat"
_READY_MS = 20_000
_BOOTSTRAP_MS = 10_000
_BLOCK_MS = 2_000
_FLUSH_S = 5.0


@contextlib.contextmanager
def shipping(log: EventLog, kafka: KafkaConnection, *, topic: str = TOPIC, own: bool = False) -> Iterator[None]:
    """Ship what `log` holds and everything it writes during the body; the topic is made before if it is absent.

    own: the topic must not be there yet, because others' events may stand in it, and is deleted at the end.

    Raises RetriableError: no Kafka there; SyncHealthError: `own`, and the topic exists. What cannot be delivered
    later is lost, as with a beat without a spool.
    """
    require_reachable(kafka)
    options = client_options(kafka, "synchealth-lab-winlogbeat")
    try:
        created = _create(options, topic)
        if own and not created:
            place = kafka.bootstrap_servers[0]
            raise SyncHealthError(f"Kafka at {place} has a topic {topic} already: use another Kafka")
        # The whole lab stands still while a send waits for the broker.
        producer = KafkaProducer(**options, acks="all", linger_ms=20, max_block_ms=_BLOCK_MS)
    except KafkaError as error:
        raise RetriableError(f"{kafka.bootstrap_servers[0]}: cannot ship events into {topic}: {error}") from error

    def ship(document: Document) -> None:
        with contextlib.suppress(KafkaError):
            producer.send(topic, orjson.dumps(document))

    try:
        for document in list(log.documents):
            ship(document)
        log.listen(ship)
        yield
    finally:
        log.forget(ship)
        with contextlib.suppress(KafkaError):
            producer.flush(_FLUSH_S)
        producer.close(timeout=_FLUSH_S)
        if own:
            _delete(options, topic)


def _create(options: dict[str, Any], topic: str) -> bool:
    """Whether the topic had to be made; it can be written to on return."""
    admin = KafkaAdminClient(**options, bootstrap_timeout_ms=_BOOTSTRAP_MS)
    try:
        if topic in set(admin.list_topics()):
            return False
        with contextlib.suppress(TopicAlreadyExistsError):
            admin.create_topics([NewTopic(name=topic, num_partitions=1, replication_factor=1)])
        admin.wait_for_topics([topic], timeout_ms=_READY_MS)
        return True
    finally:
        admin.close()


def _delete(options: dict[str, Any], topic: str) -> None:
    with contextlib.suppress(KafkaError):
        admin = KafkaAdminClient(**options, bootstrap_timeout_ms=_BOOTSTRAP_MS)
        try:
            admin.delete_topics([topic])
        finally:
            admin.close()
