"""Holds every gate (`Detection.only_if`) to its word: where it says no, the rule itself has nothing to say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from streams.detections.detection import Context
from streams.detections.registry import Registered, all_detections
from streams.evaluation.rules import RuleRunner

GATED = [registered for registered in all_detections() if registered.detection.only_if is not None]


def silenced(view: Any, context: Context, now_ms: int, detections: list[Registered] = GATED) -> list[str]:
    """The detections that would speak of the view, were it not for their gate."""
    return [
        f"{registered.detection.id} on {view.key}"
        for registered in detections
        if type(view) in registered.detection.views
        and registered.detection.only_if is not None
        and not registered.detection.only_if(view, context)
        and registered.evaluate(view, context, now_ms) is not None
    ]


@contextmanager
def gates_watched() -> Iterator[None]:
    """Ask every rule behind a gate that says no, of every view that is judged meanwhile."""
    wrong: set[str] = set()
    run = RuleRunner.run

    def watched(runner: RuleRunner, view: Any, stored: Any, emitted: Any, look: Any) -> Any:
        wrong.update(silenced(view, look.context, look.now_ms))
        return run(runner, view, stored, emitted, look)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RuleRunner, "run", watched)
        yield
    assert not wrong, f"a gate silences {', '.join(sorted(wrong))}"
