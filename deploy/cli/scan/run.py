"""The run of a scan: enrol every object, judge the suspects, hand each fault to the writer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from deploy.cli.scan.inputs import Input
from streams.hygiene.faults import Effect, Fault
from streams.hygiene.objects import is_person_or_group
from streams.hygiene.rules import Profile
from streams.hygiene.scan import Scan
from streams.hygiene.tenant import TenantContext


class FaultWriter(Protocol):
    """Where faults go, one at a time."""

    def write(self, fault: Fault) -> None:
        """Write one fault."""

    def close(self) -> None:
        """Write what comes last."""


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """What a scan came to. `left_out`: objects that are neither people nor groups.

    empty: how many of the others hold no attribute that is checked.
    """

    objects: int
    left_out: int
    empty: int
    faulty_values: int
    problems: int
    index_bytes: int


Step = Callable[[str, int, int | None], None]
"""Called as the scan goes on: what it does, how many objects are done, of how many (None: unknown)."""


def run_scan(
    source: Input,
    profile: Profile,
    tenant: TenantContext,
    writer: FaultWriter,
    *,
    warnings: bool = True,
    progress: Step = lambda _doing, _done, _total: None,
) -> ScanOutcome:
    """Scan everything `source` has. Raises whatever reading it raises; bad records are in `source.problems`.

    warnings: also write what the service accepts but people stumble over.
    """
    scan = Scan(profile, tenant, source.read)
    read = left_out = empty = 0
    for read, subject in enumerate(source.objects(), start=1):
        if is_person_or_group(subject.object_classes):
            scan.enroll(subject)
            empty += not subject.attributes
        else:
            scan.pass_over()
            left_out += 1
        if not read % 1000:
            progress("reading", read, None)
    scan.close()
    faulty = 0
    for ordinal in scan.suspects():
        for fault in scan.check(ordinal, source.read(ordinal)):
            shown = fault if warnings else _without_warnings(fault)
            if shown is not None:
                writer.write(shown)
                faulty += 1
        if not ordinal % 1000:
            progress("checking", ordinal, read)
    writer.close()
    problems = len(source.problems) + source.dropped_problems
    return ScanOutcome(read, left_out, empty, faulty, problems, scan.index_bytes)


def _without_warnings(fault: Fault) -> Fault | None:
    kept = tuple(breach for breach in fault.breaches if breach.effect is not Effect.WARNS)
    return replace(fault, breaches=kept) if kept else None
