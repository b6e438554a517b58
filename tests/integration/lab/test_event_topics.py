"""The settings file of a lab that ships its server's event log."""

from __future__ import annotations

from pathlib import Path

from deploy.lab.services import LabServices
from deploy.lab.settings_file import write_settings
from streams.runtime.settings import load_settings


def test_the_event_log_of_the_server_is_a_source_where_it_is_asked_for(lab: LabServices, tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.toml", {}).eventlog == []
    write_settings(lab, tmp_path / "events.toml", event_topics=["winlogbeat"])
    (log,) = load_settings(tmp_path / "events.toml", {}).eventlog
    assert (log.name, log.format, log.topics) == ("connect", "winlogbeat", ["winlogbeat"])
    assert log.tenant == lab.organisation.tenant.tenant_id
