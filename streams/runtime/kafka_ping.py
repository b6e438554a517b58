"""Whether a Kafka answers, asked before a client is built: in seconds, and with the reason for each server."""

from __future__ import annotations

import gc
import socket
import ssl
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from streams.contracts.errors import RetriableError
from streams.runtime.kafka import ssl_context
from streams.runtime.settings import KafkaConnection

# ApiVersions, version 0 (Kafka protocol guide, "Api Keys": 18): answered on every listener, before SASL too.
_REQUEST = struct.pack(">hhih", 18, 0, 1, -1)
_LONGEST_ANSWER = 1 << 20

T = TypeVar("T")


class KafkaUnreachableError(RetriableError):
    """None of the bootstrap servers answers as Kafka; the message says how each one failed."""


def require_answer(kafka: KafkaConnection, within_s: float = 2.5) -> None:
    """Return if one of the bootstrap servers answers. Raises KafkaUnreachableError after at most `within_s`."""
    servers = kafka.bootstrap_servers
    pool = ThreadPoolExecutor(max(1, len(servers)))
    try:
        failures = list(pool.map(lambda server: _failure(kafka, server, within_s), servers))
    finally:
        pool.shutdown(wait=False)
    if None in failures:
        return
    tried = "; ".join(f"{server}: {failure}" for server, failure in zip(servers, failures, strict=True))
    raise KafkaUnreachableError(f"no Kafka answers ({tried}): check [kafka] bootstrap_servers and security_protocol")


def built(kafka: KafkaConnection, refused: type[Exception], build: Callable[[], T]) -> T:
    """The client that `build` makes, and no socket of one that it could not make.

    refused: what the library raises. Raises RetriableError with the cause: a wrong password, an authority that is not
    trusted and a wrong protocol are one and the same "unable to bootstrap" to the libraries.
    """
    try:
        return build()
    except refused as error:
        where = ", ".join(kafka.bootstrap_servers)
        why = cause(kafka, error)
        failure = RetriableError(f"Kafka at {where}: {why}")
    gc.collect()  # each refused connection of kafka-python 3.0.12 leaves an open socket in a reference cycle
    raise failure


def cause(kafka: KafkaConnection, error: BaseException) -> str:
    """Why no client comes to be, and what to mend; libraries say "unable to bootstrap" to all of it."""
    try:
        require_answer(kafka)
    except KafkaUnreachableError as unreachable:
        return str(unreachable)
    if kafka.security_protocol.startswith("SASL"):
        return (
            f"it answers, but does not let {kafka.sasl_username!r} in ({type(error).__name__}): check sasl_username, "
            f"sasl_password, and whether the user may log in by sasl_mechanism {kafka.sasl_mechanism}"
        )
    return (
        f"it answers, but serves no client ({type(error).__name__}: {error}): check security_protocol, and "
        "certificate_file if it wants one"
    )


def _failure(kafka: KafkaConnection, server: str, within_s: float) -> str | None:
    """How this server failed; None if it answers as Kafka does."""
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        connection = socket.create_connection((host, int(port)), within_s)
    except ValueError:
        return "not HOST:PORT"
    except TimeoutError:
        return "timed out"
    except ConnectionRefusedError:
        return "connection refused"
    except OSError as error:
        return error.strerror or str(error)
    with connection:
        return _spoken(kafka, connection, host)


def _spoken(kafka: KafkaConnection, connection: socket.socket, host: str) -> str | None:
    try:
        if kafka.security_protocol in {"SSL", "SASL_SSL"}:
            connection = ssl_context(kafka).wrap_socket(connection, server_hostname=host)
    except (ssl.SSLError, OSError) as error:
        return f"TLS failed ({getattr(error, 'verify_message', None) or getattr(error, 'reason', None) or error})"
    with connection:
        return _said(connection, kafka.security_protocol)


def _said(connection: socket.socket, protocol: str) -> str | None:
    try:
        connection.sendall(struct.pack(">i", len(_REQUEST)) + _REQUEST)
        head = _exactly(connection, 8)
    except TimeoutError:
        return "accepts a connection, but does not answer"
    except OSError:
        head = b""
    if len(head) == 8:
        length, number = struct.unpack(">ii", head)
        if number == 1 and 0 < length < _LONGEST_ANSWER:
            return None
    return f"does not answer as Kafka does with {protocol}"


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            break
        found += part
    return found
