from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Gauge

from sinks.listener import Listener
from streams.contracts.errors import FatalError


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", *(["::1"] if ipv6() else [])])
def test_its_pages(host: str) -> None:
    registry = CollectorRegistry()
    Gauge("a_gauge", "A gauge.", registry=registry).set(3)
    missing: list[str | None] = ["still reading"]
    listener = Listener(host, 0, registry, lambda: missing[0])
    base = listener.url.removesuffix("/metrics")
    try:
        assert "a_gauge 3.0" in get(listener.url)[1]
        assert get(f"{base}/-/healthy") == (200, "ok\n")
        assert get(f"{base}/-/ready") == (503, "still reading\n")
        missing[0] = None
        assert get(f"{base}/-/ready") == (200, "ok\n")
        assert get(f"{base}/")[0] == 200
        assert get(f"{base}/nothing")[0] == 404
    finally:
        listener.close()


def test_a_taken_address_is_an_error_that_names_the_setting() -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        with pytest.raises(FatalError, match=r"\[metrics\] host and port"):
            Listener("127.0.0.1", squatter.getsockname()[1], CollectorRegistry(), lambda: None)
