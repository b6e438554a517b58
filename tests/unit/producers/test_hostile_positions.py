"""Whatever stands in the checkpoint topic: no source stumbles over it, loops over it, or follows it elsewhere."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.ad.naming_context import ForestReading, NamingContext
from producers.ad.position import Position
from producers.ad.root_dse import ServerIdentity
from producers.checkpoint import _decoded
from producers.eventlog.source import EventLogSource
from producers.graph.source import GraphSource
from producers.id_set import DurableIdSet
from producers.publisher import checkpoint_key
from producers.sequence import last_number
from producers.source import Progress
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import encode
from streams.runtime.clock import CLOCK_SKEW_MS, HybridClock, now_ms
from streams.runtime.settings import EventLogSettings, ForestSettings, KafkaSettings, TenantSettings
from streams.runtime.topic_reader import Partition

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
SOURCE = f"entra/{TENANT}"
LOG = base64.b64encode(bytes(17)).decode()
ID = "7b6e1c04-52d8-4b7f-9a53-2f0c8d1e6a94"
IN_2099 = 4_070_908_800_000

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(10**30) | st.just(ID),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just(ID), inner, max_size=3),
    max_leaves=5,
)
DELTA = {
    "phase": "delta", "link": "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x",
    "anchor": "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x", "known": "a", "unverified": False,
    "completed": True, "verified_ms": 1, "doubtful": [ID], "last_item": ID, "marks": {"a": [0, 1, 1], "b": [0, 0, 0]},
}  # fmt: skip
GRAPH_PARTS: list[tuple[str, dict[str, Any]]] = [
    ("users", DELTA),
    ("users/known-a/0", {"log": LOG}),
    ("users/errors/7", {"digests": {ID: "abc"}}),
    ("deleted_users/7b", {"told": {ID: "2026-01-01T00:00:00Z"}}),
    ("groups writeback/7", {"told": {ID: True}}),
    ("directoryAudits", {"newest_ms": 1, "told": {"ab": 1}}),
    ("signIns", {"newest_ms": 1, "told": {}}),
    ("tenant", {"told": 1}),
]
AD_PARTS: list[tuple[str, dict[str, Any]]] = [
    ("position/DC=x", Position("DC=x", "g", b"c", {"s": ("i", 1)}, True, 1, 1).to_json()),
    ("known/DC=x/0", {"log": LOG}),
    ("containers/DC=x/0", {"log": LOG}),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    here = changed
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    return changed


def poisoned(parts: list[tuple[str, dict[str, Any]]]) -> st.SearchStrategy[list[tuple[str, dict[str, Any]]]]:
    """The parts of a source, with any JSON value in any place of one of them, or another name of it."""

    @st.composite
    def build(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
        chosen = draw(st.integers(0, len(parts) - 1))
        name, position = parts[chosen]
        if draw(st.booleans()):
            others = [f"{name}/x", f"{name}/999999999999", f"{name}/-1", "", "/", "users/known-a/٣"]
            name = draw(st.sampled_from(others))
        path = draw(st.sampled_from(list(places(position))))
        changed = put(position, path, draw(json))
        changed = changed if isinstance(changed, dict) else {"log": changed}
        return [(name, changed), *(part for at, part in enumerate(parts) if at != chosen)]

    return build()


def saved(source: str, parts: list[tuple[str, dict[str, Any]]]) -> list[Checkpoint]:
    return [Checkpoint(source=source, seq=1, ts_ms=1, part=part, position=position) for part, position in parts]


def graph() -> GraphSource:
    return GraphSource(TenantSettings(id=TENANT, client_id="c", client_secret="s", sign_ins=True))


@settings(max_examples=400, deadline=None)
@given(poisoned(GRAPH_PARTS))
def test_graph_restores_from_anything(parts: list[tuple[str, dict[str, Any]]]) -> None:
    source = graph()
    try:
        source.restore(saved(SOURCE, parts))
        for turn in source._turns:
            assert turn.task.ready in (True, False)
            path = getattr(turn.task, "_path", None)
            assert path is None or path()
        for delta in source._deltas:
            assert delta.ledger.before_position(1, 1) is not None
            delta.ledger.begin_round()
            delta.ledger.verified(1)
    finally:
        source.close()


def context() -> NamingContext:
    forest = ForestSettings(name="x", tenant="t", servers=["ldaps://dc"], bind_user="u", bind_password="p")
    shared = ForestReading("ad/x", forest, cast(Any, None), HybridClock(), Progress())
    return NamingContext("DC=x", shared, lambda _: False)


@settings(max_examples=400, deadline=None)
@given(poisoned(AD_PARTS))
def test_active_directory_restores_from_anything(parts: list[tuple[str, dict[str, Any]]]) -> None:
    each = context()
    each.restore(saved("ad/x", parts))
    assert each.position.fault(IDENTITY, "g", 1, now_ms(), 1) in (
        None, "foreign_domain", "other_attributes", "restored_server", "usn_rollback", "tombstone_lifetime",
    )  # fmt: skip
    each.published.clear()


@given(poisoned([("winlogbeat/0", {"offset": 7})]))
def test_an_event_log_restores_from_anything(parts: list[tuple[str, dict[str, Any]]]) -> None:
    reader = Reader()
    table = EventLogSettings(name="servers", tenant="t", format="winlogbeat", topics=["winlogbeat"])
    EventLogSource(table, KafkaSettings(), reader).restore(saved("eventlog/servers", parts))  # type: ignore[arg-type]
    assert all(0 <= offset < 2**63 and place.partition >= 0 for place, offset in reader.started.items())


@pytest.mark.parametrize(
    "value", [b"", b"null", b"[]", b"{", b"\xff", b"[" * 5000, b"{}", b'{"type":"checkpoint","source":"x"}']
)
def test_a_record_that_is_no_checkpoint_counts_as_never_saved(value: bytes) -> None:
    assert _decoded("ad/x", value) is None


def test_a_checkpoint_under_another_key_is_nobodys() -> None:
    found = Checkpoint(source="ad/x", seq=1, ts_ms=1, part="a", position={"x": 1})
    assert _decoded(checkpoint_key(found), encode(found)) == found
    assert _decoded("ad/y#a", encode(found)) is None


def test_times_that_have_not_come_yet_were_never_saved() -> None:
    source = graph()
    parts = [("users", {**DELTA, "verified_ms": IN_2099}), ("directoryAudits", {"newest_ms": IN_2099, "told": {}})]
    source.restore(saved(SOURCE, [*parts, ("users/known-a/0", {"log": LOG})]))
    source.close()
    assert next(delta for delta in source._deltas if delta.name == "users").ledger.verified_ms == 0
    assert next(each for each in source._logs if each.name == "directoryAudits")._newest_ms == 0
    position = Position("DC=x", "g", b"c", {}, True, now_ms(), IN_2099)
    assert Position.from_json(position.to_json()).swept_ms == 0
    position.contact_ms = IN_2099
    assert not Position.from_json(position.to_json()).complete, "how long deletions went unheard is not known"
    future = Checkpoint(source="x", seq=IN_2099 << 12, ts_ms=1, position={})
    assert last_number([future]) <= now_ms() + CLOCK_SKEW_MS << 12
    recent = now_ms() << 12
    assert last_number([Checkpoint(source="x", seq=recent, ts_ms=1, position={})]) == recent


def test_a_damaged_log_keeps_what_can_be_read_and_is_written_anew() -> None:
    known = DurableIdSet("s", "known")
    for number in range(3000):
        known.add(f"00000000-0000-0000-0000-{number:012x}")
    parts = known.changes(1, 1)
    damaged = [parts[0], Checkpoint(source="s", seq=1, ts_ms=1, part=parts[1].part, position={"log": 7}), parts[2]]
    again = DurableIdSet("s", "known")
    again.restore(damaged)
    assert again.damaged and 1900 < len(again) < 2000
    written = {part.part: part for part in [*damaged, *again.changes(2, 2)]}
    healed = DurableIdSet("s", "known")
    healed.restore(list(written.values()))
    assert not healed.damaged and sorted(healed) == sorted(again)


@pytest.mark.parametrize("mark", [(0, 10**11, 0), (5, 3, 0), (7, 9, 10**11)])
def test_a_lying_mark_takes_no_time(mark: tuple[int, int, int]) -> None:
    known = DurableIdSet("s", "known")
    known.restore([], mark)
    known.clear()
    assert len(known.changes(1, 1)) < 10


IDENTITY = ServerIdentity("s", "i", "DC=x", "CN=Configuration,DC=x", ("DC=x",))


class Reader:
    """Notes where it is told to start."""

    full = 1
    in_contact = True

    def __init__(self) -> None:
        self.started: dict[Partition, int] = {}

    def start_at(self, positions: dict[Partition, int]) -> None:
        self.started = positions


def test_an_answer_about_a_collection_that_there_is_not_ends_no_source() -> None:
    source = graph()
    source.restore([])
    try:
        assert not source.resyncing("no-such-collection")
    finally:
        source.close()
