"""On a Kafka with TLS, SCRAM and ACLs: every role works with the rights that are printed, and with no others."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer

from deploy.cli.check.kafka import check_kafka, check_rights
from deploy.cli.check.line import Mark
from producers import acls, topics
from producers.acls import Role, grants
from producers.checkpoint import load_checkpoints
from producers.publisher import KafkaPublisher
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import FatalError, RetriableError
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin
from streams.contracts.topics import ACTIONS, DEADLETTERS, FINDINGS, TOPICS, VIEW_STATES, VIEWS
from streams.runtime.clock import now_ms
from streams.runtime.settings import Settings
from streams.runtime.topic_reader import TopicReader
from tests.e2e.test_demo import check, run_demo
from tests.support.brokers import delete_topics, require_kafka
from tests.support.graph_lab import certificates_in
from tests.support.secured_kafka import GROUP, OWNER, STRANGER, SecuredKafka, name_of, secured_kafka

pytestmark = pytest.mark.kafka
ORIGIN = Origin(name="ad/x", side="ad", tenant="3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60", forest="x")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    require_kafka()
    folder = tmp_path_factory.mktemp("secured")
    with secured_kafka(certificates_in(folder), folder) as running:
        yield running


@pytest.fixture
def secured(broker: SecuredKafka) -> SecuredKafka:
    """With our topics."""
    assert topics.create(broker.settings("admin")) in ([], [topic.name for topic in TOPICS])
    return broker


@pytest.mark.slow
def test_the_demo_with_a_user_for_each_process(broker: SecuredKafka, tmp_path: Path) -> None:
    """On Apache Kafka, unattended: every finding opens and resolves, and no topic is left behind."""
    delete_topics(broker.inside)
    users = tmp_path / "users"
    users.mkdir(mode=0o700)
    for name in (*acls.ROLES, OWNER):
        (users / name).write_text(f"{name}-secret")
        (users / name).chmod(0o600)
    environment = {
        "SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "SCRAM-SHA-512", "SASL_USERNAME": name_of(OWNER),
        "SASL_PASSWORD_FILE": str(users / OWNER), "CA_FILE": str(broker.ca_file),
    }  # fmt: skip
    report = run_demo(
        tmp_path, "--kafka", broker.bootstrap, "--kafka-users", str(users),
        environment={f"SYNCHEALTH_KAFKA__{name}": value for name, value in environment.items()},
    )  # fmt: skip
    check(report)
    admin = KafkaAdminClient(bootstrap_servers=broker.inside)
    assert {topic.name for topic in TOPICS} & set(admin.list_topics()) == set()
    admin.close()


def test_the_administrator_finds_the_topics_as_they_must_be(secured: SecuredKafka) -> None:
    assert topics.check(secured.settings("admin")) == []
    assert topics.create(secured.settings("admin")) == []


@pytest.mark.parametrize("role", acls.ROLES)
def test_each_role_has_what_it_needs_and_the_check_knows_it(secured: SecuredKafka, role: Role) -> None:
    assert acls.missing(secured.settings(role), [role], GROUP) == []


@pytest.mark.parametrize(("user", "role"), [("exporter", "producer"), ("producer", "worker"), (STRANGER, "reader")])
def test_the_check_names_each_right_that_lacks_and_how_to_grant_it(
    secured: SecuredKafka, user: str, role: Role
) -> None:
    lines = list(check_rights(Settings(kafka=secured.settings(user)), [role]))
    assert {line.mark for line in lines} == {Mark.FAULT}
    told = "\n".join(f"{line.what} {line.advice}" for line in lines)
    own = [grant for each in acls.ROLES if each == user for grant in grants(each, GROUP)]
    have = {(grant.name, operation) for grant in own for operation in grant.operations}
    for grant in grants(role, GROUP):
        for operation in grant.operations:
            if (grant.name, operation) not in have and operation != "Describe":
                assert any(grant.name in line.what and operation in line.what for line in lines), (grant, operation)
    assert "kafka-acls.sh" in told and f"User:{name_of(user)}" in told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sasl_password": "wrong"}, ["sasl_password", "producer"]),
        ({"sasl_username": "nobody"}, ["sasl_username"]),
        ({"ca_file": None}, ["TLS failed"]),
        ({"security_protocol": "SASL_PLAINTEXT", "ca_file": None}, ["security_protocol"]),
    ],
    ids=["password", "user", "authority", "protocol"],
)
# kafka-python 3.0 leaves the sockets of a client that could not be built to the garbage collector, which `built` calls
@pytest.mark.filterwarnings("ignore:unclosed <(socket.socket|ssl.SSLSocket) :ResourceWarning")
def test_what_is_wrong_is_named(
    secured: SecuredKafka, changes: dict[str, object], words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "kafka")  # pytest would keep its records, and in them the clients
    settings = secured.settings("producer", **changes)
    [line] = list(check_kafka(settings))
    assert all(word in line.what for word in words), line.what
    publisher = KafkaPublisher(settings, "test", timeout_s=5)
    with pytest.raises((RetriableError, FatalError)) as raised:
        publisher.publish_facts(ORIGIN, [fact(1)])
    publisher.close()
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_producer_a_worker_and_readers_with_these_rights(secured: SecuredKafka, tmp_path: Path) -> None:
    publisher = KafkaPublisher(secured.settings("producer"), "test")
    publisher.publish_facts(ORIGIN, [fact(number) for number in range(4)])
    publisher.publish_checkpoints([Checkpoint(source="ad/x", seq=1, ts_ms=1, position={"x": 1})])
    publisher.flush()
    publisher.close()
    assert [each.position for each in load_checkpoints(secured.settings("producer"), "ad/x")] == [{"x": 1}]
    with worker(secured, tmp_path) as log:
        consumer = KafkaConsumer(VIEWS.name, bootstrap_servers=secured.inside, auto_offset_reset="earliest")
        try:
            until, found = time.monotonic() + 180, 0
            while not found and time.monotonic() < until:
                records = [each for part in consumer.poll(timeout_ms=500).values() for each in part]
                found += sum(b"shared@contoso.com" in (each.key or b"") + (each.value or b"") for each in records)
        finally:
            consumer.close()
        assert found, log.read_text()[-4000:]
        assert (tmp_path / "data" / "worker-0").stat().st_mode & 0o077 == 0, "open to nobody else"
    reads = {"exporter": [FINDINGS, ACTIONS, DEADLETTERS], "desk": [FINDINGS, ACTIONS]}
    reads["reader"] = [FINDINGS, VIEW_STATES]
    for user, read in reads.items():
        with TopicReader(secured.settings(user), read) as reader:
            list(reader.to_end(120))


def fact(number: int) -> Fact:
    return Fact(
        op=Operation.READ, object_id=f"00000000-0000-0000-0000-{number:012x}", seq=now_ms() << 12, ts_ms=now_ms(),
        kind=ObjectKind.USER, full=True,
        attributes={"mail": "shared@contoso.com", "proxyAddresses": ["SMTP:shared@contoso.com"], "displayName": "x"},
    )  # fmt: skip


@contextmanager
def worker(secured: SecuredKafka, folder: Path) -> Iterator[Path]:
    """A worker as its own user, with directories in its settings whose secrets it cannot read; yields its log."""
    file, log = folder / "settings.toml", folder / "worker.log"
    file.write_text(
        f"""
        [kafka]
        bootstrap_servers = ["{secured.bootstrap}"]
        partitions = 2
        security_protocol = "SASL_SSL"
        sasl_mechanism = "SCRAM-SHA-512"
        sasl_username = "{name_of("worker")}"
        sasl_password = "worker-secret"
        ca_file = "{secured.ca_file}"
        [streams]
        data_dir = "{folder / "data"}"
        metrics_port = 0
        [[tenant]]
        id = "{ORIGIN.tenant}"
        client_id = "c"
        client_secret_file = "/nowhere/graph.secret"
        [[forest]]
        name = "x"
        tenant = "{ORIGIN.tenant}"
        servers = ["ldaps://dc"]
        bind_user = "u"
        bind_password_file = "/nowhere/ad.secret"
        """
    )
    command = [sys.executable, "-m", "deploy.cli.main", "run", "streams", "--config", str(file)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield log
        finally:
            process.terminate()
            process.wait(120)
