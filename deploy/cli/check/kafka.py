"""Kafka: reachable, and the topics as they must be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.cli.check.line import Line, fault, gap, good
from producers import acls, topics
from streams.contracts.errors import SyncHealthError
from streams.contracts.topics import TOPICS
from streams.runtime.place import is_loopback
from streams.runtime.section import FileSecret, open_to_others
from streams.runtime.settings import KafkaConnection, KafkaSettings, Settings


def check_rights(settings: Settings, roles: Sequence[acls.Role]) -> Iterator[Line]:
    """A line per topic or group on which our user lacks a right that one of `roles` needs; one if it has them all."""
    kafka = settings.kafka
    try:
        lacking = acls.missing(kafka, roles, settings.consumer_group, acls.event_topics(settings))
    except SyncHealthError:
        return  # `check_kafka` has met the same, and says it
    who = kafka.sasl_username or "this user"
    for grant in lacking:
        command = acls.command(grant, kafka.sasl_username or "NAME", kafka)
        yield fault("kafka rights", f"{who} may not {', '.join(grant.operations)} {grant.kind} {grant.name}", command)
    if not lacking:
        yield good("kafka rights", f"{who} has the rights of {', '.join(roles)}")


def check_secrets(settings: Settings) -> Iterator[Line]:
    """A gap for every file with a secret or a private key that others than its owner may read or write."""
    for area, file in sorted({(area, file) for area, file in _secrets(settings) if open_to_others(file)}):
        advice = f"chmod 0400 {file}, and give it to the user of the role that needs it"
        yield gap(area, f"{file} is open to its group or to everybody", advice)
    for area, connection in _connections(settings):
        in_clear = connection.sasl_mechanism == "PLAIN" and connection.security_protocol == "SASL_PLAINTEXT"
        hosts = {server.rpartition(":")[0] for server in connection.bootstrap_servers}
        away = sorted(host for host in hosts if in_clear and not is_loopback(host))
        if away:
            advice = "say security_protocol = SASL_SSL, or a mechanism that shows no password (SCRAM-SHA-512)"
            yield gap(area, f"the password goes to {', '.join(away)} in clear", advice)


def _connections(settings: Settings) -> list[tuple[str, KafkaConnection]]:
    return [("kafka", settings.kafka), *((table.name, table) for table in settings.eventlog)]


def _secrets(settings: Settings) -> Iterator[tuple[str, Path]]:
    connections = _connections(settings)
    secrets = [(area, connection.sasl_password) for area, connection in connections]
    secrets += [(forest.name, forest.bind_password) for forest in settings.forest]
    secrets += [(tenant.id, tenant.client_secret) for tenant in settings.tenant]
    yield from ((area, secret.file) for area, secret in secrets if isinstance(secret, FileSecret))
    keys = [(area, connection.key_file) for area, connection in connections]
    for tenant in settings.tenant:
        keys += [(tenant.id, tenant.private_key_file), (tenant.id, tenant.federated_token_file)]
    yield from ((area, file) for area, file in keys if file is not None)


def check_kafka(kafka: KafkaSettings) -> Iterator[Line]:
    """A line for the connection and one per fault of the topics."""
    where = ", ".join(kafka.bootstrap_servers)
    try:
        faults = topics.check(kafka)
    except SyncHealthError as error:
        yield fault("kafka", str(error), "check [kafka] bootstrap_servers, security_protocol and the network")
        return
    yield good("kafka", f"{where} answers")
    if not faults:
        yield good("kafka", f"all {len(TOPICS)} topics are as they must be")
    missing = [found for found in faults if "does not exist" in found]
    if missing:
        names = ", ".join(found.partition(":")[0] for found in missing[:2])
        yield fault(
            "kafka",
            f"{len(missing)} of {len(TOPICS)} topics do not exist ({names}{' …' if len(missing) > 2 else ''})",
            "run `synchealth topics create` (`up` does it at its start)",
        )
    for found in [each for each in faults if each not in missing]:
        what, _, advice = found.partition("; ")
        yield fault("kafka", what, advice)
