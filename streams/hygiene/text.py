"""Text as directories count it: UTF-16 code units, Unicode whitespace, comparison keys.

AD stores "Unicode string" attributes as UTF-16, and its limits (and IdFix's, which is .NET) count code
units: a character outside the Basic Multilingual Plane is two. Entra does not say what it counts; we
take the same unit.
"""

from __future__ import annotations

import re
import unicodedata

WHITESPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
"""Unicode whitespace, to stand inside a character class.

Not `\\s`: Python counts U+001C to U+001F as whitespace, .NET and Unicode do not.
"""

_IGNORABLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")


def utf16_length(text: str) -> int:
    """How many UTF-16 code units the text has."""
    return len(text) if text.isascii() else len(text) + sum(character > "\uffff" for character in text)


def longer_than(text: str, limit: int) -> bool:
    """Whether the text has more than `limit` UTF-16 units; counts only where it must."""
    units = len(text)
    return units > limit or (2 * units > limit and utf16_length(text) > limit)


def utf16_cut(text: str, limit: int) -> str:
    """The longest start of the text that has at most `limit` UTF-16 units and splits no character.

    IdFix may cut between the halves of a surrogate pair; what it would propose then is not text, and no
    file can hold it, so the odd half is left off here.
    """
    if not longer_than(text, limit):
        return text
    if text.isascii():
        return text[:limit]
    return text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore")


def utf16_position(text: str, index: int) -> int:
    """The offset in UTF-16 units of the character at Python index `index`."""
    return utf16_length(text[:index])


def linguistic_key(text: str) -> str:
    """A key that is equal for texts that .NET Framework's invariant culture calls equal, ignoring case.

    Composed and decomposed accents are equal and zero-width characters do not count (idfix.md section 6;
    the part beyond ASCII was not run on Windows).
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", _IGNORABLE.sub("", unicodedata.normalize("NFC", text).casefold()))


def comparison_key(text: str) -> str:
    """The key under which Entra holds two addresses or names to be one: neither case nor outer blanks count.

    No Unicode folding beyond lower case: none is documented, and two merged values would be a false conflict.
    """
    return text.strip().lower()


_LETTERS = str.maketrans(
    {
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
        "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ł": "l", "Ł": "L", "þ": "th", "Þ": "Th",
        "ħ": "h", "Ħ": "H", "ı": "i", "ŋ": "n", "Ŋ": "N", "ŧ": "t", "Ŧ": "T",
    }
)  # fmt: skip


def ascii_letters_of(text: str) -> str:
    """The text in ASCII: letters lose their marks (é becomes e), what has no ASCII letter is left out."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return plain.encode("ascii", "ignore").decode("ascii")
