"""`prometheus-config` and `runbook`: what an installation needs in order to be heard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from deploy.cli.main import cli
from deploy.prometheus.build import RECORDING, recording_file, rule_files
from deploy.prometheus.installation import configuration
from streams.contracts.errors import SettingsError
from streams.detections.registry import all_detections
from streams.runtime.settings import load_settings
from tests.support.installation import toml
from tests.support.prometheus import run_tool

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"


def settings_file(folder: Path, **prometheus: object) -> Path:
    forest = {"tenant": TENANT, "servers": ["ldaps://dc1"], "bind_user": "u", "bind_password": "p"}
    file = folder / "settings.toml"
    file.write_text(
        toml(
            [
                ("[streams]", {"workers": 3}),
                ("[prometheus]", prometheus),
                ("[[forest]]", {"name": "corp.example", **forest}),
                ("[[forest]]", {"name": "other.example", **forest}),
                ("[[tenant]]", {"id": TENANT, "client_id": "c", "client_secret": "s"}),
                ("[[eventlog]]", {"name": "servers", "tenant": TENANT, "format": "winlogbeat", "topics": ["w"]}),
            ]
        )
    )
    return file


def written(tmp_path: Path, *options: str, **prometheus: object) -> tuple[Path, str]:
    command = ["prometheus-config", "--config", str(settings_file(tmp_path, **prometheus)), "--output"]
    done = CliRunner().invoke(cli, [*command, str(tmp_path / "out"), *options])
    assert done.exit_code == 0, done.output
    return tmp_path / "out", done.output


def test_every_process_is_scraped_under_its_name(tmp_path: Path) -> None:
    out, _ = written(tmp_path, "--host", "node1")
    document = yaml.safe_load((out / "prometheus.yml").read_text())
    found = {
        (job["job_name"], target, each["labels"]["process"])
        for job in document["scrape_configs"]
        for each in job["static_configs"]
        for target in each["targets"]
    }
    assert found == {
        ("synchealth-exporter", "node1:9464", "sinks"),
        *(("synchealth-streams", f"node1:{9400 + number}", f"streams-{number}") for number in range(3)),
        ("synchealth-producers", "node1:9466", "ad/corp.example"),
        ("synchealth-producers", "node1:9467", "ad/other.example"),
        ("synchealth-producers", "node1:9468", f"entra/{TENANT}"),
        ("synchealth-producers", "node1:9469", "eventlog/servers"),
    }


def test_listeners_with_tls_and_passwords_are_scraped_so(tmp_path: Path) -> None:
    web = tmp_path / "web.yml"
    hashed = f"$2b$12${'x' * 53}"
    web.write_text(f"tls_server_config: {{cert_file: a, key_file: b}}\nbasic_auth_users: {{prometheus: {hashed}}}\n")
    file = settings_file(tmp_path)
    file.write_text(f"{file.read_text()}\n[metrics]\nhost = '::1'\nweb_config_file = '{web}'\n")
    job = yaml.safe_load(configuration(load_settings(file, {})))["scrape_configs"][0]
    assert job["scheme"] == "https"
    assert job["basic_auth"] == {"username": "prometheus", "password_file": "synchealth.password"}
    assert job["static_configs"][0]["targets"] == ["[::1]:9464"]


def test_a_web_configuration_that_cannot_be_used_is_said_without_its_hashes(tmp_path: Path) -> None:
    file = settings_file(tmp_path)
    file.write_text(f"{file.read_text()}\n[metrics]\nweb_config_file = 'web.yml'\n")
    for text in ("basic_auth_users: {ann: [$2y$10$thehash}", "- thehash", "basic_auth_users: {ann: thehash}"):
        (tmp_path / "web.yml").write_text(text)
        with pytest.raises(SettingsError) as raised:
            configuration(load_settings(file, {}))
        assert "thehash" not in str(raised.value)


def test_the_webhooks_are_at_no_time_everybodys_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    chmod = os.fchmod
    monkeypatch.setattr(os, "fchmod", lambda file, mode: (modes.append(os.fstat(file).st_mode), chmod(file, mode)))
    for _ in range(2):
        out, _told = written(tmp_path, page_webhook="http://p/")
    assert [mode & 0o007 for mode in modes] == [0, 0]
    assert (out / "alertmanager.yml").stat().st_mode & 0o777 == 0o640


def test_links_are_absolute_and_whoever_nobody_hears_is_named(tmp_path: Path) -> None:
    out, told = written(
        tmp_path,
        "--runbook-base-url",
        "https://books.example",
        grafana_url="https://g.example/",
        page_webhook="http://p/",
    )
    files = sorted(file for file in (out / "rules").iterdir() if file.name != RECORDING)
    assert (out / "rules" / RECORDING).read_text() == recording_file()
    assert all('"http://127.0.0.1:9480"' in file.read_text() for file in (out / "dashboards").iterdir())
    for file in files:
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                assert rule["annotations"]["runbook_url"].startswith("https://books.example/"), rule["alert"]
                assert rule["annotations"]["dashboard_url"].startswith("https://g.example/d/synchealth-")
    receivers = {one["name"]: one for one in yaml.safe_load((out / "alertmanager.yml").read_text())["receivers"]}
    assert receivers["page"]["webhook_configs"] == [{"url": "http://p/", "send_resolved": True}]
    assert receivers["urgent-new"]["webhook_configs"] == [{"url": "http://p/", "send_resolved": False}]
    assert "watchdog_webhook is not set" in told
    assert "page_webhook" not in told


def test_every_alert_and_every_detection_has_a_runbook_that_the_command_prints(tmp_path: Path) -> None:
    runner = CliRunner()
    alerts = [
        rule["annotations"]["runbook"].removeprefix("synchealth runbook ")
        for text in rule_files().values()
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    ]
    for name in [*alerts, *(each.detection.id for each in all_detections())]:
        done = runner.invoke(cli, ["runbook", name])
        assert done.exit_code == 0 and "## Meaning" in done.output, name
    assert runner.invoke(cli, ["runbook"]).output.splitlines().count("SyncHealthWatchdog") == 1


def test_a_misspelt_runbook_is_an_error_that_says_what_was_meant() -> None:
    done = CliRunner().invoke(cli, ["runbook", "conflict.duplicate_adress"])
    assert done.exit_code == 2
    assert "did you mean conflict.duplicate_address" in done.output


def test_the_exported_runbooks_stand_under_the_paths_that_alerts_name(tmp_path: Path) -> None:
    assert CliRunner().invoke(cli, ["runbook", "--output", str(tmp_path)]).exit_code == 0
    for text in rule_files().values():
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                assert (tmp_path / rule["annotations"]["runbook_url"]).is_file(), rule["alert"]


@pytest.mark.prometheus
def test_their_own_tools_accept_what_is_written(tmp_path: Path) -> None:
    out, _ = written(tmp_path, page_webhook="http://127.0.0.1:1/")
    for command in (
        ("promtool", "check", "config", "--lint-fatal", out / "prometheus.yml"),
        ("amtool", "check-config", out / "alertmanager.yml"),
    ):
        code, words = run_tool(*command)
        assert code == 0, words
