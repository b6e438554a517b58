"""Slack: a bot's message, changed in place (chat.postMessage, chat.update), or an incoming webhook, which only adds.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage, https://docs.slack.dev/reference/methods/chat.update
(ts and channel of the answer name a message), https://docs.slack.dev/messaging/formatting-message-text ("Escaping
text": &, < and > alone; without < nobody can be mentioned), https://docs.slack.dev/reference/block-kit/blocks (a header
takes 150 characters, a section 3,000, a message 50 blocks), https://docs.slack.dev/apis/web-api/rate-limits (429 with
Retry-After).
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr, model_validator

from sinks.notify.channels.channel import RefusedNoticeError, Sender
from sinks.notify.channels.web import Web, WebOptions, document_of, hidden_place, require_address, safe_place
from sinks.notify.notice import Kind, Notice
from streams.contracts.codec import encode
from streams.contracts.errors import RetriableError
from streams.runtime.redaction import redacted
from streams.runtime.section import FilePath, secret_of

_HEADER, _SECTION = 150, 2900
_PATIENCE_S = 60.0
_ICONS = {Kind.CLOSED: "✅", Kind.SUMMARY: "🗂", Kind.DIGEST: "🗂"}
_GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}
_OURS = {"invalid_blocks", "invalid_blocks_format", "msg_too_long", "no_text", "invalid_arguments"}


class SlackOptions(WebOptions):
    """Either url (an incoming webhook) or token (a bot's, chat:write) and channel (its id, C…)."""

    url: SecretStr | None = None
    url_file: FilePath | None = None
    token: SecretStr | None = None
    token_file: FilePath | None = None
    channel: str = ""
    api_url: str = "https://slack.com/api"

    @model_validator(mode="after")
    def _whole(self) -> SlackOptions:
        object.__setattr__(self, "url", secret_of(self.url, self.url_file, "url"))
        object.__setattr__(self, "token", secret_of(self.token, self.token_file, "token"))
        if (self.url is None) == (self.token is None):
            raise ValueError("either url(_file) of an incoming webhook, or token(_file) of a bot and channel")
        if self.url is not None:
            require_address(self.url, "url")
        elif not self.channel:
            raise ValueError("channel is missing: the id of the channel that the bot was invited to, C…")
        safe_place(self.api_url, "api_url")
        return self


class Slack:
    """Posts a message, and changes it where it is a bot's."""

    Options = SlackOptions
    each = False

    def __init__(self, options: SlackOptions, sender: Sender) -> None:
        self._options = options
        place = safe_place(options.api_url, "api_url") if options.url is None else hidden_place(options.url, "url")
        self._web = Web(place, ca_file=options.ca_file, proxy=options.proxy)
        self.in_place = options.token is not None

    def send(self, notice: Notice, reference: str) -> str:
        """See Channel. The reference of a bot's message is its channel and ts."""
        payload = message(notice)
        if self._options.url is not None:
            headers = {"Content-Type": "application/json"}
            self._web.ask("POST", self._options.url.get_secret_value(), body=encode(payload), headers=headers)
            return ""
        channel, _, ts = reference.partition(" ")
        if ts:
            answer = self._call("chat.update", {**payload, "channel": channel, "ts": ts})
            if answer.get("error") not in _GONE:
                return reference
        answer = self._call("chat.postMessage", {**payload, "channel": self._options.channel, "unfurl_links": False})
        return f"{answer.get('channel', '')} {answer.get('ts', '')}"

    def close(self) -> None:
        """See Channel."""
        self._web.close()

    def _call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        token = self._options.token
        assert token is not None
        headers = {
            "Content-Type": "application/json; charset=utf-8", "Authorization": f"Bearer {token.get_secret_value()}",
        }  # fmt: skip
        url = f"{self._options.api_url.rstrip('/')}/{method}"
        answer = document_of(self._web.ask("POST", url, body=encode(body), headers=headers))
        error = redacted(str(answer.get("error", "no JSON"))[:100])
        if answer.get("ok") is True or (method == "chat.update" and error in _GONE):
            return answer
        if error in _OURS:
            raise RefusedNoticeError(f"Slack refuses {method}: {error}")
        raise RetriableError(f"Slack refuses {method}: {error}: check token and channel", retry_after_s=_PATIENCE_S)


def message(notice: Notice) -> dict[str, Any]:
    """text: for notifications and screen readers; blocks: plain text throughout, but for links of ours."""
    title = f"{_ICONS.get(notice.kind, '')} {notice.status}: {notice.title}".strip()
    details = "\n".join([*(f"{name}: {value}" for name, value in notice.facts), *notice.lines])
    parts = [notice.text, details, f"What to do: {notice.remediation}" if notice.remediation else "", notice.note]
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(title, _HEADER)}]
    blocks += [{"type": "section", "text": _plain(part, _SECTION)} for part in parts if part]
    if notice.links:
        links = " · ".join(f"<{escaped(url)}|{name}>" for name, url in notice.links)
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": links}]})
    return {"text": escaped(title), "mrkdwn": False, "blocks": blocks}


def _plain(text: str, longest: int) -> dict[str, Any]:
    shown = escaped(text)
    while len(shown) > longest:  # an escape is longer than what it stands for
        text = text[: len(text) * longest // len(shown) - 1]
        shown = f"{escaped(text)}…"
    return {"type": "plain_text", "text": shown, "emoji": False}


def escaped(text: str) -> str:
    """Text in which nothing is a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
