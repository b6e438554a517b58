"""Finds every count and duration: a module of streams/measures/counts or streams/measures/durations, by its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from streams.contracts import view_keys
from streams.contracts.counts import name_of
from streams.detections.detection import Context
from streams.measures import counts, durations
from streams.measures.family import CountFamily, DurationFamily, DurationSample, Waits
from streams.views.registry import AnyView

Counting = Callable[[Any, Context, int], Iterable[tuple[str, ...]]]
Recounting = Callable[[Any, Context, int], Iterable[int]]


@dataclass(frozen=True, slots=True)
class RegisteredCount:
    """A family of counts with its functions."""

    subject: str
    family: CountFamily
    count: Counting | None
    recount_at: Recounting | None


@dataclass(frozen=True, slots=True)
class Timed:
    """A family of durations with its functions."""

    subject: str
    family: DurationFamily
    waiting: Callable[[Any, Context, int], Waits]
    ended: Callable[[Any, Waits, Waits, int], Iterable[DurationSample]]


@cache
def all_counts() -> dict[str, RegisteredCount]:
    """Every family of counts by subject."""
    return {
        subject: RegisteredCount(
            subject, module.COUNT, getattr(module, "count", None), getattr(module, "recount_at", None)
        )
        for subject, module in _modules(counts)
    }


@cache
def all_durations() -> dict[str, Timed]:
    """Every family of durations by subject."""
    return {
        subject: Timed(subject, module.DURATION, module.waiting, module.ended)
        for subject, module in _modules(durations)
    }


def counts_of(view: AnyView, context: Context, now_ms: int) -> list[str]:
    """The names (streams.contracts.counts) under which a view counts now, sorted."""
    tenant = view.tenant
    found = [
        name_of(subject, tenant, labels, view_keys.tenant(tenant) if told else "")
        for subject, told, count in _counting().get(type(view), ())
        for labels in count(view, context, now_ms)
    ]
    found.sort()
    return found


def recount_at(view: AnyView, context: Context, now_ms: int) -> list[int]:
    """When time alone will let a view count elsewhere, at the earliest (ms); nothing where it will not."""
    later = [
        at_ms for each in _recounting().get(type(view), ()) for at_ms in each(view, context, now_ms) if at_ms > now_ms
    ]
    return [min(later)] if later else []


def waits_of(view: AnyView, context: Context, now_ms: int) -> dict[str, int]:
    """What the view waits for -> since when (ms)."""
    found: dict[str, int] = {}
    for each in _timing().get(type(view), ()):
        found |= each.waiting(view, context, now_ms)
    return found


def durations_of(view: AnyView, before: Waits, after: Waits, now_ms: int) -> list[DurationSample]:
    """The waits that ended with this look at the view."""
    if not before and not after:
        return []
    return [sample for each in _timing().get(type(view), ()) for sample in each.ended(view, before, after, now_ms)]


@cache
def _counting() -> dict[type[Any], list[tuple[str, bool, Counting]]]:
    found: dict[type[Any], list[tuple[str, bool, Counting]]] = {}
    for each in all_counts().values():
        if each.count is not None:
            for view in each.family.views:
                found.setdefault(view, []).append((each.subject, each.family.told, each.count))
    return found


@cache
def _recounting() -> dict[type[Any], list[Recounting]]:
    found: dict[type[Any], list[Recounting]] = {}
    for each in all_counts().values():
        if each.recount_at is not None:
            for view in each.family.views:
                found.setdefault(view, []).append(each.recount_at)
    return found


@cache
def _timing() -> dict[type[Any], list[Timed]]:
    found: dict[type[Any], list[Timed]] = {}
    for each in all_durations().values():
        for view in each.family.views:
            found.setdefault(view, []).append(each)
    return found


def _modules(package: ModuleType) -> Iterator[tuple[str, ModuleType]]:
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        if not found.name.startswith("_"):
            yield found.name, importlib.import_module(f"{package.__name__}.{found.name}")
