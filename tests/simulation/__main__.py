"""Play seeds: `python -m tests.simulation --seed 7 --verbose`, or many: `--seeds 0-999`."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections import Counter


def main() -> int:
    """Exit code 1 where a seed found a fault."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets must be the same in every process
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one")
    parser.add_argument("--seeds", default="0-49", help="play all of these, e.g. 0-999")
    parser.add_argument("--steps", type=int, help="so many steps of history; else the seed says how many")
    parser.add_argument("--verbose", action="store_true", help="tell the story")
    options = parser.parse_args()
    from tests.simulation.play import Outcome, play

    first, _, last = options.seeds.partition("-")
    seeds = [options.seed] if options.seed is not None else range(int(first), int(last or first) + 1)
    failed, counts, began = [], Counter[str](), time.process_time()
    for number, seed in enumerate(seeds, start=1):
        try:
            outcome = play(seed, options.steps)
        except Exception as error:
            traceback.print_exc()
            outcome = Outcome(seed, [f"it broke off: {type(error).__name__}: {error}"], "")
        counts.update(outcome.counts)
        if options.verbose:
            print("\n".join(outcome.story))
        if outcome.faults:
            failed.append(seed)
            steps = "" if options.steps is None else f" --steps {options.steps}"
            print(f"seed {seed} fails, play it again: python -m tests.simulation --seed {seed}{steps} --verbose")
            print("".join(f"  {fault}\n" for fault in outcome.faults[:5]), end="", flush=True)
        if options.seed is not None:
            print(f"transcript {outcome.digest}")
        if number % 50 == 0:
            print(f"{number} seeds, {len(failed)} failed, {time.process_time() - began:.0f} s", flush=True)
    print(f"{len(list(seeds))} seeds, {len(failed)} failed; {dict(sorted(counts.items()))}")
    return 1 if failed else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # what was killed before it began would complain at the exit of the interpreter
