"""Microsoft Teams: an Adaptive Card to the webhook of a Workflow. A webhook cannot change a card: each message is one.

Sources: https://learn.microsoft.com/connectors/teams/ ("When a Teams webhook request is received": type message and
attachments; the message is limited to about 28 KB), https://adaptivecards.io/explorer/RichTextBlock.html and
https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features ("RichTextBlock does not support Markdown":
hence texts of strangers stand in nothing else; functions such as {{DATE(…)}} are broken up).
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr, model_validator

from sinks.notify.channels.channel import Sender
from sinks.notify.channels.web import Web, WebOptions, hidden_place, require_address
from sinks.notify.notice import Kind, Notice
from streams.contracts.codec import encode
from streams.contracts.finding import Severity
from streams.runtime.section import FilePath, secret_of

MOST_BYTES = 25_000
_COLOURS = {Severity.CRITICAL: "attention", Severity.HIGH: "attention", Severity.MEDIUM: "warning"}


class TeamsOptions(WebOptions):
    """url: of the Workflow's webhook; whoever knows it may post."""

    url: SecretStr | None = None
    url_file: FilePath | None = None

    @model_validator(mode="after")
    def _whole(self) -> TeamsOptions:
        object.__setattr__(self, "url", secret_of(self.url, self.url_file, "url"))
        require_address(self.url, "url")
        return self


class Teams:
    """Posts a card for each message."""

    Options = TeamsOptions
    in_place = False
    each = False

    def __init__(self, options: TeamsOptions, sender: Sender) -> None:
        assert options.url is not None
        self._url = options.url
        self._web = Web(hidden_place(options.url, "url"), ca_file=options.ca_file, proxy=options.proxy)

    def send(self, notice: Notice, reference: str) -> str:
        """See Channel."""
        body = message(notice)
        self._web.ask("POST", self._url.get_secret_value(), body=body, headers={"Content-Type": "application/json"})
        return ""

    def close(self) -> None:
        """See Channel."""
        self._web.close()


def message(notice: Notice) -> bytes:
    """The request's body, with as many facts and lines as fit."""
    details = [*(f"{name}: {value}" for name, value in notice.facts), *notice.lines]
    while True:
        body = encode(_message(notice, details))
        if len(body) <= MOST_BYTES or not details:
            return body
        details = details[: len(details) * 3 // 4]


def _message(notice: Notice, details: list[str]) -> dict[str, Any]:
    colour = "good" if notice.kind is Kind.CLOSED else _COLOURS.get(notice.severity, "default")
    body = [_text(f"{notice.status}: {notice.title}", size="medium", weight="bolder", color=colour), _text(notice.text)]
    body += [_text(line, size="small", spacing="none") for line in details]
    body += [_text(f"What to do: {notice.remediation}")] if notice.remediation else []
    body += [_text(notice.note, italic=True)] if notice.note else []
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "fallbackText": _broken_up(notice.title),
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": name, "url": url} for name, url in notice.links],
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _text(text: str, *, spacing: str = "default", **style: Any) -> dict[str, Any]:
    run = {"type": "TextRun", "text": _broken_up(text), **style}
    return {"type": "RichTextBlock", "spacing": spacing, "inlines": [run]}


def _broken_up(text: str) -> str:
    """Without the braces of a function, and without the tag of a mention."""
    return text.replace("{{", "{ {").replace("<at>", "< at>")
