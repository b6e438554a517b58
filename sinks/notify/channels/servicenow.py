"""ServiceNow: a record of the Table API for each finding, found again by its correlation id; both ways.

Sources: https://docs.servicenow.com, "Table API" (GET with sysparm_query and sysparm_fields, POST, PATCH by sys_id; a
result in an object "result"), "Incident form fields" (states 1 New, 2 In Progress, 6 Resolved, 7 Closed; a resolved
incident needs close_code and close_notes; urgency and impact 1 to 3; correlation_id and correlation_display are for
whoever integrates), "Journal fields" (sys_journal_field; [code] in them is rendered as HTML: it is broken up here).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field, SecretStr, model_validator

from sinks.notify.channels.answering import LONGEST_COMMENT, TicketAction
from sinks.notify.channels.channel import Sender
from sinks.notify.channels.web import Web, WebOptions, document_of, safe_place
from sinks.notify.notice import Kind, Notice
from streams.contracts.actions import Assign, Comment, LinkTicket
from streams.contracts.codec import encode
from streams.contracts.errors import RetriableError
from streams.contracts.finding import Severity
from streams.runtime.section import FilePath, secret_of

_URGENCY = {Severity.CRITICAL: "1", Severity.HIGH: "2", Severity.MEDIUM: "3", Severity.LOW: "3"}
_MOST_HEARD = 200
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIELDS = "sys_id,number,correlation_id,assigned_to,sys_updated_on,sys_updated_by"


class ServiceNowOptions(WebOptions):
    """url: of the instance; username and password: of an account that may write the table; marked: correlation_display.

    fields: what else every new record has, as assignment_group. close_code: one that the instance knows.
    """

    url: str
    username: Annotated[str, Field(min_length=1)]
    password: SecretStr | None = None
    password_file: FilePath | None = None
    table: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,79}$")] = "incident"
    resolved_state: str = "6"
    close_code: str = "Solution provided"
    fields: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _whole(self) -> ServiceNowOptions:
        object.__setattr__(self, "password", secret_of(self.password, self.password_file, "password"))
        safe_place(self.url, "url")
        if self.password is None:
            raise ValueError("password or password_file is missing")
        return self


class ServiceNow:
    """Writes a record for each finding, and reads what people do with it."""

    Options = ServiceNowOptions
    in_place = True
    each = False

    def __init__(self, options: ServiceNowOptions, sender: Sender) -> None:
        self._options, self._sender = options, sender
        self._root = options.url.rstrip("/")
        self._mark = f"SyncHealth {sender.installation} {sender.channel}"
        self._web = Web(safe_place(options.url, "url"), ca_file=options.ca_file, proxy=options.proxy)

    def send(self, notice: Notice, reference: str) -> str:
        """See Channel. The reference is the record's sys_id."""
        record = reference or self._existing(notice.thread)
        if not record:
            made = self._call("POST", self._options.table, body=self._new(notice))
            record = str(made.get("sys_id", "")) if isinstance(made, dict) else ""
            if not record:
                raise RetriableError(f"{self._options.table} was written, and no sys_id came back")
            if notice.kind is not Kind.CLOSED:
                return record
        if notice.kind is not Kind.OPENED or reference:
            self._call("PATCH", f"{self._options.table}/{record}", body=self._change(notice))
        return record

    def actions_since(self, since_ms: int) -> list[TicketAction]:
        """See Answering: tickets that are new, who they are assigned to, and what is written in them."""
        since = datetime.fromtimestamp(since_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        query = f"correlation_display={self._mark}^sys_updated_on>={since}^ORDERBYsys_updated_on"
        records = self._rows(self._options.table, query, _FIELDS, display=True)
        threads = {_raw(each, "sys_id"): _raw(each, "correlation_id") for each in records}
        threads = {name: thread for name, thread in threads.items() if _WORD.fullmatch(name)}
        found = [action for each in records for action in self._of_record(each)]
        if threads:
            about = f"element_idIN{','.join(threads)}^elementINcomments,work_notes^sys_created_on>={since}"
            query = f"{about}^sys_created_by!={self._options.username}^ORDERBYsys_created_on"
            fields = "sys_id,element_id,value,sys_created_on,sys_created_by"
            for row in self._rows("sys_journal_field", query, fields, display=False):
                text = _raw(row, "value").strip()[:LONGEST_COMMENT]
                if text and _raw(row, "element_id") in threads:
                    thread, who = threads[_raw(row, "element_id")], _raw(row, "sys_created_by")[:256] or "?"
                    at_ms = _ms(row, "sys_created_on")
                    found.append(TicketAction(thread, _raw(row, "sys_id"), at_ms, who, Comment(text=text)))
        return sorted(found, key=lambda each: each.at_ms)

    def close(self) -> None:
        """See Channel."""
        self._web.close()

    def _of_record(self, record: dict[str, Any]) -> Iterable[TicketAction]:
        thread, number, at_ms = _raw(record, "correlation_id"), _raw(record, "number"), _ms(record, "sys_updated_on")
        if not thread or not _WORD.fullmatch(number):
            return
        page = urlencode({"uri": f"{self._options.table}.do?sys_id={_raw(record, 'sys_id')}"})
        link = LinkTicket(system="ServiceNow", key=number, url=f"{self._root}/nav_to.do?{page}")
        yield TicketAction(thread, f"link {number}", at_ms, self._sender.channel, link)
        owner = _shown(record, "assigned_to")[:256]
        if owner:
            who = _raw(record, "sys_updated_by")[:256] or "?"
            yield TicketAction(thread, f"assigned {owner}", at_ms, who, Assign(owner=owner))

    def _existing(self, thread: str) -> str:
        """The sys_id of the record that a message before, or an attempt of this one, has made; "": there is none."""
        rows = self._rows(self._options.table, f"correlation_id={thread}", "sys_id", display=False, limit=1)
        return _raw(rows[0], "sys_id") if rows else ""

    def _new(self, notice: Notice) -> dict[str, str]:
        return {
            "short_description": _safe(notice.title)[:160], "description": _safe(notice.plain()),
            "urgency": _URGENCY[notice.severity], "impact": _URGENCY[notice.severity],
            "correlation_id": notice.thread, "correlation_display": self._mark, **self._options.fields,
        }  # fmt: skip

    def _change(self, notice: Notice) -> dict[str, str]:
        text = _safe("\n\n".join(part for part in (notice.text, notice.note) if part))
        if notice.kind is Kind.CLOSED:
            return {"state": self._options.resolved_state, "close_code": self._options.close_code, "close_notes": text}
        title = _safe(notice.title)[:160]
        return {"short_description": title, "urgency": _URGENCY[notice.severity], "work_notes": text}

    def _rows(self, table: str, query: str, fields: str, *, display: bool, limit: int = _MOST_HEARD) -> list[Any]:
        asked = {
            "sysparm_query": query, "sysparm_fields": fields, "sysparm_limit": str(limit),
            "sysparm_display_value": "all" if display else "false", "sysparm_exclude_reference_link": "true",
        }  # fmt: skip
        found = self._call("GET", f"{table}?{urlencode(asked)}")
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        options = self._options
        assert options.password is not None
        answer = self._web.ask(
            method, f"{self._root}/api/now/table/{path}", body=encode(body) if body is not None else None,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            auth=(options.username, options.password.get_secret_value()),
        )  # fmt: skip
        return document_of(answer).get("result")


def _safe(text: str) -> str:
    return text.replace("[code]", "[ code]").replace("[/code]", "[ /code]")


def _raw(row: dict[str, Any], name: str) -> str:
    """A field's value, asked for with its display value or without."""
    value = row.get(name, "")
    return str((value.get("value") if isinstance(value, dict) else value) or "")


def _shown(row: dict[str, Any], name: str) -> str:
    value = row.get(name, "")
    return str((value.get("display_value") if isinstance(value, dict) else value) or "")


def _ms(row: dict[str, Any], name: str) -> int:
    """A time of ServiceNow: UTC, as 2026-11-30 19:05:00."""
    try:
        moment = datetime.strptime(_raw(row, name), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(moment.timestamp() * 1000)
