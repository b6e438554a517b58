"""A rollout of hybrid join over a real domain controller: every gap of a computer opens, and closes when it is helped.

Computers and the service connection point are Samba's, read by the AD producer; the lab's device sync reads the same
domain over LDAP and exports into the lab's Graph.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.broker import Broker
from deploy.lab.sync.audit import AuditTrail
from deploy.lab.sync.devices import DeviceSync, join_certificate
from producers.ad.forest import SCP
from streams.contracts.finding import Finding
from tests.support.domain_computers import DomainComputers
from tests.support.graph_lab import GraphLab, certificates_in, graph_lab
from tests.support.installation import Installation, installation
from tests.support.samba import SambaDC, samba_dc

pytestmark = [pytest.mark.kafka, pytest.mark.samba, pytest.mark.slow]
DISABLED = "4098"
JOINED = ("PC-EXPIRED", "PC-FOREIGN", "PC-OVER", "PC-RETURNS", "PC-CLOUDDEL", "PC-IMAGE", "PC-GONE", "PC-OFF")
FAULTS = {
    ("certificate_invalid", "PC-EXPIRED"), ("certificate_invalid", "PC-FOREIGN"), ("certificate_overflow", "PC-OVER"),
    ("certificate_missing", "PC-SILENT"), ("not_synced", "PC-NEW"), ("pending_stuck", "PC-SLOW"),
    ("re_pended", "PC-RETURNS"), ("deleted_only_in_cloud", "PC-CLOUDDEL"), ("duplicate_device", "PC-IMAGE"),
    ("orphaned_cloud_device", "PC-IMAGE"), ("orphaned_cloud_device", "PC-GONE"),
    ("enabled_state_mismatch", "PC-OFF"),
}  # fmt: skip


@dataclass
class Rollout:
    """The domain, the tenant, and the engine between them."""

    dc: SambaDC
    graph: GraphLab
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.unit = self.dn_of("PCs")
        self.elsewhere = self.dn_of("Elsewhere")
        for unit in (self.unit, self.elsewhere):
            self.dc.add(unit, "organizationalUnit")
        tenant = self.graph.tenant
        self.devices = DeviceSync([(DomainComputers(self.dc), self.unit)], tenant, AuditTrail(tenant))

    def dn_of(self, unit: str) -> str:
        return f"OU={unit},{self.dc.base_dn}"

    def join(self, name: str, *, certificate: bool = True) -> uuid.UUID:
        """A computer joins the domain, and its join task writes the certificate."""
        self.names[name] = self.dc.add_computer(name, self.unit)
        if certificate:
            self.write_certificates(name, join_certificate(self.guid(name)))
        return self.guid(name)

    def guid(self, name: str) -> uuid.UUID:
        return uuid.UUID(bytes_le=self.dc.guid(self.names[name]))

    def write_certificates(self, name: str, *values: bytes) -> None:
        self.dc.modify(self.names[name], {"userCertificate": list(values)})

    def cycle_and_register(self, *names: str) -> None:
        self.devices.cycle()
        for name in names:
            self.devices.register(self.guid(name))

    def move(self, name: str, unit: str) -> None:
        self.dc.rename(self.names[name], f"CN={name}", unit)
        self.names[name] = f"CN={name},{unit}"

    def point_to(self, tenant: str | None) -> None:
        """The service connection point leads to this tenant, or is deleted."""
        configuration = f"CN=Configuration,{self.dc.base_dn}"
        point = f"{SCP},{configuration}"
        if tenant is None:
            self.dc.delete(point)
            return
        keywords = [f"azureADId:{tenant}", "azureADName:contoso.com"]
        if "scp" in self.names:
            self.dc.modify(point, {"keywords": keywords})
            return
        self.names["scp"] = point
        self.dc.add(point.partition(",")[2], "container")
        self.dc.add(point, "serviceConnectionPoint", {"keywords": keywords})


def _tables(dc: SambaDC, graph: GraphLab, unit: str) -> list[tuple[str, dict[str, Any]]]:
    settings = graph.settings()
    forest = {
        "name": dc.realm, "tenant": settings.id, "servers": [dc.ldaps_url], "bind_user": dc.admin_user,
        "bind_password": dc.admin_password, "ca_file": str(dc.ca_file), "valid_names": [dc.host_name],
        "poll_interval_s": 0.2, "include_ous": [unit], "hybrid_join": True, "forest_interval_s": 0.5,
    }  # fmt: skip
    tenant = {
        "id": settings.id, "authority": settings.authority, "graph_url": settings.graph_url,
        "client_id": settings.client_id, "ca_file": str(settings.ca_file), "poll_interval_s": 0.5,
        "client_secret": settings.client_secret.get_secret_value(),  # type: ignore[union-attr]
        "audit_interval_s": 1.0, "tenant_interval_s": 2.0,
    }  # fmt: skip
    return [("[[forest]]", forest), ("[[tenant]]", tenant)]


def _gaps(up: Installation) -> list[Finding]:
    return [each for each in up.findings().values() if each.family == "hybrid_join"]


def _named(gaps: list[Finding]) -> set[tuple[str, str]]:
    return {(each.detection.partition(".")[2], str(each.subject.display_name).upper()) for each in gaps}


def _told(up: Installation) -> dict[str, int]:
    """Open findings of the family by detection, from /metrics."""
    return {
        dict(labels)["detection"].partition(".")[2]: int(value)
        for (name, labels), value in up.metrics().items()
        if name == "synchealth_findings_open" and dict(labels).get("family") == "hybrid_join" and value
    }


def _expected(*faults: tuple[str, str]) -> dict[str, int]:
    return {name: sum(each == name for each, _ in faults) for name, _ in faults}


def _funnel(up: Installation) -> dict[str, Any]:
    command = [sys.executable, "-m", "deploy.cli.main", "funnel", "--json", "--config", str(up.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) <= 1
    return lines[0] if lines else {}


def test_every_gap_of_a_rollout_opens_and_clears(empty_kafka: Broker, tmp_path: Path) -> None:
    patience = {"sync_interval_s": 4.0, "pending_stuck_s": 6.0}
    with samba_dc() as dc, graph_lab(certificates_in(tmp_path / "tls")) as graph:
        graph.tenant.add_domain("contoso.com", default=True)
        rollout = Rollout(dc, graph)
        for name in JOINED:
            rollout.join(name)
        rollout.cycle_and_register(*JOINED)
        dc.add_computer("PC-OLD", rollout.unit, "Windows 7 Professional")
        dc.modify(f"CN=PC-OLD,{rollout.unit}", {"operatingSystemVersion": "6.1 (7601)"})
        dc.add_computer("PC-LAB", rollout.elsewhere)
        with installation(tmp_path / "up", empty_kafka.bootstrap, _tables(dc, graph, rollout.unit), patience) as up:
            up.wait(lambda: _told(up) == {"scp_missing": 1})
            rollout.point_to(str(uuid.uuid4()))
            up.wait(lambda: _told(up) == {"scp_wrong_tenant": 1})
            rollout.point_to(graph.tenant.tenant_id)
            up.wait(lambda: _told(up) == {})
            before = _funnel(up)
            assert (before["counted"], before["joined"]) == (len(JOINED), len(JOINED))

            replaced = _break(rollout)
            up.wait(lambda: _told(up) == _expected(*FAULTS))
            gaps = _gaps(up)
            assert _named(gaps) == FAULTS
            reasons = {str(each.subject.display_name): each.evidence.get("reason") for each in gaps}
            assert (reasons["PC-EXPIRED"], reasons["PC-FOREIGN"]) == ("expired", "foreign")
            (twice,) = [each for each in gaps if each.detection.endswith("duplicate_device")]
            assert twice.evidence["left_behind"] == [str(replaced)]
            broken = _funnel(up)
            assert 0 < broken["joined"] < broken["counted"]

            _help(rollout)
            up.wait(lambda: _told(up) == {})
            assert _gaps(up) == []
            after = _funnel(up)
            assert after["joined_share"] == 1.0
            # JOINED and three newcomers, without the one that is deleted and the one that is disabled.
            assert after["counted"] == len(JOINED) + 3 - 2
            assert after["excluded"] == {
                "disabled": 1, "domain_controller": 1, "out_of_scope": 1, "unsupported_system": 1
            }  # fmt: skip


def _break(rollout: Rollout) -> uuid.UUID:
    """Everything goes wrong at once; the objectGUID that a reimaged computer had before."""
    dc, devices = rollout.dc, rollout.devices
    expired, over = rollout.guid("PC-EXPIRED"), rollout.guid("PC-OVER")
    rollout.write_certificates("PC-EXPIRED", join_certificate(expired, expired=True))
    rollout.write_certificates("PC-FOREIGN", join_certificate(uuid.uuid4()))
    rollout.write_certificates("PC-OVER", join_certificate(over), *(join_certificate(uuid.uuid4()) for _ in range(15)))
    rollout.join("PC-SILENT", certificate=False)
    rollout.join("PC-SLOW")
    devices.stalled.add(rollout.join("PC-NEW"))

    rollout.move("PC-RETURNS", rollout.elsewhere)
    devices.cycle()
    rollout.move("PC-RETURNS", rollout.unit)

    devices.stalled.add(rollout.guid("PC-CLOUDDEL"))
    deleted = devices.device_of(rollout.guid("PC-CLOUDDEL"))
    assert deleted is not None
    rollout.graph.tenant.delete("device", deleted)

    replaced = rollout.guid("PC-IMAGE")
    devices.stalled |= {replaced, rollout.guid("PC-GONE"), rollout.guid("PC-OFF")}
    for name in ("PC-IMAGE", "PC-GONE"):
        dc.delete(rollout.names[name])
    assert rollout.join("PC-IMAGE") != replaced
    dc.modify(rollout.names["PC-OFF"], {"userAccountControl": DISABLED})
    rollout.cycle_and_register("PC-IMAGE")
    return replaced


def _help(rollout: Rollout) -> None:
    """The desk repairs certificates, the export works again, and computers register."""
    rollout.devices.stalled.clear()
    mended = ("PC-EXPIRED", "PC-FOREIGN", "PC-OVER", "PC-SILENT")
    for name in mended:
        rollout.write_certificates(name, join_certificate(rollout.guid(name)))
    rollout.cycle_and_register(*mended, "PC-SLOW", "PC-NEW", "PC-RETURNS", "PC-CLOUDDEL")
