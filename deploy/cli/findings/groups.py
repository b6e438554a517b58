"""Findings counted by what a desk works through: organisational unit, system, detection, forest; and as CSV."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from rich.table import Table
from rich.text import Text

from streams.contracts.distinguished_name import container_of
from streams.contracts.finding import Finding
from streams.runtime.printable import printable
from streams.runtime.spreadsheet import as_it_is, cell

_NONE = "(none)"

COLUMNS = (
    "id", "state", "severity", "detection", "opened_at", "forest", "tenant", "organisational_unit",
    "operating_system", "display_name", "user_principal_name", "distinguished_name", "object_guid", "entra_id",
    "summary",
)  # fmt: skip


def unit_of(finding: Finding) -> str:
    """The container of the finding's object."""
    return container_of(finding.subject.distinguished_name or "") or _NONE


def system_of(finding: Finding) -> str:
    """Operating system and version of a computer, as AD names them."""
    words = (finding.evidence.get("operating_system"), finding.evidence.get("operating_system_version"))
    return " ".join(str(word) for word in words if word) or _NONE


GROUPS: Mapping[str, Callable[[Finding], str]] = {
    "ou": unit_of,
    "os": system_of,
    "detection": lambda finding: finding.detection,
    "forest": lambda finding: finding.forest or _NONE,
    "tenant": lambda finding: finding.tenant,
}


def groups_table(findings: Sequence[Finding], by: str) -> Table:
    """One line per group, the largest first, with the detections in it."""
    name = GROUPS[by]
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for finding in findings:
        groups[name(finding)][finding.detection] += 1
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True, header_style="bold dim")
    table.add_column("FINDINGS", justify="right", no_wrap=True)
    table.add_column(by.upper(), overflow="fold")
    table.add_column("OF WHICH", overflow="fold")
    for group, counted in sorted(groups.items(), key=lambda item: (-item[1].total(), item[0])):
        parts = ", ".join(f"{detection} {number}" for detection, number in counted.most_common())
        table.add_row(str(counted.total()), Text(printable(group)), Text(parts))
    return table


def write_csv(findings: Sequence[Finding], file: IO[str], *, raw: bool = False) -> None:
    """The findings with a header line. A text that a spreadsheet would run gets a quote before it, unless `raw`."""
    as_cell = as_it_is if raw else cell
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for finding in findings:
        writer.writerow([as_cell(value) for value in row_of(finding)])


def row_of(finding: Finding) -> tuple[str | None, ...]:
    """The finding's values for COLUMNS."""
    subject = finding.subject
    return (
        finding.id, finding.state.value, finding.severity.value, finding.detection, finding.opened_at,
        finding.forest, finding.tenant, unit_of(finding), system_of(finding), subject.display_name,
        subject.user_principal_name, subject.distinguished_name, subject.object_guid, subject.entra_id,
        finding.summary,
    )  # fmt: skip
