"""Writing to Kafka: the only kafka-python producer of the product."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    ClusterAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
)

from streams.contracts.errors import FatalError, RetriableError
from streams.runtime.kafka import client_options, producer_options, require_reachable
from streams.runtime.kafka_ping import built
from streams.runtime.settings import KafkaConnection

# A topic that got other partitions is noticed within this time; kafka-python asks every five minutes by itself.
_LAYOUT_MS = 30_000
_FATAL = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError, SaslAuthenticationFailedError)


class TopicWriter:
    """Idempotent, acknowledged by all in-sync replicas, compressed. Connects with the first record; not thread-safe.

    Every method raises RetriableError while Kafka cannot be reached, and FatalError where it refuses us. After a
    RetriableError everything since the last `flush` must be sent again: the idempotent producer behind it is given up,
    and a fresh one may repeat what had arrived.
    """

    def __init__(self, kafka: KafkaConnection, client_id: str, *, timeout_s: float = 30.0) -> None:
        self._kafka = kafka
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._producer: Any = None
        self._sent: list[Any] = []

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Take a record; nothing counts as sent before `flush` has returned. partition: None: as the key says."""
        more = {"headers": list(headers)} if headers else {}
        try:
            self._sent.append(self._connected().send(topic, value, key=key, partition=partition, **more))
        except MessageSizeTooLargeError as error:
            raise FatalError(f"{topic}: a record of {len(value or b'')} bytes is too large for Kafka") from error
        except KafkaError as error:
            raise self._given_up(error) from error

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        try:
            return len(self._connected().partitions_for(topic))
        except KafkaError as error:
            raise self._given_up(error, f"; does {topic} exist? (`synchealth topics create`)") from error

    def flush(self) -> None:
        """Return once Kafka has acknowledged every record."""
        sent, self._sent = self._sent, []
        if not sent:
            return
        try:
            self._producer.flush(timeout=self._timeout_s)
            for future in sent:
                future.get(timeout=0)
        except KafkaError as error:
            raise self._given_up(error) from error

    def close(self) -> None:
        """Let go of the connections; what was not flushed is dropped."""
        producer, self._producer, self._sent = self._producer, None, []
        if producer is None:
            return
        try:
            producer.close(timeout=0)
        except KafkaError:
            # kafka-python 3.0.12 flushes first and, where that fails, leaves its thread and sockets behind.
            producer._sender.force_close()  # noqa: SLF001

    def _connected(self) -> Any:
        if self._producer is None:
            require_reachable(self._kafka)
            options = client_options(self._kafka, self._client_id) | producer_options()
            # Fail after half a minute rather than two: whoever writes retries with the same records anyway.
            limit_ms = int(self._timeout_s * 1000)
            options |= {"max_block_ms": limit_ms, "delivery_timeout_ms": limit_ms, "bootstrap_timeout_ms": limit_ms}
            options |= {"request_timeout_ms": limit_ms - 1000, "allow_auto_create_topics": False}
            options |= {"metadata_max_age_ms": _LAYOUT_MS}
            self._producer = built(self._kafka, KafkaError, lambda: KafkaProducer(**options))
        return self._producer

    def _given_up(self, error: BaseException, hint: str = "") -> RetriableError | FatalError:
        """The error to raise; the producer goes, because an idempotent one may not go on after a loss."""
        self.close()
        # Each refused connection of kafka-python 3.0.12 leaves an open socket in a reference cycle.
        gc.collect()
        where = ", ".join(self._kafka.bootstrap_servers)
        if isinstance(error, _FATAL):
            return FatalError(f"Kafka at {where} refuses us ({type(error).__name__}): grant the writer its rights")
        if isinstance(error, IllegalStateError):
            return RetriableError(f"the producer of Kafka at {where} had to be given up")
        return RetriableError(f"Kafka at {where} did not take the records ({type(error).__name__}: {error}){hint}")
