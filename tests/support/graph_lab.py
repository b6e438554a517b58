"""The lab's Graph in a thread of its own, a GraphSource that reads it, and a mirror of what the facts say."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.lab.certificates import Certificates
from deploy.lab.entra.apps import AppRegistration
from deploy.lab.entra.delta_pages import PageLimits
from deploy.lab.entra.faults import Faults
from deploy.lab.entra.server import EntraServer
from deploy.lab.entra.tenant import TenantStore
from producers.graph.client import GraphClient
from producers.graph.collections import COLLECTIONS, Collection
from producers.graph.source import GraphSource
from producers.source import Batch
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.facts import Fact, Operation
from streams.contracts.flows import READ_BY
from streams.runtime.settings import TenantSettings

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
CLIENT_ID = "2c7e9a10-4b3d-4f68-8d21-a5c0e7b9f314"
SECRET = "lab-secret"
ROLES = frozenset(
    {
        "AuditLog.Read.All",
        "User.Read.All",
        "GroupMember.Read.All",
        "OrgContact.Read.All",
        "Device.Read.All",
        "OnPremDirectorySynchronization.Read.All",
        "Organization.Read.All",
        "Domain.Read.All",
        "Directory.Read.All",
        "RoleManagement.Read.Directory",
        "Synchronization.Read.All",
    }
)


class Clock:
    """Monotonic seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class GraphLab:
    """A running lab: change `tenant` and `faults`, read with `source()`."""

    tenant: TenantStore
    server: EntraServer
    certificates: Certificates
    app: AppRegistration
    clock: Clock = field(default_factory=Clock)

    @property
    def faults(self) -> Faults:
        return self.server.faults

    def settings(self, **changes: Any) -> TenantSettings:
        """How a GraphSource reaches this lab."""
        base = {
            "id": TENANT,
            "authority": self.server.authority(self.tenant),
            "graph_url": self.server.url,
            "scope": "https://graph.microsoft.com/.default",
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "ca_file": self.certificates.ca_file,
            "poll_interval_s": 10,
            "sweep_interval_s": 1000,
            "tenant_interval_s": 100,
        }
        return TenantSettings.model_validate({**base, **changes})

    @property
    def table(self) -> str:
        """The [[tenant]] table of a settings file that reads this lab, all the time."""
        return f"""
            [[tenant]]
            id = "{TENANT}"
            authority = "{self.server.authority(self.tenant)}"
            graph_url = "{self.server.url}"
            scope = "https://graph.microsoft.com/.default"
            client_id = "{CLIENT_ID}"
            client_secret = "{SECRET}"
            ca_file = "{self.certificates.ca_file}"
            poll_interval_s = 0.2
            """

    @contextlib.contextmanager
    def source(
        self,
        saved: Sequence[Checkpoint] = (),
        collections: Sequence[Collection] = COLLECTIONS,
        **changes: Any,
    ) -> Iterator[GraphSource]:
        """A source that was restored from `saved`."""
        settings = self.settings(**changes)
        source = GraphSource(settings, GraphClient(settings), collections, self.clock)
        source.restore(saved)
        try:
            yield source
        finally:
            source.close()

    def later(self, seconds: float) -> None:
        """Let so many seconds pass for the source."""
        self.clock.now += seconds


def drain(source: GraphSource, most: int = 2000) -> list[Batch]:
    """Read until every task rests or backs off."""
    batches = []
    for _ in range(most):
        batch = source.read()
        batches.append(batch)
        if not batch.more:
            return batches
    raise AssertionError(f"the source does not come to rest within {most} reads")


def facts_of(batches: Sequence[Batch]) -> list[Fact]:
    return [fact for batch in batches for fact in batch.facts]


class Mirror:
    """The directory as the facts tell it: what a consumer would hold."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.members: dict[str, set[str]] = {}

    def apply(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.op is Operation.DELETED:
                self.objects.pop(fact.object_id, None)
                self.members.pop(fact.object_id, None)
                continue
            known = {} if fact.full else self.objects.get(fact.object_id, {})
            merged = {**known, **fact.attributes}
            self.objects[fact.object_id] = {name: value for name, value in merged.items() if value is not None}
            for change in fact.links.values():
                before = set() if change.complete else self.members.get(fact.object_id, set())
                added, removed = {link.id for link in change.added}, {link.id for link in change.removed}
                self.members[fact.object_id] = (before | added) - removed


class Saved:
    """The compacted checkpoint topic, in memory."""

    def __init__(self) -> None:
        self._parts: dict[str, Checkpoint] = {}

    def save(self, checkpoints: Sequence[Checkpoint]) -> None:
        for checkpoint in checkpoints:
            if checkpoint.position:
                self._parts[checkpoint.part] = checkpoint
            else:
                self._parts.pop(checkpoint.part, None)

    def parts(self) -> list[Checkpoint]:
        return list(self._parts.values())


def expected(tenant: TenantStore, collections: Sequence[Collection] = COLLECTIONS) -> dict[str, dict[str, Any]]:
    """What a mirror of `tenant` must hold: the selected properties that are set, by object id; of physicalIds one."""
    objects = {}
    for collection in collections:
        for object_id in tenant.ids(collection.kind.value):
            held = tenant.get(collection.kind.value, object_id) or {}
            held["physicalIds"] = [each for each in held.get("physicalIds") or () if each.startswith("[ZTDID]")]
            objects[object_id] = {
                name: held[name] for name in collection.properties if held.get(name) not in (None, [])
            }
    return objects


def without_empty(objects: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        object_id: {name: value for name, value in held.items() if value != [] and name != READ_BY}
        for object_id, held in objects.items()
    }


@contextlib.contextmanager
def graph_lab(certificates: Certificates, limits: PageLimits | None = None, **options: Any) -> Iterator[GraphLab]:
    """Run a lab Graph with an empty tenant until the block ends."""
    tenant = TenantStore(TENANT)
    app = AppRegistration(CLIENT_ID, ROLES, secrets={SECRET})
    tenant.register_app(app)
    server = EntraServer([tenant], certificates=certificates, limits=limits, **options)
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> None:
        await server.start()
        started.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=run, name="lab-graph", daemon=True)
    thread.start()
    if not started.wait(120):
        raise AssertionError("the lab Graph did not start")
    try:
        yield GraphLab(tenant, server, certificates, app)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(120)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(120)
        loop.close()


def certificates_in(directory: Path) -> Certificates:
    from deploy.lab.certificates import issue

    return issue(directory, ["localhost", "127.0.0.1"])
