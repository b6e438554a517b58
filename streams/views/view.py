"""What every view has: a key, its contributions, and what it derives for other views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, Self, TypeVar

import msgspec
from msgspec import Raw

from streams.views.messages import AnyMessage, read

_Answer = TypeVar("_Answer")


class Entry(msgspec.Struct):
    """The current contribution of one contributor to a view. changed_ms: when the change behind it happened.

    Most looks read few of the bodies: each is decoded when `message` is first asked for. as_read: the decoded message;
    None: not yet decoded. It may differ from `body`, see `as_if`.
    """

    view: str
    contributor: str
    changed_ms: int
    body: Raw
    as_read: AnyMessage | None = None

    @property
    def message(self) -> AnyMessage:
        """The body decoded, once. Raises as `streams.views.messages.read` does."""
        if self.as_read is None:
            self.as_read = read(self.view, self.contributor, self.body)
        return self.as_read

    def as_if(self, message: AnyMessage, changed_ms: int) -> Entry:
        """The contribution with this message in place of its own."""
        return Entry(self.view, self.contributor, changed_ms, self.body, message)


class Derived(msgspec.Struct, frozen=True):
    """A contribution of one view to another. It is retracted as soon as the view does not derive it any more.

    absent_since_ms: it reports that something has been missing since then (ms), and is emitted once the tenant was read
        whole and PATIENCE_CYCLES of its cycles have passed: nearly everything that is missing is on its way. What was
        emitted stays.
    once_read: it reports that something is not in AD, and is emitted once every forest was read whole.
    """

    view: str
    contributor: str
    body: Raw
    absent_since_ms: int | None = None
    once_read: bool = False


PATIENCE_CYCLES = 2
"""One cycle may just have missed a change, the second one must bring it."""


class Memo:
    """What was computed of one view, for as long as the view lives: rules ask the same of it one after another.

    It is a cache and nothing else: without it every answer would be the same, in whatever order rules are asked.
    """

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: dict[object, tuple[object, Any]] = {}

    def once(self, what: object, given: object, compute: Callable[[], _Answer]) -> _Answer:
        """The answer to `what`, computed anew where what it depends on beside the view, `given`, is not as before."""
        known = self._answers.get(what)
        if known is None or (known[0] is not given and known[0] != given):
            known = self._answers[what] = (given, compute())
        answer: _Answer = known[1]
        return answer


class View(Protocol):
    """A correlated state under one key, built afresh from its contributions for each evaluation."""

    key: str
    tenant: str
    changed_ms: int

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Whether any rule may return a verdict. False spares building the view.

        It must err on the side of True; the law "stream = oracle" holds it to that, as the oracle never asks.
        """
        ...

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self: ...

    def derived(self) -> Iterable[Derived]: ...


def latest(entries: Mapping[str, Entry]) -> int:
    """When the newest of these contributions changed (ms); 0 if there is none."""
    return max((entry.changed_ms for entry in entries.values()), default=0)
