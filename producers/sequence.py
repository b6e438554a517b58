"""Where the sequence numbers of a source go on after a restart."""

from __future__ import annotations

from collections.abc import Sequence

from streams.contracts.checkpoint import Checkpoint
from streams.runtime.clock import CLOCK_SKEW_MS, now_ms
from streams.runtime.logs import get_logger

# Numbers are milliseconds shifted by 12 bits (streams.runtime.clock.HybridClock).
_HOUR = 3600 * 1000 << 12
_DAY_MS = 24 * 3600 * 1000

log = get_logger(__name__)


def last_number(checkpoints: Sequence[Checkpoint], claimed_ms: int | None = None) -> int:
    """The number that everything from now on has to exceed; 0 for a source that begins.

    Facts that were published after the last saved position carry numbers that stand in no position.

    claimed_ms: when the broker wrote down that this process writes the source from now on. No number counts as higher
    than its arrival and the skew allow (streams.agents.plausible), and everything before arrived before the claim: what
    goes on above that exceeds all of it, whatever this clock or another one did meanwhile.

    None: the broker tells no time, and this clock is all there is. As long as it goes on, new numbers exceed those as
    well. If it stands behind the position, it was set back: then an hour of numbers is left out, or a change could
    count as older than the facts of which nobody knows.
    """
    if claimed_ms is not None:
        return claimed_ms + CLOCK_SKEW_MS << 12
    last = max((saved.seq for saved in checkpoints), default=0)
    if last > now_ms() + _DAY_MS << 12 or last < 0:
        log.error("a position carries a number of the future: numbers go on by the clock", number=last)
        last = now_ms() + CLOCK_SKEW_MS << 12
    saved_ms = max((saved.ts_ms for saved in checkpoints), default=0)
    if now_ms() >= saved_ms:
        return last
    log.warning("the clock was set back", by_s=(saved_ms - now_ms()) // 1000)
    return last + _HOUR
