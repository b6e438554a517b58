"""Desks in the states that people meet them in: empty, with one finding, with many, blind, among hostile names."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import msgspec
import uvicorn
from sqlalchemy import Engine

from deploy.cli.desk.composition import catalogue
from sinks.actions.writer import ActionWriter
from sinks.desk.acting import Acting
from sinks.desk.application import application
from sinks.desk.pipeline import Checked, LastSync, PipelineWatch, Timeline, TimelineEntry
from sinks.desk.presence import Presence, Present, Waiting
from sinks.desk.reading import Reading
from sinks.freshness import Freshness
from sinks.freshness_source import FAILING
from sinks.history.database import open_database
from sinks.history.sink import HistorySink
from sinks.sink import Meta
from streams.contracts.finding import Finding, FindingState, Holder, Subject
from streams.contracts.times import rfc3339
from streams.contracts.topics import FINDINGS
from streams.detections.registry import all_detections
from streams.runtime.clock import now_ms
from streams.runtime.settings import AccessSettings, Settings
from streams.runtime.topic_reader import ReaderProgress
from tests.support.desk import Kept, watch_of, whole
from tests.support.findings import FOREST, TENANT, finding

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m‮{{7*7}} " + "W" * 300
_NAMES = ("Ada Lovelace", "Jörg Müller", "João Ibrahim", "Tarek Kowalski", "Zoë Ó Briain", "Nguyễn Thị Lan", "Li Wei")
_DAY_MS = 86_400_000
_BATCH = 5_000
_OFTEN = {"conflict": 8, "flow": 8, "hygiene": 4}


def many(count: int, *, hostile: bool = False) -> Iterator[Finding]:
    """Findings of a year, two of three resolved; a few again and again."""
    chance = random.Random(17)
    detections = [each.detection for each in all_detections() if each.detection.id != FAILING]
    weights = [_OFTEN.get(each.family, 1) for each in detections]
    for number in range(count):
        detection = chance.choices(detections, weights)[0]
        name = HOSTILE if hostile else f"{chance.choice(_NAMES)} {number}"
        unit = HOSTILE if hostile else f"OU={chance.choice(('Staff', 'Sales', 'Porto', 'Wien'))},OU=People"
        guid, cloud = f"6e1a2c90-5b7d-4f38-9c21-{number:012x}", f"0b0f4c1e-0000-4000-8000-{number:012x}"
        opened = now_ms() - int(chance.expovariate(1 / (60 * _DAY_MS))) % (365 * _DAY_MS)
        place = f"CN={name},{unit},DC=corp,DC=contoso,DC=local"
        address = f"user{number}@contoso.com"
        record = finding(
            number, at_ms=opened, detection=detection.id, family=detection.family, severity=detection.severity,
            forest=HOSTILE if hostile else chance.choice((FOREST, "ad.fabrikam.local")),
            summary=f"{name}: {detection.title.lower()}", remediation=detection.remediation,
            subject=Subject(kind="user", key=f"user/{number}", display_name=name, user_principal_name=address,
                            distinguished_name=place, object_guid=guid, entra_id=cloud),
            evidence={"address": address, "since": rfc3339(opened), "names": [name]},
            counterparts=[
                Holder(side="ad", kind="user", id=guid, distinguished_name=place, display_name=name, forest=FOREST,
                       user_principal_name=address, attributes=["mail"], role="keeps"),
                Holder(side="entra", kind="user", id=cloud, display_name=name, user_principal_name=address,
                       attributes=["mail"], role=chance.choice(("would_be_quarantined", "quarantined", "holds"))),
            ],
        )  # fmt: skip
        yield record
        if number % 3:
            ended = min(now_ms(), opened + int(chance.expovariate(1 / (2 * _DAY_MS))) + 60_000)
            yield msgspec.structs.replace(
                record, state=FindingState.RESOLVED, revision=2, updated_at=rfc3339(ended), resolved_at=rfc3339(ended)
            )


def fill(engine: Engine, findings: Iterator[Finding]) -> None:
    """Write them into the history."""
    sink = HistorySink(engine)
    here = ReaderProgress(caught_up=True, in_contact=True, behind=0)
    for at, each in enumerate(findings):
        sink.add(each, Meta(FINDINGS.name, 0, at, now_ms(), live=True))
        if at % _BATCH == _BATCH - 1:
            sink.flush(here)
    sink.flush(here)


def statements(name: str) -> tuple[Timeline, Presence]:
    """What directories and logs say of somebody of this name."""
    at = now_ms()
    entries = [
        TimelineEntry(at=rfc3339(at - 90_000), who="ad changed", about=name, words=f"mail {name}\nalso proxyAddresses"),
        TimelineEntry(
            at=rfc3339(at - 60_000), who="export failed", about=name, words=f"AttributeValue: {name}", failed=True
        ),
    ]
    sides = [
        Present(side=side, kind="user", id=f"6e1a2c90-5b7d-4f38-9c21-{number:012x}", name=name, tenant=TENANT,
                forest=FOREST if side == "ad" else None, alive=True, changed_at=rfc3339(at), outside=None,
                attributes={"displayName": name, "mail": "ada@contoso.com", "department": "Sales",
                            "distinguishedName": f"CN={name},OU=Staff,DC=corp,DC=contoso,DC=local"})
        for number, side in enumerate(("ad", "entra"))
    ]  # fmt: skip
    waiting = [Waiting(attribute="displayName", wanted=name, found="Ada", since=rfc3339(at - 600_000))]
    following = ["the next synchronisation, due in 12 min, writes them to Entra ID"]
    return Timeline(entries=entries), Presence(
        name=name, sides=sides, waiting=waiting, standing="1 attributes are on their way: displayName",
        next_export=following, last_sync_at=rfc3339(at - 1_000_000),
    )  # fmt: skip


def watch(name: str, *, blind: bool = False) -> PipelineWatch:
    """A pipeline that follows, or one that stopped three hours ago."""
    timeline, presence = statements(name)
    checks = [
        Checked("kafka", "ok", "all 13 topics are as they must be"),
        Checked("contoso.com", "gap", "AuditLog.Read.All is missing", "grant it: no log of Entra is read without"),
        Checked(FOREST, "fault", f"ldaps://dc1: {name}", "check bind_user and bind_password"),
    ]

    def freshness() -> Freshness:
        found = whole()
        return replace(found, at_ms=found.at_ms - (3 * 3_600_000 if blind else 0))

    return watch_of(
        freshness, checks, timeline, [presence], {TENANT: LastSync(now_ms() - 1_080_000, now_ms() + 720_000)}
    )


@contextmanager
def desk(
    folder: Path, findings: Iterator[Finding], *, name: str = "Ada Lovelace", blind: bool = False
) -> Iterator[str]:
    """A desk over a history of these findings; its address."""
    engine = open_database("", folder)
    fill(engine, findings)
    tenant = {"id": TENANT, "client_id": "c", "managed_identity": True}
    reading = Reading(
        engine, catalogue(Settings.model_validate({"tenant": [tenant]})), lambda: None, watch=watch(name, blind=blind)
    )
    acting = Acting(engine, cast(ActionWriter, Kept(engine)))
    app = application(reading, acting, access=AccessSettings(), secret="s" * 64, version="1")
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        engine.dispose()


def paths(first: Finding) -> dict[str, str]:
    """Name -> path of every page, of this finding."""
    guid = first.counterparts[0].id
    return {
        "now": "/", "resolved": "/?state=resolved", "finding": f"/f/{first.id}", "timeline": f"/f/{first.id}/timeline",
        "object": f"/o/{guid}", "object_now": f"/present/{guid}", "next_export": "/next", "causes": "/causes",
        "trends": "/trends", "detections": "/detections", "runbook": f"/runbooks/{first.detection}",
        "sources": "/sources", "audit": "/audit", "bulk": "/bulk?family=conflict", "not_found": "/f/nothing",
        "refused": "/?famly=conflict",
    }  # fmt: skip


