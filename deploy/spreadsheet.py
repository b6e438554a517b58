"""CSV that people open in a spreadsheet: a text that it would run is kept a text.

Source: OWASP, "CSV Injection": cells that begin with =, +, -, @, tab, carriage return or line feed, and their
full-width forms; also behind blanks and quotes, which spreadsheets skip. A leading apostrophe makes them text.
"""

from __future__ import annotations

import re

from streams.runtime.printable import printable

_RUN = re.compile(r"""[\t\r\n]|[\s'"\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*[=+\-@＝＋－＠]""")


def cell(value: str | None) -> str:
    """The text of a cell that a spreadsheet shows as it is, in one line, and that no terminal acts on.

    >>> cell('=HYPERLINK("x")'), cell(" ＠a"), cell("a=b"), cell(None)
    ('\\'=HYPERLINK("x")', "' ＠a", 'a=b', '')
    """
    text = value or ""
    return f"'{printable(text)}" if _RUN.match(text) else printable(text)


def as_it_is(value: str | None) -> str:
    """The text of a cell for a machine that reads it back (`--csv-raw`)."""
    return value or ""
