"""Finds every detection: a module streams/detections/<family>/<name>.py with DETECTION and evaluate."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from streams import detections
from streams.detections.detection import Detection, Rule

_ROOT = Path(detections.__file__).parent


@dataclass(frozen=True, slots=True)
class Registered:
    """A detection with its rule and the file it stands in; runbook and cases stand beside it."""

    detection: Detection
    evaluate: Rule
    module: Path

    @property
    def runbook(self) -> Path:
        """The runbook, Markdown."""
        return self.module.with_suffix(".md")

    @property
    def cases(self) -> Path:
        """The cases, JSON."""
        return self.module.with_suffix(".cases.json")


@cache
def all_detections() -> tuple[Registered, ...]:
    """Every detection, by id. Raises ValueError where id, folder and file disagree."""
    return tuple(sorted(_walk(), key=lambda registered: registered.detection.id))


def _walk() -> Iterator[Registered]:
    for family in pkgutil.iter_modules([str(_ROOT)]):
        if not family.ispkg:
            continue
        for module_info in pkgutil.iter_modules([str(_ROOT / family.name)]):
            if module_info.name.startswith("_"):
                continue
            module = importlib.import_module(f"streams.detections.{family.name}.{module_info.name}")
            registered = Registered(module.DETECTION, module.evaluate, Path(str(module.__file__)))
            expected = f"{family.name}.{module_info.name}"
            if registered.detection.id != expected:
                raise ValueError(f"{module.__file__}: DETECTION.id is {registered.detection.id!r}, not {expected!r}")
            yield registered
