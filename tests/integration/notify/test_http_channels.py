"""Channels over HTTP against a server: what is sent is what the other side's own library or documentation reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook as StandardWebhook

from sinks.notify.channels.channel import RefusedNoticeError
from sinks.notify.notice import Kind, Notice
from streams.contracts.errors import RetriableError
from tests.support.findings import finding
from tests.support.notify import channel, hostile, notice
from tests.support.receivers import Receiver

SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(each)


def test_a_webhook_is_a_cloudevent_that_the_standard_library_of_webhooks_verifies(there: Receiver) -> None:
    said = notice()
    for _ in range(2):
        channel(there, "webhook", url=f"{there.url}/hook", secret=SECRET).send(said, "")
    first, again = there.requests
    StandardWebhook(SECRET).verify(first.body, dict(first.headers))
    event = from_http_event(HTTPMessage(dict(first.headers), first.body))

    assert (event.get_id(), event.get_subject()) == (said.key, finding(1).id)
    assert event.get_type() == "com.github.synchealth.finding.opened.v1"
    data = event.get_data()
    assert isinstance(data, dict)
    assert msgspec.convert(data, Notice) == said
    assert again.headers["webhook-id"] == first.headers["webhook-id"] == said.key


def test_another_hand_is_known(there: Receiver) -> None:
    channel(there, "webhook", url=f"{there.url}/hook", secret=SECRET).send(notice(), "")
    [request] = there.requests
    with pytest.raises(Exception, match="No matching signature"):
        StandardWebhook(SECRET).verify(request.body + b" ", dict(request.headers))


def test_a_card_for_teams(there: Receiver) -> None:
    channel(there, "teams", url=f"{there.url}/workflows/x?sig=s3cret").send(notice(), "")
    [request] = there.requests
    [attachment] = json.loads(request.body)["attachments"]
    card = attachment["content"]

    assert request.path == "/workflows/x?sig=s3cret"
    assert (attachment["contentType"], card["type"]) == ("application/vnd.microsoft.card.adaptive", "AdaptiveCard")
    assert {each["type"] for each in card["body"]} == {"RichTextBlock"}  # the one that reads no Markdown
    assert [each["url"] for each in card["actions"]] == [url for _, url in notice().links]


def test_a_bot_of_slack_changes_its_message_and_writes_another_where_that_is_gone(there: Receiver) -> None:
    there.usual = b'{"ok": true, "channel": "C1", "ts": "1.2"}'
    slack = channel(there, "slack", token="xoxb-s3cret", channel="C0", api_url=f"{there.url}/api")
    reference = slack.send(notice(), "")
    assert slack.in_place
    assert slack.send(notice(Kind.CLOSED, 2), reference) == reference
    there.answers.append((200, {}, b'{"ok": false, "error": "message_not_found"}'))
    slack.send(notice(Kind.CLOSED, 2), reference)

    said = [json.loads(each.body) for each in there.requests]
    methods = ["chat.postMessage", "chat.update", "chat.update", "chat.postMessage"]
    assert [each.path for each in there.requests] == [f"/api/{method}" for method in methods]
    places = [("C0", None), ("C1", "1.2"), ("C1", "1.2"), ("C0", None)]
    assert [(each["channel"], each.get("ts")) for each in said] == places
    assert there.requests[0].headers["authorization"] == "Bearer xoxb-s3cret"


def test_slacks_refusals_are_told_apart(there: Receiver) -> None:
    slack = channel(there, "slack", token="xoxb-s3cret", channel="C0", api_url=f"{there.url}/api")
    there.answers.append((200, {}, b'{"ok": false, "error": "invalid_blocks"}'))
    with pytest.raises(RefusedNoticeError, match="invalid_blocks"):
        slack.send(notice(), "")
    there.answers.append((200, {}, b'{"ok": false, "error": "token_revoked"}'))
    with pytest.raises(RetriableError, match="token_revoked"):
        slack.send(notice(), "")


@pytest.mark.parametrize("options", [{"token": "xoxb-1", "channel": "C0"}, {}])
def test_nobody_is_mentioned_in_slack(there: Receiver, options: dict[str, str]) -> None:
    there.usual = b'{"ok": true, "channel": "C1", "ts": "1.2"}'
    where = {"api_url": f"{there.url}/api"} if options else {"url": f"{there.url}/services/x"}
    channel(there, "slack", **where, **options).send(hostile(), "")
    said = json.loads(there.requests[0].body)
    ours = {f"<{url}|{name}>" for name, url in hostile().links}

    for text in texts(said):
        assert "<" not in re.sub("|".join(map(re.escape, ours)), "", text), text
    for block in said["blocks"]:
        if "text" in block:
            assert block["text"]["type"] == "plain_text"
            assert len(block["text"]["text"]) <= (150 if block["type"] == "header" else 3000)


def test_a_card_of_hostile_names_stays_small_and_calls_nothing(there: Receiver) -> None:
    channel(there, "teams", url=f"{there.url}/x").send(hostile(), "")
    [request] = there.requests

    assert len(request.body) < 28_000
    for text in texts(json.loads(request.body)):
        assert not re.search(r"\{\{|<at>|[\x00-\x1f\u202e]", text), text


@pytest.mark.parametrize(
    ("answer", "error", "after_s"),
    [
        ((429, {"Retry-After": "7"}, b""), RetriableError, 7.0),
        ((503, {"Retry-After": "9" * 30}, b""), RetriableError, 3600.0),
        ((500, {}, b"password=hunter2"), RetriableError, None),
        ((403, {}, b""), RetriableError, 60.0),
        ((400, {}, b"no such field"), RefusedNoticeError, None),
        ((302, {"Location": "https://evil.example/"}, b""), RetriableError, None),
    ],
)
def test_what_an_answer_means(
    there: Receiver, answer: tuple[int, dict[str, str], bytes], error: type[Exception], after_s: float | None
) -> None:
    there.answers.append(answer)
    with pytest.raises(error) as raised:
        channel(there, "teams", url=f"{there.url}/x?sig=s3cret").send(notice(), "")

    assert getattr(raised.value, "retry_after_s", None) == after_s
    assert len(there.requests) == 1
    for secret in ("s3cret", "hunter2", "/x"):
        assert secret not in str(raised.value)


def test_a_server_that_no_authority_vouches_for_hears_nothing(there: Receiver) -> None:
    with pytest.raises(RetriableError, match="SSLError"):
        channel(there, "teams", url=f"{there.url}/x?sig=s3cret", ca_file=str(elsewhere())).send(notice(), "")
    assert there.requests == []


def elsewhere() -> Path:
    import certifi

    return Path(certifi.where())
