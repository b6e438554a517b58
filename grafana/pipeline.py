"""Dashboard "SyncHealth: its own health": are the directories read, is what was read worked off, who is behind?"""

from __future__ import annotations

from typing import Any

from grafana import links, queries
from grafana.overview import ANSWERS
from grafana.pages import STARTS, Row, datasource, page
from grafana.panels import BAD, bars, in_words, introduction, lines, listing, number, thresholds
from grafana.recorded import SILENT_S

UID = "synchealth-pipeline"
_INTRODUCTION = """\
**SyncHealth itself**: producers read directories, workers correlate, the exporter counts. Runbooks are those of the
pipeline's own alerts; what they cannot read or judge is on the [desk](${desk}) and in `synchealth deadletters list`."""
_SILENT = links.of_alerts("SyncHealthSourceSilent", "SyncHealthSourceStuck")
_LAG = links.of_alerts("SyncHealthWorkersLag", "SyncHealthBacklogStuck")
_DOWN = links.of_alerts(
    "SyncHealthProcessDown", "SyncHealthExporterDown", "SyncHealthStreamsDown", "SyncHealthProducersDown"
)
_CHANNELS = links.of_alerts("SyncHealthChannelFailing", "SyncHealthMessagesRefused")
_LATE_S = 60
"""As the alert SyncHealthWorkersLag has it."""


def build() -> Any:
    """The dashboard's model."""
    rows = (
        Row("Now", [introduction(_INTRODUCTION, height=2), *_now()]),
        Row("Sources", _sources()),
        Row("Workers and exporter", _workers()),
        Row("What is told, and what people say", _delivery()),
        Row("What could not be used", _unusable()),
        Row("Details of sources", _details(), folded=True),
    )
    description = "Whether SyncHealth itself is well: sources, workers, exporter, lag, and what could not be used."
    variables = [datasource("datasource", "prometheus")]
    return page("its own health", UID, description, rows, variables=variables, shown=(STARTS,))


def _now() -> list[Any]:
    return [
        in_words(
            number(
                "Blind sources",
                "Directories, tenants and logs that have not answered for five minutes.",
                "short",
                (queries.BLIND, "blind"),
                links=_SILENT,
                steps=thresholds((None, "green"), (1, "red")),
            ),
            {"0": "none"},
        ),
        in_words(
            number(
                "Exporter",
                "Whether it has read all findings and follows them; while it still reads, nothing here is complete.",
                "short",
                (queries.READY, "exporter"),
                links=links.of_alerts("SyncHealthExporterNotReady", "SyncHealthExporterStale"),
                steps=thresholds((None, "red"), (1, "green")),
            ),
            {"1": "follows", "0": "still reading"},
        ),
        number(
            "Behind",
            "How late the slowest partition is correlated.",
            "s",
            (queries.WORKER_CLOCK_LAG, "slowest partition"),
            links=_LAG,
            steps=thresholds((None, "green"), (10, "orange"), (_LATE_S, "red")),
        ),
        number(
            "Rules that raised",
            "Looks at a view at which something raised, within the time shown: a fault of this version.",
            "short",
            (queries.FAULTS, "raised"),
            links=(*links.of_alerts("SyncHealthRuleFaults"), links.runbook("engine.view_failing")),
            steps=BAD,
        ),
        number(
            "Records lost",
            "Records that were deleted from a topic before they were read, within the time shown.",
            "short",
            (queries.LOST, "lost"),
            links=links.of_alerts("SyncHealthRecordsLost"),
            steps=BAD,
        ),
        number(
            "Dead letters",
            "Records that could not be used, within the time shown.",
            "short",
            (queries.DEAD_LETTERS_SHOWN, "letters"),
            links=links.of_alerts("SyncHealthDeadLetters"),
            steps=thresholds((None, "green"), (1, "orange")),
        ),
    ]


