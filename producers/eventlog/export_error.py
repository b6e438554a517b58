"""ADSync 6941: Entra ID refused one object at an export; one event per object and export.

Details: "error_name" (AttributeValueMustBeUnique …, as it comes), "attribute" and "value" of the first that the text
names in brackets, "more_values" (the others, as they stand), "tracking_id"; of an attribute that is not valid only its
name. The service's list of further details, where the text has one, tells "conflicting_id" (the Entra object that
holds the value), and attribute and value where the sentence does not. The object is its source anchor: the DN in the
connector space of Entra ID is the hexadecimal form of it, `CN={486C30…}`, in the default rules.

Sources: Microsoft KB2647098 (header and error part, values); Get-AADConnectEventLogErrors.ps1 ("DN: " and the anchor
behind it); microsoft/AADConnectConfigDocumenter (`dn = "CN={" & ConvertToUTF8Hex([sourceAnchor]) & "}"`); Microsoft,
"Archive for What's new in Microsoft Entra ID" (the attribute that is not valid, of FederatedDomainChangeError). The
list of keys is quoted by one public report of an export error (README "Microsoft 365 Update Immutable ID"); that 6941
holds it is inferred, and nothing is lost where it does not.
"""

from __future__ import annotations

import re

from producers.eventlog.text import GUID, first, present
from producers.eventlog.windows import INFORMATION, VERBOSE, WindowsEvent
from producers.eventlog.wire import Statement
from streams.contracts.events import Result

TAKEN = frozenset({6941})

_NAME = re.compile(r"^[ \t]*Error Name[ \t]*:[ \t]*(\w{1,100})", re.IGNORECASE | re.MULTILINE)
_DETAIL = re.compile(
    r"^[ \t]*Error Detail[ \t]*:[^\[]{0,2000}(\[[^\]]{1,2000}\](?:,? ?\[[^\]]{1,2000}\]){0,20})",
    re.IGNORECASE | re.MULTILINE,
)
_INVALID = re.compile(
    r"^[ \t]*Error Detail[ \t]*:[^\[\n]{0,2000}\bthe attribute \[ ?(?:\w{1,60}\.)?([A-Za-z][\w-]{0,100})\]",
    re.IGNORECASE | re.MULTILINE,
)
_FURTHER = re.compile(r'\{ ?"Key" ?: ?"(\w{1,60})" ?, ?"Value" ?: ?\[ ?"([^"\\\n]{1,1000})"', re.IGNORECASE)
_ID = re.compile(GUID)
_VALUE = re.compile(r"\s*([A-Za-z][\w-]{0,100})\s+(\S[^\n]{0,1000})", re.DOTALL)
_APART = re.compile(r"[;\[\]]")
_TRACKING = re.compile(rf"^[ \t]*Tracking Id[ \t]*:[ \t]*({GUID})", re.IGNORECASE | re.MULTILINE)
_DN = re.compile(r"^[ \t]*DN[ \t]*:[ \t]*CN=\{((?:[0-9a-f]{2}){1,256})\}", re.IGNORECASE | re.MULTILINE)


def read(event: WindowsEvent) -> list[Statement]:
    """Whom the service refused, and why."""
    # Of one string the whole text; of several the labels stand in the sentence alone.
    text = event.text if _NAME.search(event.text) else event.message or event.text
    further = {key.lower(): value for key, value in _FURTHER.findall(text)}
    values = _values(text) or _value_of(further)
    conflicting = further.get("objectidinconflict", "").lower()
    details = {
        "error_name": first(_NAME, text),
        "attribute": values[0][0] if values else first(_INVALID, text),
        "value": values[0][1] if values else None,
        "conflicting_id": conflicting if _ID.fullmatch(conflicting) else None,
        "more_values": [f"{attribute} {value}" for attribute, value in values[1:]] or None,
        "tracking_id": first(_TRACKING, text),
    }
    refused = event.level not in (INFORMATION, VERBOSE)
    return [
        Statement(
            result=Result.FAILURE if refused else None,
            reason=event.reason,
            source_anchor=_anchor(text),
            details=present(details),
        )
    ]


def _values(text: str) -> list[tuple[str, str]]:
    """The (attribute, value) pairs in the first brackets of the detail, one beside the other:
    `[UserPrincipalName a@b;]`.
    """
    listed = _DETAIL.search(text)
    pairs = (_VALUE.fullmatch(part.rstrip()) for part in _APART.split(listed[1])) if listed is not None else ()
    return [(pair[1], pair[2]) for pair in pairs if pair is not None]


def _value_of(further: dict[str, str]) -> list[tuple[str, str]]:
    """The same of the list of further details."""
    attribute, value = further.get("attributeconflictname"), further.get("attributeconflictvalues")
    return [(attribute, value)] if attribute and value else []


def _anchor(text: str) -> str | None:
    found = _DN.search(text)
    if found is None:
        return None
    raw = bytes.fromhex(found[1])
    return raw.decode("ascii") if raw.isascii() and raw.decode("ascii").isprintable() else None
