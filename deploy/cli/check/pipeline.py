"""The pipeline once it runs: each source's last contact, and how far the workers are."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.cli.check.line import Line, gap, good
from deploy.cli.terminal import headline
from sinks.freshness_source import read_freshness
from streams.contracts.errors import SyncHealthError
from streams.runtime.settings import Settings

AREA = "pipeline"
_MOST_LISTED = 10


def check_pipeline(settings: Settings) -> Iterator[Line]:
    """How fresh the findings are; a gap per reason why not, since `check` is also asked before the first start."""
    try:
        fresh = read_freshness(settings)
    except SyncHealthError:
        yield gap(AREA, "how fresh the findings are is not known", "see the lines about kafka")
        return
    if not fresh.faults:
        yield good(AREA, headline(fresh).plain)
    for source in fresh.sources:
        if source.last_contact is not None and source.last_contact.unread:
            most = sorted(source.last_contact.unread.items(), key=lambda each: (-each[1], each[0]))
            listed = ", ".join(f"{kind} ({number:,})" for kind, number in most[:_MOST_LISTED])
            more = f" and {len(most) - _MOST_LISTED} more kinds" if len(most) > _MOST_LISTED else ""
            advice = "nothing is wrong; ship only what is read (deploy/winlogbeat), or tell us of an id that matters"
            yield gap(source.name, f"events that no reader knows: {listed}{more}", advice)
    for fault in fresh.faults:
        yield gap(AREA, fault, "start the pipeline (`synchealth up`), or see what its log says")
