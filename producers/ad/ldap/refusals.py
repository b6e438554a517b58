"""What a refusal of the directory means for us: back off, start over, or call a person.

Source: RFC 4511 appendix A; Microsoft, [MS-ADTS] 3.1.1.3.1.9; the `data` code of a refused bind is in
streams/reference_data/bind_errors.toml.
"""

from __future__ import annotations

import re

from producers.ad.ldap.wire import Result
from streams.contracts.errors import CheckpointLostError, FatalError, RetriableError, SyncHealthError
from streams.reference_data.bind_errors import BY_CODE, WRONG_PASSWORD

SUCCESS, SIZE_LIMIT_EXCEEDED, REFERRAL, UNAVAILABLE_CRITICAL_EXTENSION = 0, 4, 10, 12
NO_SUCH_OBJECT, INVALID_CREDENTIALS, INSUFFICIENT_ACCESS, UNWILLING_TO_PERFORM = 32, 49, 50, 53
_PROTOCOL_ERROR, _AUTH_NOT_SUPPORTED, _STRONGER_AUTH_REQUIRED, _CONFIDENTIALITY_REQUIRED = 2, 7, 8, 13
_INAPPROPRIATE_AUTH = 48

_LOCK_OUT_WAIT_S = 300.0

GRANT = (
    "grant the account 'Replicating Directory Changes' on the head of the naming context"
    " (never 'Replicating Directory Changes All'), or set object_security = true"
)


class BindRefusedError(FatalError):
    """Our name or password is refused; every further attempt, at any server, brings a lock-out nearer."""


def refusal(result: Result, doing: str, *, with_cookie: bool = False) -> SyncHealthError:
    """The error that `result` (a code other than 0) is. `doing`: what was tried and where, for the message.

    with_cookie: a DirSync request that carried a cookie; its refusal is the cookie's.
    """
    answer = f"{doing}: LDAP result {result.code}" + (f" ({result.message})" if result.message else "")
    if result.code == INVALID_CREDENTIALS:
        return _refused_bind(result, doing)
    if with_cookie and result.code in {_PROTOCOL_ERROR, UNAVAILABLE_CRITICAL_EXTENSION, UNWILLING_TO_PERFORM}:
        return CheckpointLostError(f"{answer}: the directory no longer takes our cookie")
    if result.code == INSUFFICIENT_ACCESS:
        return FatalError(f"{answer}: {GRANT}")
    if result.code in {_STRONGER_AUTH_REQUIRED, _CONFIDENTIALITY_REQUIRED}:
        return FatalError(f"{answer}: the directory wants encryption: use an ldaps:// server or start_tls = true")
    if result.code in {_AUTH_NOT_SUPPORTED, _INAPPROPRIATE_AUTH}:
        return FatalError(f"{answer}: simple binds are not allowed here: allow them over TLS for this account")
    if result.code == NO_SUCH_OBJECT:
        return FatalError(f"{answer}: no such naming context: correct naming_contexts, or leave it out")
    if result.code == REFERRAL:
        return FatalError(f"{answer}: this server does not hold it: add a domain controller of that domain to servers")
    if result.code in {UNAVAILABLE_CRITICAL_EXTENSION, _PROTOCOL_ERROR}:
        return FatalError(f"{answer}: this server does not speak DirSync as Active Directory does: is it one?")
    return RetriableError(answer)


def _refused_bind(result: Result, doing: str) -> SyncHealthError:
    found = re.search(r"data ([0-9a-f]+)", result.message)
    cause = BY_CODE.get(found.group(1) if found else "", WRONG_PASSWORD)
    if cause.locked:
        return RetriableError(f"{doing}: {cause.action}", retry_after_s=_LOCK_OUT_WAIT_S)
    return BindRefusedError(f"{doing}: {cause.action}")
