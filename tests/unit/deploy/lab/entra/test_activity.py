"""Activity logs come late, out of order, newest first, and end with their retention."""

from __future__ import annotations

from deploy.lab.entra.activity import ActivityLog
from deploy.lab.entra.graph_time import DAY_MS

START_MS = 1_772_442_000_000


def test_a_late_row_appears_when_its_delay_is_over_at_the_place_of_its_time() -> None:
    now = [START_MS]
    log = ActivityLog("directoryAudits", lambda: now[0])
    late = log.append({"activityDisplayName": "Update user"}, delay_s=60)
    now[0] += 30_000
    soon = log.append({"activityDisplayName": "Add user"})
    assert [row.item()["id"] for row in log.newest_first()] == [soon]
    now[0] += 30_000
    assert [row.item()["id"] for row in log.newest_first()] == [soon, late]
    assert [row.item()["id"] for row in log.oldest_first()] == [late, soon]


def test_paging_goes_on_after_the_last_row_even_when_others_arrive() -> None:
    now = [START_MS]
    log = ActivityLog("provisioning", lambda: now[0])
    ids = []
    for _ in range(4):
        ids.append(log.append({}))
        now[0] += 1000
    first = next(log.newest_first())
    log.append({})
    assert [row.item()["id"] for row in log.newest_first((first.at, first.serial))] == ids[2::-1]


def test_rows_end_with_their_retention() -> None:
    now = [START_MS]
    log = ActivityLog("signIns", lambda: now[0], retention_days=7)
    log.append({})
    now[0] += 7 * DAY_MS + 1
    kept = log.append({})
    assert [row.item()["id"] for row in log.newest_first()] == [kept]


def test_audit_ids_and_times_have_the_real_shape() -> None:
    log = ActivityLog("directoryAudits", lambda: START_MS)
    log.append({})
    item = next(log.newest_first()).item()
    assert item["id"].startswith("Directory_")
    assert item["activityDateTime"] == "2026-03-02T09:00:00.0000000Z"
