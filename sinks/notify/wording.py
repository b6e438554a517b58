"""From findings to the text of messages. Whatever comes from a directory is one line, visible, and has an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from sinks.notify.notice import Kind, Notice
from sinks.notify.routes import Routes
from streams.contracts.finding import Finding, Holder, Severity
from streams.contracts.times import parse_rfc3339, rfc3339
from streams.runtime.printable import printable

LONGEST_TITLE, LONGEST_TEXT, LONGEST_FACT, MOST_LINES, MOST_INVOLVED = 150, 1000, 500, 20, 6


class Wording:
    """The words of an installation. titles: detection -> what it is called. desk: its address; "" where none is."""

    def __init__(self, titles: Mapping[str, str], routes: Routes, desk: str) -> None:
        self._titles = titles
        self._routes = routes
        self._desk = desk

    def of_finding(self, kind: Kind, finding: Finding, *, thread: str, key: str, note: str) -> Notice:
        """The message about one finding."""
        name = name_of(finding)
        over = f"Over since {finding.resolved_at or finding.updated_at}. " if kind is Kind.CLOSED else ""
        return Notice(
            kind=kind,
            thread=thread,
            key=key,
            at_ms=_ms(finding.updated_at),
            severity=finding.severity,
            title=shortened(f"{self._title(finding)}: {name}", LONGEST_TITLE),
            text=over + shortened(finding.summary, LONGEST_TEXT),
            facts=[(shortened(what, 80), shortened(value, LONGEST_FACT)) for what, value in self._facts(finding)],
            remediation="" if kind is Kind.CLOSED else shortened(finding.remediation, LONGEST_TEXT),
            note=note,
            desk_url=f"{self._desk}/f/{finding.id}" if self._desk else "",
            runbook_url=self._runbook(finding),
            finding=finding,
        )

    def of_forgotten(self, finding: str, severity: Severity, *, thread: str, key: str, now_ms: int) -> Notice:
        """The end of a finding of which nothing but its id is left."""
        return Notice(
            kind=Kind.CLOSED,
            thread=thread,
            key=key,
            at_ms=now_ms,
            severity=severity,
            title=f"Finding {finding}",
            text="It was over, and forgotten, before its end could be told.",
            facts=[("Finding", finding)],
            desk_url=f"{self._desk}/f/{finding}" if self._desk else "",
        )

    def of_several(
        self, findings: Sequence[Finding], why: Counter[str], *, key: str, now_ms: int, note: str
    ) -> Notice:
        """One message instead of many. findings: the loudest first."""
        reasons = "; ".join(f"{number:,} {reason}" for reason, number in why.most_common())
        return Notice(
            kind=Kind.SUMMARY,
            thread=key,
            key=key,
            at_ms=now_ms,
            severity=min((each.severity for each in findings), key=lambda severity: severity.rank),
            title=f"{len(findings):,} findings are told together",
            text=f"Not told one by one: {reasons}.",
            facts=_numbers(findings),
            lines=self._lines(findings),
            note=note,
            desk_url=self._desk,
        )

    def of_interval(
        self,
        opened: Sequence[Finding],
        closed: int,
        standing: int,
        *,
        key: str,
        since_ms: int,
        now_ms: int,
        note: str,
    ) -> Notice:
        """A digest. opened: those that opened in the interval and stand, the loudest first."""
        return Notice(
            kind=Kind.DIGEST,
            thread=key,
            key=key,
            at_ms=now_ms,
            severity=min((each.severity for each in opened), key=lambda severity: severity.rank, default=Severity.LOW),
            title=f"{len(opened):,} opened, {closed:,} resolved, {standing:,} open",
            text=f"From {rfc3339(since_ms)} to {rfc3339(now_ms)}.",
            facts=_numbers(opened),
            lines=self._lines(opened),
            note=note,
            desk_url=self._desk,
        )

    def _title(self, finding: Finding) -> str:
        return self._titles.get(finding.detection, finding.detection)

    def _lines(self, findings: Sequence[Finding]) -> list[str]:
        lines = [
            shortened(f"{each.severity.value}: {self._title(each)}: {name_of(each)}"
                      f"{f' {self._desk}/f/{each.id}' if self._desk else f' ({each.id})'}", 2 * LONGEST_TITLE)
            for each in findings[:MOST_LINES]
        ]  # fmt: skip
        more = len(findings) - MOST_LINES
        return [*lines, f"and {more:,} more"] if more > 0 else lines

    def _facts(self, finding: Finding) -> Iterator[tuple[str, str]]:
        yield "Severity", finding.severity.value
        yield "Detection", finding.detection
        if owners := self._routes.owners(finding):
            yield "Owner", ", ".join(owners)
        yield "Forest", finding.forest or "-"
        yield "Tenant", finding.tenant
        yield "Open since", finding.stands_since
        for holder in finding.counterparts[:MOST_INVOLVED]:
            yield f"{_SIDES.get(holder.side, 'Object')} ({holder.role or holder.kind})", _named(holder)
        if (more := len(finding.counterparts) - MOST_INVOLVED) > 0:
            yield "Also involved", f"{more:,} more"
        yield "Finding", finding.id

    def _runbook(self, finding: Finding) -> str:
        if finding.runbook_url.startswith(("https://", "http://")):
            return finding.runbook_url
        return f"{self._desk}/runbooks/{finding.detection}" if self._desk else ""


_SIDES = {"ad": "Active Directory", "entra": "Entra ID"}


def name_of(finding: Finding) -> str:
    """What people call what a finding is about."""
    subject = finding.subject
    return subject.display_name or subject.user_principal_name or subject.distinguished_name or subject.key


def shortened(text: str, longest: int) -> str:
    """A text of strangers: in one line, with nothing hidden in it, and at most so long."""
    shown = printable(text[:longest])
    return shown if len(text) <= longest and len(shown) <= longest else f"{shown[: longest - 1]}…"


def _named(holder: Holder) -> str:
    names = (holder.display_name, holder.user_principal_name, holder.distinguished_name or holder.id)
    return ", ".join(name for name in names if name)


def _numbers(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    by: Callable[[Callable[[Finding], str]], str] = lambda of: ", ".join(  # noqa: E731
        f"{number:,} {value}" for value, number in Counter(map(of, findings)).most_common(8)
    )
    if not findings:
        return []
    return [("By severity", by(lambda each: each.severity.value)), ("By detection", by(lambda each: each.detection))]


def _ms(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        return 0
