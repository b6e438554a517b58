"""Every decoder of what comes from outside, with the samples it is tried with and the errors it documents."""

from __future__ import annotations

import json
import random
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from producers.ad.certificate import certificate_line
from producers.ad.ldap.extended_name import names_tombstone, read_name
from producers.ad.ldap.wire import Entry, MessageReader, read_entry, read_result, read_sequence, write_sequence
from producers.ad.mapping import read_change, rfc3339_of_generalized_time
from producers.ad.position import Position
from producers.eventlog.event_hub import records_of
from producers.eventlog.winlogbeat import unread, winlogbeat_events
from producers.graph.collections import COLLECTIONS
from producers.graph.mapping.audits import audit_event
from producers.graph.mapping.objects import facts_of_item
from producers.graph.mapping.provisioning import provisioning_event
from producers.graph.mapping.sign_ins import sign_in_event
from producers.graph.mapping.synchronization import job_of, settings_of
from producers.graph.page import UnreadableItem, read_page
from producers.refusing import refusing
from producers.sequence import last_number
from streams.agents.plausible import event_in_time, fact_in_time, record_in_time, tenant_in_time
from streams.contracts.certificate import read_certificate
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import decode, encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import InvalidRecordError, RetriableError, SettingsError
from streams.contracts.events import EventChunk
from streams.contracts.facts import FactChunk, Operation, TenantState, Watermark
from streams.contracts.finding import Finding
from streams.contracts.identity import guid_of_bytes, guid_of_immutable_id, sid_of_bytes
from streams.contracts.times import parse_rfc3339
from streams.contracts.views import ViewRecord
from streams.directory.addresses import fold_address, fold_proxy_address
from streams.runtime.clock import HybridClock
from streams.runtime.settings import Settings, load_settings
from streams.runtime.web_configuration import WebConfiguration
from tests.fuzz.agents import handler_of
from tests.fuzz.mutation import ODD, broken, text_of, worse

HERE = Path(__file__).parents[1]
GOLDEN, GRAPH = HERE / "contract" / "golden", HERE / "integration" / "entra" / "samples"
HUB = HERE / "unit" / "producers" / "eventlog" / "samples"
TENANT, NOW_MS = "11111111-2222-3333-4444-555555555555", 1_790_000_000_000
GUID = uuid.UUID("6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55")


@dataclass(frozen=True)
class Decoder:
    """name; samples; make: a hostile record of a sample; decode; errors: what it may raise.

    share: of the records that each decoder gets, where it is slow by nature.
    """

    name: str
    samples: Sequence[Any]
    make: Callable[[Any, random.Random], Any]
    decode: Callable[[Any], object]
    errors: tuple[type[BaseException], ...] = (InvalidRecordError,)
    share: float = 1.0


def _record(sample: Any, chance: random.Random) -> bytes:
    """A record of a topic, or an answer of a server: JSON with something wrong in it, or not even that."""
    if chance.random() < 0.25:
        return broken(text_of(sample), chance)
    return text_of(worse(sample, chance))


def _parsed(sample: Any, chance: random.Random) -> Any:
    """A document as it is after parsing."""
    while True:
        try:
            return orjson.loads(text_of(worse(sample, chance)))
        except orjson.JSONDecodeError:
            continue


def _bytes(sample: bytes, chance: random.Random) -> bytes:
    return broken(sample, chance)


def _text(sample: str, chance: random.Random) -> str:
    at = chance.randrange(len(sample) + 1)
    odd = chance.choice(ODD)
    return chance.choice([
        sample[:at], sample[:at] + str(odd)[:200] + sample[at:], sample * chance.randrange(4), str(odd),
        sample.upper(), sample[::-1], sample.replace(chance.choice(sample), chance.choice(sample)),
    ])  # fmt: skip


def _documents(*places: tuple[Path, str]) -> list[Any]:
    found = [json.loads(file.read_text("utf-8")) for folder, glob in places for file in sorted(folder.glob(glob))
             if not file.name.endswith("expected.json")]  # fmt: skip
    assert found, places
    return found


def _items(*globs: str) -> list[Any]:
    pages = _documents(*((GRAPH, glob) for glob in globs))
    return [item for page in pages for item in (page["value"] if isinstance(page.get("value"), list) else [page])]


def _contract(shape: Any, use: Callable[[Any], object] = lambda _: None) -> Callable[[bytes], object]:
    def read(raw: bytes) -> object:
        value = decode(raw, shape)
        use(value)
        return encode(value)  # what was taken in can be written again: a dead letter, a row

    return read


def _facts_in_time(said: Any) -> None:
    for fact in getattr(said, "facts", ()):
        fact_in_time(fact, NOW_MS, by_broker=True)


def _winlogbeat(document: Any) -> None:
    with refusing("the document"):
        winlogbeat_events(document, TENANT, NOW_MS)
    unread(document)


def _event_hub(raw: bytes) -> None:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRecordError("not_json", "as EventLogSource says") from error
    for record in records_of(document):
        try:
            with refusing("the record"):
                for event in record.events(TENANT, NOW_MS):
                    encode(event)
        except InvalidRecordError:
            continue


