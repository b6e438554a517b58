"""The documents in a file, one after the other: JSON lines, one JSON document over many lines, or an array of them."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from streams.contracts.codec import NotJsonError, load_document
from streams.contracts.errors import SyncHealthError

_LONGEST_LINE = 64 * 1024 * 1024
_LONGEST_DOCUMENT = 256 * 1024 * 1024
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Unreadable = Callable[[int, str], None]


def documents(path: Path, unreadable: Unreadable, read: Callable[[int], None]) -> Iterator[Any]:
    """Each document of the file, lines one by one, so that a file of any length takes little memory.

    unreadable: called for a line that is no JSON: its number and why. read: called with how many bytes are done.

    Raises SyncHealthError where the file cannot be opened, or is one document of more than 256 MB.
    """
    try:
        yield from _documents(path, unreadable, read)
    except OSError as error:
        raise SyncHealthError(f"{path} cannot be read: {error.strerror}") from error


def _documents(path: Path, unreadable: Unreadable, read: Callable[[int], None]) -> Iterator[Any]:
    with path.open("rb") as file:
        begin = file.read(4)
        file.seek(0)
        if begin.startswith(_WIDE):  # what PowerShell's > writes
            yield from _whole(path, unreadable)
            return
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            text = line.removeprefix(codecs.BOM_UTF8).strip() if number == 1 else line.strip()
            if not text:
                continue
            try:
                document = load_document(text)
            except NotJsonError as error:
                if number == 1:  # no lines, then, but one document over many
                    yield from _whole(path, unreadable)
                    return
                unreadable(number, str(error))
                continue
            yield from document if isinstance(document, list) else [document]
            read(file.tell())


def _whole(path: Path, unreadable: Unreadable) -> Iterator[Any]:
    size = path.stat().st_size
    if size > _LONGEST_DOCUMENT:
        raise SyncHealthError(f"{path} is one document of {size:,} bytes: write one document per line (jq -c '.[]')")
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-16") if raw.startswith(_WIDE) else raw.decode("utf-8-sig")
        document = load_document(text)
    except (UnicodeError, NotJsonError) as error:
        lines = raw.splitlines()
        if len(lines) < 2 or raw.startswith(_WIDE):
            unreadable(1, str(error))
            return
        yield from _good_lines(lines, unreadable)
        return
    yield from document if isinstance(document, list) else [document]


def _good_lines(lines: list[bytes], unreadable: Unreadable) -> Iterator[Any]:
    """Lines after all, of which the first is damaged, as the beginning of a cut file is."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield load_document(line)
            except NotJsonError as error:
                unreadable(number, str(error))
