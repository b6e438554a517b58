"""Directory objects as a table: what Export-Csv and csvde write, a line of names and a line for each object.

Values of one attribute are joined by a semicolon (csvde's way, and the usual `-join ';'`), a bar or a line break,
before the type of the next address, so that an X.400 address keeps its own semicolons. Sources: Microsoft, "Csvde";
"Export-Csv".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from deploy.cli.scan.flat import is_name_of_object, object_of
from deploy.cli.scan.record import Record
from streams.contracts.errors import InvalidRecordError

_JOINED = {
    "proxyaddresses": re.compile(
        r"\s*[;|\n]\s*(?=[A-Za-z][A-Za-z0-9.-]*:)|\s*[, ]\s*(?=(?:smtp|sip|x400|x500|eum|spo):)", re.IGNORECASE
    ),
    "objectclass": re.compile(r"\s*[;|,\s]\s*"),
}
_DELIMITERS = ",;\t|"


def is_header(line: str) -> bool:
    """Whether this line names columns, one of them the object's name."""
    return len(line) < 100_000 and any(is_name_of_object(name) for name in _names(line)[1])


def csv_records(lines: Iterable[str]) -> Iterator[Record]:
    """The record of each row. Windows PowerShell writes a line of #TYPE before the names."""
    rows = iter(lines)
    header = next((line for line in rows if line.strip() and not line.startswith("#TYPE")), "")
    delimiter, names = _names(header)
    reader = csv.reader(rows, delimiter=delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield InvalidRecordError("csv", f"row at line {reader.line_num + 1}: {error}")
            continue
        if not row:
            continue
        try:
            if len(row) != len(names):
                raise InvalidRecordError("csv", f"{len(row)} cells under {len(names)} names")
            yield object_of({name: _values(name, cell) for name, cell in zip(names, row, strict=True)})
        except InvalidRecordError as error:
            yield InvalidRecordError("csv", f"row at line {reader.line_num + 1}: {error}")


def _names(header: str) -> tuple[str, list[str]]:
    """Delimiter and names: by the delimiter under which the first line has the most cells."""
    parsed = {each: next(csv.reader([header.rstrip("\r\n")], delimiter=each), []) for each in _DELIMITERS}
    delimiter = max(parsed, key=lambda each: len(parsed[each]))
    return delimiter, [name.strip() for name in parsed[delimiter]]


def _values(name: str, cell: str) -> list[str]:
    pattern = _JOINED.get(name.lower())
    return pattern.split(cell.strip()) if pattern is not None else [cell]
