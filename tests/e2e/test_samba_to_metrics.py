"""The promise of the README: change an address in a real domain controller, see the conflict in /metrics."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.broker import Broker
from deploy.cli.report.command import report
from deploy.lab.entra.graph_time import DAY_MS, graph_time, wall_clock
from deploy.lab.sync.devices import join_certificate
from sinks.freshness import EXIT_BLIND
from streams.contracts.finding import Finding
from tests.support.graph_lab import GraphLab, certificates_in, graph_lab
from tests.support.installation import Installation, installation
from tests.support.samba import SambaDC, samba_dc

pytestmark = [pytest.mark.kafka, pytest.mark.samba, pytest.mark.slow]
DUPLICATE = "conflict.duplicate_address"
OWNED = "conflict.address_owned_by_cloud_object"
PENDING = "hybrid_join.pending_stuck"
ORPHANS = ("flow.orphaned_in_cloud", "hybrid_join.orphaned_cloud_device")


def _forest(dc: SambaDC, tenant: str) -> dict[str, object]:
    return {
        "name": dc.realm,
        "tenant": tenant,
        "servers": [dc.ldaps_url],
        "bind_user": dc.admin_user,
        "bind_password": dc.admin_password,
        "ca_file": str(dc.ca_file),
        "valid_names": [dc.host_name],
        "poll_interval_s": 0.2,
    }


def test_a_conflict_in_samba_appears_in_metrics_and_clears(empty_kafka: Broker, tmp_path: Path) -> None:
    """Changed by ldapmodify, a client we did not write; the cloud half is the lab's Graph over HTTPS."""
    with samba_dc() as dc, graph_lab(certificates_in(tmp_path / "tls")) as graph:
        anna = dc.add_user("anna", proxyAddresses=["SMTP:anna@contoso.com"])
        bert = dc.add_user("bert", proxyAddresses=["SMTP:bert@contoso.com"])
        graph.tenant.upsert("user", None, {"userPrincipalName": "cloud@contoso.com", "displayName": "Cloud"})
        _pending_for_weeks(dc, graph)
        _years_of_faults(dc, graph)
        settings = graph.settings()
        tenant = {
            "id": settings.id,
            "authority": settings.authority,
            "graph_url": settings.graph_url,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.get_secret_value(),  # type: ignore[union-attr]
            "ca_file": str(settings.ca_file),
            "poll_interval_s": 0.5,
        }
        sources = [("[[forest]]", _forest(dc, settings.id)), ("[[tenant]]", tenant)]
        with installation(tmp_path / "up", empty_kafka.bootstrap, sources, {"sync_interval_s": 5.0}) as up:
            for detection in (DUPLICATE, OWNED, PENDING, *ORPHANS):
                _stand(up, detection, 1)
            before = {finding.id for finding in _conflicts(up)}
            dc.ldapmodify(_replace(bert, "SMTP:bert@contoso.com", "smtp:Anna@Contoso.com"))
            _stand(up, DUPLICATE, 2)
            (finding,) = _conflicts(up, before)
            assert {holder.distinguished_name for holder in finding.counterparts} == {anna, bert}
            assert {holder.role for holder in finding.counterparts} == {"likely_keeps", "would_be_quarantined"}
            dc.ldapmodify(_replace(bert, "SMTP:bert@contoso.com"))
            _stand(up, DUPLICATE, 1)
            assert _conflicts(up, before) == []

            dc.ldapmodify(_replace(bert, "SMTP:cloud@contoso.com"))
            _stand(up, OWNED, 2)
            (finding,) = _conflicts(up, before)
            assert finding.evidence["forecast"] == "soft_match"
            assert {holder.side for holder in finding.counterparts} == {"ad", "entra"}
            dc.delete(bert)
            _stand(up, OWNED, 1)

            up.wait(lambda: bool(_report(up)["complete"]), every_s=1.0)
            ages = {each["detection"]: each["ages"] for each in _report(up)["groups"]}
            assert ages[PENDING] == {"1 to 90 days": 1}
            counts = {detection: sum(ages[detection].values()) for detection in (DUPLICATE, OWNED, *ORPHANS)}
            assert counts == dict.fromkeys(counts, 1), "what came after the first reading is not of it"


def _stand(up: Installation, detection: str, number: int) -> None:
    up.wait(lambda: up.open_count(detection) == number)


def _pending_for_weeks(dc: SambaDC, graph: GraphLab) -> None:
    """A laptop that was exported a month before anybody looked, and has never registered."""
    unit = f"OU=PCs,{dc.base_dn}"
    dc.add(unit, "organizationalUnit")
    computer = dc.add_computer("LT-PENDING", unit)
    guid = uuid.UUID(bytes_le=dc.guid(computer))
    dc.modify(computer, {"userCertificate": [join_certificate(guid)]})
    graph.tenant.upsert("device", None, {
        "deviceId": str(guid), "displayName": "LT-PENDING", "trustType": "ServerAd", "operatingSystem": "Windows",
        "accountEnabled": True, "onPremisesSyncEnabled": True,
        "onPremisesLastSyncDateTime": graph_time(wall_clock() - 30 * DAY_MS),
    })  # fmt: skip


def _years_of_faults(dc: SambaDC, graph: GraphLab) -> None:
    """An old duplicate; people and a laptop whose AD side nobody here ever saw, and whose address somebody new has."""
    for name in ("cora", "dora"):
        dc.add_user(name, proxyAddresses=[f"SMTP:{name}@contoso.com", "smtp:sales@contoso.com"])
    dc.add_user("newcomer", proxyAddresses=["SMTP:gone@contoso.com"])
    synced = {"onPremisesSyncEnabled": True, "onPremisesLastSyncDateTime": graph_time(wall_clock() - 900 * DAY_MS)}
    graph.tenant.upsert("user", None, {
        "userPrincipalName": "gone@contoso.com", "displayName": "Gone", "mail": "gone@contoso.com",
        "onPremisesImmutableId": base64.b64encode(uuid.uuid4().bytes_le).decode(), **synced,
    })  # fmt: skip
    graph.tenant.upsert("device", None, {
        "deviceId": str(uuid.uuid4()), "displayName": "LT-GONE", "trustType": "ServerAd", "operatingSystem": "Windows",
        "accountEnabled": True, "approximateLastSignInDateTime": graph_time(wall_clock() - 800 * DAY_MS), **synced,
    })  # fmt: skip


def _report(up: Installation) -> dict[str, Any]:
    asked = CliRunner().invoke(report, ["--first-reading", "--json", "--config", str(up.config)])
    document: dict[str, Any] = json.loads(asked.stdout)
    assert asked.exit_code == (0 if document["complete"] else EXIT_BLIND)
    return document


def _conflicts(up: Installation, beside: Collection[str] = ()) -> list[Finding]:
    found = [finding for finding in up.findings().values() if finding.family == "conflict"]
    return [finding for finding in found if finding.id not in beside]


def _replace(dn: str, *addresses: str) -> str:
    values = "".join(f"proxyAddresses: {address}\n" for address in addresses)
    return f"dn: {dn}\nchangetype: modify\nreplace: proxyAddresses\n{values}"
