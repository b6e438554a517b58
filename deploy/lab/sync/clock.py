"""Lab time: the schedule of the organisation, compressed. Stamps on data stay in wall-clock time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

CYCLE_S: Final = 1800.0
SWEEP_S: Final = 3600.0
PASSWORDS_S: Final = 120.0
WRITEBACK_S: Final = 300.0


class LabClock:
    """Seconds of lab time since the start; `speed` lab seconds pass in one real second.

    `monotonic` is replaceable for tests.
    """

    def __init__(self, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self._monotonic = monotonic
        self._start = monotonic()

    def now_s(self) -> float:
        """Lab seconds since the start."""
        return (self._monotonic() - self._start) * self.speed

    def real_s(self, lab_s: float) -> float:
        """How many real seconds `lab_s` lab seconds take."""
        return lab_s / self.speed
