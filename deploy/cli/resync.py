"""`synchealth resync`: order a source to emit everything again, and see how far it is."""

from __future__ import annotations

import getpass
import socket
import sys
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.table import Table

from deploy.cli.filters import existing
from deploy.cli.terminal import config_option, console, installation, reading, show, write_json
from producers.publisher import KafkaPublisher
from streams.contracts.checkpoint import CONTACT, Checkpoint
from streams.contracts.codec import decode
from streams.contracts.errors import InvalidRecordError, SyncHealthError
from streams.contracts.orders import LONGEST_PAUSE_MS, Answer, Order, order_in
from streams.contracts.times import age
from streams.contracts.topics import CHECKPOINTS
from streams.runtime.clock import now_ms, rfc3339
from streams.runtime.printable import printable
from streams.runtime.settings import KafkaSettings, Settings
from streams.runtime.topic_reader import TopicReader

_LOOK_S = 1.0
_HEARD_MS = 60_000  # producers speak four times a minute
_KINDS = {"ad": "ad", "graph": "entra", "eventlog": "eventlog"}


@dataclass(slots=True)
class OrderStatus:
    """The checkpoint topic as far as orders go. spoke_ms, phases: of a source's last contact (ms; phase, objects)."""

    orders: dict[str, Order] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    spoke_ms: dict[str, int] = field(default_factory=dict)
    phases: dict[str, tuple[str, int]] = field(default_factory=dict)

    def read(self, key: bytes | None, value: bytes | None) -> None:
        """Take in a record; what is none of this is left alone."""
        if key is None or value is None:
            return
        try:
            record = decode(value, Checkpoint)
            order = order_in(record)
        except InvalidRecordError:
            return
        if isinstance(order, Order):
            self.orders[order.scope] = order
        elif isinstance(order, Answer):
            self.answers[order.scope] = order
        elif record.source == CONTACT:
            phase, done = record.position.get("phase"), record.position.get("done")
            self.spoke_ms[record.part] = record.ts_ms
            if isinstance(phase, str) and isinstance(done, int):
                self.phases[record.part] = phase, done

    def answer(self, order: Order) -> Answer | None:
        """What became of exactly this order."""
        answer = self.answers.get(order.scope)
        return answer if answer is not None and answer.id == order.id else None

    def state(self, order: Order, at_ms: int) -> str:
        """How far it is, for people."""
        answer, earlier = self.answer(order), self.answers.get(order.scope)
        if answer is not None and answer.state == "begun":
            phase, done = self.phases.get(order.source, ("", 0))
            return f"under way since {rfc3339(answer.begun_ms)}" + (f" ({phase}: {done:,} so far)" if done else "")
        if answer is not None:
            return f"{answer.state} at {rfc3339(answer.ts_ms)}" + (f": {answer.note}" if answer.note else "")
        contact_ms = self.spoke_ms.get(order.source)
        if contact_ms is None or at_ms - contact_ms > _HEARD_MS:
            heard = f"was last heard {age((at_ms - contact_ms) / 1000)} ago" if contact_ms else "was never heard"
            return f"waits for the producer of {order.source}, which {heard}: start it"
        if earlier is not None and earlier.state == "begun":
            return f"waits for the reading that began at {rfc3339(earlier.begun_ms)}"
        if earlier is not None and (begins_ms := _begins_ms(earlier)) > at_ms:
            return f"waits until {rfc3339(begins_ms)}: the last one began at {rfc3339(earlier.begun_ms)}"
        return f"the producer of {order.source}, heard {age((at_ms - contact_ms) / 1000)} ago, begins within seconds"


