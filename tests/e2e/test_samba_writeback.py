"""The writeback loop closed over a real domain controller: from audits and AD alone, and with the server's events."""

from __future__ import annotations

import contextlib
import json
import time
import tomllib
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.broker import Broker
from deploy.lab.sync.engine import SyncEngine
from deploy.lab.sync.tenant import Tenant
from deploy.lab.sync.winlogbeat import TOPIC as WINLOGBEAT
from deploy.lab.sync.winlogbeat import shipping
from deploy.lab.sync.writeback import PasswordWriteback
from deploy.lab.sync.writeback_audit import WritebackUser
from deploy.lab.sync.writeback_outcomes import Operation, Outcome
from streams.contracts.finding import Severity
from streams.contracts.identity import immutable_id_of_bytes
from streams.runtime.settings import KafkaConnection
from tests.support.graph_lab import GraphLab, certificates_in, graph_lab
from tests.support.installation import Installation, installation
from tests.support.samba import SambaDC, samba_dc
from tests.support.samba_passwords import SambaPasswords

pytestmark = [pytest.mark.kafka, pytest.mark.samba, pytest.mark.slow]
SAMPLES = Path(__file__).parents[1] / "integration" / "entra" / "samples"
UNCONFIRMED = "writeback.password_writeback_unconfirmed"
FAILED = "writeback.password_writeback_failed"


@dataclass(frozen=True, slots=True)
class Veteran:
    """Somebody whose password was set a while ago; the other tests of this module pass the time."""

    dc: SambaDC
    dn: str
    set_s: float


@pytest.fixture(scope="module", autouse=True)
def veteran() -> Iterator[Veteran]:
    with samba_dc() as dc:
        dn = dc.add_user("resi", mail="resi@contoso.com", userPrincipalName="resi@contoso.com")
        dc.set_password(dn, "First-Passw0rd!")
        yield Veteran(dc, dn, time.monotonic())


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


PASSWORDS = ("Winter-Passw0rd!", "Spring-Passw0rd!", "Summer-Passw0rd!")
FIRST, SECOND, THIRD = PASSWORDS
CONNECTOR = "svc-connect"
CLASSES = {  # as the server's events tell them, and as the cloud's row alone does
    "short": ("password_policy", "password_policy"),
    "repeats": ("password_policy", "password_policy"),
    "hasty": ("password_policy", "password_policy"),
    "perry": ("permission", "other"),
    "boss": ("permission", "other"),
    "gone": ("user_not_found", "other"),
    "twin": ("several_matches", "other"),
    "oldctl": ("configuration", "other"),
    "dora": ("account_disabled", "account_disabled"),
    "locke": ("account_locked", "account_locked"),
    "wanda": ("wrong_password", "wrong_password"),
}
USERS_OWN = {"short", "repeats", "hasty", "dora", "locke", "wanda"}


class Desk:
    """A domain whose controller refuses passwords for every reason that it has, and the lab's engine that meets it."""

    def __init__(self, dc: SambaDC, graph: GraphLab) -> None:
        self.dc, self.tenant = dc, graph.tenant
        self.staff = f"OU=Staff,{dc.base_dn}"
        dc.add(self.staff, "organizationalUnit")
        connector = dc.add_user(CONNECTOR)
        dc.set_password(connector, FIRST)
        dc.enable(connector)
        self.connector_sid = dc.sid(connector)
        dc.grant_password_reset(self.staff, self.connector_sid)
        self.engine = SyncEngine([], Tenant(self.tenant))
        self.target = SambaPasswords(dc, f"{CONNECTOR}@{dc.realm}", FIRST)
        self.writeback = PasswordWriteback(self.engine, self.target)
        elsewhere = f"CN=Users,{dc.base_dn}"
        self.dns = {name: f"CN={name},{elsewhere if name in ('perry', 'boss') else self.staff}" for name in CLASSES}
        self.dns["late"] = f"CN=late,{self.staff}"
        self.users = {name: self._hire(name, dn) for name, dn in self.dns.items()}

    def refuse_all(self) -> None:
        """Somebody runs into each reason."""
        dc, target = self.dc, self.target
        dc.modify(dc.base_dn, {"minPwdAge": "0"})
        self._change("repeats", FIRST, FIRST)
        self._reset("short", "Aa1!")
        dc.modify(dc.base_dn, {"minPwdAge": "-864000000000"})
        self._change("hasty", FIRST, SECOND)
        dc.modify(dc.base_dn, {"minPwdAge": "0"})
        self._reset("perry")
        dc.modify(self.dns["boss"], {"adminCount": "1"})
        self._reset("boss")
        dc.delete(self.dns["gone"])
        self._reset("gone")
        self.twin = f"CN=twin2,{self.staff}"
        anchor = self.users["twin"].guid.bytes_le
        dc.add(self.twin, "user", {"sAMAccountName": "twin2", "mS-DS-ConsistencyGuid": anchor})
        self._reset("twin")
        target.policy_control = True  # which this controller does not have
        self._reset("oldctl")
        target.policy_control = False
        dc.modify(self.dns["dora"], {"userAccountControl": "514"})
        self._change("dora", FIRST, SECOND)
        dc.modify(dc.base_dn, {"lockoutThreshold": "1"})
        self._change("locke", "not-the-one", SECOND)
        self._change("locke", FIRST, SECOND)
        dc.modify(dc.base_dn, {"lockoutThreshold": "0"})
        self._change("wanda", "not-the-one", SECOND)

    def help_all(self) -> None:
        """The reasons are gone, and everybody tries again."""
        for name in ("perry", "boss"):
            self.dc.grant_password_reset(self.dns[name], self.connector_sid)
        self.dc.restore(self.users["gone"].guid.bytes_le, self.dns["gone"])
        self.dc.delete(self.twin)
        self.dc.enable(self.dns["dora"])
        self.dc.modify(self.dns["locke"], {"lockoutTime": "0"})
        for name in CLASSES:
            self._reset(name, THIRD)

    def request_late(self) -> None:
        self.writeback.reset(self.users["late"], outcome=Outcome.LATE)

    def _reset(self, name: str, password: str = SECOND) -> None:
        self.writeback.reset(self.users[name], password=password)

    def _change(self, name: str, current: str, password: str) -> None:
        self.writeback.reset(self.users[name], operation=Operation.CHANGE, current=current, password=password)

    def _hire(self, name: str, dn: str) -> WritebackUser:
        upn = f"{name}@{self.dc.realm}"
        self.dc.add(dn, "user", {"sAMAccountName": name, "userPrincipalName": upn})
        if name in USERS_OWN:  # the others have never had one: a password just set would be taken for the new one
            self.dc.set_password(dn, FIRST)
            self.dc.enable(dn)
        guid, anchor = self.dc.guid(dn), immutable_id_of_bytes(self.dc.guid(dn))
        cloud = self.tenant.upsert(
            "user", None,
            {"userPrincipalName": upn, "displayName": name, "accountEnabled": True, "onPremisesSyncEnabled": True,
             "onPremisesImmutableId": anchor},
        )  # fmt: skip
        return WritebackUser(uuid.UUID(bytes_le=guid), cloud, upn, name, anchor, self.dc.realm)


