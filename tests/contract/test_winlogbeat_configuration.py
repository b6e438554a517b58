"""Winlogbeat ships exactly what is read: providers, logs and ids, both ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.lab.events import winlogbeat_document
from producers.eventlog import winlogbeat
from producers.eventlog.known import KNOWN

_FILE = Path(__file__).parents[2] / "deploy" / "winlogbeat" / "winlogbeat.yml"
_MOST_CONDITIONS = 22
"""Elastic, "Winlogbeat: event_id": more conditions than this in one query are refused by some versions of Windows."""


def _entries() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.safe_load(_FILE.read_text())["winlogbeat.event_logs"]
    return entries


def _ids(text: object) -> set[int]:
    found: set[int] = set()
    for part in str(text).split(","):
        first, _, last = part.strip().partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _shipped() -> dict[tuple[str, str], set[int]]:
    """(provider, log) -> ids; a log of one provider alone names none."""
    alone = {provider.channel: provider.name for provider in KNOWN.values() if provider.channel != "Application"}
    shipped: dict[tuple[str, str], set[int]] = {}
    for entry in _entries():
        for provider in entry.get("provider") or [alone[entry["name"]]]:
            shipped.setdefault((provider, entry["name"]), set()).update(_ids(entry["event_id"]))
    return shipped


def test_what_is_shipped_is_what_is_read() -> None:
    read = {(known.name, known.channel): set(known.ids) for known in KNOWN.values() if known.shipped}
    devices = KNOWN["user device registration"]
    read[devices.name, "ForwardedEvents"] = set(devices.ids)
    assert _shipped() == read


def test_the_security_log_is_off_and_named_as_it_is_read() -> None:
    assert "Security" not in {entry["name"] for entry in _entries()}
    commented = re.search(r"# - name: Security\n.*?# +event_id: ([0-9, -]+)", _FILE.read_text(), re.DOTALL)
    assert commented is not None
    assert _ids(commented[1]) == KNOWN["security"].ids


@pytest.mark.parametrize("entry", _entries(), ids=lambda entry: str(entry.get("id") or entry["name"]))
def test_a_query_has_no_more_conditions_than_windows_takes(entry: dict[str, Any]) -> None:
    assert len(str(entry["event_id"]).split(",")) <= _MOST_CONDITIONS


def test_entries_of_one_log_keep_positions_of_their_own() -> None:
    names = [entry.get("id") or entry["name"] for entry in _entries()]
    assert len(set(names)) == len(names)


def test_every_provider_that_has_a_reader_is_known() -> None:
    assert {known.name.lower(): short for short, known in KNOWN.items()} == winlogbeat._PROVIDERS


@pytest.mark.parametrize("short", [short for short, known in KNOWN.items() if known.shipped])
def test_every_event_that_is_shipped_is_read(short: str) -> None:
    known = KNOWN[short]
    for event_id in sorted(known.ids):
        document = winlogbeat_document(
            server="aadc01.corp.contoso.local", provider=known.name, event_id=event_id, message="…", level="error",
            channel=known.channel, record_id=1, at_ms=1_795_426_267_123,
        )  # fmt: skip
        events = winlogbeat.winlogbeat_events(document, "t", 0)
        assert [event.name for event in events] == [f"{short}/{event_id}"]
        assert events[0].details["level"] == "error"