@click.command()
@click.argument("source", required=False)
@click.option("--forest", help="With SOURCE ad: this forest alone.")
@click.option("--tenant", help="This tenant's sources alone.")
@click.option("--collection", default="", help="Of Entra: objects, logs, users, groups …; of AD: a naming context.")
@click.option("--why", default="by hand", help="A word for whoever reads the log.")
@click.option("--wait", is_flag=True, help="Return when everything was told again; exit 1 if that is refused.")
@click.option("--json", "as_json", is_flag=True, help="One order per line.")
@config_option
def resync(
    source: str | None,
    forest: str | None,
    tenant: str | None,
    collection: str,
    why: str,
    wait: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Order SOURCE to tell everything again: ad:FOREST, graph:TENANT, eventlog:NAME, or all of ad, graph, eventlog.

    Known objects are told again, and deletions; findings correct themselves as it is read. The producer of the source
    carries the order out, once, also after a restart. Without SOURCE: what was ordered, and how far it is.
    """
    settings = installation(config)
    standing = OrderStatus()
    try:
        if source is None:
            if forest or tenant or collection or wait:
                raise click.UsageError("name the SOURCE that is meant: " + _names(settings.sources))
            with reading():
                _read(settings.kafka, standing)
            _show([*standing.orders.values()], standing, as_json)
            return
        chosen = choose(settings, source, forest, tenant)
        for name in chosen:
            _require_collection(name, collection)
        with reading():
            _read(settings.kafka, standing)
        orders = [new_order(name, collection, why) for name in chosen]
        _write(settings.kafka, orders)
        for order in orders:
            standing.orders[order.scope] = order
        if wait:
            _wait(settings.kafka, orders, standing)
    except SyncHealthError as error:
        raise click.ClickException(str(error)) from error
    _show(orders, standing, as_json)
    if not wait and not as_json:
        click.echo("`synchealth resync` shows how far it is.")
    if any((answer := standing.answer(order)) is not None and answer.state == "refused" for order in orders):
        sys.exit(1)


def choose(settings: Settings, source: str, forest: str | None, tenant: str | None) -> list[str]:
    """The names of `settings.sources` that are meant. Raises click.UsageError, which names what there is."""
    tenants = {f"ad:{each.name}": each.tenants for each in settings.forest}
    tenants |= {f"graph:{each.id}": [each.id] for each in settings.tenant}
    tenants |= {f"eventlog:{each.name}": [each.tenant] for each in settings.eventlog}
    existing("--forest", forest, {each.name for each in settings.forest})
    existing("--tenant", tenant, {each for several in tenants.values() for each in several}, prefix=True)
    # Logs and metrics say "ad/x" and "entra/x".
    wanted = source.lower().replace("entra/", "graph:").replace("/", ":")
    existing("SOURCE", wanted, {"all", *_KINDS, *(name.lower() for name in settings.sources)})
    named = [name for name in settings.sources if wanted in ("all", name.partition(":")[0], name.lower())]
    found = [name for name in named if forest is None or name == f"ad:{forest}"]
    found = [name for name in found if tenant is None or any(each.startswith(tenant) for each in tenants[name])]
    if not found:
        raise click.UsageError(f"nothing is {source} and of that forest or tenant; there is {_names(settings.sources)}")
    return found


def new_order(name: str, collection: str, why: str) -> Order:
    """An order of the one who types, for a source as `settings.sources` names it."""
    kind, _, own = name.partition(":")
    by = f"{_who()}@{socket.gethostname()}"
    return Order(f"{_KINDS[kind]}/{own}", uuid.uuid4().hex, by[:400], why[:400], now_ms(), collection)


def _require_collection(name: str, collection: str) -> None:
    """A naming context is the producer's to know; the others are known here."""
    if not collection or name.startswith("ad:"):
        return
    if name.startswith("eventlog:"):
        raise click.UsageError(f"{name} has no collections: its events are read again from all of its topics")
    from producers.graph.collections import COLLECTIONS
    from producers.graph.logs import LOGS as LOGS_OF_ENTRA
    from streams.contracts.orders import LOGS, OBJECTS

    existing("--collection", collection, {OBJECTS, LOGS, *(each.name for each in (*COLLECTIONS, *LOGS_OF_ENTRA))})


def _read(kafka: KafkaSettings, into: OrderStatus) -> None:
    with TopicReader(kafka, [CHECKPOINTS]) as reader:
        for record in reader.to_end():
            into.read(record.key, record.value)


def _write(kafka: KafkaSettings, orders: Iterable[Order]) -> None:
    publisher = KafkaPublisher(kafka, "synchealth-resync")
    try:
        publisher.publish_checkpoints([order.record() for order in orders])
        publisher.flush()
    finally:
        publisher.close()


def _wait(kafka: KafkaSettings, orders: Sequence[Order], into: OrderStatus) -> None:
    """Until every order is answered for good; says on stderr what changes."""
    shown = ""
    with TopicReader(kafka, [CHECKPOINTS]) as reader:
        while True:
            for record in reader.poll(_LOOK_S):
                into.read(record.key, record.value)
            answers = [into.answer(order) for order in orders]
            if all(answer is not None and answer.state != "begun" for answer in answers):
                return
            state = "\n".join(f"{order.scope}: {into.state(order, now_ms())}" for order in orders)
            if state != shown and reader.position.caught_up:
                shown = state
                click.echo(printable(state), err=True)


def _show(orders: Sequence[Order], standing: OrderStatus, as_json: bool) -> None:
    at_ms = now_ms()
    if as_json:
        for order in orders:
            answer = standing.answer(order)
            write_json(
                {
                    "source": order.source, "collection": order.collection, "id": order.id, "by": order.by,
                    "why": order.why, "ordered": rfc3339(order.ts_ms), "state": answer.state if answer else "waits",
                    "note": answer.note if answer else "", "said": standing.state(order, at_ms),
                }
            )  # fmt: skip
        return
    table = Table(box=None, pad_edge=False)
    for name in ("source", "what of it", "ordered", "by", "why", "how far"):
        table.add_column(name, overflow="fold")
    for order in orders:
        what = order.collection or "everything"
        cells = (order.source, what, rfc3339(order.ts_ms), order.by, order.why, standing.state(order, at_ms))
        table.add_row(*map(printable, cells))
    show(console(), table if orders else "nothing was ever ordered")


def _begins_ms(earlier: Answer) -> int:
    return earlier.begun_ms + min(earlier.pause_ms, LONGEST_PAUSE_MS)


def _names(sources: Iterable[str]) -> str:
    return ", ".join(sources) or "none (add a [[forest]], [[tenant]] or [[eventlog]])"


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
