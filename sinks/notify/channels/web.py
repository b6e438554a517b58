"""What all channels over HTTP share: where they may go, what an answer means, and that an address may be a secret."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from sinks.notify.channels.channel import MOST_WAITED_S, RefusedNoticeError
from streams.contracts.codec import NotJsonError, load_document
from streams.contracts.errors import RetriableError
from streams.runtime.clock import now_ms
from streams.runtime.http_session import Answer, BoundedSession, HttpError
from streams.runtime.place import Place, is_loopback, place_of, without_password
from streams.runtime.redaction import redacted
from streams.runtime.section import FilePath, Section

_PATIENCE_S = 60.0
_LONGEST_SAID = 300
_AGAIN = {408, 425, 429}
_LOCKED = {401, 403, 404, 405, 407, 410}


class WebOptions(Section):
    """ca_file: unset: the system's authorities. proxy: "environment": as HTTPS_PROXY and NO_PROXY say; "": none."""

    ca_file: FilePath | None = None
    proxy: str = ""


def safe_place(url: str, what: str) -> Place:
    """Where an address leads: over TLS, or to this machine. Raises ValueError, which shows no secret."""
    try:
        place = place_of(url)
    except ValueError as error:
        raise ValueError(f"{what} {without_password(url)!r} is {error}") from None
    if place.scheme != "https" and not is_loopback(place.host):
        raise ValueError(f"{what} must be an https:// URL: what is sent names people")
    return place


def require_address(secret: SecretStr | None, what: str) -> None:
    """Return if a secret that stands in the settings is an address; one in a file is looked at when it is used.

    Raises ValueError, which does not show it.
    """
    if secret is None:
        raise ValueError(f"{what} or {what}_file is missing")
    if type(secret) is SecretStr:
        _ = hidden_place(secret, what)


def hidden_place(secret: SecretStr, what: str) -> Place:
    """The place of an address that is a secret itself. Raises ValueError without a word of it."""
    try:
        place = place_of(secret.get_secret_value())
    except ValueError:
        raise ValueError(f"{what} is no plain URL, as in https://host/path") from None
    if place.scheme != "https" and not is_loopback(place.host):
        raise ValueError(f"{what} must be an https:// URL: what is sent names people")
    return place


class Web:
    """Requests of one channel, to one place. Never shows an address beyond its host."""

    def __init__(self, place: Place, *, ca_file: Path | None, proxy: str) -> None:
        self._place = place
        self._session = BoundedSession([place], ca_file=ca_file, proxy=proxy)

    def ask(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Answer:
        """An answer of 2xx. Raises RetriableError, RefusedNoticeError."""
        try:
            answer = self._session.request(method, url, data=body, headers=dict(headers or {}), auth=auth)
        except HttpError as error:
            raise RetriableError(f"{self._place.host} does not answer ({type(error).__name__})") from None
        if answer.status_code < 300:
            return answer
        summary = self._summary(answer)
        if answer.status_code in _AGAIN or answer.status_code >= 500:
            raise RetriableError(summary, retry_after_s=retry_after_s(answer))
        if answer.status_code in _LOCKED:
            raise RetriableError(f"{summary}: check address, secret and rights", retry_after_s=_PATIENCE_S)
        raise RefusedNoticeError(summary)

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def _summary(self, answer: Answer) -> str:
        text = answer.content[:_LONGEST_SAID].decode("utf-8", "replace")
        return f"{self._place.host} answers {answer.status_code}: {redacted(text)!r}"


def document_of(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object; {} where it is none."""
    try:
        found = load_document(answer.content)
    except NotJsonError:
        return {}
    return found if isinstance(found, dict) else {}


def retry_after_s(answer: Answer) -> float | None:
    """Retry-After in seconds, an hour at most; None where there is none.

    Source: RFC 9110, section 10.2.3: a number of seconds or a date.
    """
    value = answer.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return min(float(value[:9]), MOST_WAITED_S)
    try:
        wait_s = parsedate_to_datetime(value).timestamp() - now_ms() / 1000
    except (ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), MOST_WAITED_S)
