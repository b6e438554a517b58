"""The flow story: single objects that do not arrive, or not whole, or not in time, and who decides over them.

Sources: Microsoft, "Troubleshoot an object that is not synchronizing with Microsoft Entra ID"; "Configure source of
authority"; "Microsoft Entra Connect Sync: Scheduler" (accountExpires is not synchronised; a full cycle takes hours);
"Make a change to the default configuration"; "Topologies for Microsoft Entra Connect" (several forests, one tenant).
"""

from __future__ import annotations

import uuid
from itertools import islice

from deploy.lab.directory.object import DirectoryObject
from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories.administration import audited
from deploy.lab.stories.cast import Cast, Person
from deploy.lab.stories.story import Act, Expectation, Step, Story
from streams.contracts.identity import immutable_id_of_bytes, immutable_id_of_guid

_BUSY = 24
_MANY, _STRANGERS = 25, 60
_OFFICE = "Cairo"
_SLOW_S = 80 * 60.0
_EPOCH_OFFSET_S = 11_644_473_600


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`."""
    department = _Department(lab)
    steps = [
        *department.authority(), *department.refusals(), *department.drift(), *department.in_bulk(),
        *department.slow_cycle(),
    ]  # fmt: skip
    return Story(
        name="flow",
        summary="Changes arrive late, in part or never; accounts obey the wrong directory; a cycle takes its time",
        steps=sorted(steps, key=lambda step: step.at_min),
    )


class _Department:
    """People, each with a trouble of their own."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._tenant, self._engine = lab.tenant, lab.engine
        self._cast = cast = Cast(lab)
        self._expired, self._renamed, self._leaver, self._anchored, self._cloudy, self._drifting = (
            cast.person() for _ in range(6)
        )
        staff = list(cast.everybody())
        self._busy = staff[:: len(staff) // _BUSY][:_BUSY]  # from all over, so that every part of an export has some
        self._anchor = self._store(self._anchored).raw("mS-DS-ConsistencyGuid")[0]
        # The newcomer's account exists from the start, outside the synchronised units: its anchor is known.
        self._newcomer = cast.hire("Nadia Neu")
        self._newcomer.store.move(self._newcomer.guid, cast.main.layout.service_ou)
        groups = (
            found for found in cast.main.store.objects()
            if found.object_class == "group" and found.all("member") and self._engine.space.cloud_id(str(found.guid))
        )  # fmt: skip
        self._group = next(groups)
        played = {each.guid for each in (self._expired, self._renamed, self._leaver, self._anchored, self._cloudy)}
        # What happens to others must not show in the group whose member gets lost.
        self._team = next(found for found in groups if played.isdisjoint(found.targets("member")))
        team = self._team.targets("member")
        idle = (each for each in staff if each not in self._busy and each.guid not in team)
        self._joining, self._moved, self._colleague = next(idle), next(idle), next(idle)
        self._many = max(_MANY, len(staff) // _MANY)  # a rule from 20 on that are 1 % of all
        self._former = {str(self._engine.space.cloud_id(str(each.guid))): "" for each in islice(idle, self._many)}
        self._strangers = max(_STRANGERS, len(staff) // 8)  # in bulk from 51 on that are more than 5 % of all
        self._unread: list[str] = []

    def authority(self) -> list[Step]:
        """The wrong directory decides."""
        sid = self._store(self._anchored).sid
        server = f"server/{self._tenant.tenant_id}/{self._engine.server.lower()}"
        return [
            Step(
                name="expired", at_min=0, told=f"The account of {self._expired.name} expires, in AD alone",
                act=self._expire, opens=[self._user("authority.account_enabled_only_in_cloud", self._expired)],
            ),
            Step(
                name="other anchor", at_min=1, told=f"A script writes a new source anchor to {self._anchored.name}",
                act=lambda: self._reanchor(uuid.uuid4().bytes_le, refused=True),
                opens=[
                    Expectation("authority.source_anchor_changed", f"reference/{self._tenant.tenant_id}/{sid}"),
                    # From the first refused object to the last: any cycle of the story may be the one that fails.
                    Expectation("engine.export_run_errors", server, condition=lambda: bool(self._engine.refused)),
                ],
            ),
            Step(
                name="cloud managed", at_min=2, told=f"{self._cloudy.name} is managed in the cloud from now on",
                act=lambda: self._convert(to_cloud=True),
            ),
            Step(
                # AD tells times to the second: at the fastest an edit that soon after would look like one before.
                name="edited", at_min=20, told=f"{self._cloudy.name} is renamed in AD, which is lost",
                act=lambda: self._rename(self._cloudy, "Late"),
                opens=[self._user("authority.edit_of_cloud_managed_object", self._cloudy)],
            ),
            Step(
                name="disabled", at_min=40, told=f"{self._expired.name} is disabled, which the engine does carry",
                act=lambda: self._expired.write(userAccountControl="514"), repairs=["expired"],
            ),
            Step(
                name="anchor back", at_min=41, told="The source anchor is put back",
                act=lambda: self._reanchor(self._anchor, refused=False), repairs=["other anchor"],
            ),
            Step(
                name="given back", at_min=42, told=f"{self._cloudy.name} is managed in AD again, and renamed once more",
                act=self._give_back, repairs=["edited"],
            ),
        ]  # fmt: skip

    def refusals(self) -> list[Step]:
        """Entra takes nothing of an object: it stays late, missing or orphaned."""
        newcomer = self._store(self._newcomer).sid
        return [
            Step(
                name="renamed", at_min=4, told=f"{self._renamed.name} is renamed; Entra refuses the object",
                act=lambda: self._refuse(self._renamed, lambda: self._rename(self._renamed, "Married")),
                opens=[
                    self._user("flow.export_overdue", self._renamed),
                    self._user("flow.export_error", self._renamed),
                ],
            ),
            Step(
                name="hired", at_min=5, told=f"{self._newcomer.name} starts, is put into a group, and is refused",
                act=lambda: self._refuse(self._newcomer, self._hire),
                opens=[
                    self._user("flow.missing_in_cloud", self._newcomer),
                    self._user("flow.export_error", self._newcomer),
                    Expectation(
                        "conflict.reference_to_unsynced_object", f"reference/{self._tenant.tenant_id}/{newcomer}"
                    ),
                ],
            ),
            Step(
                name="left", at_min=6, told=f"{self._leaver.name} leaves; Entra refuses the deletion",
                act=lambda: self._refuse(self._leaver, lambda: self._leaver.store.delete(self._leaver.guid)),
                opens=[
                    self._user("flow.orphaned_in_cloud", self._leaver),
                    self._user("flow.export_error", self._leaver),
                ],
            ),
            Step(
                name="accepted", at_min=95, told="The invalid values of these three are corrected",
                act=lambda: self._accept(self._renamed, self._newcomer, self._leaver),
                repairs=["renamed", "hired", "left"],
            ),
        ]  # fmt: skip

    def drift(self) -> list[Step]:
        """Nobody looks at the export errors."""
        return [
            Step(
                name="forgotten", at_min=7, told=f"{self._drifting.name} is renamed and refused, and nobody cares",
                act=lambda: self._refuse(self._drifting, lambda: self._rename(self._drifting, "Divorced")),
                opens=[
                    self._user("flow.attribute_drift", self._drifting),
                    self._user("flow.export_error", self._drifting),
                ],
            ),
            Step(
                name="joined", at_min=8, told=f"{self._joining.name} joins a group; the export loses it without a word",
                act=self._join,
                opens=[
                    Expectation("flow.membership_drift", f"group/{self._tenant.tenant_id}/{self._team.sid}"),
                ],
            ),
            Step(
                name="joined again", at_min=96, told=f"{self._joining.name} is taken out of the group and put back",
                act=self._join_again, repairs=["joined"],
            ),
            Step(
                name="moved", at_min=9,
                told=f"{self._moved.name} and a colleague get a new manager; the export loses one of them",
                act=self._manage, opens=[self._user("flow.export_overdue", self._moved)],
            ),
            Step(
                name="moved at last", at_min=97, told=f"A full synchronisation brings {self._moved.name} the manager",
                act=self._manage_again, repairs=["moved"],
            ),
            Step(
                name="remembered", at_min=190, told=f"Somebody corrects {self._drifting.name} after all",
                act=lambda: self._accept(self._drifting), repairs=["forgotten"],
            ),
        ]  # fmt: skip

    def in_bulk(self) -> list[Step]:
        """What is one finding, however many objects it concerns: a rule of the organisation, a forest not read."""
        tenant = f"tenant/{self._tenant.tenant_id}"
        return [
            Step(
                name="custom rule", at_min=100,
                told=f"A rule of one's own fills the department of {self._many} people from somewhere else",
                act=self._fill_otherwise, opens=[Expectation("flow.attribute_flows_otherwise", tenant)],
            ),
            Step(
                name="default rule", at_min=140, told="The rule goes; a full synchronisation brings AD's values back",
                act=self._fill_by_default, repairs=["custom rule"],
            ),
            Step(
                name="unread forest", at_min=145,
                told=f"{self._strangers} people of a forest that nobody reads here are synchronised, too",
                act=self._acquire, opens=[Expectation("engine.orphans_in_bulk", tenant)],
            ),
            Step(
                name="forest taken out", at_min=185, told="That forest is taken out of the synchronisation again",
                act=self._part, repairs=["unread forest"],
            ),
        ]  # fmt: skip

    def slow_cycle(self) -> list[Step]:
        """A full synchronisation while people work."""
        return [
            Step(
                name="full cycle", at_min=214, told="A rule is changed: the next cycle is a full one, and slow",
                act=self._slow_down,
                opens=[Expectation("engine.long_cycle", f"tenant/{self._tenant.tenant_id}")],
            ),
            Step(
                name="work goes on", at_min=215, told=f"{_BUSY} people are renamed meanwhile",
                act=self._work,
            ),
            Step(
                name="quick again", at_min=290, told="The full cycle comes to its end; the next ones are quick",
                act=self._speed_up, repairs=["full cycle"],
            ),
        ]  # fmt: skip

    def _expire(self) -> None:
        since_s = self._expired.store.clock() - 60
        self._expired.write(accountExpires=str(int((since_s + _EPOCH_OFFSET_S) * 10_000_000)))

    def _reanchor(self, anchor: bytes, *, refused: bool) -> None:
        guid = str(self._anchored.guid)
        (self._engine.refused.add if refused else self._engine.refused.discard)(guid)
        self._anchored.write(mS_DS_ConsistencyGuid=anchor)

    def _convert(self, *, to_cloud: bool) -> None:
        found = self._engine.space.cloud_id(str(self._cloudy.guid)) or ""
        self._tenant.set_cloud_managed(found, to_cloud)
        audited(
            self._tenant,
            "Change Source of Authority from AD to cloud"
            if to_cloud
            else "Undo changes to Source of Authority from AD DS to cloud",
            category="SourceOfAuthorityPolicy",
            target={"id": found, "type": "User", "displayName": None},
        )

    def _give_back(self) -> None:
        self._convert(to_cloud=False)
        self._rename(self._cloudy, "Late Again")

    def _rename(self, person: Person, word: str) -> None:
        person.write(displayName=f"{person.name} {word}")

    def _hire(self) -> None:
        layout = self._cast.main.layout
        self._newcomer.store.move(self._newcomer.guid, layout.offices[_OFFICE])
        self._newcomer.store.add_values(self._group.guid, "member", self._newcomer.guid)

    def _join(self) -> None:
        self._engine.drop_members.add((str(self._team.guid), str(self._joining.guid)))
        self._joining.store.add_values(self._team.guid, "member", self._joining.guid)

    def _join_again(self) -> None:
        self._engine.drop_members.clear()
        self._joining.store.remove_values(self._team.guid, "member", self._joining.guid)
        self._joining.store.add_values(self._team.guid, "member", self._joining.guid)

    def _manage(self) -> None:
        self._engine.drop_silently.add((str(self._moved.guid), "manager"))
        for person in (self._moved, self._colleague):
            person.store.modify(person.guid, {"manager": self._joining.guid})

    def _manage_again(self) -> None:
        self._engine.drop_silently.clear()

    def _fill_otherwise(self) -> None:
        for cloud_id in self._former:
            self._former[cloud_id] = str((self._tenant.get("user", cloud_id) or {})["department"])
            self._tenant.upsert("user", cloud_id, {"department": "Contoso Holding"})

    def _fill_by_default(self) -> None:
        for cloud_id, department in self._former.items():
            self._tenant.upsert("user", cloud_id, {"department": department})

    def _acquire(self) -> None:
        domain = self._cast.main.layout.domain
        self._unread = [
            self._tenant.upsert("user", None, {
                "displayName": f"Acquired {number}", "userPrincipalName": f"acquired{number}@{domain}",
                "accountEnabled": True, "userType": "Member", "onPremisesSyncEnabled": True,
                "onPremisesDomainName": "acquired.example",
                "onPremisesImmutableId": immutable_id_of_guid(str(uuid.uuid4())),
            })
            for number in range(self._strangers)
        ]  # fmt: skip

    def _part(self) -> None:
        for cloud_id in self._unread:
            self._tenant.delete("user", cloud_id)

    def _refuse(self, person: Person, act: Act) -> None:
        self._engine.refused.add(str(person.guid))
        act()

    def _accept(self, *people: Person) -> None:
        self._engine.refused.difference_update(str(person.guid) for person in people)

    def _slow_down(self) -> None:
        self._engine.full_next, self._engine.slow_by_s = True, _SLOW_S

    def _speed_up(self) -> None:
        self._engine.slow_by_s = 0.0

    def _work(self) -> None:
        for person in self._busy:
            self._rename(person, "Busy")

    def _store(self, person: Person) -> DirectoryObject:
        return person.store.get(person.guid)

    def _user(self, detection: str, person: Person) -> Expectation:
        raw = self._store(person).raw("mS-DS-ConsistencyGuid")
        anchor = immutable_id_of_bytes(raw[0]) if raw else immutable_id_of_guid(str(person.guid))
        return Expectation(detection, f"user/{self._tenant.tenant_id}/{anchor}")
