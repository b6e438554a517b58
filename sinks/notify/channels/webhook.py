"""A generic webhook: CloudEvents 1.0 in JSON, signed as Standard Webhooks says.

Sources: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md (structured
content mode), https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md,
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (webhook-id, -timestamp,
-signature; the id is the same with every attempt).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec
from pydantic import SecretStr, model_validator

from sinks.notify.channels.channel import Sender
from sinks.notify.channels.web import Web, WebOptions, hidden_place, require_address
from sinks.notify.notice import Notice
from streams.contracts.codec import encode
from streams.contracts.times import rfc3339
from streams.runtime.clock import now_ms
from streams.runtime.section import FilePath, secret_of

_LEAST_KEY = 24
"""Bytes: "between 24 bytes (192 bits) and 64 bytes" (Standard Webhooks, "Signature scheme")."""


class WebhookOptions(WebOptions):
    """url: where to post; secret: whsec_… of base64, 24 bytes or more; unset: not signed."""

    url: SecretStr | None = None
    url_file: FilePath | None = None
    secret: SecretStr | None = None
    secret_file: FilePath | None = None

    @model_validator(mode="after")
    def _whole(self) -> WebhookOptions:
        object.__setattr__(self, "url", secret_of(self.url, self.url_file, "url"))
        object.__setattr__(self, "secret", secret_of(self.secret, self.secret_file, "secret"))
        require_address(self.url, "url")
        if type(self.secret) is SecretStr:
            key_of(self.secret)
        return self


def key_of(secret: SecretStr) -> bytes:
    """The key of the signature. Raises ValueError, which does not show it."""
    try:
        key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _LEAST_KEY:
        raise ValueError(f"secret is whsec_ and base64 of {_LEAST_KEY} random bytes or more (openssl rand -base64 32)")
    return key


class Webhook:
    """Posts an event for each message."""

    Options = WebhookOptions
    in_place = False
    each = False

    def __init__(self, options: WebhookOptions, sender: Sender) -> None:
        assert options.url is not None
        self._url, self._secret, self._sender = options.url, options.secret, sender
        self._web = Web(hidden_place(options.url, "url"), ca_file=options.ca_file, proxy=options.proxy)

    def send(self, notice: Notice, reference: str) -> str:
        """See Channel."""
        body = encode(event(notice, self._sender))
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8", "webhook-id": notice.key}
        headers["webhook-timestamp"] = str(now_ms() // 1000)
        if self._secret is not None:
            signed = f"{notice.key}.{headers['webhook-timestamp']}.".encode() + body
            digest = hmac.new(key_of(self._secret), signed, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        self._web.ask("POST", self._url.get_secret_value(), body=body, headers=headers)
        return ""

    def close(self) -> None:
        """See Channel."""
        self._web.close()


def event(notice: Notice, sender: Sender) -> dict[str, Any]:
    """The CloudEvent of a message; `subject` is the finding's id, `partitionkey` orders those of one finding."""
    finding = notice.finding
    about = finding.id if finding is not None else notice.thread
    noun = "findings" if finding is None else "finding"
    return {
        "specversion": "1.0",
        "id": notice.key,
        "source": f"/synchealth/{sender.installation}",
        "type": f"com.github.synchealth.{noun}.{notice.kind}.v1",
        "subject": about,
        "time": rfc3339(notice.at_ms),
        "datacontenttype": "application/json",
        "partitionkey": about,
        "data": msgspec.to_builtins(notice),
    }
