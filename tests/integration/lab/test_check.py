"""`synchealth check` against the lab: what works is said, what does not says what to do about it."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from deploy.broker import Broker, tansu
from deploy.cli.check.command import lines as all_lines
from deploy.cli.check.eventlog import check_eventlog, eventlog_lines
from deploy.cli.check.forest import check_forest
from deploy.cli.check.line import Line, Mark, skew
from deploy.cli.check.tenant import check_tenant
from deploy.lab.certificates import issue
from deploy.lab.entra.faults import Fault
from deploy.lab.events import winlogbeat_document
from deploy.lab.services import LabServices
from deploy.lab.sync.cloud_sync import CloudSync
from streams.contracts.errors import FatalError
from streams.runtime.clock import now_ms
from streams.runtime.settings import (
    EventLogSettings,
    FlowSettings,
    ForestSettings,
    KafkaConnection,
    TenantSettings,
    load_settings,
)
from streams.runtime.topic_reader import StoredRecord, TopicReader


@pytest.fixture
def forest(config: Path) -> ForestSettings:
    return load_settings(config, {}).forest[0]


@pytest.fixture
def tenant(config: Path) -> TenantSettings:
    return load_settings(config, {}).tenant[0]


def faults(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.mark is not Mark.GOOD]


def changed(forest: ForestSettings, **values: object) -> ForestSettings:
    document = {**forest.model_dump(exclude={"bind_password"}), **values}
    return ForestSettings.model_validate(document)


def test_a_forest_that_is_ready(forest: ForestSettings) -> None:
    lines = list(check_forest(forest))
    assert faults(lines) == []
    said = " ".join(line.what for line in lines)
    assert "certificate trusted" in said and "by right of replication" in said and "clock" in said


def test_what_the_settings_add_to_what_is_read_is_looked_for(tenant: TenantSettings) -> None:
    flow = [FlowSettings(property=name, attribute="division") for name in ("employeeType", "nonsense")]
    lines = list(check_tenant(tenant.model_copy(update={"flow": flow})))
    assert [line.mark for line in lines if "employeeType of users is read, too" in line.what] == [Mark.GOOD]
    (wrong,) = (line for line in lines if "nonsense" in line.what)
    assert wrong.mark is Mark.FAULT and "[[tenant.flow]]" in wrong.advice


def test_a_wrong_password_is_tried_once_and_named(forest: ForestSettings, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password\n")
    twice = changed(forest, bind_password_file=wrong, servers=[forest.servers[0], forest.servers[0]])
    [line] = check_forest(twice)
    assert line.mark is Mark.FAULT
    assert "user name or password is wrong" in line.what
    assert "not the password" not in line.what


def test_a_missing_right_says_which_one_to_grant(forest: ForestSettings, lab: LabServices, tmp_path: Path) -> None:
    accounts = lab.organisation.forests[0].accounts
    password = tmp_path / "reader"
    password.write_text(accounts.reader_password)
    reader = changed(forest, bind_user=f"{accounts.reader}@{forest.name}", bind_password_file=password)
    [line] = faults(list(check_forest(reader)))
    assert line.mark is Mark.FAULT
    assert "'Replicating Directory Changes'" in line.advice


def test_a_foreign_certificate_authority_is_refused(forest: ForestSettings, tmp_path: Path) -> None:
    foreign = issue(tmp_path / "foreign", ["localhost"]).ca_file
    [line] = check_forest(changed(forest, ca_file=foreign))
    assert "its certificate is not trusted" in line.what


def test_an_organizational_unit_that_does_not_exist_is_a_fault(forest: ForestSettings) -> None:
    [line] = faults(list(check_forest(changed(forest, exclude_ous=["OU=Nowhere,DC=corp,DC=contoso,DC=local"]))))
    assert "OU=Nowhere" in line.what and "exclude_ous" in line.advice


def test_a_unit_of_a_domain_that_no_server_holds_is_not_asked_for(forest: ForestSettings) -> None:
    """A domain controller refers to those of the other domains of its forest: that is no answer."""
    [line] = faults(list(check_forest(changed(forest, include_ous=["OU=Staff,DC=emea,DC=corp,DC=contoso,DC=local"]))))
    assert "no server that answers holds its domain" in line.what and "add a server" in line.advice


def test_a_server_out_of_reach_does_not_hide_the_others(forest: ForestSettings) -> None:
    lines = list(check_forest(changed(forest, servers=["ldaps://127.0.0.1:1", *forest.servers])))
    assert [line.mark for line in lines][:2] == [Mark.FAULT, Mark.GOOD]


def test_a_tenant_that_is_ready(tenant: TenantSettings) -> None:
    assert faults(list(check_tenant(tenant))) == []


@pytest.mark.parametrize(
    ("role", "mark"),
    [
        ("User.Read.All", Mark.FAULT),
        ("Group.Read.All", Mark.GAP),
        ("OrgContact.Read.All", Mark.FAULT),
        ("Device.Read.All", Mark.GAP),
        ("RoleManagement.Read.Directory", Mark.GAP),
        ("OnPremDirectorySynchronization.Read.All", Mark.GAP),
        ("AuditLog.Read.All", Mark.GAP),
        ("Application.Read.All", Mark.GAP),
        ("Synchronization.Read.All", Mark.GAP),
    ],
)
def test_each_missing_permission_is_named(tenant: TenantSettings, lab: LabServices, role: str, mark: Mark) -> None:
    app = lab.organisation.app
    CloudSync(lab.organisation.tenant, "corp.contoso.local").add("AD2AADProvisioning")
    app.roles = app.roles - {role, "Directory.Read.All"}
    lines = faults(list(check_tenant(tenant)))
    assert lines and all(role in line.advice for line in lines)
    # What reads living objects reads deleted ones, too; the loss of these alone is no fault.
    vital = [line.mark for line in lines if "/deletedItems/" not in line.what]
    assert vital == ([mark] if role != "Group.Read.All" else [])
    assert {line.mark for line in lines if "/deletedItems/" in line.what} <= {Mark.GAP}


def test_a_forest_of_cloud_sync_whose_people_would_be_joined_is_named(
    tenant: TenantSettings, forest: ForestSettings, lab: LabServices
) -> None:
    CloudSync(lab.organisation.tenant, forest.name).add("AD2AADProvisioning")
    joined = tenant.model_copy(update={"users_joined_by": "mail"})
    [line] = faults(list(check_tenant(joined, [forest])))
    assert line.mark is Mark.GAP and forest.name in line.what and "cloud_sync_ous" in line.advice
    named = changed(forest, cloud_sync_ous=["DC=corp,DC=contoso,DC=local"])
    for settings, of_it in ((tenant, forest), (joined, named)):
        assert faults(list(check_tenant(settings, [of_it]))) == []


def test_sign_ins_are_tried_only_where_they_are_read(tenant: TenantSettings, lab: LabServices) -> None:
    lab.organisation.tenant.profile.premium = False
    assert faults(list(check_tenant(tenant))) == []
    [line] = faults(list(check_tenant(tenant.model_copy(update={"sign_ins": True}))))
    assert line.mark is Mark.GAP and "P1 licence" in line.what


def test_a_refused_secret_ends_the_check_of_the_tenant(tenant: TenantSettings, lab: LabServices) -> None:
    lab.organisation.app.secrets.clear()
    [line] = check_tenant(tenant)
    assert line.mark is Mark.FAULT and "renew the secret" in line.what


def test_throttling_is_no_missing_permission(tenant: TenantSettings, lab: LabServices) -> None:
    lab.entra.faults.add(Fault("throttle", path="/users/delta", times=1, retry_after_s=1))
    [line] = faults(list(check_tenant(tenant)))
    assert "429" in line.what and "grant" not in line.advice


def test_the_command_tells_every_line_as_json_and_fails_for_the_missing_kafka(config: Path) -> None:
    command = [sys.executable, "-m", "deploy.cli.main", "check", "--config", str(config), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    lines = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1, done.stderr
    assert [line["area"] for line in lines if line["mark"] == "fault"] == ["kafka"]
    assert {"configuration", "corp.contoso.local", "ad.fabrikam.local"} < {line["area"] for line in lines}


def test_clocks_apart_are_a_fault() -> None:
    now = dt.datetime(2026, 11, 23, tzinfo=dt.UTC).timestamp()
    assert skew("x", "dc1", now + 30, now).mark is Mark.GOOD
    late = skew("x", "dc1", now - 300, now)
    assert late.mark is Mark.FAULT and "300 s behind" in late.what


@pytest.fixture(scope="module")
def shipped() -> Iterator[Broker]:
    """A Kafka with a topic that holds something and one that does not."""
    with tansu() as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        admin.create_topics([NewTopic("filled", 2, 1), NewTopic("idle", 2, 1)])
        admin.close()
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        producer.send("filled", b"{}", partition=1)
        producer.flush()
        producer.close()
        yield broker


def event_log(form: str, *topics: str, **more: object) -> EventLogSettings:
    table = {"name": "servers", "tenant": "t", "format": form, "topics": list(topics), **more}
    return EventLogSettings.model_validate(table)


@pytest.mark.parametrize(
    ("topics", "mark", "what"),
    [
        (["filled"], Mark.GOOD, "filled can be read"),
        (["idle"], Mark.GOOD, "hold nothing yet"),
        (["filled", "typo"], Mark.FAULT, "has no topic typo"),
        (["typo"], Mark.FAULT, "has no topic typo"),
    ],
)
@pytest.mark.parametrize(("form", "advice"), [("winlogbeat", "start Winlogbeat"), ("event_hub", "diagnostic settings")])
def test_the_topics_of_others_are_there_and_readable_or_it_says_who_fills_them(
    shipped: Broker, topics: list[str], mark: Mark, what: str, form: str, advice: str
) -> None:
    line = check_eventlog(event_log(form, *topics), KafkaConnection(bootstrap_servers=[shipped.bootstrap]))
    assert (line.area, line.mark) == ("eventlog/servers", mark)
    assert what in line.what
    assert (advice in line.advice) is (mark is Mark.FAULT)


def test_each_server_that_ships_is_a_line_and_only_the_end_of_a_topic_is_read(shipped: Broker) -> None:
    admin = KafkaAdminClient(bootstrap_servers=shipped.bootstrap)
    admin.create_topics([NewTopic("windows", 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=shipped.bootstrap)
    for number in range(3_000):
        server = f"{'OLD' if number < 100 else 'AADC01'}.corp.contoso.local"
        document = winlogbeat_document(
            server=server, provider="ADSync", event_id=6100, message="x", record_id=number, at_ms=now_ms()
        )
        producer.send("windows", orjson.dumps(document))
    producer.flush()
    producer.close()
    lines = eventlog_lines(event_log("winlogbeat", "windows"), KafkaConnection(bootstrap_servers=[shipped.bootstrap]))
    assert [line.what.partition(":")[0] for line in lines] == ["windows can be read", "aadc01"]
    assert {line.mark for line in lines} == {Mark.GOOD}


def test_a_kafka_of_others_that_does_not_answer_is_a_matter_of_addresses(shipped: Broker) -> None:
    elsewhere = event_log("event_hub", "filled", bootstrap_servers=["127.0.0.1:1"])
    line = check_eventlog(elsewhere, KafkaConnection(bootstrap_servers=[shipped.bootstrap]))
    assert line.mark is Mark.FAULT and "127.0.0.1:1" in line.what and "bootstrap_servers" in line.advice


def test_who_may_not_read_is_told_which_right_to_ask_for(shipped: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(reader: TopicReader, wait_s: float) -> list[StoredRecord]:
        raise FatalError("Kafka refuses us")

    monkeypatch.setattr(TopicReader, "poll", refused)
    own = KafkaConnection(bootstrap_servers=[shipped.bootstrap])
    assert "may Listen" in check_eventlog(event_log("event_hub", "filled"), own).advice
    line = check_eventlog(event_log("winlogbeat", "filled"), own)
    assert line.mark is Mark.FAULT and "Describe and Read" in line.advice


def test_the_command_looks_at_every_event_log(config: Path, tenant: TenantSettings) -> None:
    table = f'[[eventlog]]\nname = "servers"\ntenant = "{tenant.id}"\nformat = "event_hub"\ntopics = ["a"]\n'
    config.write_text(f"{config.read_text()}\n{table}")
    areas = [(line.area, line.mark) for line in all_lines(load_settings(config, {}), config)]
    assert ("eventlog/servers", Mark.FAULT) in areas