def _landings(up: Installation) -> tuple[float, float]:
    """How many passwords the workers have seen land, and the seconds that all of them took."""
    port = tomllib.loads(up.config.read_text())["streams"]["metrics_port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=120) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
    return tuple(  # type: ignore[return-value]
        sum(sample.value for sample in samples if sample.name == f"synchealth_writeback_landing_seconds_{what}")
        for what in ("count", "sum")
    )


@pytest.mark.parametrize("events", [True, False], ids=["with the server's events", "without them"])
def test_every_refusal_of_a_domain_controller_is_told_by_its_class_and_a_late_landing_is_only_measured(
    events: bool, empty_kafka: Broker, tmp_path: Path
) -> None:
    kafka = KafkaConnection(bootstrap_servers=[empty_kafka.bootstrap])
    with contextlib.ExitStack() as stack:
        dc = stack.enter_context(samba_dc())
        graph = stack.enter_context(graph_lab(certificates_in(tmp_path / "tls")))
        desk = Desk(dc, graph)
        stack.callback(desk.target.close)
        tables = _tables(dc, graph)
        if events:
            stack.enter_context(shipping(desk.engine.log, kafka, own=True))
            log = {"name": "connect", "tenant": graph.settings().id, "format": "winlogbeat", "topics": [WINLOGBEAT]}
            tables.append(("[[eventlog]]", log))
        up = stack.enter_context(
            installation(tmp_path / "up", empty_kafka.bootstrap, tables, {"writeback_confirm_s": 280.0})
        )
        up.wait(lambda: up.open_count(FAILED) == 0)

        asked_s = time.monotonic()
        desk.request_late()
        desk.refuse_all()
        up.wait(lambda: up.open_count(FAILED) == len(CLASSES))
        told = [each for each in up.findings().values() if each.detection == FAILED]
        found = {str(each.subject.user_principal_name).partition("@")[0]: each for each in told}
        index = 0 if events else 1
        assert {name: each.evidence["class"] for name, each in found.items()} == {
            name: classes[index] for name, classes in CLASSES.items()
        }
        assert {name for name, each in found.items() if each.severity is Severity.LOW} == USERS_OWN
        if events:
            assert found["boss"].evidence["detail"] == "protected_account"
            # The engine has one sentence for every rule of the policy, and names none.
            assert not any("detail" in found[name].evidence for name in ("short", "repeats", "hasty"))
        assert _only(up, FAILED)

        waited_s = time.monotonic() - asked_s
        assert desk.writeback.deliver() == 1
        up.wait(lambda: _landings(up)[0] == 1)
        assert _landings(up)[1] >= waited_s - 1

        desk.help_all()
        up.wait(lambda: up.open_count(FAILED) == 0)
        up.wait(lambda: _landings(up)[0] == 1 + len(CLASSES))
        assert [each for each in up.findings().values() if each.family == "writeback"] == []
        seen = json.dumps([msgspec.to_builtins(each) for each in told]) + up.log(5_000_000)
        assert [word for word in PASSWORDS if word in seen] == []


def test_a_reset_that_never_lands_is_seen_and_clears_when_it_does(
    veteran: Veteran, empty_kafka: Broker, tmp_path: Path
) -> None:
    success = {"result": "success", "resultReason": "Successfully completed reset."}
    dc, resi = veteran.dc, veteran.dn
    with graph_lab(certificates_in(tmp_path / "tls")) as graph:
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
            up.wait(lambda: up.open_count(UNCONFIRMED) == 0)

            # A password set up to a minute before counts as this reset's: clocks differ by that much.
            up.wait(lambda: time.monotonic() - veteran.set_s > 65)
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
