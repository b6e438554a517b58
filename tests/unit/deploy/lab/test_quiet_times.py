"""Times when synchronisation rests and nothing is wrong: a weekend, an upgrade, a tenant that never had any.

The lab plays them by its clock, and the pure pipeline looks on; alert rules have the same times in
tests/contract/test_quiet_times.py.
"""

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
from tests.support.lab_oracle import state_of_tenant
from tests.support.lab_pipeline import LabPipeline, at
from tests.support.rehearsal import START_MS

QUIET = {"authority", "capacity", "conflict", "engine", "flow"}


class Quiet:
    """A lab at rest. `found`: what was published, without what is resolved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.minute = 0
        monkeypatch.setattr(graph_time.time, "time_ns", lambda: self.now_ms * 1_000_000)
        self.lab: HybridOrganisation = build(120)
        for forest in self.lab.forests:
            forest.store.clock = lambda: self.now_ms / 1000
        self.cast = Cast(self.lab)
        self.pipeline = LabPipeline(self.lab)
        self.state: Callable[[], TenantState] = lambda: state_of_tenant(self.lab.tenant)

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

    def look(self) -> None:
        organization = self.lab.tenant.profile.organization(beta=True, used=self.lab.tenant.count())
        organization["readDateTime"] = graph_time.precise_time(self.now_ms)
        read = msgspec.structs.replace(self.state(), organization=organization)
        self.pipeline.look(at(read, self.now_ms), self.now_ms)

    @property
    def found(self) -> set[str]:
        told: list[Finding] = [finding for _, finding in self.pipeline.published if finding is not None]
        # Of the lab's audience, only members in the cloud are kept from the pipeline.
        return {each.summary for each in told if each.family in QUIET and each.detection != "flow.membership_drift"}


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Quiet:
    return Quiet(monkeypatch)


def test_a_weekend_without_a_change(quiet: Quiet) -> None:
    quiet.play(60 * 60, look_every_min=30)
    assert quiet.found == set()


def test_a_weekend_that_was_none_would_have_been_noticed(quiet: Quiet) -> None:
    quiet.play(6 * 60, look_every_min=30, acts={120: lambda: _stop(quiet, stopped=True)})
    assert {each.detection for each in quiet.pipeline.open().values()} == {"engine.sync_stopped"}


def test_an_upgrade_that_leaves_out_a_cycle(quiet: Quiet) -> None:
    """The server is in staging mode, then off; people go on changing things."""
    person, other = quiet.cast.person(), quiet.cast.person()
    quiet.play(
        300,
        look_every_min=5,
        acts={
            121: lambda: _stage(quiet, staged=True),
            125: lambda: person.write(displayName="Changed Meanwhile"),
            130: lambda: other.store.delete(other.guid),
            152: lambda: _stop(quiet, stopped=True),
            176: lambda: _stop(quiet, stopped=False),
            177: lambda: _stage(quiet, staged=False),
        },
    )
    assert quiet.found == set()
    assert quiet.lab.engine.cycles > 9, "and the cycles after it brought everything"


def test_a_tenant_that_was_never_synchronised(quiet: Quiet) -> None:
    """onPremisesSyncEnabled is null; AD is watched already, and the cloud has accounts of its own."""
    tenant = quiet.lab.tenant
    for kind in ("user", "group", "contact", "device"):
        for object_id in tenant.ids(kind):  # type: ignore[arg-type]
            tenant.hard_delete(kind, object_id)  # type: ignore[arg-type]
    for number in range(20):
        tenant.upsert("user", None, {"displayName": f"Cloud {number}", "accountEnabled": True, "userType": "Member",
                                     "userPrincipalName": f"cloud{number}@contoso.onmicrosoft.com"})  # fmt: skip
    tenant.profile.sync_enabled = None
    tenant.profile.last_sync_ms = tenant.profile.last_password_sync_ms = None
    quiet.lab.engine.stopped = True
    quiet.lab.engine.log.documents.clear()
    quiet.play(24 * 60, look_every_min=30)
    assert quiet.found == set()


def _stop(quiet: Quiet, *, stopped: bool) -> None:
    quiet.lab.engine.stopped = stopped


def _stage(quiet: Quiet, *, staged: bool) -> None:
    quiet.lab.engine.staging = staged
    if quiet.lab.engine.passwords is not None:
        quiet.lab.engine.passwords.dead = staged
