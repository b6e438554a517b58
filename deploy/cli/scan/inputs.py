"""What a scan reads objects from: each once in order, and again by number."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from deploy.cli.scan.json_lines import decode_line, encode_object
from deploy.cli.scan.record import Record
from streams.contracts.errors import InvalidRecordError
from streams.hygiene.objects import DirectoryObject


class Input(Protocol):
    """Objects to scan. Iterate `objects` once to its end, then `read` any by number.

    problems: one sentence per record that could not be used, known once `objects` is exhausted.
    """

    problems: list[str]
    dropped_problems: int

    def objects(self) -> Iterator[DirectoryObject]:
        """Every usable object, in order."""

    def read(self, ordinal: int) -> DirectoryObject:
        """Object number `ordinal` (from 0) again."""


class _Offsets:
    """Reads objects again by the offset of their line: 8 bytes of memory per object."""

    _MOST_PROBLEMS = 1000

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.dropped_problems = 0
        self._offsets = array("Q")

    def _note(self, problem: InvalidRecordError) -> None:
        if len(self.problems) < self._MOST_PROBLEMS:
            self.problems.append(str(problem))
        else:
            self.dropped_problems += 1

    def _read_at(self, file: BinaryIO, ordinal: int) -> DirectoryObject:
        file.seek(self._offsets[ordinal])
        return decode_line(file.readline())


class FileInput(_Offsets):
    """A file of JSON lines, read in place; whoever opened it closes it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def objects(self) -> Iterator[DirectoryObject]:
        """Every usable object, in order; a bad line is noted with its number."""
        offset = self._file.tell()
        for number, line in enumerate(self._file, start=1):
            start, offset = offset, offset + len(line)
            if not line.strip():
                continue
            try:
                subject = decode_line(line)
            except InvalidRecordError as error:
                self._note(InvalidRecordError(error.reason, f"line {number}: {error}"))
                continue
            self._offsets.append(start)
            yield subject

    def read(self, ordinal: int) -> DirectoryObject:
        """Object number `ordinal` again."""
        return self._read_at(self._file, ordinal)


class SpooledInput(_Offsets):
    """Any stream of records, written to a temporary file that nobody else can open, to be read again."""

    def __init__(self, records: Iterable[Record]) -> None:
        super().__init__()
        self._records = records
        self._file = tempfile.TemporaryFile(prefix="synchealth-scan-")  # noqa: SIM115 - closed by __exit__

    def objects(self) -> Iterator[DirectoryObject]:
        """Every usable object, in order; what could not be read is noted."""
        offset = 0
        for record in self._records:
            if isinstance(record, InvalidRecordError):
                self._note(record)
                continue
            self._offsets.append(offset)
            offset += self._file.write(encode_object(record))
            yield record
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def read(self, ordinal: int) -> DirectoryObject:
        """Object number `ordinal` again."""
        return self._read_at(self._file, ordinal)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
