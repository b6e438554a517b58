"""The tables that name a Kafka: our own, and those where others leave events."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from streams.runtime.section import FilePath, Section, Texts, secret_of


class KafkaConnection(Section):
    """How to reach a Kafka."""

    bootstrap_servers: Texts = Field(default=["127.0.0.1:9092"])
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    sasl_password_file: FilePath | None = None
    ca_file: FilePath | None = None
    certificate_file: FilePath | None = None
    key_file: FilePath | None = None

    @model_validator(mode="after")
    def _reachable(self) -> KafkaConnection:
        password = secret_of(self.sasl_password, self.sasl_password_file, "sasl_password")
        object.__setattr__(self, "sasl_password", password)
        self._whole(password)
        return self

    def _whole(self, password: SecretStr | None) -> None:
        """Half a configuration would connect without what its other half promises. Raises ValueError."""
        protocol = self.security_protocol
        sasl = {"sasl_mechanism": self.sasl_mechanism, "sasl_username": self.sasl_username, "sasl_password": password}
        named = [name for name, value in sasl.items() if value]
        if protocol.startswith("SASL") and len(named) < len(sasl):
            raise ValueError(f"security_protocol {protocol} needs sasl_mechanism, sasl_username and sasl_password")
        if named and not protocol.startswith("SASL"):
            raise ValueError(
                f"{', '.join(named)} would not be used with security_protocol {protocol}: say SASL_SSL, or remove it"
            )
        files = {"ca_file": self.ca_file, "certificate_file": self.certificate_file, "key_file": self.key_file}
        named = [name for name, value in files.items() if value is not None]
        if named and not protocol.endswith("SSL"):
            raise ValueError(
                f"{', '.join(named)} would not be used with security_protocol {protocol}, which encrypts nothing: "
                "say SASL_SSL or SSL, or remove it"
            )
        if self.key_file is not None and self.certificate_file is None:
            raise ValueError("key_file is set without certificate_file: name the certificate it belongs to")


class KafkaSettings(KafkaConnection):
    """The installation's own Kafka: how to reach it and how to lay out the topics."""

    partitions: Annotated[int, Field(ge=1, le=1000)] = 8
    replication_factor: Annotated[int, Field(ge=1, le=10)] = 1


class EventLogSettings(KafkaConnection):
    """Topics that others fill with events: what stands in them, whose it is, and the Kafka where they are.

    bootstrap_servers: empty: the installation's own Kafka. servers: whom the topics may speak for; empty: learned.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    tenant: str
    format: Literal["winlogbeat", "event_hub"]
    topics: Annotated[Texts, Field(min_length=1)]
    servers: Texts = Field(default=[])
    bootstrap_servers: Texts = Field(default=[])

    @model_validator(mode="after")
    def _elsewhere(self) -> EventLogSettings:
        if not self.bootstrap_servers and self.security_protocol != "PLAINTEXT":
            raise ValueError("security_protocol is set without bootstrap_servers: name the servers it is for")
        return self

    def connection(self, own: KafkaConnection) -> KafkaConnection:
        """The Kafka where the topics are; `own`: the installation's."""
        return self if self.bootstrap_servers else own
