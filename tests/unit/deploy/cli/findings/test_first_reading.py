"""What counts as found at the first reading, how old it is, and what is to be repaired first."""

from __future__ import annotations

import csv
import io
from typing import Any

from rich.console import Console

from deploy.cli.report.command import CSV_COLUMNS, document, headline, page, write_csv
from deploy.cli.report.first_reading import DAY_MS, UNDATED, FirstReading, faults_of, first_reading_of, groups_of
from sinks.freshness import Freshness, LastContact, SourceFreshness
from sinks.lag import Lag
from streams.contracts.finding import Finding, Severity, Subject
from streams.contracts.times import rfc3339
from tests.support.findings import FOREST, START_MS, TENANT, finding

HOUR_MS = 3_600_000
AD, ENTRA = f"ad/{FOREST}", f"entra/{TENANT}"
WHOLE = FirstReading({AD: START_MS, ENTRA: START_MS - 1000}, [], HOUR_MS)


def found(number: int, state: str = "open", **changes: Any) -> Finding:
    evidence = {"since": rfc3339(changes.pop("since_ms", START_MS - 60_000)), **changes.pop("evidence", {})}
    return finding(number, state, **{"evidence": evidence, "at_ms": START_MS, **changes})


def last_contact(whole_ms: int, done: int = 7) -> LastContact:
    return LastContact(START_MS, "streaming" if whole_ms else "snapshot", done, whole_ms=whole_ms)


def freshness(**whole_ms: int) -> Freshness:
    sources = [SourceFreshness(name.replace("_", "/"), 15.0, last_contact(ms)) for name, ms in whole_ms.items()]
    return Freshness(START_MS, sources, Lag(0, None, committed=True))


def test_it_is_complete_once_every_directory_was_read_whole_and_worked_off() -> None:
    done = first_reading_of(freshness(ad_corp=START_MS - 5, entra_t=START_MS, eventlog_servers=0), 1800)
    assert (done.complete, done.ended_ms, done.patience_ms) == (True, START_MS, HOUR_MS)
    half = first_reading_of(freshness(ad_corp=START_MS, entra_t=0), 1800)
    assert (half.complete, half.ended_ms) == (False, None)
    assert "entra/t: its first reading is not complete (7 objects so far)" in headline(half, START_MS).plain
    assert not first_reading_of(freshness(), 1800).complete
    sources = [SourceFreshness("ad/corp", 15.0, last_contact(START_MS))]
    last = Freshness(START_MS + 9000, sources, Lag(9, START_MS + 1000, committed=True))
    assert first_reading_of(last, 1800).faults == ["what was read last is not worked off yet"]
    behind = Freshness(START_MS, [SourceFreshness("ad/corp", 15.0, last_contact(1))], Lag(9, START_MS - HOUR_MS, True))
    assert not first_reading_of(behind, 1800).complete


def test_what_stood_then_counts_although_it_is_told_later_and_what_came_later_does_not() -> None:
    told_later = found(1, at_ms=START_MS + HOUR_MS)
    came_later = found(2, at_ms=START_MS + HOUR_MS, since_ms=START_MS + 1)
    grew_old = found(3, at_ms=START_MS + 2 * DAY_MS, since_ms=START_MS - 89 * DAY_MS)
    of_tenant = found(
        4, at_ms=START_MS + 5000, since_ms=START_MS + HOUR_MS, subject=Subject(kind="tenant", key=f"tenant/{TENANT}")
    )
    assert [WHOLE.covers(each) for each in (told_later, came_later, grew_old, of_tenant)] == [True, False, False, True]


def test_a_forest_that_is_added_later_has_a_first_reading_of_its_own() -> None:
    later = FirstReading({AD: START_MS, "ad/new": START_MS + 9 * DAY_MS, ENTRA: START_MS}, [], HOUR_MS)
    between = START_MS + 5 * DAY_MS
    assert not later.covers(found(1, at_ms=between, since_ms=between))
    assert later.covers(found(2, at_ms=between, since_ms=between, forest="new"))
    assert later.covers(found(3, at_ms=between, since_ms=between, forest=None)), "of whatever forest it is"


