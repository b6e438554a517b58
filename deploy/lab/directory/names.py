"""Distinguished names: parsing, escaping, comparing.

A relative name is kept as `CN=value` with its value unescaped; a `key` is its lower-case form, by which children of one
container are told apart. Active Directory has no multi-valued relative names.

Source: RFC 4514; MS-ADTS 3.1.1.3.1.2.5 (alternative forms of DNs).
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from deploy.lab.directory import sids
from deploy.lab.directory.results import DirectoryError, ResultCode

_SPECIAL = re.compile(r'[,+"\\<>;=\n\r#\x00]|^ | $')
_MUST_ESCAPE = ',+"\\<>;='
_CONTROL = {"\n": "\\0A", "\r": "\\0D", "\x00": "\\00"}
_HEX = "0123456789abcdefABCDEF"


class InvalidNameError(DirectoryError):
    """The text is not a distinguished name."""

    def __init__(self, why: str) -> None:
        super().__init__(
            ResultCode.INVALID_DN_SYNTAX, f"0000208F: NameErr: DSID-031001F7, problem 2006 (BAD_NAME), {why}"
        )


@dataclass(frozen=True, slots=True)
class GuidName:
    """The name form <GUID=…>: `guid` is the 16 bytes the directory keeps."""

    guid: bytes


@dataclass(frozen=True, slots=True)
class SidName:
    """The name form <SID=…>: `sid` is the binary SID."""

    sid: bytes


def escape(rdn: str) -> str:
    """Return `CN=value` with its value escaped for use inside a DN."""
    if _SPECIAL.search(rdn, 3) is None and rdn[3:4] != " ":
        return rdn
    kind, _, value = rdn.partition("=")
    text = "".join(_CONTROL.get(c) or ("\\" + c if c in _MUST_ESCAPE else c) for c in value)
    if text[:1] in ("#", " "):
        text = "\\" + text
    if text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1] + "\\ "
    return f"{kind}={text}"


def split(dn: str) -> tuple[str, ...]:
    """Return the relative names of `dn`, leaf first, each `TYPE=value` with the type in upper case and no escapes.

    Raises:
        InvalidNameError: `dn` is malformed or has a multi-valued relative name.
    """
    if not dn.strip(" "):
        return ()
    if "\\" not in dn and '"' not in dn:
        return tuple(_relative(part) for part in dn.split(","))
    return tuple(_relative(part, escaped=True) for part in _raw_parts(dn))


def one(rdn: str) -> str:
    """Return the single relative name in `rdn`. Raises InvalidNameError when there are none or more."""
    parts = split(rdn)
    if len(parts) != 1:
        raise InvalidNameError(f"{rdn!r} is not one relative name")
    return parts[0]


def parse_base(text: str) -> tuple[str, ...] | GuidName | SidName:
    """Return what a search base or operation target names: relative names, a GUID or a SID.

    Raises:
        InvalidNameError: none of the forms <GUID=…>, <SID=…> or a distinguished name.
    """
    if not text.startswith("<"):
        return split(text)
    # The extended form that DirSync itself returns, "<GUID=…>;<SID=…>;CN=…", names the object by its first part.
    kind, _, value = text.partition(">")[0][1:].partition("=")
    try:
        if kind.upper() == "GUID":
            return GuidName(uuid.UUID(value).bytes_le if "-" in value else bytes.fromhex(value))
        if kind.upper() == "SID":
            return SidName(sids.parse(value) if value.upper().startswith("S-") else bytes.fromhex(value))
    except ValueError as error:
        raise InvalidNameError(f"unusable {kind} in {text!r}") from error
    raise InvalidNameError(f"unknown name form {text!r}")


def key(rdn: str) -> str:
    return rdn.lower()


def value(rdn: str) -> str:
    """Return the value part of a relative name."""
    return rdn.partition("=")[2]


def _relative(part: str, *, escaped: bool = False) -> str:
    kind, equals, raw = part.partition("=")
    kind = kind.strip(" ").upper()
    if not equals or not kind.isalnum():
        raise InvalidNameError(f"no attribute type in relative name {part!r}")
    text = _unescape(raw) if escaped else raw.strip(" ")
    if not text or (not escaped and "+" in text):
        raise InvalidNameError(f"an empty or multi-valued relative name {part!r}")
    return f"{kind}={text}"


def _raw_parts(dn: str) -> list[str]:
    parts, start, position, quoted = [], 0, 0, False
    while position < len(dn):
        character = dn[position]
        if character == "\\":
            position += 1
        elif character == '"':
            quoted = not quoted
        elif character in ",;" and not quoted:
            parts.append(dn[start:position])
            start = position + 1
        position += 1
    if quoted:
        raise InvalidNameError(f"an open quotation in {dn!r}")
    return [*parts, dn[start:]]


def _unescape(raw: str) -> str:
    out = bytearray()
    position, kept = 0, 0  # `kept`: up to here trailing spaces were escaped and stay
    raw = raw.lstrip(" ")
    while position < len(raw):
        character = raw[position]
        if character == "\\":
            pair = raw[position + 1 : position + 3]
            if len(pair) == 2 and pair[0] in _HEX and pair[1] in _HEX:
                out.append(int(pair, 16))
                position += 3
            elif pair:
                out += pair[0].encode()
                position += 2
            else:
                raise InvalidNameError(f"a backslash ends {raw!r}")
            kept = len(out)
            continue
        if character == "+":
            raise InvalidNameError(f"a multi-valued relative name {raw!r}")
        if character != '"':
            out += character.encode()
        else:
            kept = len(out)
        position += 1
    try:
        text = bytes(out[:kept]) + bytes(out[kept:]).rstrip(b" ")
        return text.decode()
    except UnicodeDecodeError as error:
        raise InvalidNameError(f"escaped octets of {raw!r} are not UTF-8") from error
