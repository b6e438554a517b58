"""A page with something in it that cannot be read costs that item: the others are told, the page is read once."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.graph.client import GraphClient
from producers.graph.collections import GROUPS, USERS
from producers.graph.delta import DeltaTask
from producers.graph.errors_seen import ErrorsSeen
from producers.graph.logs import AUDITS, LogPace, LogTask
from producers.graph.mapping.provisioning import provisioning_event
from producers.graph.page import UnreadableItem, read_page
from producers.graph.tenant import TenantTask
from producers.graph.trail import Trail
from streams.contracts.codec import encode
from streams.contracts.errors import RetriableError
from streams.contracts.facts import FactChunk, Origin
from streams.runtime.clock import HybridClock
from streams.runtime.settings import TenantSettings

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
IDS = [f"00000000-0000-0000-0000-{number:012x}" for number in range(3)]
GRAPH = "https://graph.microsoft.com/v1.0"
UNREADABLE = [
    rb'"\ud800"',
    rb'"\udfff and more"',
    rb'{"x": ["\ud800"]}',
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"9" * 100_000,
    b"[" * 1100 + b"]" * 1100,
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"a\x01b"',
    b"01",
    b"tru",
]


def page(bad: bytes, at: int = 1, link: str = "nextLink") -> bytes:
    names = [f'{{"id": "{each}", "displayName": '.encode() for each in IDS]
    items = [name + (bad if at == number else b'"Ada, {[ \\" ]}"') + b"}" for number, name in enumerate(names)]
    end = f'], "@odata.{link}": "{GRAPH}/next"}}'.encode()
    return b'{"@odata.context": "[x]", "value": [' + b" , ".join(items) + end


@pytest.mark.parametrize("bad", UNREADABLE, ids=lambda bad: bad[:12])
@pytest.mark.parametrize("at", range(3))
def test_one_item_is_lost_and_told(bad: bytes, at: int) -> None:
    document = read_page(page(bad, at))
    assert [isinstance(item, UnreadableItem) for item in document["value"]] == [at == number for number in range(3)]
    assert [item.get("id") for item in document["value"]] == IDS
    assert document["@odata.nextLink"] == f"{GRAPH}/next"


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers(-1, 9) | st.lists(st.text())), max_size=4))
def test_a_page_is_split_as_json_says(items: list[Any]) -> None:
    """The items of a page that is read whole, and of one that is not, are the same."""
    whole = orjson.dumps({"a": [{"value": [1]}], "value": [*items, "HERE"], "b": {"value": []}})
    broken = whole[::-1].replace(b'"EREH"', b"NaN", 1)[::-1]
    assert read_page(broken)["value"][:-1] == items


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"value": [',
        b'{"value": [{"id": 1}',
        b'{"value": [1]',
        b"NaN",
        b'{"value": NaN}',
        b'{"value": [NaN], "x": NaN}',
        b'"' * 200_001,
        b"[" * 100_000,
    ],
)
def test_what_is_cut_is_no_page(content: bytes) -> None:
    with pytest.raises(ValueError):
        read_page(content)


class Told(GraphClient):
    """A Graph that answers with what it is told."""

    def __init__(self, answer: Callable[[str], Any]) -> None:
        super().__init__(TenantSettings(id=TENANT, client_id="c", client_secret="s"))
        self.answer = answer
        self.asked = 0

    def get(self, url: str, headers: Any = None) -> Any:
        self.asked += 1
        return self.answer(url)


def delta(answer: Callable[[str], Any]) -> DeltaTask:
    return DeltaTask(USERS, Told(answer), "entra/x", HybridClock(), ErrorsSeen("entra/x", "users/errors"), 1.0)


@pytest.mark.parametrize("bad", UNREADABLE, ids=lambda bad: bad[:12])
def test_a_delta_page_goes_on_with_a_dead_letter(bad: bytes) -> None:
    task = delta(lambda _: read_page(page(bad, link="deltaLink")))
    step = task.apply(task.fetch())
    assert [fact.object_id for fact in step.facts] == [IDS[0], IDS[2]]
    [letter] = step.rejected
    assert (letter.reason, letter.key) == ("not_json", IDS[1])
    assert bad[:1000] in base64.b64decode(letter.original)
    assert encode(letter) and task.resting


def test_one_member_of_30000_costs_itself_and_not_its_group() -> None:
    members = [{"id": str(uuid.UUID(int=number))} for number in range(30_000)]
    item = {"id": IDS[0], "displayName": "All", "members@delta": [*members[:9], {"id": 5}, *members[9:]]}
    answer = {"value": [item], "@odata.deltaLink": f"{GRAPH}/d"}
    errors = ErrorsSeen("entra/x", "groups/errors")
    task = DeltaTask(GROUPS, Told(lambda _: answer), "entra/x", HybridClock(), errors, 1.0)
    step = task.apply(task.fetch())
    told = {link.id for fact in step.facts for change in fact.links.values() for link in change.added}
    assert told == {member["id"] for member in members}
    [letter] = step.rejected
    assert (letter.reason, letter.key) == ("no_id", IDS[0]) and len(letter.original) < 300


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("proxyAddresses", ["smtp:a@x", None, 5, "smtp:b@x"], ["smtp:a@x", "smtp:b@x"]),
        ("serviceProvisioningErrors", [{"serviceInstance": "x"}, "y"], [{"serviceInstance": "x"}]),
        ("accountEnabled", "yes", None),
        ("displayName", ["x"], None),
    ],
)
def test_one_value_costs_itself_and_not_its_object(name: str, value: Any, kept: Any) -> None:
    answer = {"value": [{"id": IDS[0], "mail": "a@x", name: value}], "@odata.deltaLink": f"{GRAPH}/d"}
    task = delta(lambda _: answer)
    step = task.apply(task.fetch())
    [fact] = step.facts
    assert fact.attributes.get(name) == kept and fact.attributes["mail"] == "a@x"
    assert fact.full is (kept is not None), "what was left out is not known to be unset"
    assert {letter.reason for letter in step.rejected} == {"wrong_type"}


def test_any_value_in_any_place_of_an_item_is_a_fact_or_a_dead_letter() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    odd: list[Any] = [
        None,
        True,
        1,
        1.5,
        "x",
        [],
        {},
        [1],
        [[]],
        [{}],
        {"x": []},
        {"reason": ["x"]},
        [{"id": {}}],
        deep,
        [{"a": deep}],
    ]
    for name in ("id", "@removed", "@odata.type", "members@delta", *USERS.properties):
        for value in odd:
            item = {"id": IDS[0], "displayName": "x", name: value}
            task = delta(lambda _, item=item: {"value": [item, {"id": IDS[1]}], "@odata.deltaLink": f"{GRAPH}/d"})  # type: ignore[misc]
            step = task.apply(task.fetch())
            assert len(step.facts) == 2 or (step.rejected and IDS[1] in {fact.object_id for fact in step.facts})
            for fact in step.facts:
                assert encode(FactChunk(origin=Origin(name="x", side="entra", tenant="t"), facts=[fact]))


def test_a_log_goes_on_with_a_dead_letter() -> None:
    for bad in UNREADABLE:
        content = read_page(page(bad))
        content.pop("@odata.nextLink")
        task = LogTask(
            AUDITS,
            Told(lambda _, c=content: c),  # type: ignore[misc]
            TENANT,
            "entra/x",
            HybridClock(),
            LogPace(interval_s=1, overlap_s=1, lookback_s=1),
        )
        assert "not_json" in {letter.reason for letter in task.apply(task.fetch()).rejected}


@pytest.mark.parametrize("steps", [5, True, "x", {"a": 1}, [5], [[]], None])
def test_steps_of_any_type(steps: Any) -> None:
    row = {
        "id": "x",
        "jobId": "AD2AADProvisioning.x",
        "activityDateTime": "2026-01-01T00:00:00Z",
        "provisioningSteps": steps,
    }
    assert provisioning_event(row, TENANT, 1)


@pytest.mark.parametrize("principal", [{}, {"id": None}, {"id": 5}, {"id": []}, {"id": "../../users"}, {"id": "x?y"}])
def test_service_principals_of_any_shape(principal: Any) -> None:
    def answer(url: str) -> Any:
        assert "/../" not in url and "x?y" not in url
        return {"value": [principal]}

    task = TenantTask(Told(answer), TENANT, "entra/x", HybridClock(), 1.0)
    [state] = task.apply(task.fetch()).tenants
    assert encode(state)


def test_a_trail_never_leads_back() -> None:
    trail = Trail("users")
    assert trail.after("a", {"value": [1], "@odata.nextLink": "b"}) == "b"
    assert trail.after("a", {"value": [1], "@odata.nextLink": "b"}) == "b", "a page may be asked for again"
    for link in ("a", "b"):
        with pytest.raises(RetriableError, match="back"):
            trail.after("b", {"value": [1], "@odata.nextLink": link})
    assert trail.after("b", {"value": [1]}) is None


def test_empty_pages_have_an_end() -> None:
    trail = Trail("users")
    with pytest.raises(RetriableError, match="empty") as raised:
        for number in range(10_000):
            trail.after(str(number), {"value": [], "@odata.nextLink": str(number + 1)})
    assert (raised.value.retry_after_s or 0) >= 60


def test_the_same_next_link_for_ever_tells_nothing_twice() -> None:
    task = delta(lambda _: {"value": [{"id": IDS[0]}], "@odata.nextLink": f"{GRAPH}/same"})
    assert len(task.apply(task.fetch()).facts) == 1
    for _ in range(3):
        with pytest.raises(RetriableError, match="back"):
            task.fetch()


def test_probes_of_the_tenant_have_an_end() -> None:
    numbers = iter(range(10**9))
    client = Told(lambda _: {"value": [], "@odata.nextLink": f"{GRAPH}/{next(numbers)}"})
    with pytest.raises(RetriableError):
        TenantTask(client, TENANT, "entra/x", HybridClock(), 1.0).fetch()
    assert client.asked < 20_000
