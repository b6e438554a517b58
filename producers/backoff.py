"""How we wait before trying again: exponential with full jitter, or as long as the other side asked.

Source: AWS Architecture Blog, "Exponential backoff and jitter" (full jitter); RFC 9110 10.2.3 (Retry-After).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception_type, sleep_using_event, stop_after_attempt, stop_any
from tenacity.stop import stop_base, stop_when_event_set
from tenacity.wait import wait_base, wait_random_exponential

from streams.contracts.errors import RetriableError

LONGEST_S = 60.0


class WaitAsAsked(wait_base):
    """Seconds to wait: what a RetriableError asks for, else random up to 1, 2, 4 … `longest_s` seconds."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._jitter = wait_random_exponential(multiplier=1, max=longest_s)

    def __call__(self, retry_state: RetryCallState) -> float:
        jitter = self._jitter(retry_state)
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after_s if isinstance(error, RetriableError) else None
        # A whole fleet told to wait 10 s must not return in the same instant.
        return jitter if asked is None else asked + min(jitter, 1.0)


def retrying(
    stop: threading.Event,
    *,
    attempts: int | None = None,
    longest_s: float = LONGEST_S,
    before_sleep: Callable[[RetryCallState], None] | None = None,
) -> Retrying:
    """A retry policy for RetriableErrors: `retrying(stop)(function)`.

    It gives up after `attempts` (None: never) or once `stop` is set, and then raises the last error.
    """
    ends: list[stop_base] = [stop_when_event_set(stop)]
    if attempts is not None:
        ends.append(stop_after_attempt(attempts))
    return Retrying(
        retry=retry_if_exception_type(RetriableError),
        wait=WaitAsAsked(longest_s),
        stop=stop_any(*ends),
        sleep=sleep_using_event(stop),
        before_sleep=before_sleep,
        reraise=True,
    )
