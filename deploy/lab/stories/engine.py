"""The engine story: what goes wrong with synchronisation itself, and with the limits of the tenant.

Sources: Microsoft, "Microsoft Entra Connect Sync: Prevent accidental deletes", "… Staging server and disaster
recovery"; "Application provisioning in quarantine status"; "Microsoft Entra service limits".
"""

from __future__ import annotations

from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories.cast import Cast
from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.cloud_sync import CloudSync
from streams.contracts.identity import immutable_id_of_bytes

_SECOND_SERVER = "AADC02"
_OFFICE = "Cairo"
_BUSY = 6


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`."""
    room = _ServerRoom(lab)
    steps = [*room.limits(), *room.jobs(), *room.drops(), *room.deletions(), *room.servers(), *room.stops()]
    return Story(
        name="engine",
        summary="The sync engine stops, deletes too much, loses values and is doubled; its administrators notice",
        steps=sorted(steps, key=lambda step: step.at_min),
    )


class _ServerRoom:
    """The engine and its tenant."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._engine, self._tenant = lab.engine, lab.tenant
        cast = Cast(lab)
        self._domain, self._store, self._layout = cast.main.layout.domain, cast.main.store, cast.main.layout
        self._office = self._layout.offices[_OFFICE]
        staff = sum(found.object_class == "user" for found in self._store.objects(below=self._office))
        self._tenant.profile.deletion_threshold = max(10, staff // 2)
        inside = (cast.person() for _ in range(1000))
        away = (person for person in inside if self._office not in person.store.get(person.guid).dn)
        self._unheard = next(away)
        self._addresses = self._unheard.values("proxyAddresses")
        self._movers = [next(away) for _ in range(_BUSY)]
        self._quota = self._tenant.profile.quota_total
        self._cloud_sync = CloudSync(lab.tenant, lab.forests[1].name)
        self._job = self._cloud_sync.add("AD2AADProvisioning")
        self._cloud_sync.ran(self._job)
        self._titles = 0

    def limits(self) -> list[Step]:
        """The tenant is nearly full."""
        return [
            Step(
                name="quota", at_min=0, told="The tenant comes near its quota of directory objects",
                act=self._fill, opens=[self._of_tenant("capacity.directory_quota")],
            ),
            Step(
                name="quota raised", at_min=30, told="Support raises the quota",
                act=self._raise_quota, repairs=["quota"],
            ),
        ]  # fmt: skip

    def jobs(self) -> list[Step]:
        """A job of Cloud Sync would delete too much."""
        return [
            Step(
                name="quarantine", at_min=6, told="A Cloud Sync job goes into quarantine: too many deletions",
                act=lambda: self._cloud_sync.quarantine(self._job, "TooManyDeletes"),
                opens=[self._of_tenant("engine.cloud_sync_job_quarantined")],
            ),
            Step(
                name="job resumed", at_min=36, told="The scope is corrected and the job restarted",
                act=self._restart_job, repairs=["quarantine"],
            ),
        ]  # fmt: skip

    def drops(self) -> list[Step]:
        """A value that nobody refuses never arrives."""
        anchor = immutable_id_of_bytes(self._store.get(self._unheard.guid).raw("mS-DS-ConsistencyGuid")[0])
        user = f"user/{self._tenant.tenant_id}/{anchor}"
        return [
            Step(
                name="dropped", at_min=2, told=f"{self._unheard.name} gets another address: it is exported, and lost",
                act=self._drop, opens=[Expectation("flow.silent_drop", user)],
            ),
            Step(
                name="exported again", at_min=26, told=f"{self._unheard.name} changes jobs, and is exported again",
                act=lambda: self._unheard.write(title="Adviser"),
            ),
            Step(
                name="arrives", at_min=110, told="The address is changed, and arrives this time",
                act=self._let_arrive, repairs=["dropped"],
            ),
        ]  # fmt: skip

    def deletions(self) -> list[Step]:
        """An organisational unit is moved out of the scope."""
        return [
            Step(
                name="unit moved", at_min=50, told=f"Somebody drags the unit of {_OFFICE} out of the company's",
                act=lambda: self._store.move(self._office, self._layout.service_ou), holds_sync=True,
                opens=[self._of_tenant("engine.mass_deletion_forecast"), self._of_tenant("engine.scope_shrink")],
            ),
            Step(
                name="held back", at_min=50, told="A cycle is started by hand: its export is held back",
                act=self._run,
                opens=[self._of_tenant("engine.deletion_threshold_reached")],
            ),
            Step(
                name="unit back", at_min=60, told="The unit is moved back",
                act=self._move_back, repairs=["unit moved", "held back"],
            ),
        ]  # fmt: skip

    def servers(self) -> list[Step]:
        """A staging server is no longer one. Turns are told apart by the time of day, so it takes a while to show."""
        busy = [
            Step(name=f"work goes on {minute}", at_min=minute, told="People change jobs", act=self._work)
            for minute in range(34, 280, 30)
        ]
        return [
            Step(
                name="second server", at_min=4, told=f"{_SECOND_SERVER} leaves staging mode, and exports too",
                act=self._double, opens=[self._of_tenant("engine.two_active_servers")],
            ),
            *busy,
            Step(
                name="one server", at_min=285, told=f"{_SECOND_SERVER} is put back into staging mode",
                act=lambda: self._engine.tenant.audit.servers.remove(_SECOND_SERVER), repairs=["second server"],
            ),
        ]  # fmt: skip

    def stops(self) -> list[Step]:
        """The scheduler is off."""
        return [
            Step(
                name="stopped", at_min=290, told="The ADSync service stops",
                act=lambda: self._stop(stopped=True), opens=[self._of_tenant("engine.sync_stopped")],
            ),
            Step(
                name="started", at_min=385, told="It is started again",
                act=lambda: self._stop(stopped=False), repairs=["stopped"],
            ),
        ]  # fmt: skip

    def _fill(self) -> None:
        self._tenant.profile.quota_total = self._tenant.count() * 20 // 19

    def _raise_quota(self) -> None:
        self._tenant.profile.quota_total = self._quota

    def _restart_job(self) -> None:
        self._cloud_sync.resume(self._job)
        self._cloud_sync.ran(self._job)

    def _drop(self) -> None:
        self._engine.drop_silently.add((str(self._unheard.guid), "proxyAddresses"))
        self._unheard.write(proxyAddresses=[*self._addresses, f"smtp:cafe@{self._domain}"])

    def _let_arrive(self) -> None:
        self._engine.drop_silently.clear()
        self._unheard.write(proxyAddresses=[*self._addresses, f"smtp:coffee@{self._domain}"])

    def _run(self) -> None:
        self._engine.cycle()

    def _move_back(self) -> None:
        people = self._layout.people_ou
        self._store.move(self._moved_office(), people)

    def _moved_office(self) -> str:
        return f"{self._office.partition(',')[0]},{self._layout.service_ou}"

    def _double(self) -> None:
        self._engine.second_server_active(_SECOND_SERVER)
        self._work()

    def _work(self) -> None:
        self._titles += 1
        for person in self._movers:
            person.write(title=f"Adviser {self._titles}")

    def _stop(self, *, stopped: bool) -> None:
        self._engine.stopped = stopped

    def _of_tenant(self, detection: str) -> Expectation:
        return Expectation(detection, f"tenant/{self._tenant.tenant_id}")
