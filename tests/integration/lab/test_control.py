"""Orders reach a running lab and nobody else."""

from __future__ import annotations

import threading
from pathlib import Path

from deploy.lab.control import obey, order


def test_orders_are_answered_while_the_lab_runs(tmp_path: Path) -> None:
    assert order(tmp_path / "control", "list", within_s=0.1) is None
    stop = threading.Event()
    thread = threading.Thread(target=obey, args=(tmp_path / "control", lambda text: f"done: {text}", stop))
    thread.start()
    try:
        while not (tmp_path / "control" / "running").exists():
            stop.wait(0.01)
        assert order(tmp_path / "control", "break duplicate", within_s=180) == "done: break duplicate"
    finally:
        stop.set()
        thread.join(120)
    assert order(tmp_path / "control", "list", within_s=0.1) is None
