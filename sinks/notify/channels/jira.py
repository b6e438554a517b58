"""Jira Cloud: an issue for each finding, found again by its label; both ways.

Sources: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/ (POST and PUT /issue, POST
/issue/{key}/transitions), …/api-group-issue-search/ (POST /search/jql, which names no field by itself),
…/api-group-issue-comments/ (POST /issue/{key}/comment), …/api-group-myself/, https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
(texts are documents: a text node is never markup).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import Field, SecretStr, model_validator

from sinks.notify.channels.answering import LONGEST_COMMENT, TicketAction
from sinks.notify.channels.channel import RefusedNoticeError, Sender
from sinks.notify.channels.web import Web, WebOptions, document_of, safe_place
from sinks.notify.notice import Kind, Notice
from streams.contracts.actions import Assign, Comment, LinkTicket
from streams.contracts.codec import encode
from streams.contracts.errors import RetriableError
from streams.contracts.times import parse_rfc3339
from streams.runtime.clock import now_ms
from streams.runtime.section import FilePath, secret_of

_MOST_HEARD = 100
_LONGEST_TITLE = 250
_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,99}-[0-9]{1,12}")


class JiraOptions(WebOptions):
    """url: https://you.atlassian.net; username and token: of an account that may create and move issues.

    done: the name of the transition, or of the status behind it, that closes an issue. fields: what else a new one has.
    """

    url: str
    username: Annotated[str, Field(min_length=1)]
    token: SecretStr | None = None
    token_file: FilePath | None = None
    project: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,99}$")]
    issue_type: str = "Task"
    done: str = "Done"
    fields: dict[str, Any] = Field(default={})

    @model_validator(mode="after")
    def _whole(self) -> JiraOptions:
        object.__setattr__(self, "token", secret_of(self.token, self.token_file, "token"))
        safe_place(self.url, "url")
        if self.token is None:
            raise ValueError("token or token_file is missing")
        return self


class Jira:
    """Writes an issue for each finding, and reads what people do with it."""

    Options = JiraOptions
    in_place = True
    each = False

    def __init__(self, options: JiraOptions, sender: Sender) -> None:
        self._options, self._sender = options, sender
        self._root, self._me = options.url.rstrip("/"), ""
        self._label = f"synchealth-{sender.installation}-{sender.channel}"
        self._web = Web(safe_place(options.url, "url"), ca_file=options.ca_file, proxy=options.proxy)

    def send(self, notice: Notice, reference: str) -> str:
        """See Channel. The reference is the issue's key."""
        issue = reference or self._existing(notice.thread)
        if not issue:
            issue = str(self._call("POST", "issue", self._new(notice)).get("key", ""))
            if not issue:
                raise RetriableError("an issue was written, and no key came back")
            if notice.kind is not Kind.CLOSED:
                return issue
        if notice.kind is Kind.CLOSED:
            self._comment(issue, notice)
            self._close(issue)
        elif notice.kind is not Kind.OPENED or reference:
            self._call("PUT", f"issue/{issue}", {"fields": {"summary": notice.title[:_LONGEST_TITLE]}})
            self._comment(issue, notice)
        return issue

    def actions_since(self, since_ms: int) -> list[TicketAction]:
        """See Answering: issues that are new, who they are assigned to, and what is written in them."""
        minutes = max(1, (now_ms() - since_ms) // 60_000 + 1)
        jql = f'labels = "{self._label}" AND updated >= -{minutes}m ORDER BY updated'
        found: list[TicketAction] = []
        for issue in self._search(jql, ["labels", "assignee", "updated", "comment"], _MOST_HEARD):
            found += [each for each in self._of_issue(issue) if each.at_ms >= since_ms]
        return sorted(found, key=lambda each: each.at_ms)

    def close(self) -> None:
        """See Channel."""
        self._web.close()

    def _of_issue(self, issue: dict[str, Any]) -> Iterable[TicketAction]:
        key, fields = str(issue.get("key", "")), issue.get("fields")
        fields = fields if isinstance(fields, dict) else {}
        prefix = f"{self._label}-"
        labels = [str(each) for each in fields.get("labels") or ()]
        thread = next((each.removeprefix(prefix) for each in labels if each.startswith(prefix)), "")
        if not _KEY.fullmatch(key) or not thread:
            return
        at_ms = _ms(fields.get("updated"))
        link = LinkTicket(system="Jira", key=key, url=f"{self._root}/browse/{key}")
        yield TicketAction(thread, f"link {key}", at_ms, self._sender.channel, link)
        owner = _name(fields.get("assignee"))
        if owner:
            yield TicketAction(thread, f"assigned {owner}", at_ms, owner, Assign(owner=owner))
        comments = fields.get("comment")
        for each in comments.get("comments") or () if isinstance(comments, dict) else ():
            author = each.get("author") if isinstance(each, dict) else None
            text = "".join(_words(each.get("body"))).strip()[:LONGEST_COMMENT] if isinstance(each, dict) else ""
            if text and not self._is_us(author):
                written_ms = _ms(each.get("created"))
                who = _name(author) or "?"
                yield TicketAction(thread, f"comment {each.get('id')}", written_ms, who, Comment(text=text))

    def _is_us(self, author: Any) -> bool:
        if not self._me:  # addresses are hidden by people's own settings, ids never are
            self._me = str(self._call("GET", "myself").get("accountId") or self._options.username)
        return isinstance(author, dict) and author.get("accountId") == self._me

    def _existing(self, thread: str) -> str:
        """The key of the issue that a message before, or an attempt of this one, has made; "" where there is none."""
        found = self._search(f'labels = "{self._label}-{thread}"', ["labels"], 1)
        return str(found[0].get("key", "")) if found else ""

    def _search(self, jql: str, fields: list[str], most: int) -> list[dict[str, Any]]:
        issues = self._call("POST", "search/jql", {"jql": jql, "fields": fields, "maxResults": most}).get("issues")
        return [each for each in issues if isinstance(each, dict)] if isinstance(issues, list) else []

    def _new(self, notice: Notice) -> dict[str, Any]:
        labels = ["synchealth", self._label, f"{self._label}-{notice.thread}"]
        fields = {
            "project": {"key": self._options.project}, "issuetype": {"name": self._options.issue_type},
            "summary": notice.title[:_LONGEST_TITLE], "description": _document(notice.plain()), "labels": labels,
        }  # fmt: skip
        return {"fields": fields | self._options.fields}

    def _comment(self, issue: str, notice: Notice) -> None:
        text = "\n".join(part for part in (f"{notice.status}: {notice.text}", notice.note) if part)
        self._call("POST", f"issue/{issue}/comment", {"body": _document(text)})

    def _close(self, issue: str) -> None:
        ways = self._call("GET", f"issue/{issue}/transitions").get("transitions") or []
        wanted = self._options.done.lower()
        for way in (each for each in ways if isinstance(each, dict)):
            status = way.get("to")
            names = [way.get("name"), status.get("name") if isinstance(status, dict) else None]
            if wanted in [str(each).lower() for each in names]:
                self._call("POST", f"issue/{issue}/transitions", {"transition": {"id": str(way.get("id", ""))}})
                return
        if not ways:
            return  # somebody has closed it, and it can go nowhere
        raise RefusedNoticeError(f"Jira offers no transition {self._options.done!r} for {issue}: set done")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        token = self._options.token
        assert token is not None
        answer = self._web.ask(
            method, f"{self._root}/rest/api/3/{path}", body=encode(body) if body is not None else None,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            auth=(self._options.username, token.get_secret_value()),
        )  # fmt: skip
        return document_of(answer)


def _document(text: str) -> dict[str, Any]:
    """A text as an Atlassian document: paragraphs of text nodes."""
    lines = [line for line in text.split("\n") if line.strip()]
    content = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]
    return {"type": "doc", "version": 1, "content": content}


def _words(node: Any) -> Iterator[str]:
    """The text of an Atlassian document."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if not isinstance(here, dict):
            continue
        if isinstance(here.get("text"), str):
            yield here["text"]
        elif here.get("type") in ("paragraph", "hardBreak"):
            yield "\n"
        content = here.get("content")
        waiting += reversed(content) if isinstance(content, list) else ()


def _name(person: Any) -> str:
    return str(person.get("displayName") or "")[:256] if isinstance(person, dict) else ""


def _ms(text: Any) -> int:
    """A time of Jira, as 2026-11-30T19:05:00.000+0000."""
    try:
        return parse_rfc3339(str(text))
    except (ValueError, OverflowError):
        return 0
