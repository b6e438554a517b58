"""A Kafka that does not answer is said at once, with what was tried."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.certificates import issue
from streams.contracts.errors import RetriableError
from streams.runtime.kafka_ping import KafkaUnreachableError, built, require_answer
from streams.runtime.settings import KafkaSettings


@pytest.fixture
def stranger() -> Iterator[str]:
    """A server that accepts and says something that is not Kafka's."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(100)
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def failure(kafka: KafkaSettings) -> str:
    with pytest.raises(KafkaUnreachableError) as raised:
        require_answer(kafka, 0.3)
    return str(raised.value)


def test_each_server_is_named_with_its_reason(nobody: str, stranger: str) -> None:
    said = failure(KafkaSettings(bootstrap_servers=[nobody, stranger, "no-port"]))
    assert f"{nobody}: connection refused" in said
    assert f"{stranger}: does not answer as Kafka does with PLAINTEXT" in said
    assert "no-port: not HOST:PORT" in said


def test_one_that_is_silent(nobody: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = f"127.0.0.1:{server.getsockname()[1]}"
        assert f"{silent}: accepts a connection, but does not answer" in failure(
            KafkaSettings(bootstrap_servers=[silent])
        )


def test_tls_that_fails(stranger: str, tmp_path: Path) -> None:
    ca_file = issue(tmp_path, ["localhost"]).ca_file
    said = failure(KafkaSettings(bootstrap_servers=[stranger], security_protocol="SSL", ca_file=ca_file))
    assert f"{stranger}: TLS failed (" in said


class Unable(Exception):
    """What a library says to everything."""


def unable() -> None:
    raise Unable("Unable to bootstrap")


@pytest.fixture
def kafka() -> Iterator[str]:
    """A server that answers the first question as Kafka does, and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(100)
                        connection.sendall(struct.pack(">ii", 6, 1) + bytes(2))
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def why(**table: Any) -> str:
    with pytest.raises(RetriableError) as raised:
        built(KafkaSettings(**table), Unable, unable)
    assert raised.value.__cause__ is None, "the library's own words, which may hold anything, are not chained"
    return str(raised.value)


def test_a_client_that_cannot_be_built_names_the_cause(nobody: str, kafka: str, tmp_path: Path) -> None:
    assert "connection refused" in why(bootstrap_servers=[nobody])
    user = {"sasl_mechanism": "PLAIN", "sasl_username": "reader", "sasl_password": "wrong"}
    said = why(bootstrap_servers=[kafka], security_protocol="SASL_PLAINTEXT", **user)
    assert "does not let 'reader' in" in said and "sasl_password" in said and "wrong" not in said
    assert "TLS failed" in why(bootstrap_servers=[kafka], security_protocol="SSL")
    assert "check security_protocol" in why(bootstrap_servers=[kafka])


def test_what_is_no_refusal_is_not_explained_away(nobody: str) -> None:
    with pytest.raises(Unable):
        built(KafkaSettings(bootstrap_servers=[nobody]), ZeroDivisionError, unable)
