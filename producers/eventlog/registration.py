"""User Device Registration: how a computer's hybrid join went.

Details: "phase" (pre-check, discover, auth, join), "client_error" ("0x801c03f2"), "server_error" (the service's word
for it and its sentence), "drs_instance" ("ent": AD FS's registration service on premises, which is not Entra's),
"computer".

The sentence of 304 says "join phase" whatever happened: the phase stands in its debug output. Codes stand in the data
as signed numbers; the sentence has a number only for those that Windows has no words for. Without data, words in
English that the table of codes knows are a code; of words in another language id and phase are all that can be had, and
where the attempt failed at the sign-in, the code that the token library left in the debug output.

Source: the provider's manifest and message table (builds 10240 to 18990; repnz/etw-providers-docs) for data, levels
and sentences; Microsoft, "Troubleshoot Microsoft Entra hybrid joined devices", for what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from producers.eventlog.text import first, present
from producers.eventlog.windows import WindowsEvent
from producers.eventlog.wire import Statement
from streams.contracts.events import Result
from streams.reference_data.join_errors import TABLE

JOINED = 306
# 200-205 steps of a registration; 220 the computer's name; 244, 245, 344, 345 key and certificate of a registered
# device; 304-309 the join task; 331-335 its checks before it tries (334 no domain controller, 335 already joined);
# 370 a device that could not be unregistered. The log also holds Windows Hello and much that every logon repeats.
TAKEN = frozenset({*range(200, 206), 220, 244, 245, *range(304, 308), 309, *range(331, 336), 344, 345, 370})
# What they say is no fault, whatever they are called: a check that went well, or one that repairs or repeats itself.
# 220 is information with a Win32 error. The manifest gives each id one level, so the id says what a level would.
_NO_FAILURES = frozenset({220, 331, 332, 333, 335})
_PHASE_OF_ID = {
    **dict.fromkeys((200, 201, 307, 309), "discover"),
    **dict.fromkeys((202, 203, 204, 205), "join"),
    305: "auth",
}
_LONGEST_ERROR = 300
_LONGEST_BEGIN = 1_000
# What the service said when it said nothing.
_NOTHING = frozenset({"", "empty", "undefined", "null", "none"})
_ANSWERS = ("ServerErrorMessage", "ServerResponse", "ServerMessage")

_ERROR_PHASE = re.compile(r"^[ \t]{0,5}errorPhase:[ \t]{0,5}([a-z-]{1,30})", re.IGNORECASE | re.MULTILINE)
_DRS_INSTANCE = re.compile(r"^(?:[ \t]{0,5}|.{0,40}: )d(?:rs|sr)Instance:[ \t]{0,5}([a-z]{1,30})", re.I | re.MULTILINE)
_EXIT_CODE = re.compile(r"\bexit code[^\n]{0,80}?(0x[0-9a-f]{8})\b", re.IGNORECASE)
_EXIT_WORDS = re.compile(r"^[ \t]{0,5}exit code[ \t]{0,5}:[ \t]{0,5}([^\n]{1,300})", re.IGNORECASE | re.MULTILINE)
# In any language the exit code is the first value of the sentence, and no other stands in its first two lines.
_FIRST_CODE = re.compile(r": ?(0x[0-9a-f]{8})\b", re.IGNORECASE)
_CODE_OF_WORDS = {row.words.lower(): row.code for row in TABLE.rows if row.words}
_CODE = re.compile(r"(?:0x[0-9a-f]{1,8}|-?[0-9]{1,10})", re.IGNORECASE)
# The answer is on the line of its label or begins on the next one, and ends before the next label of 304 or 305.
_SERVER = re.compile(
    r"^[ \t]{0,5}server (?:error|response was)[ \t]{0,5}:[ \t]{0,5}(.*?)"
    r"(?=^[ \t]{0,5}(?:tenant (?:type|name)|registration type|debug output)[ \t]{0,5}:|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_ADAL_MESSAGE = re.compile(r"^[ \t]{0,5}AdalMessage:[ \t]{0,5}([^\n]{1,1000})", re.IGNORECASE | re.MULTILINE)
_ADAL_CODE = re.compile(
    r"^[ \t]{0,5}(?:AdalErrorCode:|adalResponseCode:|(?:AdalLog:[ \t]{0,5}){1,2}HRESULT:)[ \t]{0,5}(0x[0-9a-f]{8})\b",
    re.IGNORECASE | re.MULTILINE,
)
_ERROR_TYPE = re.compile(r"\"(?:error ?type|code)\"[ \t]{0,5}:[ \t]{0,5}\"([^\"\n]{1,200})\"", re.IGNORECASE)
_SUBCODE = re.compile(r"\"subcode\"[ \t]{0,5}:[ \t]{0,5}\"([^\"\n]{1,200})\"", re.IGNORECASE)
_MESSAGE = re.compile(r"\"message\"[ \t]{0,5}:[ \t]{0,5}\"([^\"\n]{1,1000})\"", re.IGNORECASE)


def read(event: WindowsEvent) -> list[Statement]:
    """What an event of a computer's registration says; nothing for ids that are not about it."""
    if event.id not in TAKEN:
        return []
    failed = event.id not in _NO_FAILURES | {JOINED}
    details: dict[str, str | None] = {"computer": event.server}
    if failed:
        debug = "\n".join((*event.data.values(), *event.parameters)) or event.message
        phase = (first(_ERROR_PHASE, debug) or first(_ERROR_PHASE, event.message) or "").lower()
        phase = phase or _PHASE_OF_ID.get(event.id, "")
        answer = _answer(event)
        details |= {
            "phase": phase or None,
            "client_error": _code(event, f"{debug}\n{event.message}" if phase == "auth" else ""),
            "server_error": _server_error(answer),
            "drs_instance": _on_premises(debug) or _on_premises(event.message),
        }
    result = Result.SUCCESS if event.id == JOINED else Result.FAILURE if failed else None
    return [Statement(result=result, reason=event.reason, details=present(details))]


