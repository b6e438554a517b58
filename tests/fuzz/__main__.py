"""Fuzz every decoder, or one: `python -m tests.fuzz --records 1000000 [--decoder NAME] [--seed N]`."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time

import structlog

from tests.fuzz.decoders import Decoder, decoders

LONGEST_S = 5.0
_TOLD_EVERY_S = 30.0


def attack(decoder: Decoder, seed: int) -> str | None:
    """Try one record; how the decoder broke its law, or None."""
    chance = random.Random(f"{decoder.name}/{seed}")
    record = decoder.make(chance.choice(decoder.samples), chance)
    # The clock of the process costs as much as many a record: it is asked only where the other one says "long".
    for clock in (time.monotonic, time.process_time):
        began = clock()
        try:
            decoder.decode(record)
        except decoder.errors:
            pass
        except Exception as error:
            return f"{type(error).__name__}: {error!s:.200}, for {record!r:.500}"
        took_s = clock() - began
        if took_s <= LONGEST_S:
            return None
    return f"took {took_s:.1f} s for {record!r:.500}"


def main() -> int:
    """Exit code 1 where a decoder broke its law."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="for all decoders together")
    parser.add_argument("--decoder", help="this one alone")
    parser.add_argument("--seed", type=int, help="this record alone")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chosen = [each for each in decoders() if options.decoder in (None, each.name)]
    if not chosen:
        parser.error(f"no decoder is called {options.decoder!r}: {', '.join(each.name for each in decoders())}")
    share = max(1, options.records // len(chosen))
    failed = 0
    for decoder in chosen:
        began = told = time.monotonic()
        found: set[str] = set()
        tries = max(1, int(share * decoder.share))
        for seed in [options.seed] if options.seed is not None else range(tries):
            fault = attack(decoder, seed)
            if fault is not None and fault[:60] not in found and len(found) < 20:
                found.add(fault[:60])
                print(f"{decoder.name} fails, once more: python -m tests.fuzz --decoder '{decoder.name}' --seed {seed}")
                print(f"  {fault}", flush=True)
            if time.monotonic() - told > _TOLD_EVERY_S:
                told = time.monotonic()
                print(f"{decoder.name}: {seed:,} of {tries:,} records", flush=True)
        failed += bool(found)
        took_s = time.monotonic() - began
        print(f"{decoder.name}: {tries:,} records in {took_s:.0f} s, {len(found)} kinds of faults", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
