"""From a query string to a question: the same words for pages and API, and a typing error is an error."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

from sinks.actions.fold import Attention
from sinks.desk.catalogue import Catalogue
from sinks.history.queries import FindingsQuery
from streams.contracts.errors import InvalidRecordError
from streams.contracts.finding import FindingState, Severity
from streams.contracts.times import parse_rfc3339
from streams.runtime.clock import now_ms

NAMES = (
    "words", "state", "severity", "family", "detection", "tenant", "forest", "unit", "age", "attention",
    "owner", "object", "cause", "role", "since", "until",
)  # fmt: skip
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
AGES: dict[str, tuple[int, int | None]] = {
    "under an hour": (0, _HOUR_MS),
    "an hour to a day": (_HOUR_MS, _DAY_MS),
    "a day to a week": (_DAY_MS, 7 * _DAY_MS),
    "a week to a month": (7 * _DAY_MS, 30 * _DAY_MS),
    "over a month": (30 * _DAY_MS, None),
}
"""How long ago it opened -> from and until, in ms."""
_LONGEST = 400


def asked(parameters: Iterable[tuple[str, str]], catalogue: Catalogue, *, also: Collection[str] = ()) -> FindingsQuery:
    """The question of a query string; a name may come more than once, which widens it.

    also: further names that the caller reads himself. Raises InvalidRecordError for an unknown name, a state,
    severity, family or detection that does not exist, a time that is none, and for values without end.
    """
    given: dict[str, list[str]] = {}
    for name, value in parameters:
        if name in also:
            continue
        if name not in NAMES:
            raise _wrong(f"there is no filter {name!r}", name, NAMES)
        if len(value) > _LONGEST:
            raise InvalidRecordError("value", f"{name} is longer than {_LONGEST} characters")
        if value:
            given.setdefault(name, []).append(value)
    _known(given, "state", [state.value for state in FindingState])
    _known(given, "severity", [severity.value for severity in Severity])
    _known(given, "family", catalogue.families)
    _known(given, "detection", catalogue.detections)
    _known(given, "age", AGES)
    _known(given, "attention", [attention.value for attention in Attention])
    at_ms = now_ms()
    return FindingsQuery(
        words=" ".join(given.get("words", ())),
        state=tuple(given.get("state", ())),
        severity=tuple(given.get("severity", ())),
        family=tuple(given.get("family", ())),
        detection=tuple(given.get("detection", ())),
        tenant=tuple(given.get("tenant", ())),
        forest=tuple(given.get("forest", ())),
        unit=tuple(given.get("unit", ())),
        attention=tuple(given.get("attention", ())),
        owner=tuple(given.get("owner", ())),
        objects=tuple(given.get("object", ())),
        cause=tuple(given.get("cause", ())),
        role=tuple(given.get("role", ())),
        opened_within=tuple(opened_within(age, at_ms) for age in given.get("age", ())),
        opened_from_ms=_time(given, "since"),
        opened_until_ms=_time(given, "until"),
    )


def opened_within(age: str, at_ms: int) -> tuple[int, int]:
    """From and until when that was opened which is of this age (of AGES) at `at_ms`; the second exclusive."""
    youngest, oldest = AGES[age]
    ahead_ms = 0 if youngest else _DAY_MS  # a directory's clock may be ahead of ours
    return (0 if oldest is None else at_ms - oldest), at_ms - youngest + ahead_ms


def _known(given: Mapping[str, list[str]], name: str, values: Collection[str]) -> None:
    for value in given.get(name, ()):
        if value not in values:
            raise _wrong(f"there is no {name} {value!r}", value, values)


def _wrong(what: str, value: str, values: Collection[str]) -> InvalidRecordError:
    near = difflib.get_close_matches(value, values, n=1)
    return InvalidRecordError("value", f"{what}; did you mean {near[0]}?" if near else what)


def _time(given: Mapping[str, list[str]], name: str) -> int | None:
    values = given.get(name)
    return moment(values[-1], name) if values else None


def moment(text: str, name: str) -> int:
    """A date (0:00 UTC) or a time, in ms. Raises InvalidRecordError, which calls it `name`."""
    try:
        return parse_rfc3339(f"{text}T00:00:00Z" if "T" not in text else text)
    except ValueError:
        raise InvalidRecordError("value", f"{name} is no date, as in 2026-11-30") from None
