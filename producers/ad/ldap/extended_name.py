"""Distinguished names as the extended-DN control writes them: <GUID=…>;<SID=…>;CN=….

Source: [MS-ADTS] 3.1.1.3.4.1.5 (LDAP_SERVER_EXTENDED_DN_OID, flag 1: string form).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_EXTENDED = re.compile(r"(?:<GUID=([0-9A-Fa-f-]{32,36})>;)?(?:<SID=([^>]*)>;)?(.*)", re.DOTALL)
_TOMBSTONE = re.compile(r"(?:^|[^\\])(?:\\\\)*\\0ADEL:", re.IGNORECASE)


class ExtendedName(NamedTuple):
    """`guid`, `sid`: None where the server did not say. `dn`: the plain distinguished name."""

    guid: str | None
    sid: str | None
    dn: str


def read_name(text: str) -> ExtendedName:
    """The parts of a possibly extended distinguished name."""
    if not text.startswith("<"):
        return ExtendedName(None, None, text)
    found = _EXTENDED.fullmatch(text)
    if found is None:
        return ExtendedName(None, None, text)
    guid, sid, dn = found.groups()
    return ExtendedName(guid.lower() if guid else None, sid, dn)


def names_tombstone(dn: str) -> bool:
    r"""Whether the name looks like that of a deleted object: CN=name\0ADEL:guid,CN=Deleted Objects,… (a line feed).

    A hint to look again and no proof: whoever may name an object may write this into it.
    """
    return _TOMBSTONE.search(dn) is not None
