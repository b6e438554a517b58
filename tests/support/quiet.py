"""A lab at rest, with the pure pipeline looking on, and what an exporter would show of it minute by minute."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from deploy.lab.entra import graph_time
from deploy.lab.hybrid import HybridOrganisation, build
from deploy.lab.stories.cast import Cast
from deploy.lab.sync.clock import CYCLE_S, PASSWORDS_S
from streams.contracts.facts import TenantState
from streams.contracts.finding import Finding
from streams.contracts.times import parse_rfc3339
from tests.support.lab_oracle import state_of_tenant
from tests.support.lab_pipeline import LabPipeline, at
from tests.support.rehearsal import START_MS

QUIET = {"authority", "capacity", "conflict", "engine", "flow"}
Labels = tuple[str, str, str]
"""Detection, severity, forest."""


class Quiet:
    """A lab of which little is asked.

    found: what was published of the families that look at synchronisation, whether or not it has ended.
    shown: minute -> labels -> (how many are open, since which second of the play the oldest is).
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.minute = 0
        monkeypatch.setattr(graph_time.time, "time_ns", lambda: self.now_ms * 1_000_000)
        self.lab: HybridOrganisation = build(120)
        for forest in self.lab.forests:
            forest.store.clock = lambda: self.now_ms / 1000
        self.cast = Cast(self.lab)
        self.pipeline = LabPipeline(self.lab)
        self.shown: dict[int, dict[Labels, tuple[int, int]]] = {}

    @property
    def now_ms(self) -> int:
        return START_MS + self.minute * 60_000

    def play(self, minutes: int, *, look_every_min: int, acts: dict[int, Callable[[], object]] | None = None) -> None:
        """The engine's work, and `acts` by the minute."""
        for _ in range(minutes + 1):
            if self.minute * 60 % PASSWORDS_S == 0 and not self.lab.engine.stopped:
                self.lab.engine.password_sync()
            if self.minute * 60 % CYCLE_S == 0:
                self.lab.engine.cycle()
            if acts and self.minute in acts:
                acts[self.minute]()
            if self.minute % look_every_min == 0:
                self.look()
            self.minute += 1

    def never_synchronised(self) -> None:
        """onPremisesSyncEnabled is null; AD is watched already, and the cloud has accounts of its own."""
        tenant = self.lab.tenant
        for kind in ("user", "group", "contact", "device"):
            for object_id in tenant.ids(kind):  # type: ignore[arg-type]
                tenant.hard_delete(kind, object_id)  # type: ignore[arg-type]
        for number in range(20):
            tenant.upsert("user", None, {"displayName": f"Cloud {number}", "accountEnabled": True, "userType": "Member",
                                         "userPrincipalName": f"cloud{number}@contoso.onmicrosoft.com"})  # fmt: skip
        tenant.profile.sync_enabled = None
        tenant.profile.last_sync_ms = tenant.profile.last_password_sync_ms = None
        self.lab.engine.stopped = True
        self.lab.engine.log.documents.clear()

    def look(self) -> None:
        organization = self.lab.tenant.profile.organization(beta=True, used=self.lab.tenant.count())
        organization["readDateTime"] = graph_time.precise_time(self.now_ms)
        read: TenantState = msgspec.structs.replace(state_of_tenant(self.lab.tenant), organization=organization)
        standing: dict[Labels, list[int]] = {}
        for finding in self.pipeline.look(at(read, self.now_ms), self.now_ms).values():
            if _wanted(finding):
                labels = (finding.detection, finding.severity.value, finding.forest or "none")
                standing.setdefault(labels, []).append((parse_rfc3339(finding.opened_at) - START_MS) // 1000)
        self.shown[self.minute] = {labels: (len(times), min(times)) for labels, times in standing.items()}

    @property
    def found(self) -> set[str]:
        told: list[Finding] = [finding for _, finding in self.pipeline.published if finding is not None]
        return {each.summary for each in told if _wanted(each)}


def _wanted(finding: Finding) -> bool:
    return finding.family in QUIET
