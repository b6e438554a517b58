"""Asking a desk over HTTP, as the command line does where `[desk] url` names one."""

from __future__ import annotations

from typing import TypeVar

import requests

from streams.contracts.codec import decode, encode
from streams.contracts.errors import InvalidRecordError, SyncHealthError

_WITHIN_S = 120.0
T = TypeVar("T")


def ask(url: str, path: str, shape: type[T], *, body: object = None, token: str = "") -> T:
    """What the desk at `url` says to a GET of `path`, or to a POST of `body`.

    token: of a machine (`synchealth desk token create`). Raises SyncHealthError where it does not answer, or refuses.
    """
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                "GET" if body is None else "POST", f"{url.rstrip('/')}{path}", headers=headers,
                data=None if body is None else encode(body), timeout=_WITHIN_S, allow_redirects=False,
            )  # fmt: skip
    except requests.RequestException as error:
        raise SyncHealthError(f"the desk at {url} does not answer ({type(error).__name__}): see [desk] url") from error
    if answer.status_code not in {200, 201}:
        raise SyncHealthError(f"the desk at {url} refuses ({answer.status_code}): {_reason(answer)}")
    try:
        return decode(answer.content, shape)
    except InvalidRecordError as error:
        raise SyncHealthError(f"what answers at {url} is no desk of this version: {error}") from error


def _reason(answer: requests.Response) -> str:
    """RFC 9457's detail, where it says one."""
    try:
        return str(decode(answer.content, dict).get("detail", ""))[:400]
    except InvalidRecordError:
        return answer.text[:200]
