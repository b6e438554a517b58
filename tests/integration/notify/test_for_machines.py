"""Channels that machines read: against rsyslog, and against the libraries and documents of the others."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from py_ocsf_models.events.findings.detection_finding import DetectionFinding

from deploy.broker.process import free_port
from deploy.lab.certificates import Certificates, issue
from sinks.notify.channels.channel import Channel, RefusedNoticeError, Sender
from sinks.notify.channels.ocsf import detection_finding
from sinks.notify.channels.registry import channels_of
from sinks.notify.channels.syslog import message_of
from sinks.notify.notice import Kind, Notice
from streams.contracts.errors import RetriableError
from streams.runtime.settings import Settings
from tests.support.findings import finding
from tests.support.notify import channel, hostile, notice
from tests.support.parts import missing_part
from tests.support.prometheus import until
from tests.support.receivers import Receiver

SENDER = Sender("synchealth", "1", "here")


@pytest.mark.parametrize(
    ("kind", "activity", "status"), [(Kind.OPENED, 1, 1), (Kind.CHANGED, 2, 2), (Kind.CLOSED, 3, 4)]
)
def test_an_ocsf_finding_is_one_to_a_library_of_ocsf(kind: Kind, activity: int, status: int) -> None:
    event = detection_finding(notice(kind), SENDER)
    read = DetectionFinding.model_validate(event)

    assert (read.class_uid, int(read.type_uid), int(read.activity_id)) == (2004, 200400 + activity, activity)
    assert read.status_id is not None
    assert int(read.status_id) == status
    assert (read.finding_info.uid, read.metadata.uid) == (finding(1).id, notice(kind).key)
    assert read.resources is not None
    assert [each.name for each in read.resources][1:] == ["ada1@contoso.com", "ada12@contoso.com"]


def test_a_hostile_finding_is_an_ocsf_finding_of_bounded_size() -> None:
    event = detection_finding(hostile(), SENDER, most_bytes=4000)
    DetectionFinding.model_validate(event)
    assert len(json.dumps(event)) < 12_000


def test_a_log_record_is_what_the_protocol_of_opentelemetry_reads(there: Receiver) -> None:
    channel(there, "otlp", url=there.url, authorization="Bearer s3cret").send(notice(), "")
    [request] = there.requests
    read = ExportLogsServiceRequest()
    json_format.Parse(request.body, read)
    [record] = read.resource_logs[0].scope_logs[0].log_records

    assert (request.path, request.headers["authorization"]) == ("/v1/logs", "Bearer s3cret")
    assert (record.severity_number, record.event_name) == (17, "synchealth.finding.opened")
    assert record.time_unix_nano == notice().at_ms * 1_000_000
    said = {each.key: each.value.string_value for each in record.attributes}
    assert said["synchealth.finding.id"] == finding(1).id
    there.answers.append((200, {}, b'{"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "no"}}'))
    with pytest.raises(RefusedNoticeError, match="rejects"):
        channel(there, "otlp", url=there.url).send(notice(), "")


def test_an_event_for_splunk(there: Receiver) -> None:
    channel(there, "splunk", url=there.url, token="s3cret", index="iam").send(notice(), "")
    [request] = there.requests
    body = json.loads(request.body)

    assert (request.path, request.headers["authorization"]) == ("/services/collector/event", "Splunk s3cret")
    assert (body["index"], body["sourcetype"], body["time"]) == ("iam", "ocsf:detection_finding", notice().at_ms / 1000)
    DetectionFinding.model_validate(body["event"])


SENTINEL = {
    "rule": "dcr-" + "0" * 32, "stream": "Custom-SyncHealth_CL", "tenant": "contoso.example", "client_id": "app",
    "client_secret": "s3cret",
}  # fmt: skip


def sentinel(there: Receiver) -> Channel:
    return channel(there, "sentinel", endpoint=there.url, authority=there.url, **SENTINEL)


def metadata(there: Receiver) -> tuple[int, dict[str, str], bytes]:
    place = f"{there.url}/contoso.example"
    found = {"issuer": place, "authorization_endpoint": f"{place}/a", "token_endpoint": f"{place}/oauth2/v2.0/token"}
    return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()


def test_a_row_for_sentinel_and_the_token_is_kept(there: Receiver) -> None:
    token = b'{"access_token": "tok3n", "token_type": "Bearer", "expires_in": 3599}'
    there.answers = [metadata(there), (200, {}, token)]
    found = sentinel(there)
    for kind in (Kind.OPENED, Kind.CLOSED):
        found.send(notice(kind), "")
    *_, asked, first, second = there.requests

    assert b"client_secret=s3cret" in asked.body
    assert b"scope=https%3A%2F%2Fmonitor.azure.com%2F.default" in asked.body
    assert first.path == f"/dataCollectionRules/{SENTINEL['rule']}/streams/{SENTINEL['stream']}?api-version=2023-01-01"
    assert first.headers["authorization"] == "Bearer tok3n"
    [row] = json.loads(second.body)
    assert (row["FindingId"], row["Activity"], row["Status"]) == (finding(1).id, "Close", "Resolved")


def test_a_refused_token_is_said_without_the_secret(there: Receiver) -> None:
    there.answers = [metadata(there), (400, {}, b'{"error": "invalid_client", "error_description": "s3cret is wrong"}')]
    with pytest.raises(RetriableError, match="invalid_client") as raised:
        sentinel(there).send(notice(), "")
    assert "s3cret" not in str(raised.value)


def test_every_syslog_message_is_ascii_short_and_one() -> None:
    for said in (notice(), hostile(), notice(Kind.CLOSED)):
        message = message_of(said, SENDER)
        assert message.isascii()
        assert b"\n" not in message
        assert len(message) <= 8192
    assert message_of(notice(), SENDER).startswith(b"<131>1 2026-11-")


@contextmanager
def rsyslog(folder: Path, certificates: Certificates, port: int) -> Iterator[Path]:
    """A real rsyslogd that takes RFC 5424 over TLS and writes what it understood as JSON lines."""
    program = shutil.which("rsyslogd") or missing_part("no rsyslogd: apt-get install rsyslog rsyslog-gnutls")
    out, config = folder / "out.jsonl", folder / "rsyslog.conf"
    config.write_text(
        f"""
        global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="gtls"
          defaultNetstreamDriverCAFile="{certificates.ca_file}"
          defaultNetstreamDriverCertFile="{certificates.cert_file}"
          defaultNetstreamDriverKeyFile="{certificates.key_file}")
        module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
        input(type="imtcp" port="{port}" address="127.0.0.1")
        template(name="json" type="list" option.jsonf="on") {{
          property(outname="severity" name="syslogseverity-text" format="jsonf")
          property(outname="facility" name="syslogfacility-text" format="jsonf")
          property(outname="app" name="app-name" format="jsonf")
          property(outname="msgid" name="msgid" format="jsonf")
          property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
          property(outname="msg" name="msg" format="jsonf")
        }}
        action(type="omfile" file="{out}" template="json")
        """
    )
    log = (folder / "rsyslog.log").open("wb")
    process = subprocess.Popen([program, "-n", "-f", config, "-i", folder / "pid"], stdout=log, stderr=log)
    try:
        yield out
    finally:
        process.terminate()
        process.wait()
        log.close()


def test_rsyslog_reads_what_was_sent_over_tls(tmp_path: Path) -> None:
    certificates, port = issue(tmp_path / "tls", ["127.0.0.1"]), free_port()
    table: dict[str, Any] = {"name": "here", "kind": "syslog", "host": "127.0.0.1", "port": port}
    table["ca_file"] = str(certificates.ca_file)
    there = channels_of(Settings.model_validate({"channel": [table]}).channel, "synchealth", "1")["here"]
    messages = [notice(), hostile(), notice(Kind.CLOSED)]
    with rsyslog(tmp_path, certificates, port) as out:
        until(lambda: sent(there, messages[0]), "it listens")
        for said in messages[1:]:
            there.send(said, "")
        until(lambda: out.exists() and out.read_text().count("\n") >= 3, "it has written three")
    there.close()
    lines = [json.loads(line) for line in out.read_text().splitlines()]

    assert [each["severity"] for each in lines] == ["err", "err", "info"]
    assert {(each["facility"], each["app"]) for each in lines} == {("local0", "synchealth")}
    assert [each["msgid"] for each in lines] == ["opened", "opened", "closed"]
    events = [json.loads(each["msg"]) for each in lines]
    assert [each["metadata"]["uid"] for each in events] == [each.key for each in messages]
    for event in events:
        DetectionFinding.model_validate(event)


def sent(there: Channel, said: Notice) -> bool:
    try:
        there.send(said, "")
    except RetriableError:
        return False
    return True
