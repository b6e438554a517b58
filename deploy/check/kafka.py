"""Kafka: reachable, and the topics as they must be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deploy.check.line import Line, fault, gap, good
from producers import acls, topics
from streams.contracts.errors import SyncHealthError
from streams.contracts.topics import TOPICS
from streams.runtime.section import FileSecret
from streams.runtime.settings import KafkaSettings, Settings


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
    """A gap for every secret file that others than its owner may read."""
    named = [("kafka", settings.kafka.sasl_password)]
    named += [(forest.name, forest.bind_password) for forest in settings.forest]
    named += [(tenant.id, tenant.client_secret) for tenant in settings.tenant]
    named += [(table.name, table.sasl_password) for table in settings.eventlog]
    for area, secret in named:
        if isinstance(secret, FileSecret) and secret.readable_by_others():
            advice = f"chmod 0400 {secret.file}, and give it to the user of the role that needs it"
            yield gap(area, f"{secret.file} can be read by its group or by everybody", advice)


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
