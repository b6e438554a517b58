"""What was deleted unread is ordered again from the sources that said it, before the worker goes on behind the gap."""

from __future__ import annotations

import os
import socket

from streams.agents.client import MayNotWriteError, Producer
from streams.contracts.codec import encode
from streams.contracts.orders import LOGS, OBJECTS, Order
from streams.contracts.topics import AD_CHANGES, CHECKPOINTS, ENTRA_AUDITS, ENTRA_CHANGES, SERVER_EVENTS, VIEWS
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger
from streams.runtime.settings import Settings

log = get_logger(__name__)


def orders_for(settings: Settings, topic: str, partition: int, first: int, records: int) -> list[Order]:
    """An order for each source that writes `topic`: read again what stood in `records` records from `first` on.

    The same gap has the same id, so that a worker which finds it twice orders it once.
    """
    forests = [(f"ad/{forest.name}", "") for forest in settings.forest]
    tenants = [f"entra/{tenant.id}" for tenant in settings.tenant]
    servers = [(f"eventlog/{table.name}", "") for table in settings.eventlog if table.format == "winlogbeat"]
    hubs = [(f"eventlog/{table.name}", "") for table in settings.eventlog if table.format == "event_hub"]
    objects, logs = ([(name, collection) for name in tenants] for collection in (OBJECTS, LOGS))
    sources = {
        AD_CHANGES.name: forests,
        ENTRA_CHANGES.name: objects,
        ENTRA_AUDITS.name: [*logs, *hubs],
        SERVER_EVENTS.name: servers,
        # What objects and events say to views; a word that took another one back cannot be told again.
        VIEWS.name: [*forests, *objects, *logs, *servers, *hubs],
    }.get(topic, [])
    why = f"{records} records of {topic}/{partition} from offset {first} on were deleted before they were read"
    by = f"worker {socket.gethostname()}/{os.getpid()}"[:400]
    order_id = f"{topic}/{partition}/{first}+{records}"
    return [Order(source, order_id, by, why, now_ms(), collection) for source, collection in sources]


async def order_again(
    producer: Producer, settings: Settings, topic: str, partition: int, first: int, records: int
) -> None:
    """Write the orders; return when they are lasting. Raises Kafka's errors, except that we may not write there."""
    orders = orders_for(settings, topic, partition, first, records)
    if not orders:
        log.error("nobody_to_tell_again", topic=topic, advice="see the runbook of SyncHealthRecordsLost")
    for order in orders:
        word = order.record()
        key = f"{word.source}#{word.part}".encode()
        try:
            await producer.send_and_wait(CHECKPOINTS.name, encode(word), key=key, partition=0)
        except MayNotWriteError:
            advice = f"grant the worker Write on {CHECKPOINTS.name} (synchealth topics acls); now: synchealth resync"
            log.error("may_not_order", source=order.source, why=order.why, advice=advice)
        else:
            log.warning("ordered_again", source=order.source, collection=order.collection, why=order.why)
