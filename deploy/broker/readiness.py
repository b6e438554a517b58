"""Whether a broker answers: a real metadata request, as every client makes first."""

from __future__ import annotations

import logging
import socket

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

_KAFKA_LOGGER = logging.getLogger("kafka")


def answers_metadata(bootstrap: str, within_s: float = 3.0) -> bool:
    """Return whether `bootstrap` (`host:port`) answers a metadata request naming a live broker."""
    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1.0).close()
    except OSError:
        return False
    level = _KAFKA_LOGGER.level
    _KAFKA_LOGGER.setLevel(logging.CRITICAL)  # "not ready yet" is the expected answer here
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap,
            bootstrap_timeout_ms=int(within_s * 1000),
            request_timeout_ms=int(within_s * 1000),
        )
        try:
            return bool(admin.describe_cluster()["brokers"])
        finally:
            admin.close()
    except (KafkaError, OSError):
        return False
    finally:
        _KAFKA_LOGGER.setLevel(level)
