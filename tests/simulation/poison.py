"""Records that nobody can use, or that nobody should believe."""

from __future__ import annotations

import random
from collections.abc import Iterator

from streams.contracts.codec import encode
from streams.contracts.facts import Fact, FactChunk, ObjectKind, Operation, Origin
from streams.contracts.topics import AD_CHANGES, ENTRA_AUDITS, ENTRA_CHANGES, ENTRA_TENANT, SERVER_EVENTS, VIEWS
from streams.contracts.views import Tick
from tests.simulation.broker import NUMBER, Broker
from tests.support.cases import guid_of

TOPICS = (AD_CHANGES, ENTRA_CHANGES, ENTRA_TENANT, ENTRA_AUDITS, SERVER_EVENTS, VIEWS)
STRANGER = Origin(name="ad/stranger", side="ad", tenant="99999999-2222-3333-4444-555555555555", forest="stranger")
GARBAGE = (
    b"\xff\xfe garbage",
    b"",
    None,
    b"null",
    b"[]",
    b'"text"',
    b"{" * 3000,
    b"[" * 3000 + b"]" * 3000,
    b'{"type":"facts"}',
    b'{"type":"events","source":1,"events":{}}',
    b'{"type":"contributions","sent_ms":"soon","items":[]}',
    b'{"type":"contributions","sent_ms":1,"items":[{"view":1}]}',
    b'{"type":"tick","now_ms":1e400}',
    b'{"type":"tenant","tenant":"\xed\xa0\x80","seq":1,"ts_ms":1}',
    b'{"type":"no such type"}',
    b'{"type":"context","sent_ms":1,"tenant":null}',
)
ATTRIBUTES = (
    {"objectSid": 17, "userAccountControl": "x"},
    {"proxyAddresses": [1, None, {"a": []}], "mail": ["a", "b"]},
    {"userPrincipalName": ["a", "b"], "distinguishedName": 3},
    {"mS-DS-ConsistencyGuid": {"a": 1}, "whenCreated": [], "pwdLastSet": "never"},
    {"userCertificate": [3], "operatingSystem": [], "proxyAddresses": "SMTP:a@b", "displayName": "\x1b[0m\u202e"},
)
Poison = tuple[str, int, bytes | None, bytes | None, bool]


def poison(chance: random.Random, broker: Broker) -> Iterator[Poison]:
    """(topic, partition, key, value, whether it must be refused) of a few records."""
    for _ in range(chance.choice([1, 1, 3])):
        topic = chance.choice(TOPICS).name
        partition = chance.randrange(NUMBER[topic])
        which = chance.random()
        if which < 0.4:
            value = chance.choice(GARBAGE)
            # A tombstone in the compacted topic of tenants is no fault.
            yield (
                topic,
                partition,
                b"poison %d" % chance.getrandbits(32),
                value,
                not (value is None and topic == ENTRA_TENANT.name),
            )
        elif which < 0.6:
            records = broker.logs[topic, partition].records
            whole = chance.choice(records).value if records else None
            if whole:
                yield (
                    topic,
                    partition,
                    b"cut %d" % chance.getrandbits(32),
                    whole[: chance.randrange(1, len(whole))],
                    True,
                )
        elif which < 0.75:
            tick = encode(Tick(now_ms=4_070_908_800_000))
            yield VIEWS.name, chance.randrange(NUMBER[VIEWS.name]), b"tick", tick, False
        else:
            fact = Fact(
                op=chance.choice(list(Operation)), object_id=chance.choice([guid_of(f"p{chance.random()}"), "no guid"]),
                seq=1, ts_ms=chance.choice([1, 4_070_908_800_000]), kind=chance.choice([*ObjectKind, None]),
                attributes=chance.choice(ATTRIBUTES), full=chance.random() < 0.5,
            )  # fmt: skip
            topic = chance.choice([AD_CHANGES, ENTRA_CHANGES]).name
            value = encode(FactChunk(origin=STRANGER, facts=[fact]))
            yield topic, chance.randrange(NUMBER[topic]), b"stranger", value, fact.object_id == "no guid"
