"""One place where others leave events: its Kafka answers, its topics exist, and we may read them."""

from __future__ import annotations

import time

from deploy.check.line import Line, fault, good
from producers.eventlog.consumer import ShippedReader
from streams.contracts.errors import FatalError, RetriableError
from streams.runtime.settings import EventLogSettings, KafkaConnection

_WAIT_S = 3.0
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
    """The line of one [[eventlog]] table; `own`: the installation's Kafka."""
    area = f"eventlog/{table.name}"
    connection = table.connection(own)
    reader = ShippedReader(connection, table.topics, "synchealth-check", max_records=1)
    topics, where = ", ".join(table.topics), ", ".join(connection.bootstrap_servers)
    try:
        seen = _anything(reader)
        missing = sorted(reader.missing)
    except FatalError as error:
        return fault(area, str(error), _GRANT[table.format])
    except RetriableError as error:
        network = "check bootstrap_servers, security_protocol and the network"
        return fault(area, str(error), _SHIP[table.format] if reader.in_contact else network)
    finally:
        reader.close()
    if missing:
        return fault(area, f"{where} has no topic {', '.join(missing)}", _SHIP[table.format])
    return good(area, f"{topics} can be read" + ("" if seen else f", but hold nothing yet (waited {_WAIT_S:.0f} s)"))


def _anything(reader: ShippedReader) -> bool:
    """Whether there is a record; a topic that holds some hands the first one out long before the time is over."""
    until = time.monotonic() + _WAIT_S
    while True:
        if reader.poll(0.5):
            return True
        if time.monotonic() > until:
            return False
