"""Entries that cannot be mapped, kept whole with the reason."""

from __future__ import annotations

import base64

from producers.ad.ldap.wire import Entry
from streams.contracts.codec import dump_document
from streams.contracts.deadletter import DeadLetter
from streams.contracts.deadletter import dead_letter as refusal
from streams.contracts.errors import InvalidRecordError
from streams.runtime.clock import now_ms


def dead_letter(error: InvalidRecordError, entry: Entry) -> DeadLetter:
    """The dead letter of `entry`; its original is JSON: dn, and attributes with base64 values."""
    readable = {
        name: [base64.b64encode(value).decode("ascii") for value in values] for name, values in entry.attributes.items()
    }
    original = dump_document({"dn": entry.dn.encode("utf-8", "replace").decode(), "attributes": readable})
    return refusal(error.reason, str(error), stage="source", ts_ms=now_ms(), original=original)
