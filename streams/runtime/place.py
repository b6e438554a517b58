"""Where a URL leads, read so strictly that no two readers can differ.

`https://evil\\@graph.microsoft.com/` is evil's to urllib3 and Graph's to urllib.parse. Such texts are not judged, they
are refused: what is left is one form, scheme://host[:port][/path], in which every reader finds the same host.

Source: RFC 3986 section 3.2 (authority); WHATWG URL, "special scheme" (a backslash is a slash there).
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

_DEFAULT_PORTS = {"https": 443, "http": 80}
# Of the path: printable ASCII without the backslash and the fragment. No user-info, no percent sign in the host.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[!-\"$-\[\]-~]*)?",
    re.IGNORECASE | re.ASCII,
)


def without_password(url: str) -> str:
    """A text meant as a URL, as it may be shown: without what stands before an @, or behind a question mark.

    >>> without_password("svc:pw@proxy:80"), without_password("https://a:b/c@x/y?sig=1")
    ('…@proxy:80', 'https://…@x/y?…')
    """
    return re.sub(r"\?.*", "?…", re.sub(r"^(\w{1,10}://)?.*@", r"\1…@", url, flags=re.DOTALL), flags=re.DOTALL)


def is_loopback(host: str) -> bool:
    """Whether an address, or the one name that is always one, is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Place(NamedTuple):
    """A server as a client connects to it."""

    scheme: str
    host: str
    port: int


def place_of(url: str) -> Place:
    """The place of an http(s) URL. Raises ValueError for anything that another parser could read otherwise."""
    found = _URL.fullmatch(url)
    if found is None or ".." in found["host"]:
        raise ValueError("not a plain URL: scheme://host[:port]/path, without user, backslash, blank or fragment")
    scheme = found["scheme"].lower()
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    if port > 65535:
        raise ValueError(f"there is no port {port}")
    return Place(scheme, found["host"].lower(), port)


def checked_place(name: str, url: str) -> Place:
    """The place of the URL under the key `name`. Raises ValueError, which shows no password."""
    try:
        return place_of(url)
    except ValueError as error:
        raise ValueError(f"{name} {without_password(url)!r} is {error}") from None
