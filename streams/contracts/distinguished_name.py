r"""Distinguished names as AD writes them: parts between commas, in which a backslash takes the meaning of what follows.

Whoever may name an object may put a comma, a backslash or "DC=" into its name, so a DN is never searched as text.
Source: RFC 4514, section 2.4 (escaping), section 3 (the grammar).
"""

from __future__ import annotations

import re

_PART = re.compile(r"(?:[^\\,]|\\.?)+", re.DOTALL)
_NAMED = re.compile(r"\s*(?:[a-z][a-z0-9-]*|[0-9.]+)\s*=\s*(?:[^\s\\;<>\"]|\\.)(?:[^\\;<>\"]|\\.)*", re.I | re.S)
_ESCAPED = re.compile(r"\\([0-9a-f]{2})|\\(.)", re.IGNORECASE | re.DOTALL)


def parts(distinguished_name: str) -> list[str]:
    r"""The parts as they are written, the object's own first.

    >>> parts("CN=Doe\\, Jane,OU=Staff,DC=corp")
    ['CN=Doe\\, Jane', 'OU=Staff', 'DC=corp']
    """
    return _PART.findall(distinguished_name)


def container_of(distinguished_name: str) -> str:
    r"""The DN without its own part; "" if nothing is left.

    >>> container_of("CN=ends in a backslash\\\\,OU=Staff,DC=corp")
    'OU=Staff,DC=corp'
    """
    own = _PART.match(distinguished_name)
    return distinguished_name[own.end() + 1 :] if own else ""


def value_of(part: str) -> tuple[str, str]:
    r"""The type of a part in lower case, and its value without escapes.

    >>> value_of("OU=Ulm\\, Nord"), value_of("CN=a\\0ACNF:1")
    (('ou', 'Ulm, Nord'), ('cn', 'a\nCNF:1'))
    """
    kind, _, value = part.strip().partition("=")
    return kind.strip().lower(), _unescaped(value.strip())


def normal(distinguished_name: str) -> tuple[str, ...]:
    """The parts to compare by, however they are spelt: the last ones of one below another are that other's."""
    return tuple(f"{kind}={value.lower()}" for kind, value in map(value_of, parts(distinguished_name)))


def dns_domain(distinguished_name: str) -> str:
    """The DNS name of the domain: the DC parts at the end, in lower case; "" if there is none.

    >>> dns_domain("CN=Ada,OU=Staff,DC=corp,DC=contoso,DC=com")
    'corp.contoso.com'
    """
    labels: list[str] = []
    for kind, value in map(value_of, reversed(parts(distinguished_name))):
        if kind != "dc":
            break
        labels.append(value.lower())
    return ".".join(reversed(labels))


def is_place(text: str) -> bool:
    """Whether this names a place in Active Directory: types and values down to the parts of a domain's name.

    >>> is_place("OU=Staff,DC=corp"), is_place("corp/Staff"), is_place("OU=Staff")
    (True, False, False)
    """
    found = parts(text)
    return ",".join(found) == text and all(map(_NAMED.fullmatch, found)) and dns_domain(text) != ""


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    # Bytes may be escaped one by one, as in \C3\BC.
    raw = _ESCAPED.sub(lambda found: _byte(found[1]) if found[1] else found[2], value)
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _byte(digits: str) -> str:
    return bytes.fromhex(digits).decode("utf-8", "surrogateescape")
