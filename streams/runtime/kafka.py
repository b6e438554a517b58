"""Options of Kafka's clients, from settings: one place for security and delivery."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from streams.contracts.errors import RetriableError
from streams.runtime.settings import KafkaConnection


def connection_options(kafka: KafkaConnection) -> dict[str, Any]:
    """Address and security options; kafka-python and aiokafka spell them alike."""
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol in {"SSL", "SASL_SSL"}:
        options["ssl_context"] = ssl_context(kafka)
    if kafka.sasl_mechanism and kafka.sasl_password:
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password.get_secret_value(),
        }
    return options


def client_options(kafka: KafkaConnection, client_id: str) -> dict[str, Any]:
    """Options that producers, consumers and admin clients of kafka-python share."""
    return connection_options(kafka) | {"client_id": client_id}


def require_reachable(kafka: KafkaConnection, timeout_s: float = 5.0) -> None:
    """Return if one of the bootstrap servers accepts a connection. Raises RetriableError.

    Ask before building a client: the constructors of kafka-python 3.0.12 leave several sockets open behind
    each failure, until the garbage collector finds them.
    """
    failures = []
    for server in kafka.bootstrap_servers:
        host, _, port = server.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
        except (OSError, ValueError) as error:
            failures.append(f"{server} ({error})")
        else:
            return
    raise RetriableError(f"no Kafka at {', '.join(failures)}: check bootstrap_servers, or wait")


def ssl_context(kafka: KafkaConnection) -> ssl.SSLContext:
    """A verifying TLS context, with a client certificate where one is set."""
    context = ssl.create_default_context(cafile=str(kafka.ca_file) if kafka.ca_file else None)
    if kafka.certificate_file:
        context.load_cert_chain(str(kafka.certificate_file), str(kafka.key_file) if kafka.key_file else None)
    return context


def producer_options() -> dict[str, Any]:
    """Durable delivery: acknowledged by all in-sync replicas, idempotent, compressed."""
    return {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": "lz4",
        "linger_ms": 5,
        "max_request_size": 4 * 1024 * 1024,
        "batch_size": 512 * 1024,
    }
