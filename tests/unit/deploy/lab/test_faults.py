"""Faults on order: each can be broken and repaired. How orders reach a lab: tests/integration/lab/test_control.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.lab.__main__ import lab
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


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (("break", "everything"), 2, "duplicate"),
    (("break", "duplicate"), 1, "no lab answers in"),
])  # fmt: skip
def test_a_wrong_name_and_an_absent_lab_are_sentences(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    result = CliRunner().invoke(lab, [*arguments, "--directory", str(tmp_path)])
    assert (result.exit_code, said in result.output) == (code, True), result.output
