"""What a reader gives for each record: an object, or why there is none. Readers go on after a bad record."""

from __future__ import annotations

from streams.contracts.errors import InvalidRecordError
from streams.hygiene.objects import DirectoryObject

Record = DirectoryObject | InvalidRecordError
