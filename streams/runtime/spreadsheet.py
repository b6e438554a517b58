"""CSV that people open in a spreadsheet: a text that it would run is kept a text.

Source: OWASP, "CSV Injection": cells that begin with =, +, -, @, tab, carriage return or line feed, and their
full-width forms; also behind blanks and quotes, which spreadsheets skip; also behind a semicolon, which begins another
cell where the decimal point is a comma. A leading apostrophe makes them text.
"""

from __future__ import annotations

import re

from streams.runtime.printable import printable

_FORMULA = r"""[\s'"\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*[=+\-@＝＋－＠]"""
_RUN = re.compile(rf"[\t\r\n]|{_FORMULA}")
_BEHIND = re.compile(rf";(?!')(?=[\t\r\n]|{_FORMULA})")


def cell(value: str | None) -> str:
    """The text of a cell that a spreadsheet shows as it is, in one line, and that no terminal acts on.

    >>> cell('=HYPERLINK("x")'), cell(" ＠a"), cell("a=b"), cell("x; =1"), cell(None)
    ('\\'=HYPERLINK("x")', "' ＠a", 'a=b', "x;' =1", '')
    """
    text = value or ""
    kept = printable(_BEHIND.sub(";'", text) if ";" in text else text)
    return f"'{kept}" if _RUN.match(text) else kept


def as_it_is(value: str | None) -> str:
    """The text of a cell for a machine that reads it back (`--csv-raw`)."""
    return value or ""
