"""Kafka: reachable, and the topics as they must be."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.check.line import Line, fault, good
from producers import topics
from streams.contracts.errors import SyncHealthError
from streams.contracts.topics import TOPICS
from streams.runtime.settings import KafkaSettings


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