def _sources() -> list[Any]:
    return [
        listing(
            "Sources",
            "When each source last answered and last told a change, whether it reads everything now, and the readings "
            "that were ordered and are not done.",
            (queries.SOURCE_ANSWERS, ""),
            (queries.SOURCE_CONTACT_AGE, ""),
            (queries.SOURCE_CHANGE_AGE, ""),
            (queries.SOURCE_READS_ALL, ""),
            (queries.SOURCE_ORDERS, ""),
            (queries.SOURCE_SNAPSHOT, ""),
            links=links.of_alerts("SyncHealthSourceSilent", "SyncHealthNotToldAgain", "SyncHealthSourceResynced"),
            columns={
                "source": "Source",
                "Value #A": "State",
                "Value #B": "Last contact",
                "Value #C": "Last change",
                "Value #D": "Reads",
                "Value #E": "Ordered readings",
                "Value #F": "Objects of the latest full reading",
            },
            units={"Last contact": "s", "Last change": "s"},
            mappings={"State": ANSWERS, "Reads": {"1": "everything", "0": "what changes"}},
            limits={
                "State": thresholds((None, "red"), (1, "green")),
                "Last contact": thresholds((None, "green"), (SILENT_S, "red")),
                "Ordered readings": BAD,
            },
        ),
        lines(
            "Since last contact",
            "How long ago each source last answered, with or without news. Above the line it alerts.",
            "s",
            (queries.SOURCE_CONTACT_AGE, "{{source}}"),
            links=_SILENT,
            limit=SILENT_S,
        ),
        lines(
            "Errors of sources",
            "Failed attempts per second by stage and error, the ten with most. Single ones are normal; lasting ones "
            "alert.",
            "ops",
            (queries.SOURCE_ERRORS, "{{source}} {{stage}} {{error}}"),
            links=links.of_alerts("SyncHealthSourceErroring"),
            no_value="no errors",
        ),
    ]


def _workers() -> list[Any]:
    return [
        listing(
            "Processes",
            "Each process that Prometheus asks: whether it answers, for how long it has run, and its resident memory.",
            (queries.PROCESSES, ""),
            (queries.PROCESS_STARTED, ""),
            (queries.PROCESS_MEMORY, ""),
            links=_DOWN,
            columns={
                "job": "Job",
                "process": "Process",
                "instance": "Instance",
                "Value #A": "State",
                "Value #B": "Runs for",
                "Value #C": "Memory",
            },
            units={"Runs for": "s", "Memory": "bytes"},
            mappings={"State": {"1": "up", "0": "down"}},
            limits={"State": thresholds((None, "red"), (1, "green"))},
            width=12,
        ),
        lines(
            "Processes that answer",
            "Per job; a step down is a process that is gone.",
            "short",
            (queries.WORKERS_UP, "{{job}}"),
            links=_DOWN,
        ),
        lines(
            "Behind, in time",
            "How late the slowest partition is correlated. Above the line it alerts.",
            "s",
            (queries.WORKER_CLOCK_LAG, "slowest partition"),
            links=_LAG,
            width=8,
            limit=_LATE_S,
        ),
        lines(
            "Behind, in records",
            "Records waiting per topic of the workers, and records an exporter has not read.",
            "short",
            (queries.WORKER_LAG, "{{topic}}"),
            (queries.EXPORTER_BEHIND, "exporter {{instance}}"),
            links=_LAG,
            width=8,
            no_value="nothing waits",
        ),
        lines(
            "Partitions owned",
            "Partitions with a recovered owner; below the topic's number something is being moved or recovered.",
            "short",
            (queries.WORKER_PARTITIONS, "{{topic}}"),
            links=links.of_alerts("SyncHealthNoPartitions"),
            width=8,
        ),
        lines(
            "Throughput",
            "Contributions taken in and views judged per second.",
            "ops",
            (queries.WORKER_CONTRIBUTIONS, "contributions"),
            (queries.WORKER_EVALUATIONS, "views judged"),
            links=_LAG,
            width=8,
        ),
        lines(
            "Time per batch, p95",
            "Time to work off one batch, acknowledged writes included.",
            "s",
            (queries.WORKER_BATCH, "{{topic}}"),
            links=_LAG,
            width=8,
            no_value="no batch",
        ),
        lines(
            "Views to evaluate again",
            "What is left of a re-evaluation, as after an update or a change of settings.",
            "short",
            (queries.WORKER_BACKLOG, "views"),
            links=links.of_alerts("SyncHealthBacklogStuck"),
            width=8,
        ),
        lines(
            "Memory",
            "Resident memory, the ten largest processes.",
            "bytes",
            (queries.MEMORY, "{{job}} {{instance}}"),
            links=links.of_alerts("SyncHealthProcessDown"),
            width=12,
        ),
        lines(
            "Latest recovery",
            "How long the latest recovery of each table took; with RocksDB next to nothing.",
            "s",
            (queries.WORKER_RECOVERY, "{{topic}}"),
            links=links.of_alerts("SyncHealthNoPartitions", "SyncHealthStreamsDown"),
            width=12,
            no_value="no recovery yet",
        ),
    ]


