"""Two Connect servers of one short name, in two domains of a tenant: none speaks for the other."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from streams.contracts.events import Event, Log, Result
from streams.contracts.identity import finding_id, immutable_id_of_guid
from streams.views.event_contributions import contributions_of_event
from tests.support.cases import START_MS, fact_of
from tests.support.pipeline import AD, TENANT, Pipeline
from tests.support.words import body_of, said_in

RUN_ERRORS = "engine.export_run_errors"
SHORT = f"server/{TENANT}/sync01"
ONE, TWO = "corp.local", "fabrikam.local"
MINUTE_MS = 60_000


class Servers:
    """What servers called SYNC01 log, a minute after each other."""

    def __init__(self) -> None:
        self.pipeline = Pipeline()
        self.now_ms = START_MS

    def log(self, domain: str | None, name: str, **said: Any) -> Event:
        self.now_ms += MINUTE_MS
        event = Event(
            id=f"{domain}/{self.now_ms}", log=Log.WINDOWS, name=name, tenant=TENANT, ts_ms=self.now_ms,
            seen_ms=self.now_ms, server="sync01", domain=domain, **said,
        )  # fmt: skip
        self.pipeline.log([event], now_ms=self.now_ms)
        return event

    def cycle(self, domain: str | None, *, refused: bool = False) -> None:
        name = "directory synchronization/904"
        self.log(domain, name, details={"cycle": "started", "cycle_kind": "delta"})
        if refused:
            run = {"connector": "contoso.onmicrosoft.com - AAD", "run_profile": "Export"}
            details = {**run, "run_status": "completed-export-errors", "export_errors": 4}
            self.log(domain, "adsync/6100", result=Result.FAILURE, details=details)
        self.log(domain, name, details={"cycle": "completed", "cycle_kind": "delta"})

    def open(self) -> dict[str, str]:
        found = self.pipeline.open()
        assert all(finding.id == key for key, finding in found.items())
        return {key: str(found[key].subject.display_name) for key in found if found[key].detection == RUN_ERRORS}


@pytest.mark.parametrize("domains", [(None,), (ONE,), (ONE, None), (None, ONE)])
def test_a_server_alone_keeps_its_findings_whether_or_not_its_events_name_the_domain(
    domains: tuple[str | None, ...],
) -> None:
    servers = Servers()
    servers.cycle(domains[0], refused=True)
    assert servers.open() == {finding_id(RUN_ERRORS, SHORT): "sync01"}
    servers.cycle(domains[-1])
    assert servers.open() == {}


def test_the_health_of_one_ends_no_fault_of_the_other() -> None:
    servers = Servers()
    servers.cycle(ONE, refused=True)
    servers.cycle(TWO)
    of_one = {finding_id(RUN_ERRORS, f"{SHORT}.{ONE}"): f"sync01.{ONE}"}
    assert servers.open() == of_one
    servers.cycle(TWO, refused=True)
    assert servers.open() == of_one | {finding_id(RUN_ERRORS, f"{SHORT}.{TWO}"): f"sync01.{TWO}"}
    servers.cycle(ONE)
    assert [*servers.open().values()] == [f"sync01.{TWO}"]
    servers.pipeline.tick(servers.now_ms + 6 * 86_400_000)
    assert [*servers.open().values()] == [f"sync01.{TWO}"], "silence ends nothing"


def test_what_names_no_domain_is_of_neither_where_there_are_two() -> None:
    servers = Servers()
    servers.cycle(ONE)
    servers.cycle(TWO)
    servers.cycle(None, refused=True)
    assert servers.open() == {finding_id(RUN_ERRORS, SHORT): "sync01"}
    servers.cycle(ONE)
    servers.cycle(TWO)
    assert [*servers.open().values()] == ["sync01"]


def test_a_server_is_alone_again_when_its_namesake_is_forgotten() -> None:
    servers = Servers()
    servers.cycle(TWO)
    servers.now_ms += 5 * 86_400_000
    servers.cycle(ONE, refused=True)
    assert [*servers.open().values()] == [f"sync01.{ONE}"]
    servers.pipeline.tick(servers.now_ms + 3 * 86_400_000)
    assert [*servers.open().values()] == ["sync01"]


def test_a_word_of_an_earlier_version_stands_beside_no_newer_one() -> None:
    """It told the latest of a kind without its domain: both are the same server's."""
    servers = Servers()
    servers.cycle(ONE, refused=True)
    run = {"connector": "contoso.onmicrosoft.com - AAD", "run_profile": "Export", "run_status": "stopped-connectivity"}
    newer = servers.log(ONE, "adsync/6100", result=Result.FAILURE, details=run)
    [word] = [each for each in contributions_of_event(newer) if each.view == SHORT]
    before_ms = newer.ts_ms - 30 * MINUTE_MS
    failed = {**run, "run_status": "completed-export-errors"}
    body = body_of({**said_in(word.body), "id": "old", "ts_ms": before_ms, "details": failed})
    bare = replace(word, contributor=word.contributor.removesuffix(f"@{ONE}"), seq=1, changed_ms=before_ms, body=body)
    assert bare.contributor != word.contributor
    servers.pipeline.contribute([bare], now_ms=servers.now_ms)
    [found] = [each for each in servers.pipeline.open().values() if each.detection == RUN_ERRORS]
    assert [run["status"] for run in found.evidence["runs"]] == ["stopped-connectivity"]


def test_who_was_refused_asks_the_server_that_refused() -> None:
    """An export of the namesake proves nothing."""
    servers = Servers()
    person = fact_of("ad", {"id": "ada", "op": "r", "kind": "user", "attributes": {
        "userPrincipalName": "ada@contoso.com", "mail": "ada@contoso.com"}}, START_MS << 12, START_MS)  # fmt: skip
    servers.pipeline.feed(AD, [person], now_ms=START_MS)
    anchor = immutable_id_of_guid(person.object_id)
    for domain in (TWO, ONE):
        servers.cycle(domain)
    servers.log(ONE, "adsync/6941", source_anchor=anchor, result=Result.FAILURE, details={
        "error_name": "AttributeValueMustBeUnique", "attribute": "UserPrincipalName", "value": "ada@contoso.com"},
    )  # fmt: skip

    def refused() -> bool:
        return any(each.detection == "flow.export_error" for each in servers.pipeline.open().values())

    servers.pipeline.tick(servers.now_ms + MINUTE_MS)
    assert refused()
    servers.cycle(TWO)
    assert refused()
    servers.cycle(ONE)
    assert not refused()
