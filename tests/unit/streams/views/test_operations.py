"""Password operations: joined from either log in any order, and told without anything secret."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from producers.ad.attributes import NAMES
from streams.contracts.events import Event, Log, Result
from streams.detections.detection import Context
from streams.detections.writeback import password_writeback_failed
from streams.directory.party import Party
from streams.views.identity.object_view import UserView
from streams.views.password.operations import PasswordOperation, operations_of
from streams.views.sides import Side
from tests.support.cases import START_MS

MINUTE_MS = 60_000
PARTY = Party(side="ad", kind="user", id="a", tenant="t", forest="corp")
# What evidence may hold: names, numbers, times, results, and two texts of the logs, which the producers have masked.
EVIDENCE = {
    "class", "detail", "advice", "unit", "character", "password_never_expires", "operation", "started", "agent",
    "server", "cloud_result", "server_result", "landed", "error_code", "hresult", "correlation_id", "tracking_id",
    "cloud_reason", "server_reason", "steps",
}  # fmt: skip


def filetime(at_ms: int) -> int:
    return (at_ms + 11_644_473_600_000) * 10_000


def audit(at_s: int, result: Result = Result.SUCCESS, correlation: str | None = "c1", **said: Any) -> Event:
    ts_ms = START_MS + at_s * 1000
    filled = {"name": "reset password (self-service)", "details": {"agent": "connect"}, **said}
    return Event(
        id=f"audit-{at_s}", log=Log.AUDIT, tenant="t", ts_ms=ts_ms, seen_ms=ts_ms, result=result,
        correlation_id=correlation, **filled,
    )  # fmt: skip


def server(at_s: int, number: int, tracking: str | None = "t1", **said: Any) -> Event:
    ts_ms = START_MS + at_s * 1000
    details = {"tracking_id": tracking} if tracking else {}
    return Event(
        id=f"win-{number}-{at_s}", log=Log.WINDOWS, tenant="t", ts_ms=ts_ms, seen_ms=ts_ms, server="aadc01",
        name=f"passwordresetservice/{number}", details=details, **said,
    )  # fmt: skip


def view(*events: Event, password_s: int | None = None) -> UserView:
    at_s = -864_000 if password_s is None else password_s
    side = Side(PARTY, {"pwdLastSet": filetime(START_MS + at_s * 1000)}, START_MS)
    return UserView("user/t/x", "t", (side,), (), (), {}, START_MS, events=events)


def seen(operations: tuple[PasswordOperation, ...]) -> list[tuple[str, list[str], bool]]:
    return [(each.kind, [event.id for event in each.events], each.failed) for each in operations]


def test_any_order_of_arrival_makes_the_same_operations() -> None:
    events = [audit(9, Result.FAILURE), server(3, 31001), server(6, 31003), server(6, 33004, None)]
    events.append(server(1200, 31001, "t2"))
    found = {str(seen(operations_of(view(*order)))) for order in itertools.permutations(events)}
    assert len(found) == 1
    ours = operations_of(view(*events))
    assert [len(each.events) for each in ours] == [4, 1]
    assert ours[0].failed and not ours[1].failed


def test_equal_ids_join_beyond_fifteen_minutes_and_times_only_within() -> None:
    late = 20 * 60
    assert len(operations_of(view(server(0, 31001, "c1"), audit(late)))) == 1
    assert len(operations_of(view(server(0, 31001, "t1"), audit(late)))) == 2
    assert len(operations_of(view(server(0, 31001, "t1"), audit(800)))) == 1


def test_another_kind_is_another_operation() -> None:
    change = audit(4, name="change password (self-service)")
    assert [each.kind for each in operations_of(view(server(2, 31009), change))] == ["admin_reset", "change"]


def test_a_password_belongs_to_the_last_operation_begun_before_it() -> None:
    two = (audit(0), audit(1800, correlation="c2"))
    assert [each.landed_ms is not None for each in operations_of(view(*two, password_s=10))] == [True, False]
    assert [each.landed_ms is not None for each in operations_of(view(*two, password_s=1801))] == [False, True]
    assert [each.landed_ms is not None for each in operations_of(view(*two, password_s=1770))] == [False, True]
    assert [each.landed_ms for each in operations_of(view(*two, password_s=-61))] == [None, None]


def test_evidence_is_cut_and_holds_nothing_but_what_is_named() -> None:
    long = "x" * 1000
    refused = server(2, 31003, reason=long)
    details = {**refused.details, "new_password": "hunter2", "values": "hunter2"}
    secret = msgspec.structs.replace(refused, details=details)
    failing = view(secret, audit(3, Result.FAILURE, reason=long, initiator="hunter2"))
    verdict = password_writeback_failed.evaluate(failing, Context("t"), START_MS)
    assert verdict is not None
    assert set(verdict.evidence) <= EVIDENCE
    assert all(set(step) <= {"at", "what", "result", "server"} for step in verdict.evidence["steps"])
    assert len(verdict.evidence["cloud_reason"]) == len(verdict.evidence["server_reason"]) == 300
    assert "hunter2" not in str(verdict)


def test_nothing_secret_is_read_from_ad() -> None:
    secrets = {"unicodepwd", "userpassword", "dbcspwd", "ntpwdhistory", "lmpwdhistory", "supplementalcredentials"}
    assert not secrets & {name.lower() for name in NAMES}


def failing(*events: Event, password_s: int | None = None) -> bool:
    """Whether the finding stands with what has arrived so far."""
    return password_writeback_failed.evaluate(view(*events, password_s=password_s), Context("t"), START_MS) is not None


FIRST = (server(0, 31001), server(2, 31003), server(2, 33008), audit(3, Result.FAILURE))
SECOND = (
    server(300, 31001, "t2"), server(302, 33008, "t2"), server(302, 31003, "t2"), audit(303, Result.FAILURE, "c2"),
)  # fmt: skip


@pytest.mark.parametrize("first", [FIRST, FIRST[-1:], FIRST[:-1]], ids=["both logs", "audit alone", "server alone"])
def test_a_second_attempt_that_fails_too_ends_nothing_on_its_way(first: tuple[Event, ...]) -> None:
    for order in itertools.permutations(SECOND):
        for arrived in range(len(order) + 1):
            assert failing(*first, *order[:arrived]), [event.id for event in order[:arrived]]


def test_a_second_attempt_that_succeeds_ends_it_with_its_success_and_not_with_its_beginning() -> None:
    begun = (*FIRST, server(300, 31001, "t2"))
    assert failing(*begun)
    assert not failing(*begun, password_s=301)
    assert not failing(*begun, server(302, 31002, "t2"))
    assert not failing(*FIRST, audit(303, correlation="c2"))


def test_what_the_cloud_does_not_offer_ends_no_failure() -> None:
    assert failing(*FIRST, audit(300, Result.FAILURE, "c2", reason="UserNotLicensed"))
    assert not failing(audit(300, Result.FAILURE, "c2", reason="UserNotLicensed"))


def test_a_server_that_begins_after_the_final_row_works_on_the_next_operation() -> None:
    found = seen(operations_of(view(audit(0, Result.FAILURE), *SECOND[:-1])))
    assert [ids for _, ids, _ in found] == [["audit-0"], ["win-31001-300", "win-31003-302", "win-33008-302"]]
    assert len(operations_of(view(audit(0, Result.FAILURE), server(50, 31001), server(51, 31003)))) == 1


def test_a_server_that_had_ended_before_the_flow_began_worked_on_an_earlier_one() -> None:
    flow = audit(300, correlation="c2", name="self-service password reset flow activity progress")
    ours = operations_of(view(*FIRST[:-1], flow, audit(305, correlation="c2")))
    assert [(each.started_ms - START_MS, each.result) for each in ours] == [
        (0, Result.FAILURE), (300_000, Result.SUCCESS),
    ]  # fmt: skip