def _page(raw: bytes) -> None:
    document = read_page(raw)
    items = document.get("value") if isinstance(document, dict) else None
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, UnreadableItem):
            _graph_item(item)


def _graph_item(item: Any) -> None:
    for collection in COLLECTIONS:
        try:
            with refusing("the item"):
                for fact in facts_of_item(item, collection, Operation.READ, HybridClock(), NOW_MS, full=True):
                    encode(fact)
        except InvalidRecordError:
            continue


def _log_row(read: Callable[[Any, str, int], Any]) -> Callable[[Any], object]:
    def mapped(item: Any) -> object:
        with refusing("the row"):
            event = read(item, TENANT, NOW_MS)
        return encode(event_in_time(event, NOW_MS)) if event is not None else None

    return mapped


def _synchronization(item: Any) -> None:
    with refusing("the entity"):
        settings_of(item)
        job_of(item, "principal")


def _ber(sample: Entry) -> bytes:
    def written(tag: int, content: bytes) -> bytes:
        size = len(content)
        head = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
        return bytes([tag]) + head + content

    attributes = b"".join(
        written(0x30, written(4, name.encode()) + written(0x31, b"".join(written(4, value) for value in values)))
        for name, values in sample.attributes.items()
    )
    return written(4, sample.dn.encode()) + written(0x30, attributes)


def _entry(sample: Entry, chance: random.Random) -> Entry:
    attributes = {
        (
            name
            if chance.random() < 0.9
            else chance.choice([name.upper(), f"{name};range=0-0", "member;range=1-1", ""])
        ): [broken(value, chance) if chance.random() < 0.3 else value for value in values]
        for name, values in sample.attributes.items()
        if chance.random() < 0.95
    }
    dn = sample.dn if chance.random() < 0.7 else _text(sample.dn, chance)
    return Entry(dn, attributes)


def _changed(entry: Entry) -> bytes:
    change = read_change(entry)
    return encode({"attributes": change.attributes, "links": change.links})


def _messages(raw: bytes) -> None:
    for message in MessageReader(lambda _: b"").feed(raw):
        read_entry(message.content)
        read_result(message.content, message.controls)


def _entry_of_bytes(raw: bytes) -> None:
    _changed(read_entry(raw))


def _positions(document: Any) -> None:
    saved = document if isinstance(document, dict) else {}
    Position.from_json(saved)


def _settings(document: Any) -> None:
    Settings.model_validate(document)


