"""`synchealth replay`: every form of file, what it says of it, and how it ends."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.cli.replay.command import replay
from deploy.lab.events import ADSYNC, PASSWORD_RESET, winlogbeat_document
from streams.contracts.codec import encode
from tests.support import event_samples as samples

AT_MS = 1_795_426_267_123
WINDOWS = samples.sample("udr_304_words")
HUB = samples.sample("eventhub_auditlogs_reason_differs")
ROW = samples.sample("graph_audit_soa_to_cloud")


def told(path: Path, *more: str) -> tuple[int, dict[str, Any]]:
    result = ran(str(path), "--json", *more)
    return result.exit_code, json.loads(result.output)


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(replay, arguments)


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "events.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def service(event_id: int, message: str, *, after_ms: int = 0, level: str = "error", provider: str = ADSYNC) -> Any:
    return winlogbeat_document(
        server="AADC01.corp.contoso.local", provider=provider, event_id=event_id, message=message,
        record_id=after_ms + 1, at_ms=AT_MS + after_ms, level=level,
    )  # fmt: skip


@pytest.mark.parametrize(
    "form",
    ["lines", "array", "pretty array", "one document", "bom", "powershell", "blank lines"],
)
def test_every_form_of_file_is_read(tmp_path: Path, form: str) -> None:
    one, two = json.dumps(WINDOWS), json.dumps(ROW)
    text: str | bytes = {
        "lines": f"{one}\n{two}\n",
        "array": f"[{one},{two}]",
        "pretty array": json.dumps([WINDOWS, ROW], indent=2),
        "one document": json.dumps({"value": [WINDOWS, ROW]}, indent=1),
        "bom": b"\xef\xbb\xbf" + f"{one}\n{two}".encode(),
        "powershell": f"[{one},{two}]".encode("utf-16"),
        "blank lines": f"\n\n{one}\r\n\r\n{two}",
    }[form]
    code, said = told(written(tmp_path, text))
    assert code == 0, said
    assert said["recognised"] == {
        "Microsoft-Windows-User Device Registration 304": 1,
        "audit: change source of authority from ad to cloud": 1,
    }
    assert said["not_recognised"] == []


def test_a_hub_and_our_own_topics(tmp_path: Path) -> None:
    event = samples.winlogbeat_events(WINDOWS, samples.TENANT, 0)[0]
    chunk = {"type": "events", "source": "eventlog/x", "sent_ms": 1, "events": [json.loads(encode(event))]}
    dead = {
        "type": "deadletter", "reason": "x", "error": "x", "stage": "source", "ts_ms": 1,
        "original": base64.b64encode(json.dumps(WINDOWS).encode()).decode(),
    }  # fmt: skip
    lines = "\n".join(json.dumps(each) for each in (HUB, HUB["records"][0], chunk, dead))
    code, said = told(written(tmp_path, lines))
    assert code == 0, said
    hub = {kind: count for kind, count in said["recognised"].items() if kind.startswith("hub AuditLogs: ")}
    assert sum(hub.values()) == 2
    assert said["recognised"]["Microsoft-Windows-User Device Registration 304"] == 1
    assert said["recognised"]["recorded events"] == 1


def test_what_is_not_recognised_is_said_with_its_level_and_first_line(tmp_path: Path) -> None:
    strange = service(7777, "Something new.\nMore of it.", level="warning")
    foreign = service(1000, "A program crashed.", provider="Application Error")
    path = written(tmp_path, "\n".join(json.dumps(each) for each in (WINDOWS, strange, strange, foreign, {"a": 1})))
    code, said = told(path)
    assert code == 1
    assert {(each["kind"], each["level"], each["count"], each["text"]) for each in said["not_recognised"]} == {
        ("ADSync 7777", "warning", 2, "Something new."),
        ("Application Error 1000", "error", 1, "A program crashed."),
        ("unknown document with a", "", 1, '{"a":1}'),
    }


@pytest.mark.parametrize("text", ["", "\n", "[]", "{}", "null", "7", "no JSON at all", '{"a": 1}', "\x00\xff"])
def test_a_file_in_which_nothing_is_recognised_is_an_error(tmp_path: Path, text: str) -> None:
    assert told(written(tmp_path, text))[0] == 2


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    result = ran(str(tmp_path / "absent.json"))
    assert result.exit_code == 2
    assert "absent.json cannot be read" in result.output
    assert ran(str(tmp_path)).exit_code == 2


@pytest.mark.parametrize("place", [0, 1])
def test_a_damaged_line_costs_itself_alone(tmp_path: Path, place: int) -> None:
    lines = [json.dumps(WINDOWS), json.dumps(ROW)]
    lines.insert(place, '{"cut": ')
    code, said = told(written(tmp_path, "\n".join(lines)))
    assert code == 1
    assert said["unreadable"] == 1
    assert sum(said["recognised"].values()) == 2


def test_what_it_would_open_and_what_an_event_log_cannot_know(tmp_path: Path) -> None:
    threshold = samples.sample("dirsync_116_threshold_reached")
    code, said = told(written(tmp_path, json.dumps(threshold)))
    assert code == 0
    opened = {finding["detection"]: finding["evidence"] for finding in said["findings"] if finding["state"] == "open"}
    assert opened.keys() == {"engine.deletion_threshold_reached"}
    assert "no object of either directory" in said["not_known"]
    assert said["rules_failed"] == []


def test_a_refused_object_is_one_whatever_the_directories_would_tell_of_it(tmp_path: Path) -> None:
    refusal = samples.sample("adsync_6941_further_details")
    _, said = told(written(tmp_path, json.dumps(refusal)))
    [finding] = said["findings"]
    assert finding["detection"] == "flow.export_error"
    assert finding["evidence"]["conflicting_id"] == "e5b8c201-9f4a-4736-b0d1-27a6f8c93e15"
    refusal["log"]["level"] = "information"
    _, said = told(written(tmp_path, json.dumps(refusal)))
    assert said["findings"] == []


def test_what_must_stand_a_while_is_waited_for_unless_told_otherwise(tmp_path: Path) -> None:
    lost = [
        service(31019, "Service Bus connection is healthy.", level="information", provider=PASSWORD_RESET),
        service(31034, "The connection to the connect service was lost.", after_ms=60_000, provider=PASSWORD_RESET),
    ]
    path = written(tmp_path, json.dumps(lost))
    assert told(path, "--at", "2026-11-23T09:33:00Z")[1]["findings"] == []
    later = told(path)[1]["findings"]
    assert [finding["detection"] for finding in later] == ["writeback.writeback_service_down"]
    assert "Password writeback on aadc01 is broken" in ran(str(path), "--explain").output
    assert ran(str(path), "--at", "yesterday").exit_code == 2


def test_control_characters_are_shown_and_not_acted_on(tmp_path: Path) -> None:
    evil = service(7777, "\x1b]0;owned\x07\x1b[2Jgone\u202e")
    evil["winlog"]["provider_name"] = "ADSync\x1b[31m"
    path = written(tmp_path, json.dumps([WINDOWS, evil]))
    for output in (ran(str(path)).output, ran(str(path), "--json").output):
        assert not any(ord(character) < 32 and character != "\n" for character in output)
        assert "\u202e" not in output
    assert "\\x1b" in ran(str(path)).output


@pytest.mark.parametrize("name", samples.names())
def test_every_sample_can_be_replayed(name: str) -> None:
    result = ran(str(samples.SAMPLES / f"{name}.json"), "--explain")
    assert result.exit_code in (0, 1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "rule failed" not in result.output
