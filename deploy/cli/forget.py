"""`synchealth forget`: one person is no longer known, ahead of the time at which everybody who left is forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click

from deploy.cli.findings.source import read_findings
from deploy.cli.terminal import installation, print_line, where_kafka_is
from producers.publisher import KafkaPublisher
from streams.contracts.codec import encode
from streams.contracts.errors import InvalidRecordError, SyncHealthError
from streams.contracts.facts import Forget
from streams.contracts.finding import FindingState
from streams.contracts.identity import guid_of_immutable_id
from streams.contracts.topics import AD_CHANGES, AD_OBJECTS, CHECKPOINTS, ENTRA_CHANGES, ENTRA_OBJECTS, TOPICS, VIEWS
from streams.contracts.views import Control
from streams.directory.addresses import fold_proxy_address
from streams.directory.matching import object_view_key
from streams.directory.object_row import OBJECT, load_objects
from streams.directory.party import source_anchor
from streams.directory.state import ObjectState
from streams.evaluation.forgetting import naming
from streams.runtime.clock import now_ms, rfc3339
from streams.runtime.printable import printable
from streams.runtime.settings import KafkaSettings
from streams.runtime.topic_reader import TopicReader

_DONE_WITHIN_S, _LOOK_EVERY_S = 60.0, 2.0


@click.command()
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--anyway", is_flag=True, help="Even if the person still exists in a directory.")
@where_kafka_is
def forget(person: str, config: Path | None, kafka: str | None, *, yes: bool, anyway: bool) -> None:
    """Forget PERSON, known by UPN, address, objectGUID, Entra object id, SID or source anchor.

    Everybody who left is forgotten by themselves ([streams] forget_after_s). What is read again from a directory comes
    back. Exit code: 0 forgotten, 1 nobody is known by that, 2 refused or not done yet.
    """
    settings = installation(config, kafka)
    try:
        found, identifiers = known_by(settings.kafka, person)
        if not found:
            print_line(f"nobody is known by {printable(person)}. {_elsewhere()}")
            raise SystemExit(1)
        for state in found:
            print_line(f"  {_described(state)}")
        names = naming(identifiers)
        named = [each for each in read_findings(settings.kafka).latest.values() if names(encode(each).decode())]
        standing = sum(each.state is not FindingState.RESOLVED for each in named)
        print_line(f"  findings that name the person: {len(named)}, of which {standing} stand")
        if any(state.alive for state in found) and not anyway:
            print_line(
                "still exists in a directory: delete it there first (--anyway: it is forgotten until it is read again)"
            )
            raise SystemExit(2)
        if not yes:
            click.confirm("forget it?", abort=True)
        done = _forget(settings.kafka, [state.object_id for state in found], identifiers, even_living=anyway)
    except SyncHealthError as error:
        raise click.ClickException(str(error)) from error
    print_line(
        "forgotten by the workers" if done else "ordered; no worker has done it yet: see that they run, and ask again"
    )
    print_line(_elsewhere())
    raise SystemExit(0 if done else 2)


def known_by(kafka: KafkaSettings, person: str) -> tuple[list[ObjectState], list[str]]:
    """The objects of a person on both sides, and the words that name nobody else.

    Raises RetriableError where Kafka or the topics cannot be read.
    """
    wanted = {person.lower(), guid_of_immutable_id(person) or person.lower()}
    found = {state.identity: state for state in _states(kafka) if wanted & {name.lower() for name in _names(state)}}
    views = {object_view_key(state) for state in found.values()} - {None}
    others: set[str] = set()
    for state in _states(kafka) if found else ():
        if object_view_key(state) in views:
            found[state.identity] = state
        elif state.alive and state.identity not in found:
            others.update(name.lower() for name in _names(state))
    identifiers = {name for state in found.values() for name in _names(state) if name.lower() not in others}
    return list(found.values()), sorted(identifiers)


def _names(state: ObjectState) -> Iterator[str]:
    yield state.object_id
    anchor = source_anchor(state)
    if anchor:
        yield anchor
    texts = ("userPrincipalName", "onPremisesUserPrincipalName", "mail", "distinguishedName", "objectSid",
             "onPremisesDistinguishedName", "onPremisesSecurityIdentifier")  # fmt: skip
    yield from filter(None, map(state.text, texts))
    for value in state.texts("proxyAddresses"):
        address = fold_proxy_address(value)
        if address is not None:
            yield address.folded


def _states(kafka: KafkaSettings) -> Iterator[ObjectState]:
    """Every object that the workers' tables know, as it is now."""
    rows: dict[bytes, bytes] = {}
    with TopicReader(kafka, [AD_OBJECTS, ENTRA_OBJECTS]) as reader:
        for record in reader.to_end():
            if record.key is None or not record.key.startswith(OBJECT.encode()):
                continue
            if record.value is None:
                rows.pop(record.key, None)
            else:
                rows[record.key] = record.value
    for value in rows.values():
        try:
            yield from load_objects(value)
        except InvalidRecordError:
            continue  # what the workers cannot read either is set right by them


def _described(state: ObjectState) -> str:
    where = "Active Directory" if state.side == "ad" else "Entra ID"
    name = state.text("userPrincipalName") or state.text("displayName") or state.text("name") or "no name"
    life = "exists" if state.alive else f"deleted {rfc3339(state.changed_ms)}"
    return printable(f"{where}, {state.kind or 'object'} {state.object_id}: {name}, {life}")


def _forget(kafka: KafkaSettings, ids: list[str], identifiers: list[str], *, even_living: bool) -> bool:
    """Order it; whether the tables know none of the objects any more within a minute."""
    publisher = KafkaPublisher(kafka, "synchealth-forget")
    try:
        order = encode(Forget(ids=ids, even_living=even_living, words=identifiers))
        for topic in (AD_CHANGES, ENTRA_CHANGES):
            publisher.publish_to_all(topic, order)
        publisher.flush()
        until = time.monotonic() + _DONE_WITHIN_S
        while any(state.object_id in ids for state in _states(kafka)):
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_EVERY_S)
        # Once more, behind what all partitions have taken back: what only now is resolved.
        publisher.publish_to_all(VIEWS, encode(Control(sent_ms=now_ms(), action="forget", words=identifiers)))
        publisher.flush()
    finally:
        publisher.close()
    return True


def _elsewhere() -> str:
    """What cannot be taken out of Kafka, and until when it is there."""
    until = {each.name: rfc3339(now_ms() + each.retention_ms)[:10] for each in TOPICS if not each.compacted}
    kept = [f"{name} until {day}" for name, day in until.items()]
    return (
        "Records in topics that only grow are deleted by their retention, at the latest: " + ", ".join(kept) + ". "
        f"The sources' positions ({CHECKPOINTS.name}) hold ids of objects; logs of the processes, Prometheus and "
        "backups are not touched: PRIVACY.md"
    )
