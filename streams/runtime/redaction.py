"""Secrets in text that others wrote: logs of servers, of libraries, of services. What may be one is dropped.

By the words that go before it, as nothing else tells a secret from a name. Sources of the forms: RFC 6750 (bearer
tokens), RFC 7519 (JWT), RFC 6749 (client_secret, tokens in requests and answers), RFC 3986 (user information in a URL);
Microsoft, "Azure Event Hubs: get a connection string" (SharedAccessKey) and "Grant limited access with shared access
signatures" (sig).
"""

from __future__ import annotations

import re

_WORDS = (
    r"passwor[dt]|passwd|pwd|pass[ _-]?phrase|passcode|kennwor[dt]|mot de passe|contrase(?:ñ|n)a|senha|wachtwoord"
    r"|l(?:ö|o)senord|has(?:ł|l)o|парол[ья]|パスワード|密码"
)
_KEYS = (
    r"client[_-]?secret|shared[_-]?secret|shared ?access ?(?:key|signature)|account[_-]?key|api[_-]?key|private[_-]?key"
    r"|(?:access|refresh|id|session|auth)[_-]?token|client[_-]?assertion"
)
_BLANKS = r"[ \t]{0,20}"
_RULES = (
    # Elements of XML: named so, or with an attribute that names them so. Before the rest, which would take its line.
    (
        re.compile(
            rf"(<(?:[\w-]{{1,40}}:)?\w{{0,40}}(?:{_WORDS}|{_KEYS})(?:[ \t][^<>]{{0,200}})?>)[^<]+", re.IGNORECASE
        ),
        r"\1***",
    ),
    (
        re.compile(
            rf"(<[^<>]{{1,200}}=[\"']\w{{0,40}}(?:{_WORDS}|{_KEYS})[\"'][^<>]{{0,200}}>)[^<]+", re.IGNORECASE
        ),
        r"\1***",
    ),
    # Whatever stands behind the word on its line, or on the next where it stands alone.
    (
        re.compile(
            rf"((?:{_WORDS})[\"']?(?:[ \t]{{0,5}}\([^()\n]{{0,40}}\))?{_BLANKS}[:=：])"
            rf"(?!{_BLANKS}\*\*\*)(?:[\"']?{_BLANKS}\r?\n[^\r\n]*|[^\r\n]*)",
            re.IGNORECASE,
        ),
        r"\1 ***",
    ),
    (
        re.compile(
            rf"((?:{_KEYS})[\"']?{_BLANKS}(?:[:=：]|%3D){_BLANKS}\r?\n?{_BLANKS}[\"']?)[^\s&;,\"'<>]+", re.IGNORECASE
        ),
        r"\1***",
    ),
    (re.compile(r"((?<![\w])sig=)[^\s&;,\"'<>]+", re.IGNORECASE), r"\1***"),
    (
        re.compile(
            r"\b((?:bearer|basic|negotiate|sharedaccesssignature)[ \t\"':]{1,10})"
            r"(?=[\w.~+/=%&-]{0,200}[\d=+/])[\w.~+/=%&-]{12,}",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "***"),
    (re.compile(r"(://[^/\s:@]{0,200}:)[^/\s@]{1,200}@"), r"\1***@"),
)


def redacted(text: str) -> str:
    """The text with `***` where a secret may stand; what is left reads as before."""
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text
