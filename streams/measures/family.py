"""What a file of `counts/` or `durations/` declares: its metric, and for which views it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_WAIT_S = (1, 5, 15, 60, 300, 900, 1800, 3600, 5400, 7200, 14400, 28800, 86400, 3 * 86400, 7 * 86400, 30 * 86400)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFamily:
    """How many views stand where: a gauge. The file beside it has the subject for a name, and a function

        count(view, context, now_ms) -> Iterable[tuple[str, ...]]      the labels under which the view counts now

    and, where time alone moves a view, `recount_at(view, context, now_ms) -> Iterable[int]`: when (ms; what lies in the
    past is left out).

    metric: its name for ever. labels: those after the tenant; never an object's name, and each of few values.
    views:  the classes of views that it counts; (): whoever counts knows better than a view (streams.evaluation).
    told:   rules hear of it through the tenant's view; labels hold no slash then.
    growing: the last label has as many values as the installation, or somebody, makes: the largest are shown.
    """

    metric: str
    help: str
    labels: tuple[str, ...]
    views: tuple[type[Any], ...] = ()
    told: bool = False
    growing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationFamily:
    """How long something takes: a histogram in seconds. The file beside it has the subject for a name, and functions

        waiting(view, context, now_ms) -> Mapping[str, int]            what the view waits for now -> since when (ms)
        ended(view, before, after, now_ms) -> Iterable[DurationSample] what ended with this look

    `before` and `after` are what the view waited for at the last look and what it waits for now, those of every family:
    each knows its own by "<subject>/<what>" (flow and stage, being older, by the bare property or stage).

    metric: its name for ever. label: the one after tenant and forest, of few values. views: whose waits it measures.
    """

    metric: str
    help: str
    label: str
    views: tuple[type[Any], ...]
    buckets_s: tuple[int, ...] = _WAIT_S

    @property
    def labels(self) -> tuple[str, ...]:
        """All of them, in order."""
        return ("tenant", "forest", self.label)


@dataclass(frozen=True, slots=True)
class DurationSample:
    """One wait that is over: of which family, for which labels, how long (>= 0)."""

    subject: str
    tenant: str
    forest: str
    label: str
    seconds: float


Waits = Mapping[str, int]
