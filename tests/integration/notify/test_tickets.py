"""ServiceNow and Jira, by their documents: one ticket a finding, found again, closed; and what people do there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from sinks.notify.channels.answering import Answering, TicketAction
from sinks.notify.channels.channel import Channel, RefusedNoticeError
from sinks.notify.notice import Kind
from sinks.notify.tickets import TicketPoll
from streams.contracts.actions import Action, Assign, Comment, LinkTicket, key_of, read_action
from streams.contracts.codec import encode
from streams.contracts.times import parse_rfc3339
from tests.support.findings import finding
from tests.support.notify import World, channel, hostile, notice
from tests.support.receivers import Receiver

SYS_ID = "0" * 31 + "1"
MARK = "SyncHealth synchealth here"
AT = parse_rfc3339("2026-11-30T10:00:00Z")


def servicenow(there: Receiver) -> Channel:
    return channel(
        there, "servicenow", url=there.url, username="svc", password="s3cret", fields={"assignment_group": "IAM"}
    )  # fmt: skip


def jira(there: Receiver) -> Channel:
    return channel(there, "jira", url=there.url, username="svc@contoso.com", token="s3cret", project="IAM")


def says(there: Receiver, *documents: object) -> None:
    there.answers += [(200, {}, json.dumps(document).encode()) for document in documents]


def calls(there: Receiver) -> list[tuple[str, str]]:
    return [(each.method, urlsplit(each.path).path) for each in there.requests]


def asked(there: Receiver, number: int) -> str:
    return parse_qs(urlsplit(there.requests[number].path).query)["sysparm_query"][0]


def body(there: Receiver, number: int) -> Any:
    return json.loads(there.requests[number].body)


def test_a_record_of_servicenow_is_made_once_changed_and_resolved(there: Receiver) -> None:
    now = servicenow(there)
    says(there, {"result": []}, {"result": {"sys_id": SYS_ID}}, {"result": {}}, {"result": {}})
    reference = now.send(notice(), "")
    assert now.send(notice(Kind.CHANGED, 2), reference) == reference == SYS_ID
    now.send(notice(Kind.CLOSED, 3), reference)
    table = "/api/now/table/incident"
    change = ("PATCH", f"{table}/{SYS_ID}")

    assert calls(there) == [("GET", table), ("POST", table), change, change]
    assert asked(there, 0) == f"correlation_id={finding(1).id}-1"
    made = body(there, 1)
    assert (made["correlation_id"], made["correlation_display"]) == (f"{finding(1).id}-1", MARK)
    assert (made["urgency"], made["assignment_group"]) == ("2", "IAM")
    assert there.requests[0].headers["authorization"].startswith("Basic ")
    over = body(there, 3)
    assert (over["state"], over["close_code"]) == ("6", "Solution provided")
    assert "Over since" in over["close_notes"]


def test_a_second_attempt_finds_the_record_of_the_first(there: Receiver) -> None:
    says(there, {"result": [{"sys_id": SYS_ID}]})
    assert servicenow(there).send(notice(), "") == SYS_ID
    assert [method for method, _ in calls(there)] == ["GET"]


def test_no_name_is_code_in_servicenow(there: Receiver) -> None:
    says(there, {"result": []}, {"result": {"sys_id": SYS_ID}})
    servicenow(there).send(msgspec.structs.replace(hostile(), title="[code]<b>"), "")
    assert "[code]" not in there.requests[1].body.decode()


def test_what_people_do_in_servicenow_is_heard(there: Receiver) -> None:
    record = {
        "sys_id": {"value": SYS_ID}, "number": {"value": "INC0012345"},
        "correlation_id": {"value": "0123456789abcdef-1"}, "sys_updated_by": {"value": "ada"},
        "assigned_to": {"value": "9f", "display_value": "Ada"}, "sys_updated_on": {"value": "2026-11-30 10:01:00"},
    }  # fmt: skip
    note = {
        "sys_id": "j1", "element_id": SYS_ID, "value": "Called the user", "sys_created_on": "2026-11-30 10:02:00",
        "sys_created_by": "ada",
    }  # fmt: skip
    says(there, {"result": [record]}, {"result": [note]})
    now = servicenow(there)
    assert isinstance(now, Answering)
    actions = now.actions_since(AT)

    assert [(each.thread, each.who, type(each.what)) for each in actions] == [
        ("0123456789abcdef-1", "here", LinkTicket), ("0123456789abcdef-1", "ada", Assign),
        ("0123456789abcdef-1", "ada", Comment),
    ]  # fmt: skip
    assert actions[0].what.url.startswith(f"{there.url}/nav_to.do?uri=incident.do")  # type: ignore[union-attr]
    assert asked(there, 0).startswith(f"correlation_display={MARK}^sys_updated_on>=2026-11-30 10:00:00")
    assert "sys_created_by!=svc" in asked(there, 1)


def test_an_issue_of_jira_is_made_once_changed_and_closed(there: Receiver) -> None:
    ways = {"transitions": [{"id": "11", "name": "Start"}, {"id": "31", "name": "Finish", "to": {"name": "Done"}}]}
    says(there, {"issues": []}, {"key": "IAM-7"}, {}, {}, {}, ways, {})
    board = jira(there)
    reference = board.send(notice(), "")
    assert board.send(notice(Kind.CHANGED, 2), reference) == reference == "IAM-7"
    board.send(notice(Kind.CLOSED, 3), reference)
    root = "/rest/api/3"

    assert calls(there) == [
        ("POST", f"{root}/search/jql"), ("POST", f"{root}/issue"), ("PUT", f"{root}/issue/IAM-7"),
        ("POST", f"{root}/issue/IAM-7/comment"), ("POST", f"{root}/issue/IAM-7/comment"),
        ("GET", f"{root}/issue/IAM-7/transitions"), ("POST", f"{root}/issue/IAM-7/transitions"),
    ]  # fmt: skip
    label = f"synchealth-synchealth-here-{finding(1).id}-1"
    assert body(there, 0)["jql"] == f'labels = "{label}"'
    assert label in body(there, 1)["fields"]["labels"]
    assert body(there, 1)["fields"]["description"]["type"] == "doc"
    assert body(there, 6) == {"transition": {"id": "31"}}


def test_a_second_attempt_finds_the_issue_of_the_first(there: Receiver) -> None:
    says(there, {"issues": [{"key": "IAM-7"}]})
    assert jira(there).send(notice(), "") == "IAM-7"
    assert len(there.requests) == 1


def test_a_workflow_without_an_end_is_said(there: Receiver) -> None:
    says(there, {}, {"transitions": [{"id": "11", "name": "Start"}]})
    with pytest.raises(RefusedNoticeError, match="set done"):
        jira(there).send(notice(Kind.CLOSED, 2), "IAM-7")


def test_what_people_do_in_jira_is_heard_and_what_we_do_is_not(there: Receiver) -> None:
    def comment(number: str, who: str) -> dict[str, Any]:
        text = {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": f"by {who}"}]}]}
        author = {"accountId": who, "displayName": who.title()}
        return {"id": number, "author": author, "body": text, "created": "2026-11-30T10:02:00.000+0000"}

    fields = {
        "labels": ["synchealth", "synchealth-synchealth-here", "synchealth-synchealth-here-0123456789abcdef-1"],
        "assignee": {"displayName": "Ada"}, "updated": "2026-11-30T10:01:00.000+0000",
        "comment": {"comments": [comment("1", "ada"), comment("2", "us")]},
    }  # fmt: skip
    issues = [{"key": key, "fields": fields} for key in ("IAM-7", "no key")]
    says(there, {"issues": issues}, {"accountId": "us"})
    board = jira(there)
    assert isinstance(board, Answering)
    actions = board.actions_since(AT)

    assert [each.what for each in actions] == [
        LinkTicket(system="Jira", key="IAM-7", url=f"{there.url}/browse/IAM-7"), Assign(owner="Ada"),
        Comment(text="by ada"),
    ]  # fmt: skip


class Ticket:
    """A channel in which something was said."""

    def __init__(self, *said: TicketAction) -> None:
        self.said = list(said)

    def actions_since(self, since_ms: int) -> list[TicketAction]:
        return self.said


class Written:
    def __init__(self, world: World) -> None:
        self.world, self.actions = world, list[Action]()

    def write(self, actions: Any) -> None:
        for action in actions:
            read_action(key_of(action).encode(), encode(action))
            self.actions.append(action)
            self.world.say(action)


def test_what_is_said_in_a_ticket_is_an_action_once_and_quiets_the_finding(tmp_path: Path) -> None:
    world = World(tmp_path, in_place=True)
    world.now_ms += 1000
    opened_ms = world.now_ms
    world.say(finding(1, at_ms=opened_ms))
    world.after(1)
    thread = world.channel.notices[0].thread
    unknown = TicketAction("f" * 16 + "-1", "b", opened_ms, "x", Assign(owner="x"))
    said = (TicketAction(thread, "a", opened_ms + 1, "ada", Assign(owner="Ada")), unknown)
    written = Written(world)
    for _ in range(2):
        poll = TicketPoll("here", Ticket(*said), world.present, written, world.clock)
        poll.turn()
        world.after(61)

    [action] = written.actions
    assert (action.finding, action.opened_ms, action.who) == (finding(1).id, opened_ms, "ada")
    assert action.what == Assign(owner="Ada")
    assert [each.note for each in world.channel.notices] == ["", "Assigned to Ada."]
