"""What was wrong before anybody looked: findings of the first reading, counted, dated, in order of repair. Pure.

A finding is of the first reading if its fault stood when the directories that it is about had been read whole for the
first time, and it opened within a day: patience is counted in cycles of synchronisation.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sinks.freshness import Freshness
from streams.contracts.finding import Finding, FindingState, Severity
from streams.contracts.times import parse_rfc3339, rfc3339
from streams.views.view import PATIENCE_CYCLES

DAY_MS = 86_400_000
_SETTLE_MS = 5_000
"""What follows from the last facts of a reading is told by then: views hear of objects, and of each other."""
UNDATED = "not dated"
_AGES_MS = {"5 years or more": 5 * 365, "1 to 5 years": 365, "90 days to 1 year": 90, "1 to 90 days": 1}
AGES = (*_AGES_MS, UNDATED)
# What the directories say of the object where nothing says since when it is wrong: the latest of these.
_TIMES = ("deleted_at", "last_sign_in", "registered", "last_synced", "created")


@dataclass(frozen=True, slots=True)
class FirstReading:
    """How far the first reading of each directory is.

    whole_ms: source ("ad/<forest>", "entra/<tenant>") -> when it was read whole; 0: it has not been.
    faults:   why something may be missing: what is still being read or worked off, a sentence each.
    patience_ms: how long rules wait for synchronisation before they report what may be on its way.
    """

    whole_ms: Mapping[str, int]
    faults: Sequence[str]
    patience_ms: int

    @property
    def complete(self) -> bool:
        """Whether every directory was read whole, and everything that it emitted was evaluated."""
        return not self.faults

    @property
    def ended_ms(self) -> int | None:
        """When the last of the directories was read whole; None: it has not been."""
        return max(self.whole_ms.values()) if self.whole_ms and all(self.whole_ms.values()) else None

    def covers(self, finding: Finding) -> bool:
        """Whether the fault stood when the directories that it is about were first read whole, or they are not yet."""
        forests = {f"ad/{finding.forest}"} if finding.forest else {name for name in self.whole_ms if name[:3] == "ad/"}
        about = [self.whole_ms.get(name, 0) for name in (f"entra/{finding.tenant}", *forests) if name in self.whole_ms]
        if not about or not all(about):
            return True
        ended_ms, opened_ms = max(about), _ms(finding.opened_at)
        if finding.subject.kind == "tenant":  # its "since" goes along with each synchronisation
            return opened_ms <= ended_ms + self.patience_ms
        return opened_ms <= ended_ms or (opened_ms <= ended_ms + DAY_MS and _since_ms(finding) <= ended_ms)


@dataclass(frozen=True, slots=True)
class ReportedFault:
    """One finding as the report has it.

    explains: how many findings about something else it accounts for; people: how many users they and it are about.
    dated_ms: since when it stands as far as the directories say, else when they last say anything of the object (ms);
              None where nothing older than a day is said.
    """

    finding: Finding
    explains: int
    people: int
    dated_ms: int | None
    age: str

    @property
    def order(self) -> tuple[Any, ...]:
        """Causes before symptoms, then the louder, what touches more people, the older."""
        dated_ms = self.dated_ms if self.dated_ms is not None else 1 << 62
        return -self.explains, self.finding.severity.rank, -self.people, dated_ms, self.finding.id

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "finding": self.finding,
            "explains": self.explains,
            "people": self.people,
            "dated": rfc3339(self.dated_ms) if self.dated_ms is not None else None,
            "age": self.age,
        }


@dataclass(slots=True)
class Group:
    """The faults of one detection by state (what was repaired, for as long as that is remembered) and by age."""

    family: str
    detection: str
    severity: Severity
    states: Counter[FindingState] = field(default_factory=Counter)
    ages: Counter[str] = field(default_factory=Counter)

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "family": self.family,
            "detection": self.detection,
            "severity": self.severity,
            "found": self.states.total(),
            "open": self.states[FindingState.OPEN],
            "explained": self.states[FindingState.SUPPRESSED],
            "repaired": self.states[FindingState.RESOLVED],
            "ages": {age: self.ages[age] for age in AGES if self.ages[age]},
        }


def first_reading_of(fresh: Freshness, sync_interval_s: float) -> FirstReading:
    """How far it is, by the last contacts of the sources."""
    contacts = {each.name: each.last_contact for each in fresh.sources if each.name.startswith(("ad/", "entra/"))}
    whole_ms = {name: last.whole_ms if last else 0 for name, last in contacts.items()}
    faults = [
        f"{name}: its first reading is not complete ({last.done if last else 0:,} objects so far)"
        for name, last in contacts.items()
        if not whole_ms[name]
    ]
    if not contacts:
        faults.append("no directory has ever been read")
    faults += fresh.lag_faults()
    waiting = fresh.lag.oldest_ms if fresh.lag is not None else None
    if not faults and waiting is not None and waiting < max(whole_ms.values()) + _SETTLE_MS:
        faults.append("what was read last is not worked off yet")
    return FirstReading(whole_ms, faults, int(PATIENCE_CYCLES * sync_interval_s * 1000))


def faults_of(findings: Iterable[Finding], first: FirstReading) -> list[ReportedFault]:
    """The faults of the first reading, in the order of repair: those that stand open, then what is counted under them,
    then what was repaired since.
    """
    known = {finding.id: finding for finding in findings}
    explained: dict[str, list[Finding]] = defaultdict(list)
    for finding in known.values():
        if finding.state is not FindingState.RESOLVED:
            for cause in _causes(finding, known):
                explained[cause].append(finding)
    found = [_fault(each, explained[each.id], first) for each in known.values() if first.covers(each)]
    states = list(FindingState)
    return sorted(found, key=lambda fault: (states.index(fault.finding.state), fault.order))


def groups_of(faults: Iterable[ReportedFault]) -> list[Group]:
    """The faults by family and detection: families with the most faults first, and so within a family."""
    groups: dict[str, Group] = {}
    families: Counter[str] = Counter()
    for fault in faults:
        finding = fault.finding
        group = groups.setdefault(finding.detection, Group(finding.family, finding.detection, finding.severity))
        group.severity = min(group.severity, finding.severity, key=lambda severity: severity.rank)
        group.states[finding.state] += 1
        group.ages[fault.age] += 1
        families[finding.family] += 1
    return sorted(groups.values(), key=lambda g: (-families[g.family], g.family, -g.states.total(), g.detection))


def _fault(finding: Finding, explained: Sequence[Finding], first: FirstReading) -> ReportedFault:
    people = {name for each in (finding, *explained) for name in _people(each)}
    by_ms = first.ended_ms or _ms(finding.opened_at)
    dated_ms = _dated_ms(finding, by_ms)
    others = sum(each.subject.key != finding.subject.key for each in explained)
    return ReportedFault(finding, others, len(people), dated_ms, _age(dated_ms, by_ms))


def _causes(finding: Finding, known: Mapping[str, Finding]) -> Iterator[str]:
    """What explains a finding, and what explains that."""
    seen = {finding.id}
    while finding.cause and finding.cause not in seen and finding.cause in known:
        seen.add(finding.cause)
        finding = known[finding.cause]
        yield finding.id


def _people(finding: Finding) -> Iterator[str]:
    """The users that a finding is about, each by one name on either side."""
    if finding.subject.kind == "user":
        yield finding.subject.key.split("/", 2)[-1]
    for holder in finding.counterparts:
        if holder.kind == "user":
            yield holder.source_anchor or holder.id


def _dated_ms(finding: Finding, by_ms: int) -> int | None:
    """See Fault. What is less than a day older than the reading may be no more than when we read it."""
    since_ms = _since_ms(finding)
    if since_ms < by_ms - DAY_MS:
        return since_ms
    values = {"created": finding.subject.created, **finding.evidence}
    times = [_ms(text) for name in _TIMES if isinstance(text := values.get(name), str)]
    return max((ms for ms in times if 0 < ms < by_ms - DAY_MS), default=None)


def _age(dated_ms: int | None, by_ms: int) -> str:
    if dated_ms is None:
        return UNDATED
    days = (by_ms - dated_ms) / DAY_MS
    return next((age for age, least in _AGES_MS.items() if days >= least), UNDATED)


def _since_ms(finding: Finding) -> int:
    since = finding.evidence.get("since")
    return _ms(since if isinstance(since, str) else finding.opened_at)


def _ms(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        return 0
