"""How we wait before trying again: exponential with full jitter, or as long as the other side asked.

Source: AWS Architecture Blog, "Exponential backoff and jitter" (full jitter); RFC 9110 10.2.3 (Retry-After).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception_type, sleep_using_event, stop_after_attempt, stop_any
from tenacity.stop import stop_base, stop_when_event_set
from tenacity.wait import wait_base, wait_exponential, wait_random_exponential

from streams.contracts.errors import RetriableError

FIRST_S, LONGEST_S = 1.0, 60.0


def wait_s(
    attempt: int, asked_s: float | None = None, *, first_s: float = FIRST_S, longest_s: float = LONGEST_S
) -> float:
    """Seconds to wait after the `attempt`-th failure in a row: `asked_s` if the other side named a time, else
    random up to `first_s`, twice, four times that … `longest_s` seconds.
    """
    jitter = wait_random_exponential(multiplier=first_s, max=longest_s)(_after(attempt))
    # A whole fleet told to wait 10 s must not return in the same instant.
    return jitter if asked_s is None else asked_s + min(jitter, 1.0)


def pause_s(attempt: int, *, first_s: float, longest_s: float) -> float:
    """The same without jitter: for a single waiter whose decision depends on the time."""
    return wait_exponential(multiplier=first_s, max=longest_s)(_after(attempt))


def _after(attempt: int) -> RetryCallState:
    state = RetryCallState(_NO_LOOP, None, (), {})
    state.attempt_number = attempt
    return state


_NO_LOOP = Retrying()
"""The loop is the caller's: it has more to do than to try again."""


class Backoff:
    """Failures in a row, and how long to wait after each; for loops that have more to do than to try again.

    failures: how many since the last success.
    """

    def __init__(self, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self.failures = 0
        self._first_s, self._longest_s = first_s, longest_s

    def failed(self, asked_s: float | None = None) -> float:
        """One more. Returns the seconds to wait, see `wait_s`."""
        self.failures += 1
        return wait_s(self.failures, asked_s, first_s=self._first_s, longest_s=self._longest_s)

    def succeeded(self) -> None:
        """The next failure is the first again."""
        self.failures = 0


class WaitAsAsked(wait_base):
    """`wait_s` as a policy of tenacity."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, RetriableError) else None
        return wait_s(retry_state.attempt_number, asked_s, longest_s=self._longest_s)


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
