"""What is kept of one naming context: how far it was read, which objects were emitted, and how that is saved."""

from __future__ import annotations

import time
from collections.abc import Iterable

from producers.ad.position import Position
from producers.ad.root_dse import ServerIdentity
from producers.id_set import DurableIdSet, GoneIds
from producers.metrics import RESYNCS
from streams.contracts.checkpoint import Checkpoint
from streams.runtime.clock import HybridClock, now_ms
from streams.runtime.logs import get_logger

_SAVE_EVERY_S = 60.0  # how old a saved position may become while nothing happens

log = get_logger(__name__)


class StoredContext:
    """Position and ids of a naming context.

    selection:  which attributes are asked for (producers.ad.attributes.Watched); a position of others is none.
    published:  ids of objects that were emitted and live. containers: ids of objects that are not published.
    gone:       ids that were emitted as gone, the latest of them.
    """

    def __init__(self, name: str, source: str, sequence: HybridClock, selection: str) -> None:
        self.name = name
        self.source = source
        self.published = DurableIdSet(source, f"known/{name}")
        self.containers = DurableIdSet(source, f"containers/{name}")
        self.gone = GoneIds(source, f"gone/{name}")
        self.position = Position(name, selection=selection)
        self._selection = selection
        self._sequence = sequence
        self._saved_at = 0.0

    def restore(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Take back what was saved; what cannot be read counts as not saved, and is logged."""
        saved = list(checkpoints)
        for ids in (self.published, self.containers, self.gone):
            ids.restore(saved)
        for checkpoint in saved:
            if checkpoint.part == f"position/{self.name}" and checkpoint.position:
                self.position = Position.from_json(checkpoint.position)
                self.position.naming_context = self.name
                if self.position.to_json() != checkpoint.position:
                    log.error("the position cannot be read: full pass", source=self.source, naming_context=self.name)
        if self.published.damaged or self.containers.damaged:
            log.error("what was known cannot be read: full pass", source=self.source, naming_context=self.name)
            RESYNCS.labels(self.source, "position_unreadable").inc()
            self.position = Position(self.name, selection=self._selection)

    def begin_anew(self) -> None:
        """Forget how far was read; not when the directory last answered, for deletions may be missed since then."""
        contact_ms, again = self.position.contact_ms, self.position.again
        self.position = Position(self.name, contact_ms=contact_ms, again=again, selection=self._selection)

    def arrived(self, identity: ServerIdentity, domain_guid: str, highest_usn: int) -> None:
        """Note that everything up to `highest_usn` of this server was read."""
        self.position.servers[identity.service_name] = (identity.invocation_id, highest_usn)
        self.position.domain_guid = domain_guid
        self.position.contact_ms = now_ms()

    def changes(self, *, worth_it: bool) -> list[Checkpoint]:
        """The parts of the position, in the order in which they must be saved.

        worth_it: something was read; else a position is saved only now and then.
        """
        if not worth_it and time.monotonic() - self._saved_at < _SAVE_EVERY_S:
            return []
        self._saved_at = time.monotonic()
        seq, ts_ms, part = self._sequence.last, now_ms(), f"position/{self.name}"
        return [
            *self.published.changes(seq, ts_ms),
            *self.containers.changes(seq, ts_ms),
            *self.gone.changes(seq, ts_ms),
            Checkpoint(source=self.source, part=part, seq=seq, ts_ms=ts_ms, position=self.position.to_json()),
        ]