def test_ages_are_those_that_directories_tell() -> None:
    created = Subject(kind="user", key="user/t/a", created="2016-05-04T00:00:00Z")
    faults = faults_of(
        [
            found(1, since_ms=START_MS - 400 * DAY_MS),
            found(2, subject=created),
            found(3, subject=created, evidence={"last_synced": "2025-11-01T00:00:00Z"}),
            found(4, since_ms=START_MS - 10 * DAY_MS, subject=created),
            found(5),
            found(6, evidence={"created": "never"}),
        ],
        WHOLE,
    )
    by_id = {fault.finding.id: fault.age for fault in faults}
    assert [by_id[finding(number).id] for number in range(1, 7)] == [
        "1 to 5 years", "5 years or more", "1 to 5 years", "1 to 90 days", UNDATED, UNDATED,
    ]  # fmt: skip


def test_causes_come_before_symptoms_then_the_louder_then_more_people_then_the_older() -> None:
    cause = found(1, severity=Severity.LOW)
    symptoms = [found(number, "suppressed", cause=cause.id) for number in (2, 3)]
    second_hand = found(4, "suppressed", cause=symptoms[0].id)
    of_the_same = found(9, "suppressed", cause=finding(5).id, subject=finding(5).subject)
    quiet, few = found(5, severity=Severity.MEDIUM), found(6, counterparts=[])
    old, repaired = found(7, counterparts=[], since_ms=START_MS - 2 * DAY_MS), found(8, "resolved")
    faults = faults_of([repaired, of_the_same, few, quiet, old, second_hand, *symptoms, cause], WHOLE)

    assert [fault.finding.id for fault in faults[:4]] == [cause.id, old.id, few.id, quiet.id]
    assert (faults[0].explains, faults[0].people) == (3, 5), "the one anchor, and the cloud's account of each"
    assert faults[3].explains == 0, "of one thing, one finding is told"
    assert faults[-1].finding is repaired
    [group] = groups_of(faults)
    assert group.document() == {
        "family": "conflict", "detection": "conflict.duplicate_address", "severity": Severity.HIGH, "found": 9,
        "open": 4, "explained": 4, "repaired": 1, "ages": {UNDATED: 8, "1 to 90 days": 1},
    }  # fmt: skip


def test_a_circle_of_causes_ends() -> None:
    one, other = found(1, "suppressed", cause=finding(2).id), found(2, "suppressed", cause=finding(1).id)
    assert [fault.explains for fault in faults_of([one, other], WHOLE)] == [1, 1]


def shown(first: FirstReading, *findings: Finding, at_ms: int = START_MS + 2 * HOUR_MS, width: int = 160) -> str:
    console = Console(width=width, record=True, file=io.StringIO(), markup=False, highlight=False)
    console.print(page(first, faults_of(findings, first), limit=2, width=width, at_ms=at_ms))
    return console.export_text()


def test_the_page_has_numbers_by_family_and_what_to_repair_first() -> None:
    text = shown(WHOLE, *(found(number, summary=f"fault {number}") for number in range(1, 5)))
    assert "First reading complete since" in text and "more may come" not in text
    lines = [line.split() for line in text.splitlines()]
    assert ["conflict", "4", "4", "-", "-", "4"] in lines
    assert ["duplicate_address", "high", "4", "4", "-", "-", "4"] in lines
    assert "2 more: raise --limit" in text
    assert "more may come" in shown(WHOLE, found(1), at_ms=START_MS + 1)
    assert all(len(line) <= 80 for line in shown(WHOLE, found(1, summary="x" * 200), width=80).splitlines())


def test_it_never_says_all_while_it_is_blind() -> None:
    blind = FirstReading({AD: 0, ENTRA: START_MS}, [f"{AD}: its first reading is not complete"], HOUR_MS)
    assert "this is not all" in shown(blind, found(1)) and "this is not all" in shown(blind)
    assert document(blind, [], START_MS)["complete"] is False
    assert "Nothing is found so far." in shown(WHOLE, at_ms=START_MS)
    assert "It found nothing wrong." in shown(WHOLE)


def test_csv_has_a_line_per_finding_that_no_spreadsheet_runs() -> None:
    file = io.StringIO(newline="")
    write_csv(faults_of([found(1, summary="=1+1"), found(2, "resolved")], WHOLE), file)
    first, last = csv.DictReader(io.StringIO(file.getvalue(), newline=""))
    assert tuple(first) == CSV_COLUMNS
    assert (first["place"], first["people"], first["age"], first["summary"]) == ("1", "2", UNDATED, "'=1+1")
    assert last["state"] == "resolved"
