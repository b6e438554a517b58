"""The writeback loop closed over a real domain controller, without any event log of the server: audits and AD alone."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.broker import Broker
from streams.contracts.identity import immutable_id_of_bytes
from tests.support.graph_lab import GraphLab, certificates_in, graph_lab
from tests.support.installation import Installation, installation
from tests.support.samba import SambaDC, samba_dc

pytestmark = [pytest.mark.kafka, pytest.mark.samba, pytest.mark.slow]
SAMPLES = Path(__file__).parents[1] / "integration" / "entra" / "samples"
UNCONFIRMED = "writeback.password_writeback_unconfirmed"
FAILED = "writeback.password_writeback_failed"


def _tables(dc: SambaDC, graph: GraphLab) -> list[tuple[str, dict[str, Any]]]:
    settings = graph.settings()
    forest = {
        "name": dc.realm, "tenant": settings.id, "servers": [dc.ldaps_url], "bind_user": dc.admin_user,
        "bind_password": dc.admin_password, "ca_file": str(dc.ca_file), "valid_names": [dc.host_name],
        "poll_interval_s": 0.2,
    }  # fmt: skip
    tenant = {
        "id": settings.id, "authority": settings.authority, "graph_url": settings.graph_url,
        "client_id": settings.client_id, "ca_file": str(settings.ca_file), "poll_interval_s": 0.5,
        "client_secret": settings.client_secret.get_secret_value(),  # type: ignore[union-attr]
        "audit_interval_s": 1.0,
    }  # fmt: skip
    return [("[[forest]]", forest), ("[[tenant]]", tenant)]


def _audit(graph: GraphLab, user: str, **more: Any) -> None:
    row = json.loads((SAMPLES / "directoryaudit_sspr_reset_writeback_failure.json").read_text())
    del row["id"]
    row["activityDateTime"] = datetime.now(UTC).isoformat().replace("+00:00", "0Z")
    row["correlationId"] = str(uuid.uuid4())
    row["targetResources"][0]["id"] = user
    row["targetResources"][0]["userPrincipalName"] = "resi@contoso.com"
    graph.tenant.append_log("directoryAudits", {**row, **more})


def _only(up: Installation, detection: str) -> bool:
    found = {finding.detection for finding in up.findings().values() if finding.family == "writeback"}
    return found == {detection}


def test_a_reset_that_never_lands_is_seen_and_clears_when_it_does(empty_kafka: Broker, tmp_path: Path) -> None:
    success = {"result": "success", "resultReason": "Successfully completed reset."}
    with samba_dc("127.0.0.42") as dc, graph_lab(certificates_in(tmp_path / "tls")) as graph:
        resi = dc.add_user("resi", mail="resi@contoso.com", userPrincipalName="resi@contoso.com")
        dc.set_password(resi, "First-Passw0rd!")
        set_s = time.monotonic()
        cloud = graph.tenant.upsert(
            "user",
            None,
            {
                "userPrincipalName": "resi@contoso.com", "displayName": "Resi", "accountEnabled": True,
                "onPremisesSyncEnabled": True, "onPremisesImmutableId": immutable_id_of_bytes(dc.guid(resi)),
            },
        )  # fmt: skip
        with installation(
            tmp_path / "up", empty_kafka.bootstrap, _tables(dc, graph), {"writeback_confirm_s": 6.0}
        ) as up:
            up.wait(lambda: up.open_count(UNCONFIRMED) == 0, 90)

            # A password set up to a minute before counts as this reset's: clocks differ by that much.
            up.wait(lambda: time.monotonic() - set_s > 65, 90)
            _audit(graph, cloud, **success)
            up.wait(lambda: up.open_count(UNCONFIRMED) == 1)
            assert _only(up, UNCONFIRMED)
            dc.set_password(resi, "Second-Passw0rd!")
            up.wait(lambda: up.open_count(UNCONFIRMED) == 0)

            _audit(graph, cloud)  # the on-premises service cannot be reached
            up.wait(lambda: up.open_count(FAILED) == 1)
            assert _only(up, FAILED)
            (finding,) = [each for each in up.findings().values() if each.detection == FAILED]
            assert finding.evidence["class"] == "connectivity"
            assert finding.subject.user_principal_name == "resi@contoso.com"
            _audit(graph, cloud, **success)
            dc.set_password(resi, "Third-Passw0rd!")
            up.wait(lambda: up.open_count(FAILED) == 0)
            assert up.open_count(UNCONFIRMED) == 0
            assert not any("Passw0rd" in each for each in (up.log(1_000_000), json.dumps(finding.evidence)))
