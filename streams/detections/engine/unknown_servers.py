"""An event topic speaks for more new servers than may be believed: invented ones, or servers that we do not hear.

Whoever may write into the topic can name any server, so that only so many new ones are learned
(producers/eventlog/admitted_servers.py). What the others say is refused, which one finding tells for all of them.
"""

from __future__ import annotations

from streams.contracts.events import UNKNOWN_SERVERS, Event
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.tenant_view import TenantView

_OVER_MS = 3_600_000
"""As long as the number of new servers is counted."""
_NAMED = 3

DETECTION = Detection(
    id="engine.unknown_servers",
    views=(TenantView,),
    title="An event topic speaks for too many new servers",
    severity=Severity.HIGH,
    remediation=(
        "Name your Connect servers and agents (servers in the [[eventlog]] table): then nobody else is heard. See who "
        "may write into the topic (`synchealth topics acls`), and who does: what the evidence names is invented, or "
        "yours and not heard."
    ),
    references=("https://kafka.apache.org/documentation/#security_authz",),
    false_positives=("A migration that brings more than fifty servers within an hour.",),
    known_gaps=(
        "The first fifty invented servers of an hour are believed, where none are named.",
        "Beside a list of servers, other names are dead letters (`unknown_server`) and no finding.",
    ),
    no_story="Nobody invents servers in a rehearsal; tests/unit/producers/eventlog/test_speakers.py does.",
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a topic has spoken for a new server that was refused within the last hour."""
    floods = [event for event in view.events if event.name == UNKNOWN_SERVERS and _stands(event, now_ms)]
    if not floods:
        return None
    topics = sorted({str(topic) for event in floods for topic in event.details.get("topics", ())})
    servers = [str(name) for event in floods for name in event.details.get("servers", ())]
    many = sum(_number(event, "distinct") for event in floods)
    since_ms = min(_number(event, "since_ms") or event.ts_ms for event in floods)
    named = ", ".join(servers[:_NAMED])
    return Verdict(
        summary=f"{', '.join(topics)}: {many:,} new server{'s' if many > 1 else ''} refused, such as {named}",
        since_ms=since_ms,
        open_at_ms=0,
        recheck_at_ms=min(event.ts_ms for event in floods) + _OVER_MS,
        subject=view.subject(),
        evidence={
            "topics": topics,
            "tables": sorted(str(event.details.get("table")) for event in floods),
            "servers": servers,
            "refused_servers": many,
            "refused_events": sum(_number(event, "refused") for event in floods),
            "latest": rfc3339(max(event.ts_ms for event in floods)),
        },
    )


def _stands(event: Event, now_ms: int) -> bool:
    return _number(event, "distinct") > 0 and now_ms < event.ts_ms + _OVER_MS


def _number(event: Event, name: str) -> int:
    found = event.details.get(name)
    return found if isinstance(found, int) else 0
