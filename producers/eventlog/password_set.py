"""ADSync 6329: the engine's own trace of a password that it could not set.

Details: "hresult", the code that tells (of Windows' own small numbers as 0x8007xxxx), "message" its sentence, and
"cause" where a line names one: "password_scope" (the user is outside of the password rule), "sam_remote_calls".

A trace is a stack of lines "BAIL: MMS(<pid>): <file>(<line>): 0x<code> (<sentence>)". It begins with codes that are
always there (a registry value that is not set, a name that exists), so the first one says nothing: what counts is what
the domain controller answered, else what the export ended with, else the last line.

Source: Microsoft, "RPC errors affecting Microsoft Entra Connect", examples 3 and 4; "Troubleshoot password writeback
access rights and permissions" (SAM); MicrosoftDocs/azure-docs issue
106884 (no target; no line break before the product's name); c7solutions.com/2015/07/password-writeback-errors.
"""

from __future__ import annotations

import re

from producers.eventlog.text import GUID, first, present
from producers.eventlog.windows import WindowsEvent
from producers.eventlog.wire import Statement
from streams.contracts.events import Result

_LONGEST_TEXT = 32_000
_HARMLESS = frozenset({"800700b7", "80070002"})
_UNSPECIFIED = "80004005"
_ACCESS_DENIED = "80070005"

_ANCHOR = re.compile(rf"\baad anchor ?= ?(?:User_)?({GUID})", re.IGNORECASE)
_ANSWERED = re.compile(r"failed to acquire user information: ?0x([0-9a-f]{1,8})\b", re.IGNORECASE)
_DENIED = re.compile(r"\berror code: ?error_access_denied\b", re.IGNORECASE)
_EXPORTED = re.compile(r"exportpasswordset failed with 0x([0-9a-f]{8})\b", re.IGNORECASE)
_LINE = re.compile(r"\(\d{1,6}\): ?0x([89a-f][0-9a-f]{7})\b(?: \(([^)\n]{1,300})\))?", re.IGNORECASE)
_OUT_OF_SCOPE = re.compile(r"\bin scope of password sync rule\b", re.IGNORECASE)


def read(event: WindowsEvent) -> Statement:
    """What a trace says."""
    text = event.text[:_LONGEST_TEXT]
    lines = [(found[1].lower(), found[2]) for found in _LINE.finditer(text)]
    code = _decisive(text, [each for each, _ in lines])
    entra_id = first(_ANCHOR, text)
    denied = code == _ACCESS_DENIED and _answered(text) is not None
    return Statement(
        result=Result.FAILURE,
        reason=event.reason,
        entra_id=entra_id.lower() if entra_id else None,
        details=present(
            {
                "hresult": f"0x{code}" if code else None,
                "message": next((words for each, words in reversed(lines) if each == code and words), None),
                "cause": "password_scope" if _OUT_OF_SCOPE.search(text) else "sam_remote_calls" if denied else None,
            }
        ),
    )


def _decisive(text: str, codes: list[str]) -> str | None:
    answered, exported = _answered(text), [found[1].lower() for found in _EXPORTED.finditer(text)]
    if answered is not None:
        return answered
    decisive = [each for each in (*codes, *exported) if each not in _HARMLESS]
    specific = [each for each in decisive if each != _UNSPECIFIED]
    if exported and exported[-1] in specific:
        return exported[-1]
    return (specific or decisive or [None])[-1]


def _answered(text: str) -> str | None:
    """What the domain controller answered the engine, as a HRESULT of eight digits."""
    found = first(_ANSWERED, text)
    if found is not None:
        return f"8007{int(found, 16):04x}" if int(found, 16) <= 0xFFFF else f"{int(found, 16):08x}"
    return _ACCESS_DENIED if _DENIED.search(text) else None
