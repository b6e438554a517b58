"""One place where others leave events: its Kafka answers, its topics exist, we may read them, and who ships there."""

from __future__ import annotations

import time

from deploy.cli.check.line import Line, fault, good
from deploy.cli.check.servers import server_lines
from producers.eventlog.consumer import shipped_reader
from streams.contracts.errors import FatalError, RetriableError
from streams.runtime.clock import now_ms
from streams.runtime.settings import EventLogSettings, KafkaConnection
from streams.runtime.topic_reader import StoredRecord, TopicReader

_WAIT_S = 3.0
# Of each partition: a server writes some hundred events an hour, and those that ship least are asked about most.
_TAIL = 2_000
_SHIP = {
    "winlogbeat": "start Winlogbeat (deploy/winlogbeat/winlogbeat.yml), or correct topics",
    "event_hub": "send AuditLogs and ProvisioningLogs there (diagnostic settings of Entra), or correct topics: "
    "the names of the hubs",
}
_GRANT = {
    "winlogbeat": "grant the user Describe and Read on the topics",
    "event_hub": "use the connection string of a policy that may Listen, with sasl_username $ConnectionString",
}


def check_eventlog(table: EventLogSettings, own: KafkaConnection) -> Line:
    """Whether the topics of one [[eventlog]] table can be read; `own`: the installation's Kafka."""
    return eventlog_lines(table, own)[0]


def eventlog_lines(table: EventLogSettings, own: KafkaConnection) -> list[Line]:
    """The lines of one [[eventlog]] table, for Windows events one more per server."""
    area = f"eventlog/{table.name}"
    connection = table.connection(own)
    reader = shipped_reader(connection, table.topics, "synchealth-check", tail=_TAIL)
    topics, where = ", ".join(table.topics), ", ".join(connection.bootstrap_servers)
    try:
        records = _latest(reader)
        missing = sorted(reader.missing)
    except FatalError as error:
        return [fault(area, str(error), _GRANT[table.format])]
    except RetriableError as error:
        network = "check bootstrap_servers, security_protocol and the network"
        return [fault(area, str(error), _SHIP[table.format] if reader.in_contact else network)]
    finally:
        reader.close()
    if missing:
        return [fault(area, f"{where} has no topic {', '.join(missing)}", _SHIP[table.format])]
    nothing = "" if records else f", but hold nothing yet (waited {_WAIT_S:.0f} s)"
    readable = good(area, f"{topics} can be read{nothing}")
    return [readable, *(server_lines(area, records, now_ms()) if table.format == "winlogbeat" else ())]


def _latest(reader: TopicReader) -> list[StoredRecord]:
    """The latest records of each partition, as far as they come within the time; [] where there are none."""
    until, found = time.monotonic() + _WAIT_S, list[StoredRecord]()
    while time.monotonic() < until:
        records = reader.poll(0.5)
        if found and not records:
            break
        found += [record for record in records if record.value]
    return found
