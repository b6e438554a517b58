"""One object as a flat table of properties: how PowerShell's ConvertTo-Json, Export-Csv and Microsoft's csvde write it.

Names are those of the attributes, or the ActiveDirectory module's own ("Surname", "EmailAddress"). Sources: Microsoft,
"Active Directory: Get-ADUser Default and Extended Properties" (names); "ConvertTo-Json" (Windows PowerShell wraps a
collection that carries properties as {"value": […], "Count": n}; beyond -Depth only the name of a type is left);
"Export-Csv" (a collection becomes the name of its type).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from streams.contracts.errors import InvalidRecordError
from streams.hygiene.objects import DirectoryObject, canonical_name

_DN = ("distinguishedname", "dn")
_CLASS = "objectclass"
_ALIASES = {"surname": "sn", "emailaddress": "mail", "certificates": "userCertificate"}
_TYPE_NAME = re.compile(r"(?:System|Microsoft)\.[A-Za-z.`0-9]+(?:\[\])?(?:\[System\.\w+\])?\Z")


def is_name_of_object(name: str) -> bool:
    """Whether a property of this name says which object it is."""
    return name.strip().lower() in _DN


def object_of(properties: Mapping[str, Any]) -> DirectoryObject:
    """The object. Values: text, numbers, booleans, lists of them, None, or PowerShell's wrapping of a list.

    Raises InvalidRecordError("json") where no name is in it, or a value of a checked attribute was lost on its way.
    """
    dn, classes = "", []
    attributes: dict[str, list[str]] = {}
    for name, value in properties.items():
        folded = name.strip().lower()
        if folded in _DN:
            dn = dn or next(
                (text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)), ""
            )
        elif folded == _CLASS:
            classes = _texts(name, value)
        elif (canonical := canonical_name(_ALIASES.get(folded, folded))) is not None and (
            values := _texts(name, value)
        ):
            attributes[canonical] = values
    if not dn:
        raise InvalidRecordError("json", "no distinguished name: a property DistinguishedName, or dn, must say it")
    return DirectoryObject(dn, classes, attributes)


def _texts(name: str, value: Any) -> list[str]:
    """The values as LDAP would write them; an empty text is no value."""
    if isinstance(value, Mapping):
        wrapped = {key.lower(): inner for key, inner in value.items()}
        if "value" not in wrapped:
            raise InvalidRecordError("json", f"{name} is neither text nor a list")
        value = wrapped["value"]
    values = value if isinstance(value, list) else [value]
    texts = [text for each in values if (text := _text(name, each))]
    lost = next((text for text in texts if _TYPE_NAME.match(text)), None)
    if lost is not None:
        raise InvalidRecordError(
            "json",
            f"{name} holds {lost}, the name of a type: its values were lost when the file was written. ConvertTo-Json "
            f"-Depth 4, or for CSV Select-Object …, @{{n='{name}';e={{$_.{name} -join ';'}}}}",
        )
    return texts


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, list):  # bytes, as ConvertTo-Json writes a certificate
        try:
            return base64.b64encode(bytes(value)).decode()
        except (TypeError, ValueError):
            raise InvalidRecordError("json", f"{name} holds a list within a list that is no bytes") from None
    if isinstance(value, str | int | float):
        return str(value)
    raise InvalidRecordError("json", f"{name} is neither text nor a list")