def _file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Reads what stands in a file."""
    file = Path(tempfile.mkdtemp(prefix="synchealth-fuzz-")) / name

    def of(raw: bytes) -> object:
        file.write_bytes(raw)
        return read(file)

    return of


def _line(sample: bytes, chance: random.Random) -> bytes:
    """A file of settings: a value, a key or a line of it is another, or its bytes are broken."""
    if chance.random() < 0.3:
        return broken(sample, chance)
    words = sample.split(b" ")
    at = chance.randrange(len(words))
    words[at] = chance.choice(
        [str(chance.choice(ODD)).encode("utf-8", "replace"), words[at] * 2, b"", b"[" * 1100, b"&a *a"]
    )
    return b" ".join(words)


def _times(text: str) -> None:
    for read in (parse_rfc3339, rfc3339_of_generalized_time):
        try:
            read(text)
        except ValueError:
            continue


def _names(text: str) -> None:
    for read in (read_name, names_tombstone, fold_address, fold_proxy_address, guid_of_immutable_id, read_certificate):
        read(text)


def _identities(raw: bytes) -> None:
    for read in (guid_of_bytes, sid_of_bytes):
        try:
            read(raw)
        except InvalidRecordError:
            continue
    certificate_line(raw)


def _checkpoints(raw: bytes) -> None:
    last_number([decode(raw, Checkpoint)])


SID = bytes.fromhex("010500000000000515000000" + "01000000" * 3 + "f4010000")
ENTRY = Entry(
    "<GUID=6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55>;<SID=S-1-5-21-1-1-1-500>;CN=Ada,DC=corp",
    {
        "objectGUID": [GUID.bytes_le], "objectSid": [SID], "objectClass": [b"top", b"user"], "mail": [b"a@x"],
        "proxyAddresses": [b"SMTP:a@x", b"smtp:b@x"], "userAccountControl": [b"512"], "isDeleted": [b"TRUE"],
        "pwdLastSet": [b"133000000000000000"], "mS-DS-ConsistencyGuid": [b"0123456789abcdef"],
        "whenCreated": [b"20261122140509.0Z"], "userCertificate": [b"0\x82\x01\x0a0\x82\x01\x00" + bytes(260)],
        "member;range=1-1": [b"<GUID=6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55>;<SID=S-1-5-21-1-1-1-500>;CN=Far,DC=corp"],
    },
)  # fmt: skip
_STUMBLES = (RetriableError,)


def decoders() -> Iterator[Decoder]:
    """All of them."""
    contracts: dict[str, tuple[Any, Callable[[Any], object]]] = {
        "facts": (FactChunk | Watermark, _facts_in_time),
        "watermark": (FactChunk | Watermark, _facts_in_time),
        "events": (EventChunk, lambda chunk: [event_in_time(each, NOW_MS) for each in chunk.events]),
        "tenant": (TenantState, lambda state: tenant_in_time(state, NOW_MS)),
        "finding": (Finding, lambda _: None),
        "deadletter": (DeadLetter, lambda _: None),
    }
    for name, (shape, use) in contracts.items():
        yield Decoder(f"contract {name}", _documents((GOLDEN, f"{name}.v1.json")), _record, _contract(shape, use))
    views = [
        sample
        for sample in _documents((GOLDEN, "*.v1.json"))
        if sample.get("type") in {"contributions", "tick", "context", "cause", "control"} or "partitions" in sample
    ]
    yield Decoder(
        "contract views",
        views,
        _record,
        _contract(ViewRecord, lambda part: record_in_time(part, NOW_MS, by_broker=True)),
    )
    yield Decoder("contract checkpoint", _documents((GOLDEN, "checkpoint.v1.json")), _record, _checkpoints)
    topics = {"facts": [*_documents((GOLDEN, "facts.v1.json"))], "tenant": _documents((GOLDEN, "tenant.v1.json")),
              "events": _documents((GOLDEN, "events.v1.json")), "views": views}  # fmt: skip
    for topic, samples in topics.items():
        yield Decoder(f"agent {topic}", samples, _record, handler_of(topic, NOW_MS), ())
    yield Decoder("winlogbeat", _documents((GOLDEN / "events", "*.json")), _parsed, _winlogbeat)
    hub = _documents((HUB, "eventhub_*.json"))
    yield Decoder("event hub", hub, _record, _event_hub)
    pages = _documents((GRAPH, "*_page*.json"), (GRAPH, "*_delta*.json"))
    yield Decoder("graph page", pages, _record, _page, (InvalidRecordError, ValueError))
    items = _items("user*.json", "group*.json", "device*.json", "orgcontact*.json")
    yield Decoder("graph item", items, _parsed, _graph_item)
    yield Decoder("graph audit", _items("directoryaudit*.json"), _parsed, _log_row(audit_event))
    yield Decoder("graph provisioning", _items("provisioning*.json"), _parsed, _log_row(provisioning_event))
    yield Decoder("graph sign-in", _items("signin*.json"), _parsed, _log_row(sign_in_event))
    yield Decoder(
        "graph synchronization", _items("onpremises*.json", "synchronization*.json"), _parsed, _synchronization
    )
    yield Decoder("ldap entry", [ENTRY], _entry, _changed)
    yield Decoder("ldap bytes", [_ber(ENTRY)], _bytes, _entry_of_bytes, (InvalidRecordError, *_STUMBLES))
    message = write_sequence(1, b"x")
    yield Decoder("ldap message", [message, b"0" + _ber(ENTRY)], _bytes, _messages, _STUMBLES)
    control = write_sequence(1, 0, b"cookie")
    yield Decoder("dirsync control", [control], _bytes, read_sequence, (InvalidRecordError, *_STUMBLES))
    yield Decoder("identities", [GUID.bytes_le, SID, ENTRY.attributes["userCertificate"][0]], _bytes, _identities)
    names = [
        ENTRY.dn,
        "SMTP:ada@contoso.com",
        "CN=Ada\\0ADEL:6e1a2c90,CN=Deleted Objects,DC=corp",
        "kCwabn1bOE+cIQpL430fVQ==",
    ]
    yield Decoder("names", names, _text, _names, ())
    yield Decoder("times", ["2026-11-22T14:05:09.123Z", "20261122140509.0Z"], _text, _times, ())
    position = {"domain_guid": str(GUID), "invocation_id": str(GUID), "cookie": "AAAA", "server": "dc1", "usn": 17}
    yield Decoder(
        "ldap position", [position], _parsed, _positions, (InvalidRecordError, ValueError, KeyError, TypeError)
    )
    settings = {
        "kafka": {"bootstrap_servers": ["127.0.0.1:9092"], "partitions": 6}, "streams": {"store": "memory"},
        "forest": [{"name": "corp", "tenant": TENANT, "server": "ldaps://dc1", "bind_user": "x", "bind_password": "y"}],
    }  # fmt: skip
    yield Decoder("settings", [settings], _parsed, _settings, (ValueError, SettingsError))
    example = (HERE.parent / "deploy" / "settings.example.toml").read_bytes()
    yield Decoder(
        "settings file", [example], _line, _file("s.toml", lambda f: load_settings(f, {})), (SettingsError,), 0.1
    )
    web = (
        b"tls_server_config:\n  cert_file: a.pem\n  key_file: b.pem\n"
        b"basic_auth_users:\n  ann: $2b$04$x\nhttp_server_config:\n  http2: true\n"
    )
    yield Decoder("web configuration", [web], _line, _file("w.yml", WebConfiguration), (SettingsError,), 0.02)
