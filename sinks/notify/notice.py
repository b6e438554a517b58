"""The content of a message, before a channel gives it its form. Texts of strangers are one line each, and bounded."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from streams.contracts.finding import Finding, Severity


class Kind(StrEnum):
    """The kind of a message. SUMMARY: of findings that have no messages of their own; DIGEST: of an interval."""

    OPENED = "opened"
    CHANGED = "changed"
    CLOSED = "closed"
    SUMMARY = "summary"
    DIGEST = "digest"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message, as it is kept until it has been delivered.

    thread:   what all messages about one standing of a finding share: "<finding>-<ledger>-<turn>"; of others its
              own.
    key:      the message's own, the same with every attempt: by it a receiver knows a repetition.
    at_ms:    when what it is about happened.
    lines:    of a summary or a digest, what is listed.
    facts:    (name, value), in the order of their importance.
    note:     a remark on the message itself, e.g. that the next one follows in an hour; "": none.
    desk_url, runbook_url: "" where there is none.
    finding:  the whole record; None for a summary or a digest.
    """

    kind: Kind
    thread: str
    key: str
    at_ms: int
    severity: Severity
    title: str
    text: str
    facts: list[tuple[str, str]] = []
    lines: list[str] = []
    remediation: str = ""
    note: str = ""
    desk_url: str = ""
    runbook_url: str = ""
    finding: Finding | None = None

    @property
    def status(self) -> str:
        """One word for a subject line."""
        labels = {Kind.OPENED: self.severity.value, Kind.CHANGED: "changed", Kind.CLOSED: "resolved"}
        return labels.get(self.kind, self.kind.value)

    @property
    def links(self) -> list[tuple[str, str]]:
        """(what it is, where it leads), ours alone."""
        named = (("Open in SyncHealth", self.desk_url), ("Runbook", self.runbook_url))
        return [(name, url) for name, url in named if url]

    def plain(self) -> str:
        """The message as plain text."""
        parts = [self.text, "\n".join(f"{name}: {value}" for name, value in self.facts), "\n".join(self.lines)]
        parts += [f"What to do: {self.remediation}" if self.remediation else "", self.note]
        parts.append("\n".join(f"{name}: {url}" for name, url in self.links))
        return "\n\n".join(part for part in parts if part)