def _code(event: WindowsEvent, token_log: str) -> str | None:
    """The exit code as 32 bits in hexadecimal; None where nothing tells it, or it is zero.

    token_log: where a sign-in failed, what may hold the token library's own code.
    """
    named, sentence = event.data.get("ExitCode") or event.data.get("Error"), event.message or event.text
    begin = "\n".join(sentence[:_LONGEST_BEGIN].split("\n", 2)[:2])
    words = named or first(_EXIT_WORDS, sentence) or ""
    codes = (named, first(_EXIT_CODE, sentence), first(_FIRST_CODE, begin), first(_ADAL_CODE, token_log))
    numbers = (*map(_number, codes), _CODE_OF_WORDS.get(words.strip().rstrip(".").lower()))
    code = next(filter(None, numbers), None)
    return f"0x{code:08x}" if code is not None else None


def _number(text: str | None) -> int | None:
    """The 32 bits of a number as it is written, signed or not."""
    stripped = (text or "").strip()
    if not _CODE.fullmatch(stripped):
        return None
    number = int(stripped, 16) if stripped.lower().startswith("0x") else int(stripped)
    return number % (1 << 32) if -(1 << 31) <= number < 1 << 32 else None


def _answer(event: WindowsEvent) -> str:
    """What the service answered, as it came; "" for nothing."""
    answers: Iterator[str] = (event.data[name] for name in _ANSWERS if event.data.get(name, "").strip())
    return next(answers, "") or first(_SERVER, event.message or event.text) or ""


def _server_error(answer: str) -> str | None:
    """The telling part of an answer: of JSON error, subcode, message; of a token library its message; else a line."""
    words = [word for word in (first(_ERROR_TYPE, answer), first(_SUBCODE, answer), first(_MESSAGE, answer)) if word]
    lines = (line.strip().rstrip(".").strip() for line in answer.splitlines())
    found = ": ".join(words) or first(_ADAL_MESSAGE, answer) or next(filter(None, lines), "")
    return None if found.lower() in _NOTHING or _is_placeholder(found) else found[:_LONGEST_ERROR]


def _is_placeholder(found: str) -> bool:
    """Whether Windows left "%2" in the sentence."""
    return found[:1] == "%" and found[1:].isdigit()


def _on_premises(debug: str) -> str | None:
    """ "ent" where the debug output names AD FS's registration service; None for Entra's, and where it names none."""
    named = (first(_DRS_INSTANCE, debug) or "").lower()
    return named if named == "ent" else None
