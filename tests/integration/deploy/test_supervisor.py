"""The supervisor: what runs on a node, restarts, and an end that leaves nobody behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.cli.supervisor import Child, Supervisor, children
from streams.runtime.settings import Settings

FOREST = {"servers": ["ldaps://dc1"], "bind_user": "u", "bind_password": "p", "tenant": "t"}
TENANT = {"client_id": "c", "client_secret": "s"}


def settings(workers: int = 1, **sections: object) -> Settings:
    return Settings.model_validate(
        {
            "forest": [{"name": "a.example", **FOREST}, {"name": "b.example", **FOREST}],
            "tenant": [{"id": "t", **TENANT}],
            "streams": {"workers": workers},
            **sections,
        }
    )


def until(condition, within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_node_has_a_producer_per_source_its_workers_the_exporter_and_the_desk() -> None:
    names = {child.name for child in children(settings(), Path("s.toml"))}
    assert names == {"ad:a.example", "ad:b.example", "graph:t", "streams", "sinks", "desk"}
    assert [c.name for c in children(settings(2), Path("s.toml"))][:2] == ["streams-0", "streams-1"]


def test_every_process_has_a_metrics_port_and_more_workers_move_nobody_elses() -> None:
    one, most = settings(workers=1), settings(workers=64)
    assert one.metrics_ports == {
        "streams": 9400, "sinks": 9464, "ad:a.example": 9466, "ad:b.example": 9467, "graph:t": 9468,
    }  # fmt: skip
    assert {child.name for child in children(most, Path("s.toml"))} == {*most.metrics_ports, "desk"}
    assert len(set(most.metrics_ports.values())) == 64 + 3 + 1
    assert {name: most.metrics_ports[name] for name in one.sources} == {
        name: one.metrics_ports[name] for name in one.sources
    }


def test_blocks_that_overlap_are_a_fault_of_the_settings() -> None:
    with pytest.raises(ValidationError, match="has no metrics port of its own: 9466 is also streams-1's"):
        settings(streams={"workers": 2, "metrics_port": 9465})
    with pytest.raises(ValidationError, match="65536 does not exist"):
        settings(producers={"metrics_port": 65534})


def test_port_0_stays_0() -> None:
    found = settings(streams={"metrics_port": 0, "workers": 3}, producers={"metrics_port": 0})
    assert set(found.metrics_ports.values()) == {0, 9464}


def test_lines_arrive_with_their_child_and_an_ended_child_starts_again() -> None:
    lines: list[tuple[str, str]] = []
    supervisor = Supervisor([Child("echo", python("print('hello')"))], lambda *line: lines.append(line))
    stop = threading.Event()
    thread = threading.Thread(target=supervisor.run, args=[stop])
    thread.start()
    try:
        until(lambda: len(lines) >= 2)
    finally:
        stop.set()
        thread.join(120)
    assert set(lines) == {("echo", "hello")}
    assert supervisor.restarts["echo"] >= 1


def test_stopping_ends_every_child_and_gives_it_the_time_to_say_good_bye() -> None:
    lines: list[tuple[str, str]] = []
    polite = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit()))\n"
        "print('up', flush=True)\nwhile True: time.sleep(0.1)"
    )
    supervisor = Supervisor([Child(str(n), python(polite)) for n in range(2)], lambda *line: lines.append(line))
    supervisor.start()
    until(lambda: len(lines) == 2)
    supervisor.stop()
    assert sorted(lines)[0::2] == [("0", "bye"), ("1", "bye")]


def test_children_have_the_environment_that_is_asked_for() -> None:
    lines: list[tuple[str, str]] = []
    child = Child("c", python("import os; print(os.environ['SYNCHEALTH_X'])")).with_environment(SYNCHEALTH_X="7")
    supervisor = Supervisor([child], lambda *line: lines.append(line))
    supervisor.start()
    until(lambda: bool(lines))
    supervisor.stop()
    assert lines[0] == ("c", "7")


@pytest.mark.skipif(sys.platform != "linux", reason="names of sockets without a file are Linux's")
@pytest.mark.parametrize("speaks", [True, False])
def test_a_child_that_stands_still_is_started_again(speaks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never says anything is no child of ours, and is left alone."""
    lines: list[tuple[str, str]] = []
    monkeypatch.setattr("deploy.cli.supervisor._SILENT_S", 0.2)
    monkeypatch.setattr("deploy.cli.supervisor._FIRST_PAUSE_S", 0.0)
    say = "from streams.runtime import service; service.started(lambda: 'stands still'); " if speaks else ""
    code = f"import time; {say}print('up', flush=True); time.sleep(600)"
    supervisor = Supervisor([Child("c", python(code))], lambda *line: lines.append(line))
    supervisor.start()
    try:
        until(lambda: bool(lines))
        for _ in range(50 if not speaks else 6000):
            supervisor.look()
            if supervisor.restarts["c"]:
                break
            time.sleep(0.02)
    finally:
        supervisor.stop()
    assert bool(supervisor.restarts["c"]) is speaks


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom deploy.cli.supervisor import Child, Supervisor\n"
        "child = Child('c', [sys.executable, '-c', 'import os,time; print(os.getpid(), flush=True); time.sleep(60)'])\n"
        "supervisor = Supervisor([child], lambda _, line: print(line, flush=True))\n"
        "supervisor.start()\ntime.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    until(lambda: not _alive(child))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
