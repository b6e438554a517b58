"""What one identity costs the engine, without Kafka: CPU time by case and by layer.

    python -m tests.bench.engine [--identities 400] [--passes 5]

Facts are decoded, projected and encoded as contributions, these decoded and evaluated, as two agents do it, rows in
memory. Each case is played several times; of each slice of it the least time counts, so that neighbours weigh little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from msgspec.structs import replace

from streams.contracts.codec import decode, encode
from streams.contracts.facts import Domain, Fact, FactChunk, Operation, Origin, TenantState
from streams.contracts.identity import partition_of
from streams.contracts.views import ContextUpdate, Contribution, ContributionChunk, Control, Tick, WatermarkUpdate
from streams.detections.detection import context_of
from streams.detections.registry import all_detections
from streams.directory.fold import fold
from streams.directory.rows import MemoryRows
from streams.directory.state import new_state
from streams.evaluation.derived import derive
from streams.evaluation.outcome import Look
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.evaluation.projector import Projector
from streams.evaluation.rules import RuleRunner
from streams.evaluation.view_row import ViewRow, load_view
from streams.measures.registry import counts_of, recount_at, waits_of
from streams.views.registry import AnyView
from tests.bench.identity import facts, whole
from tests.support.pipeline import AD, ENTRA, TENANT

START_MS = 1_790_000_000_000
CHUNK = 25
DOMAINS = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
STATE = TenantState(tenant=TENANT, seq=1, ts_ms=START_MS, domains=DOMAINS, features={}, collected=True)


class Engine:
    """Projector and partition as they stand in a worker, and the bytes between them."""

    def __init__(self) -> None:
        self.projector, self.partition = Projector({}), ViewPartition(all_detections(), EvaluatorOptions())
        self.objects, self.views = MemoryRows(), MemoryRows()
        self.partition.restore(self.views)
        for source in (f"forest/{AD.forest}", f"cloud/{TENANT}"):
            mark = WatermarkUpdate(
                sent_ms=START_MS, tenant=TENANT, source=source, partition=0, partitions=1, read_ms=START_MS
            )
            self.partition.apply(mark, self.views)
        self.partition.apply(ContextUpdate(sent_ms=START_MS, tenant=STATE), self.views)

    def take(self, raw: bytes) -> None:
        """A chunk of facts, and all that views tell each other for it."""
        chunk = decode(raw, FactChunk)
        words = [word for fact in chunk.facts for word in self.projector.apply(chunk.origin, fact, self.objects)]
        while words:
            sent = encode(ContributionChunk(sent_ms=START_MS, items=words))
            words = self.partition.apply(decode(sent, ContributionChunk), self.views).contributions

    def again(self) -> None:
        """Every view is judged again."""
        self.partition.apply(Control(sent_ms=START_MS, action="reevaluate"), self.views)
        while self.partition.pending:
            self.partition.apply(Tick(now_ms=START_MS), self.views)


def chunks(origin: Origin, told: Iterable[Fact]) -> Iterator[bytes]:
    """The facts as records."""
    facts_of = iter(told)
    while chunk := list(islice(facts_of, CHUNK)):
        yield encode(FactChunk(origin=origin, facts=chunk))


def renamed(fact: Fact) -> Fact:
    """One attribute of a known object changes."""
    changed = {"telephoneNumber": "+43 1 555"} if "sn" in fact.attributes else {"businessPhones": ["+43 1 555"]}
    return replace(
        fact, op=Operation.UPDATED, seq=fact.seq + (1 << 30), attributes=changed, links={}, full=False
    )  # fmt: skip


def least(passes: int, play: Callable[[], Iterator[Callable[[], Any]]]) -> float:
    """CPU seconds of a case: of each of its slices the fastest of some passes."""
    best: list[float] = []
    for _ in range(passes):
        times = []
        for piece in play():
            began = time.process_time()
            piece()
            times.append(time.process_time() - began)
        best = list(map(min, best, times)) if best else times
    return sum(best)


def cases(count: int, passes: int) -> None:
    """Each case on rows of its own, prepared without being measured."""
    told = list(facts(count, whole))
    ours, theirs = ([fact for origin, fact in told if origin is each] for each in (AD, ENTRA))

    def play(*measured: bytes, before: Sequence[bytes] = (), again: bool = False) -> Iterator[Callable[[], Any]]:
        engine = Engine()
        for raw in before:
            engine.take(raw)
        yield from (engine.again for _ in range(again))
        yield from (partial(engine.take, raw) for raw in measured)

    first = [*chunks(AD, ours), *chunks(ENTRA, theirs)]
    for name, case in (
        ("first reading of AD", partial(play, *chunks(AD, ours))),
        ("first reading of both sides", partial(play, *first)),
        ("every view judged again", partial(play, before=first, again=True)),
        ("one attribute of a known user of AD", partial(play, *chunks(AD, map(renamed, ours)), before=first)),
        ("the same told a second time", partial(play, *first, before=first)),
    ):
        print(f"{name:42}{least(passes, case) / count * 1e6:9,.0f} µs an identity", flush=True)


def over(given: Callable[[], Sequence[Any]], do: Callable[[Any], Any]) -> Callable[[], Iterator[Callable[[], Any]]]:
    """Do it for each item that is given, afresh for each pass, in forty slices."""

    def play() -> Iterator[Callable[[], Any]]:
        items = given()
        step = max(1, len(items) // 40)
        for at in range(0, len(items), step):
            yield lambda part=items[at : at + step]: [do(item) for item in part]

    return play


def layers(count: int, passes: int) -> None:
    """Where the time of a first reading of both sides goes: each layer alone, over what the one before it made."""
    told = list(facts(count, whole))
    raw = [part for side in (AD, ENTRA) for part in chunks(side, (fact for origin, fact in told if origin is side))]
    engine, projector = Engine(), Fresh()
    words = [word for one in told for word in projector.apply(one)]
    for part in raw:
        engine.take(part)
    sent = [ContributionChunk(sent_ms=START_MS, items=words[at : at + 100]) for at in range(0, len(words), 100)]
    received = [encode(part) for part in sent]
    keys = [key for key in engine.views.rows if not key.startswith("~")]
    context = context_of(TENANT, STATE, 1_800_000)
    look = Look(context, START_MS, START_MS)

    def rows() -> list[tuple[str, ViewRow]]:
        return [(key, load_view(key, engine.views)) for key in keys]

    def views() -> list[tuple[AnyView, ViewRow]]:
        return [(view, row) for key, row in rows() if (view := row.view(key)) is not None]

    def measured(view: AnyView) -> None:
        for measure in (counts_of, recount_at, waits_of):
            measure(view, context, START_MS)

    def judged_by(family: str) -> Callable[[tuple[AnyView, ViewRow]], Any]:
        rules = RuleRunner([each for each in all_detections() if each.detection.family == family])
        return lambda one: rules.run(one[0], {}, {}, look)

    table = [
        ("facts: decoded", over(lambda: raw, lambda part: decode(part, FactChunk))),
        ("objects: folded", over(lambda: told, lambda one: fold(new_state(one[0], one[1].object_id), one[1]))),
        ("objects: folded, words, rows", over(lambda: told, Fresh().apply)),
        ("words: partition", over(lambda: words, lambda word: partition_of(word.view, 8))),
        ("words: encoded", over(lambda: sent, encode)),
        ("words: decoded", over(lambda: received, lambda part: decode(part, ContributionChunk))),
        ("views: rows read", over(lambda: keys, lambda key: load_view(key, engine.views))),
        ("views: built", over(rows, lambda one: one[1].view(one[0]))),
        *(
            (f"rules: {family}", over(views, judged_by(family)))
            for family in sorted({each.detection.family for each in all_detections()})
        ),
        ("views: what they tell", over(views, lambda one: derive(one[0], one[1].derived, 0, {}, look))),
        ("views: counts and waits", over(views, lambda one: measured(one[0]))),
        ("views: rows written", over(rows, lambda one: encode(one[1]))),
    ]
    for name, case in table:
        print(f"{name:42}{least(passes, case) / count * 1e6:9,.1f} µs an identity", flush=True)


class Fresh:
    """A projector that knows nobody yet."""

    def __init__(self) -> None:
        self._projector, self._rows = Projector({}), MemoryRows()

    def apply(self, told: tuple[Origin, Fact]) -> list[Contribution]:
        """The words that follow from the first fact of an object."""
        self._rows.rows.clear()
        return self._projector.apply(*told, self._rows)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", type=int, default=400)
    parser.add_argument("--passes", type=int, default=5)
    options = parser.parse_args()
    cases(options.identities, options.passes)
    print()
    layers(options.identities, options.passes)


if __name__ == "__main__":
    main()
