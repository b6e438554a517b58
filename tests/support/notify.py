"""A channel that remembers, and an installation whose sources are heard, for tests of what is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from sinks.freshness import Freshness, LastContact, SourceFreshness
from sinks.history.database import open_database
from sinks.lag import Lag
from sinks.notify.channels.channel import Channel
from sinks.notify.channels.registry import channels_of
from sinks.notify.ledger import NotificationLedger
from sinks.notify.metrics import Metrics
from sinks.notify.notice import Kind, Notice
from sinks.notify.post import Post
from sinks.notify.present import CurrentFindings, Sight
from sinks.notify.routes import Routes
from sinks.notify.wording import Wording
from sinks.sink import Meta
from streams.contracts.entries import Entry
from streams.contracts.finding import Holder, Subject
from streams.contracts.topics import FINDINGS
from streams.runtime.section import Section
from streams.runtime.settings import Settings
from streams.runtime.topic_reader import ReaderProgress
from tests.support.findings import FOREST, START_MS, TENANT, finding
from tests.support.receivers import Receiver

CHANNEL = "here"
DETECTIONS = {"conflict.duplicate_address": "conflict", "flow.lost": "flow"}
TITLES = {"conflict.duplicate_address": "Two objects, one address"}
DESK = "https://desk.example.com"


HOSTILE = "<!channel> <@U1> <https://evil.example|x> [y](https://evil.example) **b** <at>all</at> {{DATE(2020-01-01T00:00:00Z)}} &lt; \u202e\x1b[31m\r\nBcc: x@evil.example"  # noqa: E501


class Recording:
    """A channel that keeps what it was sent; `fails` is raised by the next calls, one each."""

    Options = Section

    def __init__(self, *, in_place: bool = False, each: bool = False) -> None:
        self.in_place, self.each = in_place, each
        self.sent: list[tuple[Notice, str]] = []
        self.fails: list[BaseException] = []

    def send(self, notice: Notice, reference: str) -> str:
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append((notice, reference))
        return reference or f"message {len(self.sent)}"

    def close(self) -> None: ...

    @property
    def kinds(self) -> list[str]:
        return [notice.kind.value for notice, _ in self.sent]

    @property
    def notices(self) -> list[Notice]:
        return [notice for notice, _ in self.sent]


def sight(at_ms: int, *, whole_ms: int = START_MS - 1000, ago_s: float = 1.0, oldest_ms: int | None = None) -> Sight:
    """Both directories were heard `ago_s` before and read whole at `whole_ms` (0: not yet)."""
    last = LastContact(at_ms - int(ago_s * 1000), "streaming" if whole_ms else "snapshot", 3, whole_ms=whole_ms)
    sources = [SourceFreshness(f"ad/{FOREST}", 1.0, last), SourceFreshness(f"entra/{TENANT}", 1.0, last)]
    return Sight(Freshness(at_ms, sources, Lag(0, oldest_ms, committed=True)))


class World:
    """One channel, its ledger in `folder`, and a clock that is moved by hand."""

    def __init__(
        self, folder: Path, *, route: dict[str, Any] | None = None, in_place: bool = False, most_per_hour: int = 60,
        digest_s: float | None = None, at_ms: int = START_MS,
    ) -> None:  # fmt: skip
        self.folder, self.most_per_hour, self.digest_s = folder, most_per_hour, digest_s
        self.now_ms = at_ms
        self.engine: Engine = open_database("", folder)
        self.channel = Recording(in_place=in_place)
        self.settings = Settings.model_validate(
            {
                "channel": [{"name": CHANNEL, "kind": "recording"}],
                "route": [{"channels": [CHANNEL]} | (route or {})],
            }
        )
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, [CHANNEL])
        self.start()

    def start(self, *entries: Entry) -> None:
        """As a process begins: what it knew is gone, but for the ledger; and it reads these."""
        routes = Routes(self.settings, DETECTIONS)
        self.present = CurrentFindings(routes, [CHANNEL])
        self.post = Post(
            CHANNEL, self.channel, NotificationLedger(self.engine, CHANNEL), self.present,
            Wording(TITLES, routes, DESK),
            self.metrics, most_per_hour=self.most_per_hour, settle_s=30.0, digest_s=self.digest_s, clock=self.clock,
        )  # fmt: skip
        self.say(*entries)
        self.present.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
        self.present.sight = sight(self.now_ms)
        self.post.turn()

    def clock(self) -> int:
        return self.now_ms

    def say(self, *entries: Entry) -> None:
        for entry in entries:
            self.present.add(entry, Meta(FINDINGS.name, 0, 0, self.now_ms, live=True))

    def after(self, seconds: float, look: Callable[[int], Sight] = sight) -> None:
        """So much later everything is looked at again."""
        self.now_ms += int(seconds * 1000)
        self.present.sight = look(self.now_ms)
        self.post.turn()

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"synchealth_notify_{name}", {"channel": CHANNEL, **labels})


def channel(there: Receiver, kind: str, **options: Any) -> Channel:
    table = {"name": "here", "kind": kind, "ca_file": str(there.ca_file), **options}
    return channels_of(Settings.model_validate({"channel": [table]}).channel, "synchealth", "1")["here"]


def notice(kind: Kind = Kind.OPENED, step: int = 1, **changes: Any) -> Notice:
    wording = Wording(TITLES, Routes(Settings(), {}), DESK)
    record = finding(1, **changes)
    return wording.of_finding(kind, record, thread=f"{record.id}-1", key=f"{record.id}-1-{step}", note="")


def hostile() -> Notice:
    """A finding in which every name means harm."""
    holder = Holder(side="ad", kind=HOSTILE, id=HOSTILE, display_name=HOSTILE, distinguished_name=HOSTILE, role=HOSTILE)
    subject = Subject(kind="user", key=HOSTILE, display_name=HOSTILE)
    return notice(summary=HOSTILE, remediation=HOSTILE, subject=subject, counterparts=[holder] * 500, forest=HOSTILE)
