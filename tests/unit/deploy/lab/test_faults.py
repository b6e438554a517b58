"""Faults on order: each can be broken and repaired; orders reach a running lab and nobody else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.lab.__main__ import lab
from deploy.lab.control import obey, order
from deploy.lab.faults import NAMES, faults
from deploy.lab.hybrid import build
from streams.detections.registry import all_detections


def test_each_fault_changes_the_lab_and_is_undone() -> None:
    organisation = build(200)
    known = faults(organisation)
    ids = {each.detection.id for each in all_detections()}
    assert tuple(known) == NAMES
    assert {fault.opens.partition(".")[0] for fault in known.values()} == {"conflict", "hybrid_join", "writeback"}
    for fault in known.values():
        assert fault.opens in ids
        fault.break_()
        fault.repair()


def test_orders_are_answered_while_the_lab_runs(tmp_path: Path) -> None:
    assert order(tmp_path / "control", "list", within_s=0.1) is None
    stop = threading.Event()
    thread = threading.Thread(target=obey, args=(tmp_path / "control", lambda text: f"done: {text}", stop))
    thread.start()
    try:
        while not (tmp_path / "control" / "running").exists():
            stop.wait(0.01)
        assert order(tmp_path / "control", "break duplicate") == "done: break duplicate"
    finally:
        stop.set()
        thread.join(120)
    assert order(tmp_path / "control", "list", within_s=0.1) is None


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (("break", "everything"), 2, "duplicate"),
    (("break", "duplicate"), 1, "no lab answers in"),
])  # fmt: skip
def test_a_wrong_name_and_an_absent_lab_are_sentences(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    result = CliRunner().invoke(lab, [*arguments, "--directory", str(tmp_path)])
    assert (result.exit_code, said in result.output) == (code, True), result.output
