"""Simulated lives of an organisation (tests.simulation): whatever goes wrong, the findings are the oracle's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from streams.agents.delivery.outbox import Outbox
from streams.contracts.views import Contribution
from tests.simulation.play import play

ROOT = Path(__file__).parents[2]


def _simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )


@pytest.mark.slow
def test_fifty_lives_end_where_the_oracle_stands() -> None:
    """What fails is printed with the command that plays it again."""
    ended = _simulate("--seeds", "0-49")
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]


def test_a_seed_plays_the_same_again() -> None:
    first, second = _simulate("--seed", "7", "--verbose"), _simulate("--seed", "7", "--verbose")
    assert "transcript" in first.stdout
    assert first.stdout == second.stdout


def test_a_pipeline_that_loses_words_is_caught() -> None:
    """The simulation would be worth nothing if it could not fail."""
    said = Outbox.contributions

    def forgetful(outbox: Outbox, items: Sequence[Contribution]) -> Any:
        return said(outbox, [item for item in items if not item.view.endswith(("3@contoso.com", "5@contoso.com"))])

    with mock.patch.object(Outbox, "contributions", forgetful):
        outcomes = [play(seed) for seed in (1, 19)]
    assert any("missed" in fault for outcome in outcomes for fault in outcome.faults)
