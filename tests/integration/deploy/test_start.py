"""The start of a node: what stands in its way is said once, and its end is one line."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import pytest

from deploy.cli.announcement import all_contacted, is_ready, line
from deploy.cli.preflight import require_room
from deploy.cli.supervisor import Child, Supervisor
from sinks.freshness import Freshness, LastContact, SourceFreshness
from sinks.lag import Lag
from streams.contracts.errors import SettingsError
from streams.contracts.finding import Severity
from streams.runtime.settings import Settings
from tests.support.findings import finding


def settings(folder: Path, **metrics: object) -> Settings:
    streams = {"data_dir": str(folder), "metrics_port": 0}
    return Settings.model_validate({"streams": streams, "metrics": {"port": 0, **metrics}})


def test_a_taken_port_and_a_folder_that_cannot_be_written_are_said_together(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(SettingsError) as raised:
        port = server.getsockname()[1]
        require_room(settings(tmp_path / "file" / "data", port=port))
    faults = raised.value.faults
    assert len(faults) == 2
    assert faults[0].startswith(f"metrics.port: 127.0.0.1:{port} for sinks cannot be used (Address already in use)")
    assert "file/data cannot be written (Not a directory)" in faults[1]


def test_where_there_is_room_nothing_is_said(tmp_path: Path) -> None:
    require_room(settings(tmp_path / "data"))
    assert list((tmp_path / "data").iterdir()) == []
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_child_that_refuses_its_configuration_ends_everything_and_is_not_started_again() -> None:
    code = "import sys; print('no such forest'); sys.exit(2)"
    said: list[tuple[str, str]] = []
    children = [Child("ad:x", [sys.executable, "-c", code]), Child("sinks", ["sleep", "600"])]
    supervisor = Supervisor(children, lambda name, text: said.append((name, text)))
    supervisor.run(threading.Event())
    assert supervisor.refused == "ad:x"
    assert supervisor.restarts == {"ad:x": 0, "sinks": 0}
    assert said == [("ad:x", "no such forest")]


def test_the_start_ends_in_one_line(tmp_path: Path) -> None:
    fresh = Freshness(1_000, [SourceFreshness("ad/corp", 1, LastContact(1_000, "streaming", 1204))], Lag(0, None, True))
    found = [finding(1), finding(2, severity=Severity.LOW), finding(3, "resolved")]
    said = line(settings(tmp_path, port=9464), Path("s.toml"), 5, fresh, found)
    assert said == (
        "ready: 5 processes run; read whole and worked off: ad/corp (1,204 objects); 2 findings open (1 high, 1 low); "
        "the desk: http://127.0.0.1:9480; "
        "metrics: http://127.0.0.1:9464/metrics; next: synchealth findings --config s.toml"
    )
    assert "no finding is open" in line(settings(tmp_path), None, 5, fresh, [])
    assert "1 finding open (1 high)" in line(settings(tmp_path), None, 5, fresh, [finding(1)])


def test_what_processes_before_this_start_have_said_makes_no_start_ready() -> None:
    """After a restart the last words of the old processes are seconds old, and their workers had caught up."""
    started, heard = 100_000, 104_000

    def seen(at_ms: int, contact_ms: int, waits_since_ms: int | None = None) -> Freshness:
        source = SourceFreshness("ad/corp", 1, LastContact(contact_ms, "following", 0))
        return Freshness(at_ms, [source], Lag(0 if waits_since_ms is None else 3, waits_since_ms, True))

    assert not all_contacted(seen(heard, started - 1), started)
    assert all_contacted(seen(heard, started + 1), started)
    assert not is_ready(seen(heard + 1_000, heard), heard), "what it reads at first is not in Kafka yet"
    assert not is_ready(seen(heard + 9_000, heard, heard + 500), heard), "the workers have not joined yet"
    assert is_ready(seen(heard + 9_000, heard), heard)
    assert is_ready(seen(heard + 9_000, heard, heard + 8_900), heard), "directories change all the time"
