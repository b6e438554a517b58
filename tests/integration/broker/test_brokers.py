"""Both brokers: they answer, keep or forget data as promised, and never outlive who started them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

from deploy.broker import Broker, BrokerError, kafka, tansu
from tests.support.brokers import require_kafka

Start = Callable[[], AbstractContextManager[Broker]]


@pytest.fixture(scope="module")
def real_kafka() -> None:
    require_kafka()


def write(bootstrap: str, topic: str, values: list[bytes]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name=topic, num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    for value in values:
        producer.send(topic, value).get(10)
    producer.close()


def read(bootstrap: str, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=3000)
    values = [record.value for record in consumer]
    consumer.close()
    return values


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def test_tansu_answers_and_is_gone_after_the_block() -> None:
    with tansu() as broker:
        write(broker.bootstrap, "t", [b"1", b"2"])
        assert read(broker.bootstrap, "t") == [b"1", b"2"]
    assert not alive(broker.pid)


@pytest.mark.usefixtures("real_kafka")
def test_kafka_keeps_its_data_over_a_restart(tmp_path: Path) -> None:
    with kafka(tmp_path) as first:
        write(first.bootstrap, "t", [b"1", b"2"])
    assert not alive(first.pid)
    with kafka(tmp_path) as second:
        assert read(second.bootstrap, "t") == [b"1", b"2"]


def test_a_taken_port_is_named() -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} .* is taken"), tansu(port):
            pass


def test_missing_java_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(BrokerError, match="Java 17"), kafka():
        pass


def test_missing_maven_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "java").write_text("#!/bin/sh\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(BrokerError, match="apt-get install maven"), kafka():
        pass


def test_a_broker_dies_with_the_process_that_started_it() -> None:
    program = (
        "import time\nfrom deploy.broker import tansu\n"
        "with tansu() as broker:\n    print(broker.pid, flush=True)\n    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        if not alive(pid):
            break
        time.sleep(0.05)
    assert not alive(pid)