def _delivery() -> list[Any]:
    return [
        in_words(
            number(
                "What people do with findings",
                "Whether the exporter has read it; while it has not, all that is open counts as unattended.",
                "short",
                (queries.ACTIONS_READ, "actions"),
                links=links.of_alerts("SyncHealthActionsUnread"),
                steps=thresholds((None, "red"), (1, "green")),
                width=6,
            ),
            {"1": "is known", "0": "is not known"},
        ),
        listing(
            "Channels",
            "Whether each channel takes messages, how many it refuses, and of how many findings something is still to "
            "be told. An end is not told while a source is not heard.",
            (queries.CHANNEL_TAKES_NOTHING, ""),
            (queries.CHANNEL_REFUSED, ""),
            (queries.CHANNEL_WAITING, ""),
            (queries.CHANNEL_CLOSINGS, ""),
            links=_CHANNELS,
            columns={
                "channel": "Channel",
                "Value #A": "State",
                "Value #B": "Refused",
                "Value #C": "Waiting",
                "Value #D": "Of these, ends",
            },
            mappings={"State": {"0": "takes messages", "1": "takes nothing"}},
            limits={"State": BAD, "Refused": BAD},
            width=9,
            no_value="no channel",
        ),
        bars(
            "Messages",
            "Attempts to deliver in each step by channel and outcome, the ten with most.",
            "short",
            (queries.MESSAGES, "{{channel}} {{outcome}}"),
            links=_CHANNELS,
            width=9,
            no_value="no message",
        ),
    ]


def _unusable() -> list[Any]:
    return [
        bars(
            "Dead letters by reason",
            "Records that could not be used in each step, the ten reasons with most; `synchealth deadletters list` has "
            "them.",
            "short",
            (queries.DEAD_LETTERS, "{{reason}}"),
            links=links.of_alerts("SyncHealthDeadLetters"),
            no_value="none",
        ),
        lines(
            "Windows events that nobody reads",
            "Per day, the ten most frequent by provider and id: what servers write and no reader knows. Other: foreign "
            "providers. None of them is a fault; an id that matters is a gap of ours.",
            "short",
            (queries.SOURCE_UNREAD, "{{provider}} {{event_id}}"),
            links=links.of_alerts("SyncHealthDeadLetters"),
            no_value="all are read",
        ),
    ]


def _details() -> list[Any]:
    return [
        lines(
            "Since last change",
            "How long ago each source last told a change. Long is normal at night.",
            "s",
            (queries.SOURCE_CHANGE_AGE, "{{source}}"),
            links=_SILENT,
        ),
        lines(
            "Facts published",
            "What the sources put on Kafka per second, by operation, the ten largest: r snapshot, c created, "
            "u changed, d deleted.",
            "ops",
            (queries.SOURCE_FACTS, "{{source}} {{op}}"),
            links=_SILENT,
            no_value="no news",
        ),
        lines(
            "Objects of the latest full reading",
            "Climbs while a source is read in full (first snapshot or resync), then stays.",
            "short",
            (queries.SOURCE_SNAPSHOT, "{{source}}"),
            links=links.of_alerts("SyncHealthSourceResynced"),
        ),
        lines(
            "Time to deliver, p95",
            "From handing a batch to Kafka to its acknowledgement and the saved position.",
            "s",
            (queries.SOURCE_DELIVERY, "{{source}}"),
            links=links.of_alerts("SyncHealthSourceErroring"),
            no_value="no batch",
        ),
    ]
