"""What opened, what was resolved and what stood, week by week: rows of a table, and the drawing of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from streams.contracts.times import rfc3339

WEEK_MS = 7 * 86_400_000
MOST_WEEKS = 53
_WIDTH, _HEIGHT, _FOOT, _WIDEST = 960, 220, 24, 80


class TrendWeek(msgspec.Struct, frozen=True, kw_only=True):
    """One week. standing: how many stood at its end, explained by a cause or not; of the current week: now."""

    monday: str
    opened: int
    resolved: int
    standing: int


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """How long what was resolved had stood: half of it, and nine of ten, no longer than so many seconds."""

    value: str | None
    resolved: int
    p50_seconds: float | None
    p90_seconds: float | None


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that opened more than once."""

    finding: str
    detection: str
    name: str
    episodes: int


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """How many of one value stood at the first date, and at the second."""

    value: str | None
    first: int
    second: int


class Trends(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about time, of what was asked for."""

    by: str
    weeks: list[TrendWeek]
    values: dict[str, list[TrendWeek]]
    resolution: list[Resolution]
    ageing: dict[str, int]
    repeated: list[Repeated]


Numbers = Mapping[int, int]
"""Monday (ms) -> how many."""


def weeks_of(opened: Numbers, resolved: Numbers, monday_ms: int) -> list[TrendWeek]:
    """The last MOST_WEEKS weeks, without a gap, to the one that begins at `monday_ms`.

    What stood at the end of a week is what had opened less what had been resolved by then: of what has expired, both
    are gone.
    """
    first = min([*opened, *resolved], default=monday_ms)
    stood, found = 0, []
    for monday in range(first, monday_ms + 1, WEEK_MS):
        came, went = opened.get(monday, 0), resolved.get(monday, 0)
        stood += came - went
        found.append(TrendWeek(monday=rfc3339(monday)[:10], opened=came, resolved=went, standing=stood))
    return found[-MOST_WEEKS:]


class Bar(msgspec.Struct, frozen=True):
    """A rectangle of the drawing, in its units."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """Bars of what opened and was resolved, a line of what stood. scale: the value at the top; labels: x and text."""

    width: int
    height: int
    bars: list[Bar]
    line: str
    scale: int
    labels: list[tuple[float, str]]


def chart(weeks: Sequence[TrendWeek]) -> Chart:
    """The drawing: by our own hand, as a policy without scripts and inline styles leaves SVG alone (DECISIONS)."""
    scale = max([1, *(max(each.opened, each.resolved, each.standing) for each in weeks)])
    step = min(_WIDEST, _WIDTH / max(1, len(weeks)))
    room = _HEIGHT - _FOOT
    bars, points, labels = [], [], []
    every = max(1, len(weeks) // 8)
    for place, each in enumerate(weeks):
        left = place * step
        for kind, value, shift in (("opened", each.opened, 0.1), ("resolved", each.resolved, 0.5)):
            height = round(value / scale * room, 1)
            title = f"week of {each.monday}: {value:,} {kind}"
            x, y, width = (round(each, 1) for each in (left + shift * step, room - height, 0.36 * step))
            bars.append(Bar(kind, x, y, width, height, title))
        points.append(f"{round(left + step / 2, 1)},{round(room - each.standing / scale * room, 1)}")
        if place % every == 0:
            labels.append((round(left + 0.1 * step, 1), each.monday[2:]))
    return Chart(width=_WIDTH, height=_HEIGHT, bars=bars, line=" ".join(points), scale=scale, labels=labels)
