"""The story of groups and devices that the cloud writes into Active Directory, and how each can go wrong.

Sources: Microsoft, "Plan for Microsoft Entra Connect group writeback", "Provision groups to Active Directory using
Microsoft Entra Cloud Sync", "Enable device writeback in Microsoft Entra Connect".
"""

from __future__ import annotations

import uuid

from deploy.lab.entra.graph_time import graph_time
from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories.cast import Cast
from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.cloud_sync import CloudSync
from deploy.lab.sync.writeback_objects import DeviceWriteback, GroupWriteback

_FEATURES = ("unifiedGroupWritebackEnabled", "deviceWritebackEnabled")
_MARKED = {"groupTypes": ["Unified"], "writebackConfiguration": {"isEnabled": True}}


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`; the first forest gets the copies."""
    workshop = _Workshop(lab)
    steps = [*workshop.groups_fail(), *workshop.devices_fail(), *workshop.groups_recover(), *workshop.devices_recover()]
    return Story(
        name="writeback_objects",
        summary="Groups and devices of the cloud go missing in AD, freeze there, arrive empty or differ",
        steps=sorted(steps, key=lambda step: step.at_min),
    )


class _Workshop:
    """What is written into AD, and what writes it."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._tenant = lab.tenant
        cast = Cast(lab)
        self._store = cast.main.store
        unit = f"OU=CloudGroups,{self._store.base_dn}"
        self._store.add(unit, {"objectClass": "organizationalUnit"})
        self._groups = GroupWriteback(self._store, unit, lab.tenant, lab.engine.space.guid_of)
        self._devices = DeviceWriteback(self._store, lab.tenant)
        lab.engine.writebacks += [self._groups, self._devices]
        for feature in _FEATURES:
            lab.tenant.profile.features[feature] = True
        self._member, self._second = (str(lab.engine.space.cloud_id(str(cast.person().guid))) for _ in range(2))
        self._cloud_sync = CloudSync(lab.tenant, cast.main.name)
        self._job = self._cloud_sync.add("AAD2ADGroupProvisioning")
        self._cloud_sync.ran(self._job)
        self._lost, self._left = self._group("Falcon", **_MARKED), self._group("Merger", **_MARKED)
        self._payroll = self._group("Payroll", groupTypes=[], securityEnabled=True)
        self._alumni = str(uuid.uuid4())
        self._laptop, self._stolen = str(uuid.uuid4()), self._device("LT-STOLEN")
        self._ids = {self._laptop: str(uuid.uuid4()), self._stolen: self._device_id(self._stolen)}
        self._groups.cycle()
        self._devices.cycle()

    def groups_fail(self) -> list[Step]:
        """A copy that goes, one that stays too long, one that is refused, one that is empty."""
        return [
            Step(
                name="copy deleted", at_min=2, told="Somebody deletes Falcon's copy in AD; it is not written again",
                act=self._lose, opens=[self._of_group("group_writeback_missing", self._lost)],
            ),
            Step(
                name="original deleted", at_min=4, told="Merger is deleted in the cloud; its copy in AD stays",
                act=lambda: self._tenant.delete("group", self._left),
                opens=[self._of_group("group_frozen", self._left)],
            ),
            Step(
                name="refused", at_min=0, told="Cloud Sync may not create Payroll in AD",
                act=lambda: self._provision("failure"), opens=[self._of_group("group_writeback_failed", self._payroll)],
            ),
            Step(
                name="left out", at_min=6, told="Alumni is written to AD: none of its members has an account there",
                act=self._write_empty, opens=[self._of_group("group_written_empty", self._alumni)],
            ),
        ]  # fmt: skip

    def devices_fail(self) -> list[Step]:
        """One that never comes, and one whose change does not."""
        return [
            Step(
                name="device not written", at_min=8, told="A new laptop is registered, and not written to AD",
                act=self._register, opens=[self._of_device("device_writeback_missing", self._laptop)],
            ),
            Step(
                name="device not disabled", at_min=10, told="A stolen laptop is disabled in the cloud, and not in AD",
                act=self._disable, opens=[self._of_device("device_writeback_mismatch", self._stolen)],
            ),
        ]  # fmt: skip

    def groups_recover(self) -> list[Step]:
        """The administrators of both sides; and what goes wrong while they are at it."""
        return [
            Step(
                name="right granted", at_min=20, told="The agent gets its right; Payroll is provisioned on demand",
                act=lambda: self._provision("success"), repairs=["refused"],
            ),
            Step(
                name="skipped", at_min=22, told="A second member joins Payroll; Cloud Sync skips it without a word",
                act=self._skip, opens=[self._of_group("group_members_skipped", self._payroll)],
            ),
            Step(
                name="no longer skipped", at_min=110, told="The agent reaches the second member's account again",
                act=self._write_all, repairs=["skipped"],
            ),
            Step(
                name="written again", at_min=80, told="The export error of Falcon is repaired",
                act=self._groups.stalled.clear, repairs=["copy deleted"],
            ),
            Step(
                name="restored", at_min=82, told="Merger is restored in the cloud",
                act=lambda: self._tenant.restore("group", self._left), repairs=["original deleted"],
            ),
            Step(
                name="a member of AD", at_min=100, told="Somebody with an account in AD joins Alumni",
                act=lambda: self._tenant.set_members(self._alumni, [self._member]), repairs=["left out"],
            ),
        ]  # fmt: skip

    def devices_recover(self) -> list[Step]:
        """The container's rights are repaired."""
        return [
            Step(
                name="devices written", at_min=200, told="The connector account gets its rights on RegisteredDevices",
                act=self._devices.stalled.clear, repairs=["device not written", "device not disabled"],
            ),
        ]  # fmt: skip

    def _lose(self) -> None:
        self._groups.stalled.add(self._lost)
        copy = self._groups.copy_of(self._lost)
        if copy is not None:
            self._store.delete(copy.guid)

    def _provision(self, status: str) -> None:
        if status == "failure":
            self._cloud_sync.provisioned(self._job, self._payroll, "Payroll", "failure")
            return
        self._groups.write(self._payroll)
        copy = self._groups.copy_of(self._payroll)
        target = str(copy.guid) if copy is not None else ""
        self._cloud_sync.provisioned(self._job, self._payroll, "Payroll", "success", target_id=target)

    def _skip(self) -> None:
        self._groups.skipped.add(self._second)
        self._tenant.set_members(self._payroll, [self._member, self._second])
        self._groups.write(self._payroll)

    def _write_all(self) -> None:
        self._groups.skipped.clear()
        self._groups.write(self._payroll)

    def _write_empty(self) -> None:
        domain = self._tenant.initial_domain
        guests = [
            self._tenant.upsert("user", None, {"userPrincipalName": f"{name}@{domain}", "displayName": name})
            for name in ("olga", "piet")
        ]
        self._tenant.upsert("group", self._alumni, {"displayName": "Alumni", **_MARKED})
        self._tenant.set_members(self._alumni, guests)

    def _register(self) -> None:
        self._devices.stalled.add(self._laptop)
        self._device("LT-NEW", self._laptop)

    def _disable(self) -> None:
        self._devices.stalled.add(self._stolen)
        self._tenant.upsert("device", self._stolen, {"accountEnabled": False})

    def _group(self, name: str, **properties: object) -> str:
        group_id = self._tenant.upsert("group", None, {"displayName": name, **properties})
        self._tenant.set_members(group_id, [self._member])
        return group_id

    def _device(self, name: str, object_id: str | None = None) -> str:
        device = {
            "deviceId": self._ids[object_id] if object_id is not None else str(uuid.uuid4()),
            "displayName": name,
            "accountEnabled": True,
            "isCompliant": True,
            "trustType": "AzureAd",
            "operatingSystem": "Windows",
            "registrationDateTime": graph_time(self._tenant.clock()),
        }
        return self._tenant.upsert("device", object_id, device)

    def _device_id(self, object_id: str) -> str:
        return str((self._tenant.get("device", object_id) or {})["deviceId"])

    def _of_group(self, detection: str, group_id: str) -> Expectation:
        return Expectation(f"writeback.{detection}", f"written_group/{self._tenant.tenant_id}/{group_id}")

    def _of_device(self, detection: str, object_id: str) -> Expectation:
        key = f"written_device/{self._tenant.tenant_id}/{self._ids[object_id]}"
        return Expectation(f"writeback.{detection}", key)
