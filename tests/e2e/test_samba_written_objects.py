"""Groups and devices of the cloud in a real domain: each copy that is missing, stale, empty, incomplete or different.

What Connect and Cloud Sync would write is written by hand. Samba's schema knows msDS-IsEnabled and adminDescription,
but neither msDS-IsCompliant nor msDS-ExternalDirectoryObjectId.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from deploy.broker import Broker
from deploy.lab.entra.graph_time import graph_time
from deploy.lab.sync.cloud_sync import CloudSync
from streams.contracts.identity import immutable_id_of_bytes
from tests.support.graph_lab import GraphLab, certificates_in, graph_lab
from tests.support.installation import installation
from tests.support.samba import SambaDC, samba_dc

pytestmark = [pytest.mark.kafka, pytest.mark.samba, pytest.mark.slow]
MARKED = {"groupTypes": ["Unified"], "writebackConfiguration": {"isEnabled": True}}
SUBJECTS = {  # detection: what it is about
    "writeback.group_writeback_missing": "Lost", "writeback.group_frozen": "Left",
    "writeback.group_writeback_failed": "Payroll", "writeback.group_written_empty": "Empty",
    "writeback.group_members_skipped": "Sales", "writeback.device_writeback_missing": "LT-NEW",
    "writeback.device_writeback_mismatch": "LT-STOLEN",
}  # fmt: skip


class Domain:
    """The domain, the tenant, and who writes from one into the other."""

    def __init__(self, dc: SambaDC, graph: GraphLab) -> None:
        self.dc, self.tenant = dc, graph.tenant
        self.unit, self.container = f"OU=CloudGroups,{dc.base_dn}", f"CN=RegisteredDevices,{dc.base_dn}"
        dc.add(self.unit, "organizationalUnit")
        dc.add(self.container, "msDS-DeviceContainer")
        self.tenant.profile.features |= {"unifiedGroupWritebackEnabled": True, "deviceWritebackEnabled": True}
        self.ann, self.bob = self._hire("ann"), self._hire("bob")
        self.jobs = CloudSync(self.tenant, dc.realm)
        self.job = self.jobs.add("AAD2ADGroupProvisioning")
        self.groups = {name: self._group(name, MARKED) for name in ("Lost", "Left", "Empty")}
        self.groups |= {name: self._group(name, {"groupTypes": []}) for name in ("Payroll", "Sales")}
        self.tenant.set_members(self.groups["Sales"], [self.ann[1], self.bob[1]])
        self.stolen = self._device("LT-STOLEN")

    def fail(self) -> None:
        """Every fault at once."""
        self.copy("Left", self.ann[0])
        self.tenant.delete("group", self.groups["Left"])
        self.copy("Empty")
        self.copy("Sales", self.ann[0])
        self.jobs.provisioned(self.job, self.groups["Sales"], "Sales", "success")
        self.jobs.provisioned(self.job, self.groups["Payroll"], "Payroll", "failure")
        self.new = self._device("LT-NEW")
        self.copy_device(self.stolen)
        self.tenant.upsert("device", self.stolen[0], {"accountEnabled": False})

    def repair(self) -> None:
        """And every repair."""
        self.copy("Lost", self.ann[0])
        self.tenant.restore("group", self.groups["Left"])
        for name, member in (("Empty", self.ann), ("Sales", self.bob)):
            self.dc.add_values(f"CN={name},{self.unit}", "member", member[0])
        self.copy("Payroll", self.ann[0])
        self.jobs.provisioned(self.job, self.groups["Payroll"], "Payroll", "success")
        self.copy_device(self.new)
        self.dc.modify(f"CN={self.stolen[1]},{self.container}", {"msDS-IsEnabled": "FALSE"})

    def copy(self, name: str, *members: str) -> None:
        """Write a group into AD."""
        marked = {"sAMAccountName": f"Group_{name}", "adminDescription": f"Group_{self.groups[name]}"}
        given = {**marked, "groupType": "8", "displayName": name, **({"member": list(members)} if members else {})}
        self.dc.add(f"CN={name},{self.unit}", "group", given)

    def copy_device(self, device: tuple[str, uuid.UUID]) -> None:
        """Write a device into AD, enabled."""
        given = {
            "displayName": "a laptop", "msDS-DeviceID": device[1].bytes_le, "msDS-IsEnabled": "TRUE",
            "altSecurityIdentities": f"X509:<SHA1-TP-PUBKEY>{device[1].hex}",
        }  # fmt: skip
        self.dc.add(f"CN={device[1]},{self.container}", "msDS-Device", given)

    def _hire(self, name: str) -> tuple[str, str]:
        dn = self.dc.add_user(name)
        cloud = {
            "userPrincipalName": f"{name}@{self.dc.realm}", "displayName": name, "onPremisesSyncEnabled": True,
            "onPremisesImmutableId": immutable_id_of_bytes(self.dc.guid(dn)),
            "onPremisesSecurityIdentifier": self.dc.sid(dn),
        }  # fmt: skip
        return dn, self.tenant.upsert("user", None, cloud)

    def _group(self, name: str, properties: dict[str, Any]) -> str:
        group = self.tenant.upsert("group", None, {"displayName": name, **properties})
        self.tenant.set_members(group, [self.ann[1]])
        return group

    def _device(self, name: str) -> tuple[str, uuid.UUID]:
        device_id = uuid.uuid4()
        device = {
            "deviceId": str(device_id), "displayName": name, "accountEnabled": True, "trustType": "AzureAd",
            "registrationDateTime": graph_time(self.tenant.clock()),
        }  # fmt: skip
        return self.tenant.upsert("device", None, device), device_id


def _tables(dc: SambaDC, graph: GraphLab) -> list[tuple[str, dict[str, Any]]]:
    settings = graph.settings()
    forest = {
        "name": dc.realm, "tenant": settings.id, "servers": [dc.ldaps_url], "bind_user": dc.admin_user,
        "bind_password": dc.admin_password, "ca_file": str(dc.ca_file), "valid_names": [dc.host_name],
        "poll_interval_s": 0.2, "device_writeback": True,
    }  # fmt: skip
    tenant = {
        "id": settings.id, "authority": settings.authority, "graph_url": settings.graph_url,
        "client_id": settings.client_id, "ca_file": str(settings.ca_file), "poll_interval_s": 0.5,
        "client_secret": settings.client_secret.get_secret_value(),  # type: ignore[union-attr]
        "audit_interval_s": 1.0, "sweep_interval_s": 1.0, "tenant_interval_s": 2.0,
    }  # fmt: skip
    return [("[[forest]]", forest), ("[[tenant]]", tenant)]


def test_every_fault_of_written_groups_and_devices_opens_and_clears(empty_kafka: Broker, tmp_path: Path) -> None:
    patience = {"sync_interval_s": 3.0, "device_writeback_s": 6.0}
    with samba_dc() as dc, graph_lab(certificates_in(tmp_path / "tls")) as graph:
        domain = Domain(dc, graph)
        with installation(tmp_path / "up", empty_kafka.bootstrap, _tables(dc, graph), patience) as up:
            up.wait(lambda: up.open_count("writeback.group_frozen") == 0)
            domain.fail()
            # The words of members gather for a minute.
            up.wait(lambda: all(up.open_count(detection) == 1 for detection in SUBJECTS), 150, every_s=0.5)
            found = [each for each in up.findings().values() if each.family == "writeback"]
            assert {each.detection: each.subject.display_name for each in found} == SUBJECTS
            (skipped,) = [each for each in found if each.detection == "writeback.group_members_skipped"]
            assert [member["sid"] for member in skipped.evidence["members"]] == [dc.sid(domain.bob[0])]

            domain.repair()
            up.wait(lambda: all(up.open_count(detection) == 0 for detection in SUBJECTS), every_s=0.5)
            assert [each for each in up.findings().values() if each.family == "writeback"] == []
