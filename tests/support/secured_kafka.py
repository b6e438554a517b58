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
from producers.acls import ROLES, Role, grants
from streams.runtime.settings import KafkaSettings

GROUP = "synchealth"
STRANGER = "stranger"


@dataclass(frozen=True)
class SecuredKafka:
    """`inside`: an address without any security, for what the test itself does."""

    inside: str
    bootstrap: str
    ca_file: Path

    def settings(self, user: str, **changes: object) -> KafkaSettings:
        """How `user`, a role's or the stranger's, reaches it."""
        base = {
            "bootstrap_servers": [self.bootstrap], "partitions": 2, "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512", "sasl_username": user, "sasl_password": f"{user}-secret",
            "ca_file": self.ca_file,
        }  # fmt: skip
        return KafkaSettings.model_validate({**base, **changes})


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
    users = {user: f"{user}-secret" for user in (*ROLES, STRANGER)}
    with kafka(overrides=overrides, listener=f"SASL_SSL://{HOST}:{port}", users=users) as broker:
        _grant(broker.bootstrap)
        yield SecuredKafka(broker.bootstrap, f"{HOST}:{port}", certificates.ca_file)


def _grant(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_acls([acl for role in ROLES for acl in _acls(role)])
    finally:
        admin.close()


def _acls(role: Role) -> Iterator[ACL]:
    for grant in grants(role, GROUP):
        pattern = ResourcePattern(ResourceType[grant.kind.upper()], grant.name)
        for operation in grant.operations:
            name = "DESCRIBE_CONFIGS" if operation == "DescribeConfigs" else operation.upper()
            yield ACL(f"User:{role}", "*", ACLOperation[name], ACLPermissionType.ALLOW, pattern)
