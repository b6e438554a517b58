"""Filters of commands: a word that fits nothing that exists is an error with a suggestion, never an empty answer."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import click

from streams.contracts.finding import Finding
from streams.contracts.times import parse_rfc3339
from streams.detections.registry import all_detections
from streams.runtime.printable import printable
from streams.runtime.settings import Settings

_SHOWN, _LONGEST = 12, 100
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def existing(option: str, value: str | None, known: Collection[str], *, prefix: bool = False) -> None:
    """Return if `value` is None or one of `known` (with `prefix`: the start of one).

    Raises click.UsageError (exit 2) with what was probably meant.
    """
    if value is None or value in known or (prefix and value and any(name.startswith(value) for name in known)):
        return
    names = sorted(printable(name[:_LONGEST]) for name in known)  # a stranger's words, and an error has lines
    near = difflib.get_close_matches(value, names, n=3, cutoff=0.6)
    near = near or [name for name in names if name.partition(".")[2] == value or (value and value in name)][:3]
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif names:
        hint = f"there is {', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}"
    else:
        hint = "none is configured or has been read yet"
    raise click.UsageError(f"{option} {value!r} fits nothing that exists: {hint}")


def existing_tenant(settings: Settings, tenant: str | None, read: Collection[str]) -> None:
    """Return if the tenant, or the start of its id, is configured or has been read. Raises click.UsageError."""
    existing("--tenant", tenant, {table.id for table in settings.tenant} | set(read), prefix=True)


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings are asked for; None and empty: all. older_than_s: open at least so long."""

    family: str | None = None
    detection: str | None = None
    severity: Sequence[str] = ()
    tenant: str | None = None
    forest: str | None = None
    search: str | None = None
    older_than_s: float | None = None

    def check(self, settings: Settings, read: Collection[Finding]) -> None:
        """Return if every filter fits something that exists. Raises click.UsageError."""
        if (self.family, self.detection, self.tenant, self.forest) == (None, None, None, None):
            return
        known = [each.detection for each in all_detections()]
        existing("--family", self.family, {each.family for each in known} | {each.family for each in read})
        existing("--detection", self.detection, {each.id for each in known} | {each.detection for each in read})
        existing_tenant(settings, self.tenant, {each.tenant for each in read})
        forests = {table.name for table in settings.forest} | {each.forest for each in read if each.forest}
        existing("--forest", self.forest, forests)

    def __call__(self, finding: Finding, now_ms: int) -> bool:
        """Whether this finding is asked for."""
        return (
            self.family in (None, finding.family)
            and self.detection in (None, finding.detection)
            and (not self.severity or finding.severity.value in self.severity)
            and (self.tenant is None or finding.tenant.startswith(self.tenant))
            and self.forest in (None, finding.forest)
            and (self.older_than_s is None or _open_s(finding, now_ms) >= self.older_than_s)
            and (self.search is None or self.search.casefold() in words_of(finding))
        )


def words_of(finding: Finding) -> str:
    """Everything that people call a finding's objects by, folded: names, UPNs, DNs, ids, the addresses in question."""
    subject = finding.subject
    words: list[str | None] = [
        finding.id, finding.summary, subject.key, subject.display_name, subject.user_principal_name,
        subject.distinguished_name, subject.object_guid, subject.entra_id,
    ]  # fmt: skip
    for holder in finding.counterparts:
        words += [holder.id, holder.display_name, holder.user_principal_name, holder.distinguished_name]
        words.append(holder.source_anchor)
    return "\n".join(word for word in words if word).casefold()


def _open_s(finding: Finding, now_ms: int) -> float:
    try:
        return (now_ms - parse_rfc3339(finding.opened_at)) / 1000
    except (ValueError, OverflowError):
        return 0.0


class Duration(click.ParamType):
    """A duration as people write it: 90 (seconds), 30m, 12h, 7d, 2w."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        text = str(value).strip().lower()
        number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
        try:
            seconds = float(number) * _UNITS[text[len(number) :].strip() or "s"]
        except (KeyError, ValueError):
            self.fail(f"{value!r} is no duration such as 30m, 12h or 7d", param, ctx)
        return seconds
