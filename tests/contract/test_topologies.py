"""The supported topologies: each at rest through a first reading and many cycles, and a fault told where it is.

Source: Microsoft, "Topologies for Microsoft Entra Connect"; "Microsoft Entra Cloud Sync supported topologies and
scenarios". Account and resource forests, which depend on how users are joined, have tests of their own.
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from streams.contracts.facts import FOREST_HEARD, Domain
from streams.contracts.finding import FindingState, Severity
from streams.contracts.flows import READ_BY, VERSION
from streams.contracts.times import rfc3339
from tests.support.cases import START_MS, guid_of
from tests.support.pipeline import TENANT
from tests.support.small_world import World, settings_of, user

STAFF = {"displayName": "Staff", "groupType": -2147483646}
A, B = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"


def domains(name: str) -> list[Domain]:
    return [Domain(f"{name}.com"), Domain(f"{name}.onmicrosoft.com", is_initial=True)]


def test_one_forest_and_one_tenant() -> None:
    world = World(settings_of({"name": "corp"}))
    world.says[TENANT] = {"domains": domains("contoso")}
    world.both("ann", "user", user("ann"))
    world.both("bob", "user", user("bob"), manager=["ann"])
    world.both("staff", "group", STAFF, member=["ann", "bob"])
    world.rest()
    assert world.open() == []
    assert world.told_in_vain() == set()
    world.tell("entra", "bob-c", attributes={"displayName": "Robert"})
    assert world.open() == ["flow.attribute_drift"]
    world.tell("entra", "bob-c", attributes={"displayName": "Bob"})
    assert world.open() == []


def test_several_forests_and_one_tenant_with_people_in_one_of_them_only() -> None:
    world = World(settings_of({"name": "corp"}, {"name": "fabrikam"}))
    world.says[TENANT] = {"domains": [*domains("contoso"), Domain("fabrikam.com")]}
    world.both("ann", "user", user("ann"))
    world.both("staff", "group", STAFF, member=["ann"])
    world.both("bob", "user", user("bob", "fabrikam.com"), forest="fabrikam")
    world.both("crew", "group", STAFF | {"displayName": "Crew"}, forest="fabrikam", member=["bob"])
    world.rest()
    assert world.open() == []
    assert world.told_in_vain() == set()
    world.tell("fabrikam", "bob", attributes={"proxyAddresses": ["SMTP:bob@fabrikam.com", "smtp:ann@contoso.com"]})
    world.hear()
    [told] = [each for each in world.pipeline.open().values() if each.detection == "conflict.duplicate_address"]
    assert (told.forest, told.evidence["forests"]) == ("fabrikam", ["corp", "fabrikam"])
    world.tell("fabrikam", "bob", attributes={"proxyAddresses": user("bob", "fabrikam.com")["proxyAddresses"]})
    assert world.open() == []


def of_two_tenants(**more: Any) -> World:
    """One forest; everybody is in both tenants, each of which has a domain of its own."""
    world = World(settings_of({"name": "corp", "tenant": A, "tenants": [A, B], "hybrid_join": True, **more}))
    for tenant, name in ((A, "contoso"), (B, "fabrikam")):
        world.says[tenant] = {"domains": domains(name)}
    return world


def in_both(world: World, name: str) -> None:
    """In B a rule of its own makes the name that signs in."""
    world.tell("ad", name, "r", "user", attributes=user(name))
    world.cloud(name, "user", user(name), tenant=A, suffix="a")
    there = {"userPrincipalName": f"{name}@fabrikam.com", "onPremisesUserPrincipalName": f"{name}@fabrikam.com"}
    addresses = [f"SMTP:{name}@fabrikam.com"]
    world.cloud(name, "user", user(name), tenant=B, suffix="b",
                said={**there, "mail": f"{name}@fabrikam.com", "proxyAddresses": addresses})  # fmt: skip


def populate(world: World) -> None:
    world.tell("ad", "forest", "r", "forest", attributes={"serviceConnectionPointKeywords":
               [f"azureADId:{A}", "azureADName:contoso.com"]})  # fmt: skip
    for name in ("ann", "bob"):
        in_both(world, name)
    world.tell(
        "ad", "staff", "r", "group", attributes=STAFF, links={"member": {"added": ["ann", "bob"], "complete": True}}
    )
    for tenant, suffix in ((A, "a"), (B, "b")):
        world.cloud("staff", "group", STAFF, tenant=tenant, suffix=suffix, member=["ann", "bob"])
    # Joined to A; the seamless single sign-on and the group that is written back are A's, too.
    world.tell("ad", "pc1", "r", "device", attributes={"pwdLastSet": 134_500_000_000_000_000})
    joined = {"displayName": "pc1", "trustType": "ServerAd", "deviceId": guid_of("pc1"), "accountEnabled": True,
              "registrationDateTime": "2026-09-10T00:00:00Z", "operatingSystem": "Windows"}  # fmt: skip
    world.tell(A, "pc1-a", "r", "device", attributes=joined)
    world.tell("ad", "sso", "r", "device", attributes={"sAMAccountName": "AZUREADSSOACC$", "name": "AZUREADSSOACC",
                                                       "pwdLastSet": 133_000_000_000_000_000})  # fmt: skip
    world.tell(A, "club-a", "r", "group", attributes={"displayName": "Club", "groupTypes": ["Unified"],
                                                      "writebackConfiguration/isEnabled": True})  # fmt: skip
    world.tell("ad", "club", "r", "group", attributes={"displayName": "Club", "groupType": 8,
                                                       "adminDescription": f"Group_{guid_of('club-a')}"})  # fmt: skip


def test_one_forest_and_several_tenants() -> None:
    world = of_two_tenants(group_writeback=True)
    populate(world)
    world.rest()
    assert world.open() == ["engine.seamless_sso_key_stale"]  # an old key, on purpose: told once, in its tenant
    assert {each.tenant for each in world.pipeline.open().values()} == {A}
    world.tell("ad", "sso", attributes={"pwdLastSet": 134_500_000_000_000_000})
    assert world.open() == []
    assert world.told_in_vain() == {"engine.seamless_sso_key_stale"}
    # What one tenant lacks is a fault of that one.
    world.tell(B, "bob-b", "d")
    world.rest()
    assert {(each.tenant, each.detection) for each in world.pipeline.open().values()} == {(B, "flow.missing_in_cloud")}
    world.open()
    in_both(world, "bob")
    world.tell("ad", "ann", attributes={"displayName": "Anna"})
    world.tell(A, "ann-a", attributes={"displayName": "Anna"})
    world.rest()
    assert {(each.tenant, each.detection) for each in world.pipeline.open().values()} == {(B, "flow.attribute_drift")}
    world.tell(B, "ann-b", attributes={"displayName": "Anna"})
    assert world.open() == []


@pytest.mark.parametrize("kept", [True, False], ids=["it reads another forest", "it is gone from the settings"])
def test_a_tenant_that_is_taken_away_forgets_what_the_forest_told(kept: bool) -> None:
    """What was a fault of the two together is none any more, and the tenant that is left has lost nothing."""
    world = of_two_tenants()
    populate(world)
    for tenant, suffix in ((A, "a"), (B, "b")):
        world.tell(tenant, f"bob-{suffix}", "d")
        world.tell(tenant, f"ann-{suffix}", attributes={"displayName": "Somebody"})
    world.tell("ad", "eve", "r", "user", attributes=user("eve", mailNickname="ann"))
    world.tell("ad", "ann", attributes={"mailNickname": "ann"})
    world.rest(30)

    def told(tenant: str) -> list[str]:
        return sorted(each.detection for each in world.pipeline.open().values() if each.tenant == tenant)

    before = told(A)
    assert told(B) == [each for each in before if not each.startswith(("engine.", "hybrid_join."))]
    assert {"flow.missing_in_cloud", "flow.attribute_drift", "hygiene.duplicate"} <= set(told(B))
    forests = [{"name": "corp", "tenant": A}, *([{"name": "fabrikam", "tenant": B}] if kept else [])]
    after = World(settings_of(*forests))
    world.pipeline.options, world.pipeline.projector = after.pipeline.options, after.pipeline.projector
    world.pipeline.restart()
    world.rest(1)
    assert told(B) == []
    assert told(A) == before
    names = [name for name, number in world.pipeline.partition.counts.items() if number and f"\t{B}\t" in name]
    assert not [name for name in names if "corp" in name]
    # It is a tenant of the forest again: the source tells it everything, as it does whoever is new.
    again = of_two_tenants().pipeline
    world.pipeline.options, world.pipeline.projector = again.options, again.projector
    world.pipeline.restart()
    for name in ("ann", "eve"):
        world.tell("ad", name, "r", "user", attributes=user(name))
    world.tell("ad", "staff", "r", "group", attributes=STAFF)
    world.rest(3)
    assert {"flow.attribute_drift", "flow.missing_in_cloud"} <= set(told(B))
    assert "flow.orphaned_in_cloud" not in told(B)


def test_what_the_settings_say_counts_for_what_stands_with_the_next_start() -> None:
    """Of flows, of orphans, of what is looked for: nobody has to touch an object first."""

    def started(world: World, **tenant: Any) -> World:
        known = {"id": TENANT, "client_id": "c", "client_secret": "s"} | tenant
        after = World(settings_of({"name": "corp"}, tenant=[known]))
        world.pipeline.options, world.settings, world.options = after.pipeline.options, after.settings, after.options
        world.pipeline.restart()
        world.pipeline.tick(world.now_ms + 1)
        return world

    world = World(settings_of({"name": "corp"}))
    world.both("ann", "user", user("ann"))
    world.tell("ad", "bob", "r", "user", attributes=user("bob", department="Sales", **{READ_BY: VERSION}))
    world.cloud("bob", "user", user("bob"), said={"department": "Crew", READ_BY: VERSION})
    world.rest(3)
    assert world.open() == ["flow.attribute_drift"]
    assert not started(world, flow=[{"property": "department", "attribute": ""}]).pipeline.open()
    assert len(started(world).pipeline.open()) == 1
    assert not started(world, flow=[{"property": "department", "attribute": ""}]).pipeline.open()


def test_a_domain_that_no_tenant_of_the_forest_has_is_told_in_each() -> None:
    world = of_two_tenants()
    populate(world)
    world.tell("ad", "sso", attributes={"pwdLastSet": 134_500_000_000_000_000})
    world.tell("ad", "ann", attributes={"userPrincipalName": "ann@nowhere.com"})
    world.rest(2)
    found = {
        each.tenant for each in world.pipeline.open().values() if each.detection == "hygiene.unverified_upn_suffix"
    }
    assert found == {A, B}


def test_a_tenant_may_have_a_scope_of_its_own() -> None:
    world = of_two_tenants(scope=[{"tenant": B, "include_ous": ["OU=Shared,DC=corp"]}])
    world.tell("ad", "ann", "r", "user", attributes=user("ann"))
    world.cloud("ann", "user", user("ann"), tenant=A, suffix="a")
    world.tell("ad", "forest", "r", "forest", attributes={"serviceConnectionPointKeywords": [f"azureADId:{A}"]})
    world.rest()
    assert world.open() == []
    world.tell("ad", "bob", "r", "user", attributes=user("bob"), unit="Shared")
    world.cloud("bob", "user", user("bob"), tenant=A, suffix="a")
    world.rest()
    assert {(each.tenant, each.detection) for each in world.pipeline.open().values()} == {(B, "flow.missing_in_cloud")}


@pytest.mark.parametrize("scope", [{"include_ous": ["OU=Staff,DC=corp"]}, {"scope_groups": ["CN=empty,OU=IT,DC=corp"]}])
def test_a_scope_in_the_settings_that_is_not_the_engines_is_one_finding(scope: dict[str, Any]) -> None:
    """Everybody is synchronised of whom the settings say that nobody is: at the first reading, and ever after."""
    world = World(settings_of({"name": "corp", **scope}))
    world.says[TENANT] = {"domains": domains("contoso")}
    for number in range(20):
        world.both(f"u{number}", "user", user(f"u{number}"))
    world.tell("ad", "empty", "r", "group", attributes=STAFF, unit="IT")
    world.rest(6)
    assert world.open() == ["engine.scope_shrink"]
    late = [each for each in world.pipeline.findings.values() if each.detection == "flow.orphaned_in_cloud"]
    assert {each.state for each in late} == {FindingState.SUPPRESSED} and len(late) == 20
    # One that AD has lost is no question of the scope.
    world.tell("ad", "u0", "d")
    world.rest(6)
    assert world.open() == ["flow.orphaned_in_cloud"]


class Servers:
    """Connect servers and a job of Cloud Sync at work on one tenant, half an hour after the other.

    active, staging: servers; cycles: those that run cycles, alive: those that give signs of life, of the active ones.
    """

    def __init__(self, world: World, *, cloud_sync: bool = True, forest: str = "corp") -> None:
        self.forest = forest  # of the job
        self.world, self.active, self.staging = world, ["aadc01"], ["aadc02"]
        self.ran_ms: int | None = world.now_ms if cloud_sync else None
        self.synced_ms = world.now_ms
        self.runs_job = cloud_sync
        self.groups: list[str] = []
        self.threshold = 500
        self.cycles, self.alive = {"aadc01", "aadc02"}, {"aadc01"}
        world.says[TENANT] = self.said

    def said(self, now_ms: int) -> dict[str, Any]:
        if self.runs_job:
            self.ran_ms = now_ms
        said: dict[str, Any] = {"domains": domains("contoso")}
        works = self.runs_job or not self.cycles.isdisjoint(self.active)
        self.synced_ms = now_ms if works else self.synced_ms
        said["organization"] = {"onPremisesLastSyncDateTime": rfc3339(self.synced_ms)}
        said["synchronization"] = {"deletion_threshold": self.threshold}
        if self.ran_ms is not None:
            job = {"id": "AD2AADProvisioning.1", "kind": "AD2AADProvisioning", "state": "Active", "code": "Active"}
            ran = rfc3339(self.ran_ms)
            told = {"failures": 0, "forest": self.forest, "last_run": ran, "last_success": ran, "groups": self.groups}
            told["deletion_threshold"] = self.threshold
            said["jobs"] = [job | told]
        return said

    def work(self, hours: float) -> None:
        for _ in range(int(hours * 2)):
            self.world.now_ms += 1_800_000
            for server in self.active + self.staging:
                if server in self.cycles:
                    step = "contoso.onmicrosoft.com - AAD Export" if server in self.active else "corp Delta Import"
                    self._log(server, "904", cycle="started", cycle_kind="delta")
                    self._log(server, "904", step="finished", step_name=step)
                    self._log(server, "904", cycle="completed", cycle_kind="delta")
                if server in self.alive:
                    self._log(server, "654", connector="corp")
            self.world.hear()

    def _log(self, server: str, number: str, **details: str) -> None:
        name = f"directory synchronization/{number}"
        self.world.log({"log": "windows", "name": name, "server": server, "details": details})

    @property
    def told(self) -> set[str]:
        return {each.detection for each in self.world.pipeline.open().values()}


def test_a_staging_server_is_no_second_one_and_its_death_is_no_stop() -> None:
    world = World(settings_of({"name": "corp"}))
    servers = Servers(world, cloud_sync=False)
    world.both("ann", "user", user("ann"))
    servers.work(6)
    servers.cycles = {"aadc01"}  # the one in staging mode dies
    servers.work(6)
    assert servers.told == set()
    assert world.told_in_vain() == set()
    servers.cycles, servers.alive = set(), set()
    servers.work(3)
    assert servers.told == {"engine.sync_stopped"}
    # It is made the active one, as in a disaster.
    servers.active, servers.staging, servers.cycles, servers.alive = ["aadc02"], ["aadc01"], {"aadc02"}, {"aadc02"}
    servers.work(3)
    assert servers.told == set()


def test_connect_and_cloud_sync_for_different_units_of_one_forest() -> None:
    world = World(settings_of({"name": "corp", "cloud_sync_ous": ["OU=Pilot,DC=corp"]}))
    servers = Servers(world)
    world.both("ann", "user", user("ann"))
    world.both("bob", "user", user("bob"), unit="Pilot")
    servers.work(8)
    assert world.open() == []
    assert world.told_in_vain() == set()

    def late() -> dict[str, str]:
        late = [each for each in world.pipeline.findings.values() if each.family == "flow"]
        return {each.subject.display_name or "": each.state.value for each in late if each.resolved_at is None}

    # Connect stops: what it brings is explained by that, what Cloud Sync brings is not.
    servers.cycles = {"aadc02"}
    for name in ("ann", "bob"):
        world.tell("ad", name, attributes={"displayName": f"New {name}"})
    servers.work(2.5)
    assert servers.told == {"engine.sync_stopped", "flow.export_overdue"}
    assert late() == {"New ann": "suppressed", "New bob": "open"}
    [stopped] = [each for each in world.pipeline.open().values() if each.family == "engine"]
    assert (stopped.evidence["engine"], stopped.evidence["server"]) == ("connect", "aadc01")
    for name in ("ann", "bob"):
        world.tell("entra", f"{name}-c", attributes={"displayName": f"New {name}"})
    servers.cycles = {"aadc01", "aadc02"}
    servers.work(2)
    assert servers.told == set()
    # Cloud Sync stops: its job says so, and nothing of Connect's is kept quiet.
    servers.runs_job = False
    world.tell("ad", "ann", attributes={"displayName": "Ann"})
    servers.work(2.5)
    assert servers.told == {"engine.cloud_sync_job_failing", "flow.export_overdue"}
    assert late() == {"Ann": "open"}
    servers.runs_job = True
    world.tell("entra", "ann-c", attributes={"displayName": "Ann"})
    servers.work(2)
    assert world.open() == []


def test_each_engine_deletes_by_its_own_threshold() -> None:
    """Of a deleted object its last unit tells the engine; where nobody tells the unit it may be either."""
    world = World(settings_of({"name": "corp", "cloud_sync_ous": ["OU=Pilot,DC=corp"]}))
    servers = Servers(world)
    servers.threshold = 20
    people = [(f"u{number}", "Pilot" if number < 12 else "People") for number in range(24)]
    for name, unit in people:
        world.both(name, "user", user(name), unit=unit)
    servers.work(1)
    for name, unit in people[2:22]:
        world.tell("ad", name, "d", attributes={"distinguishedName": f"CN={name}\\0ADEL:1,CN=Deleted Objects,DC=corp",
                                                "lastKnownParent": f"OU={unit},DC=corp"})  # fmt: skip
    servers.work(0.5)

    def forecast() -> dict[str, Any]:
        [told] = [each for each in world.pipeline.open().values() if each.detection == "engine.mass_deletion_forecast"]
        assert told.evidence["leaving_by_engine"] == {"cloud_sync": 10, "connect": 10}
        return {name: told.evidence[name] for name in ("engine", "leaving", "percent_of_threshold")}

    assert forecast() == {"engine": "connect", "leaving": 10, "percent_of_threshold": 50}
    world.tell("ad", "u0", "d")
    servers.work(0.5)
    assert forecast() == {"engine": "connect_or_cloud_sync", "leaving": 11, "percent_of_threshold": 55}


def test_cloud_sync_alone() -> None:
    world = World(settings_of({"name": "corp"}, {"name": "fabrikam"}))
    servers = Servers(world)
    servers.active = servers.staging = []
    world.both("ann", "user", user("ann"))
    world.both("bob", "user", user("bob"), forest="fabrikam")
    servers.work(4)
    assert servers.told == set()
    assert world.told_in_vain() == set()
    servers.runs_job = False
    servers.work(3)
    assert servers.told == {"engine.sync_stopped"}
    servers.runs_job = True
    servers.work(1)
    assert servers.told == set()


PILOT = "CN=pilot,OU=People,DC=corp"


def piloted(engine: str) -> tuple[World, Servers]:
    """Of a forest the direct members of one group are synchronised, by either engine: Ann, a computer and a contact."""
    world = World(settings_of({"name": "corp", "scope_groups": [PILOT], "hybrid_join": True}))
    servers = Servers(world, cloud_sync=engine == "cloud_sync")
    if engine == "cloud_sync":
        servers.active = servers.staging = []
        servers.groups = [PILOT]
    world.tell("ad", "forest", "r", "forest", attributes={"serviceConnectionPointKeywords": [f"azureADId:{TENANT}"]})
    world.both("ann", "user", user("ann"))
    world.tell("ad", "bob", "r", "user", attributes=user("bob"))
    card = {"displayName": "Kim", "mail": "kim@fabrikam.com", "proxyAddresses": ["SMTP:kim@fabrikam.com"]}
    world.both("kim", "contact", card)
    world.tell("ad", "tom", "r", "contact", attributes=card | {"mail": "tom@fabrikam.com", "proxyAddresses": []})
    for name in ("pc1", "pc2"):
        world.tell("ad", name, "r", "device", attributes={"pwdLastSet": 134_500_000_000_000_000})
    joined = {"displayName": "pc1", "trustType": "ServerAd", "deviceId": guid_of("pc1"), "accountEnabled": True,
              "registrationDateTime": "2026-09-10T00:00:00Z", "operatingSystem": "Windows"}  # fmt: skip
    world.tell("entra", "pc1-c", "r", "device", attributes=joined)
    world.tell("ad", "crew", "r", "group", attributes=STAFF, links={"member": {"added": ["bob"], "complete": True}})
    members = {"member": {"added": ["ann", "kim", "pc1"], "complete": True}}
    world.tell("ad", "pilot", "r", "group", attributes=STAFF | {"displayName": "Pilot"}, links=members)
    return world, servers


@pytest.mark.parametrize("engine", ["connect", "cloud_sync"])
def test_whom_a_scoping_group_leaves_out_is_not_missed(engine: str) -> None:
    world, servers = piloted(engine)
    servers.work(30)
    assert world.open() == []
    assert world.told_in_vain() == set()
    # Who comes in is waited for from then on, and one who stands outside claims nothing of what she has.
    world.tell("ad", "bob", attributes={"mailNickname": "ann", "proxyAddresses": ["SMTP:ann@contoso.com"]})
    world.tell("ad", "ann", attributes={"mailNickname": "ann"})
    servers.work(6)
    assert world.open() == []
    world.tell("ad", "pilot", links={"member": {"added": ["bob"]}})
    servers.work(6)
    assert {"conflict.duplicate_address", "hygiene.duplicate"} <= set(world.open())
    world.tell("ad", "bob", attributes={"mailNickname": "bob", "proxyAddresses": ["SMTP:bob@contoso.com"]})
    servers.work(6)
    assert world.open() == ["flow.missing_in_cloud"]
    world.cloud("bob", "user", user("bob", proxyAddresses=["SMTP:bob@contoso.com"]))
    assert world.open() == []
    # A member of a member is none.
    world.tell("ad", "pilot", links={"member": {"added": ["crew"], "removed": ["bob"]}})
    world.cloud("crew", "group", STAFF)
    servers.work(6)
    assert world.open() == ["flow.orphaned_in_cloud"]
    world.tell("entra", "bob-c", "d")
    servers.work(6)
    assert world.open() == []


def test_what_is_not_known_of_a_scoping_group_is_one_finding() -> None:
    world, servers = piloted("cloud_sync")
    servers.work(30)
    world.tell("ad", "pilot", attributes={"distinguishedName": "CN=pilot 2,OU=People,DC=corp"})
    servers.work(30)
    assert world.open() == ["engine.scope_unknown"]
    told = {each.detection for _, each in world.pipeline.published if each and each.state is FindingState.OPEN}
    assert told == {"engine.scope_unknown"}
    world.tell("ad", "pilot", attributes={"distinguishedName": PILOT})
    servers.groups = ["CN=other,DC=corp"]
    servers.work(1)
    assert world.open() == ["engine.scope_unknown"]
    servers.groups = [PILOT.lower()]
    servers.work(1)
    assert world.open() == []


def test_a_group_that_never_was_is_told_since_the_forest_is_read() -> None:
    """Without hybrid join nothing is read of the forest itself but that it is read."""
    world = World(settings_of({"name": "corp", "scope_groups": ["CN=pilto,DC=corp"]}))
    for hour in range(4):
        world.tell("ad", "heard", "r", "forest", attributes={FOREST_HEARD: rfc3339(world.now_ms)})
        world.both(f"u{hour}", "user", user(f"u{hour}"))
        world.rest(1)
    assert world.open() == ["engine.scope_unknown"]
    [told] = world.pipeline.open().values()
    assert told.evidence["since"] == rfc3339(START_MS + 1000)


@pytest.mark.parametrize("engine", ["connect", "cloud_sync"])
def test_what_is_forecast_of_matching_for_cloud_sync_pages_nobody(engine: str) -> None:
    """How the service guards its administrators is described for both; what Cloud Sync makes of it is on no page."""
    world = World(settings_of({"name": "corp"}))
    servers = Servers(world, cloud_sync=engine == "cloud_sync")
    if engine == "cloud_sync":
        servers.active = servers.staging = []
    said = servers.said
    world.says[TENANT] = lambda now_ms: said(now_ms) | {"privileged_ids": [guid_of("root-c")]}
    world.tell("entra", "root-c", "r", "user", attributes={"userPrincipalName": "ann@contoso.com", "displayName": "R"})
    world.tell("ad", "ann", "r", "user", attributes=user("ann"))
    servers.work(0.5)
    [told] = [each for each in world.pipeline.open().values() if each.family == "conflict"]
    assert (told.evidence["forecast"], told.evidence["engine"]) == ("admin_role_conflict", engine)
    assert told.severity is (Severity.HIGH if engine == "connect" else Severity.MEDIUM)


def test_an_existing_forest_with_connect_and_a_new_one_with_cloud_sync() -> None:
    """Its job names the new forest; nothing has to be set."""
    world = World(settings_of({"name": "corp"}, {"name": "fabrikam"}))
    servers = Servers(world, forest="fabrikam")
    world.both("ann", "user", user("ann"))
    world.both("bob", "user", user("bob"), forest="fabrikam")
    servers.work(4)
    assert world.open() == []
    assert world.told_in_vain() == set()
    servers.cycles = {"aadc02"}
    world.tell("corp", "ann", attributes={"displayName": "Anna"})
    world.tell("fabrikam", "bob", attributes={"displayName": "Robert"})
    servers.work(2.5)
    late = {each.forest: each.state.value for each in world.pipeline.findings.values() if each.family == "flow"}
    assert late == {"corp": "suppressed", "fabrikam": "open"}
    assert servers.told == {"engine.sync_stopped", "flow.export_overdue"}


@pytest.mark.parametrize(
    ("forest", "says"),
    [
        ({"tenants": [TENANT, B, "gone"]}, "tenant 'gone' has no [[tenant]]"),
        ({"tenants": [TENANT, B, B]}, "tenants names one twice"),
        ({"tenants": [B]}, "the tenant that has what only one may have: hybrid join"),
        ({"tenants": [TENANT, B], "scope": [{"tenant": "gone"}]}, "[[forest.scope]] is for one of"),
        ({"tenants": [TENANT, B], "scope": [{"tenant": B}, {"tenant": B}]}, "each, once"),
    ],
)
def test_settings_that_cannot_be(forest: dict[str, Any], says: str) -> None:
    known = [{"id": each, "client_id": "c", "client_secret": "s"} for each in (TENANT, B)]
    with pytest.raises(ValidationError) as refused:
        settings_of({"name": "corp", **forest}, tenant=known)
    assert says in str(refused.value)
