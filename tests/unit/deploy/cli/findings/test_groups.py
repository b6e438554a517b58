"""Findings in groups, and as CSV that a spreadsheet reads back whole."""

from __future__ import annotations

import csv
import io

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from deploy.cli.findings.groups import COLUMNS, groups_table, system_of, unit_of, write_csv
from streams.contracts.finding import Finding, FindingState, Severity, Subject
from streams.runtime.printable import printable


def finding(number: int, dn: str | None, detection: str = "hybrid_join.pending_stuck", **evidence: str) -> Finding:
    return Finding(
        id=f"{number:016}", detection=detection, family="hybrid_join", severity=Severity.LOW, state=FindingState.OPEN,
        tenant="t", forest="corp", subject=Subject(kind="device", key=f"device/t/{number}", distinguished_name=dn),
        summary="=1+1", opened_at="2026-11-23T10:00:00.000Z", observed_at="", updated_at="", revision=1,
        evidence=dict(evidence),
    )  # fmt: skip


PILOT, SITE = "OU=Pilot,DC=corp", "OU=Graz\\, Site,DC=corp"
SOME = [
    finding(1, f"CN=PC1,{PILOT}", operating_system="Windows 11 Pro", operating_system_version="10.0 (22631)"),
    finding(2, f"CN=PC\\,2,{PILOT}", "hybrid_join.not_synced"),
    finding(3, f"CN=PC3,{SITE}"),
    finding(4, None),
]


def test_the_unit_is_what_holds_the_object() -> None:
    assert [unit_of(each) for each in SOME] == [PILOT, PILOT, SITE, "(none)"]
    assert system_of(SOME[0]) == "Windows 11 Pro 10.0 (22631)"


def test_the_largest_group_comes_first_with_what_is_in_it() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(groups_table(SOME, "ou"))
    lines = [line.split() for line in console.export_text().splitlines() if line.strip()]
    assert lines[0][:2] == ["FINDINGS", "OU"]
    assert lines[1][:2] == ["2", PILOT]
    assert "hybrid_join.not_synced" in lines[1]


@given(name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_csv_reads_back_and_is_no_formula(name: str) -> None:
    subject = msgspec.structs.replace(SOME[0].subject, display_name=name)
    file = io.StringIO(newline="")
    write_csv([msgspec.structs.replace(SOME[0], subject=subject)], file)
    (row,) = csv.DictReader(io.StringIO(file.getvalue(), newline=""))
    assert tuple(row) == COLUMNS
    assert row["organisational_unit"] == PILOT
    assert row["summary"] == "'=1+1"
    assert row["display_name"].replace("'", "") == printable(name).replace("'", "")  # also behind a semicolon
    assert row["display_name"][:1] not in {*"=+-@\t\r\n"}
