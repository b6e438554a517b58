"""Apache Kafka as a careful administrator runs it: TLS, SCRAM, no right that was not granted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from deploy.broker import kafka
from deploy.broker.process import HOST, free_port
from deploy.lab.certificates import Certificates
from deploy.lab.sync.winlogbeat import TOPIC as WINLOGBEAT
from producers.acls import ROLES, Role, grants
from streams.contracts.topics import TOPICS
from streams.runtime.settings import KafkaSettings

GROUP = "synchealth"
STRANGER = "stranger"
OWNER = "owner"
"""Makes and deletes topics, ships events: whoever runs a demo."""


@dataclass(frozen=True)
class SecuredKafka:
    """`inside`: an address without any security, for what the test itself does."""

    inside: str
    bootstrap: str
    ca_file: Path

    def settings(self, user: str, **changes: object) -> KafkaSettings:
        """How the user of a role, the stranger or the owner reaches it."""
        base = {
            "bootstrap_servers": [self.bootstrap], "partitions": 2, "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512", "sasl_username": name_of(user), "sasl_password": f"{user}-secret",
            "ca_file": self.ca_file,
        }  # fmt: skip
        return KafkaSettings.model_validate({**base, **changes})


def name_of(user: str) -> str:
    return f"synchealth-{user}"


@contextlib.contextmanager
def secured_kafka(certificates: Certificates, folder: Path) -> Iterator[SecuredKafka]:
    """A broker on which each role's user has exactly the rights that `synchealth topics acls` prints."""
    port = free_port()
    key_store = folder / "broker.pem"
    key_store.write_text(certificates.key_file.read_text() + certificates.cert_file.read_text())
    overrides = {
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(key_store),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
    }
    users = {name_of(user): f"{user}-secret" for user in (*ROLES, STRANGER, OWNER)}
    with kafka(overrides=overrides, listener=f"SASL_SSL://{HOST}:{port}", users=users) as broker:
        _grant(broker.bootstrap)
        yield SecuredKafka(broker.bootstrap, f"{HOST}:{port}", certificates.ca_file)


def _grant(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_acls([*(acl for role in ROLES for acl in _acls(role)), *_everything()])
    finally:
        admin.close()


def _acls(role: Role) -> Iterator[ACL]:
    for grant in grants(role, GROUP, [WINLOGBEAT]):
        pattern = ResourcePattern(ResourceType[grant.kind.upper()], grant.name)
        for operation in grant.operations:
            name = "DESCRIBE_CONFIGS" if operation == "DescribeConfigs" else operation.upper()
            yield ACL(f"User:{name_of(role)}", "*", ACLOperation[name], ACLPermissionType.ALLOW, pattern)


def _everything() -> Iterator[ACL]:
    """The owner's: every topic of the demo, and the one that is not ours."""
    for name in (*(topic.name for topic in TOPICS), WINLOGBEAT):
        pattern = ResourcePattern(ResourceType.TOPIC, name)
        yield ACL(f"User:{name_of(OWNER)}", "*", ACLOperation.ALL, ACLPermissionType.ALLOW, pattern)
