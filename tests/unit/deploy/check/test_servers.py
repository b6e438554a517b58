"""Which servers ship: last event, providers, clock."""

from __future__ import annotations

import orjson

from deploy.check.line import Mark
from deploy.check.servers import server_lines
from deploy.lab.events import ADSYNC, DIRECTORY_SYNCHRONIZATION, winlogbeat_document
from deploy.lab.registration_events import joined

NOW_MS = 1_795_426_267_000
MINUTE_MS = 60_000


def shipped(server: str, provider: str = ADSYNC, ago_ms: int = 0) -> bytes:
    return orjson.dumps(
        winlogbeat_document(
            server=f"{server}.corp.contoso.local", provider=provider, event_id=6100, message="x", record_id=1,
            at_ms=NOW_MS - ago_ms,
        )
    )  # fmt: skip


def test_each_server_says_when_it_last_told_and_of_what() -> None:
    values = [
        shipped("AADC01", ago_ms=9 * MINUTE_MS),
        shipped("AADC01", DIRECTORY_SYNCHRONIZATION, ago_ms=4 * MINUTE_MS),
        shipped("AADC02", ago_ms=26 * 60 * MINUTE_MS),
        shipped("AADC03", ago_ms=-5 * MINUTE_MS),
        shipped("AADC03", ago_ms=MINUTE_MS),
    ]
    first, second, third = server_lines("eventlog/windows", values, NOW_MS)
    assert (first.mark, first.what) == (Mark.GOOD, "aadc01: last event 4 min ago (adsync, directory synchronization)")
    assert (second.mark, second.what) == (Mark.GAP, "aadc02: last event 26 h ago (adsync)")
    assert third.mark is Mark.FAULT
    assert "5 min in the future" in third.what
    assert "clock" in third.advice


def test_clients_are_counted_together() -> None:
    values = [
        orjson.dumps(joined(server=f"PC{number}.corp.contoso.local", record_id=1, at_ms=NOW_MS - 3 * 86_400_000))
        for number in range(200)
    ]
    [line] = server_lines("eventlog/windows", values, NOW_MS)
    assert (line.mark, line.what) == (Mark.GOOD, "200 clients: last event 3 d ago (user device registration)")


def test_what_is_not_ours_is_passed_over() -> None:
    assert server_lines("x", [b"", b"{", b"[]", b"{}", orjson.dumps({"winlog": {"provider_name": "Other"}})], 0) == []


def test_the_name_of_a_server_is_not_acted_on() -> None:
    [line] = server_lines("x", [shipped("\x1b[31mAADC01")], NOW_MS)
    assert "\x1b" not in line.what
