"""Sign-ins: off unless asked for, one event per hybrid device and day, and never a word about who it was."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from producers.graph.mapping.sign_ins import sign_in_event
from producers.source import Batch
from streams.contracts.codec import encode
from streams.contracts.events import Event, Log
from streams.views.event_contributions import contributions_of_event
from tests.support.graph_lab import TENANT, GraphLab, Saved, drain

SAMPLES = Path(__file__).parents[1] / "entra" / "samples"
NOW = datetime.now(UTC)


def _row(sample: str = "signin_hybrid_joined", minutes_ago: float = 1.0, **device: Any) -> dict[str, Any]:
    row = json.loads((SAMPLES / f"{sample}.json").read_text())
    at = NOW - timedelta(minutes=minutes_ago)
    changed = {"id": str(uuid.uuid4()), "createdDateTime": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return {**row, **changed, "deviceDetail": {**row["deviceDetail"], **device}}


def _events(batches: Iterable[Batch]) -> list[Event]:
    return [event for batch in batches for event in batch.events if event.log is Log.SIGN_IN]


def test_they_are_not_read_unless_a_site_asks_for_it(lab: GraphLab) -> None:
    lab.tenant.append_log("signIns", _row())
    with lab.source() as source:
        assert _events(drain(source)) == []
        assert "signIns" not in {turn.task.name for turn in source._turns}


def test_a_device_is_told_once_a_day_and_only_if_it_is_hybrid_joined(lab: GraphLab) -> None:
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    for minutes_ago in (3, 2, 1):
        lab.tenant.append_log("signIns", _row(minutes_ago=minutes_ago, deviceId=one))
    lab.tenant.append_log("signIns", _row(deviceId=other.upper(), trustType="Microsoft Entra hybrid joined"))
    lab.tenant.append_log("signIns", _row(deviceId=str(uuid.uuid4()), trustType="Azure AD registered"))
    lab.tenant.append_log("signIns", _row("signin_device_not_joined"))
    with lab.source(sign_ins=True) as source:
        told = _events(drain(source))
        days = {(event.object_guid, event.ts_ms // 86_400_000) for event in told}
        assert {device for device, _ in days} == {one, other} and len(days) == len(told)
        lab.tenant.append_log("signIns", _row(minutes_ago=0, deviceId=other))
        lab.later(301)
        again = _events(drain(source))
        assert {(event.object_guid, event.ts_ms // 86_400_000) for event in again}.isdisjoint(days)


def test_nobody_is_named_not_even_where_a_row_cannot_be_used(lab: GraphLab) -> None:
    lab.tenant.append_log("signIns", _row())
    lab.tenant.append_log("signIns", {**_row(), "id": ""})
    with lab.source(sign_ins=True) as source:
        batches = drain(source)
    (event,) = _events(batches)
    kept = encode(event) + b"".join(encode(letter) for batch in batches for letter in batch.rejected)
    row = _row()
    for secret in ("userPrincipalName", "userDisplayName", "userId", "ipAddress"):
        assert row[secret].encode() not in kept
    assert event.details == {"trust_type": "Hybrid Azure AD joined", "managed": True, "compliant": True}
    (word,) = contributions_of_event(event)
    assert word.view == f"device/{TENANT}/{event.object_guid}" and event.key == event.object_guid


def test_what_is_left_out_of_a_row_is_left_out_of_its_dead_letter(lab: GraphLab) -> None:
    row = _row()
    with lab.source(sign_ins=True) as source:
        (task,) = [turn.task for turn in source._turns if turn.task.name == "signIns"]
        step = task.apply({"value": [{**row, "createdDateTime": "yesterday"}]})
    (letter,) = step.rejected
    assert b"amira" not in base64.b64decode(letter.original).lower()


def test_only_successful_ones_on_windows_are_asked_for_where_the_cloud_can(lab: GraphLab) -> None:
    lab.tenant.append_log("signIns", {**_row(), "status": {"errorCode": 53003}})
    lab.tenant.append_log("signIns", _row(operatingSystem="iOS"))
    wanted = _row(deviceId=str(uuid.uuid4()), operatingSystem="Windows10")
    lab.tenant.append_log("signIns", wanted)
    with lab.source(sign_ins=True) as source:
        assert [event.id for event in _events(drain(source))] == [wanted["id"]]


def test_many_pages_are_read_and_the_position_is_small(lab: GraphLab) -> None:
    devices = [str(uuid.uuid4()) for _ in range(1500)]
    for device in devices:
        lab.tenant.append_log("signIns", _row(deviceId=device))
    saved = Saved()
    with lab.source(sign_ins=True) as source:
        batches = drain(source)
        for batch in batches:
            saved.save(batch.checkpoints)
    assert sorted(event.object_guid or "" for event in _events(batches)) == sorted(devices)
    (position,) = [part.position for part in saved.parts() if part.part == "signIns"]
    assert position["newest_ms"] and position["told"] == {}


def test_without_a_licence_or_the_right_the_refusal_is_told_and_the_rest_goes_on(lab: GraphLab) -> None:
    lab.tenant.profile.premium = False
    with lab.source(sign_ins=True) as source:
        assert any(batch.facts for batch in drain(source))
        lab.later(101)
        (state,) = [state for batch in drain(source) for state in batch.tenants]
        assert state.refused["signIns"].startswith("403 Authentication_RequestFromNonPremiumTenant")
        lab.tenant.profile.premium = True
        lab.tenant.append_log("signIns", _row())
        lab.later(301)
        assert len(_events(drain(source))) == 1


def test_every_sample_is_read_or_left_out() -> None:
    hybrid = sign_in_event(_row(), TENANT, 1)
    assert hybrid is not None and hybrid.name == "sign-in"
    assert sign_in_event(_row("signin_device_not_joined"), TENANT, 1) is None
