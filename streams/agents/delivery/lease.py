"""The lease: whether this worker may still write for its partitions.

A group member that was not heard of for the session timeout loses its partitions, whether it notices
or not (stopped process, paused machine, cut network). Its late writes would overwrite the next owner's.
So a worker writes only while its last heartbeat that was answered is younger than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from streams.contracts.errors import FatalError

# Counts on while the machine sleeps, where the system has such a clock.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Lease:
    """Renewed by heartbeats and by joining the group.

    session_s: the group's session timeout, seconds. now: the clock that it goes by, seconds.
    """

    def __init__(self, session_s: float, now: Callable[[], float] = lambda: time.clock_gettime(_CLOCK)) -> None:
        self._session_s = session_s
        self.now = now
        self._asked = now()
        self._over = False

    def renew(self, asked: float | None = None) -> None:
        """The group confirmed our membership. `asked`: when the request left (now, if not given)."""
        self._asked = self.now() if asked is None else asked
        self._over = False

    def end(self) -> None:
        """The group does not know us any more; until it does again nothing may be written."""
        self._over = True

    def check(self) -> None:
        """Raise FatalError when the group may have given our partitions away."""
        if self._over:
            raise FatalError(
                "the group has given the partitions of this worker to another one, so it stops before it writes; "
                "the supervisor starts it again"
            )
        age_s = self.now() - self._asked
        if age_s > self._session_s * 0.9:
            raise FatalError(
                f"no heartbeat was answered for {age_s:.1f} s (session timeout {self._session_s:.0f} s): "
                "another worker may own the partitions by now, so this one stops before it writes; "
                "the supervisor starts it again. If this repeats, the machine or Kafka is overloaded: "
                "raise [streams] session_timeout_s"
            )
