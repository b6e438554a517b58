"""Where the sequence numbers of a source go on after a restart."""

from __future__ import annotations

from collections.abc import Sequence

from streams.contracts.checkpoint import Checkpoint
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger

# Numbers are milliseconds shifted by 12 bits (streams.runtime.clock.Sequence).
_HOUR = 3600 * 1000 << 12
_DAY_MS = 24 * 3600 * 1000

log = get_logger(__name__)


def last_number(checkpoints: Sequence[Checkpoint]) -> int:
    """The number that everything from now on has to exceed; 0 for a source that begins.

    Facts that were published after the last saved position carry higher numbers than it. As long as time goes
    on, new ones exceed those as well. If the clock stands behind the position, it was set back: then an hour of
    numbers is left out, or a change could count as older than the facts of which nobody knows.
    """
    last = max((saved.seq for saved in checkpoints), default=0)
    if last > now_ms() + _DAY_MS << 12 or last < 0:
        log.error("a position carries a number of the future: numbers go on by the clock", number=last)
        last = 0
    saved_ms = max((saved.ts_ms for saved in checkpoints), default=0)
    if now_ms() >= saved_ms:
        return last
    log.warning("the clock was set back", by_s=(saved_ms - now_ms()) // 1000)
    return last + _HOUR
