"""`make bench`: every benchmark in one run, one after the other, each in a process of its own.

python -m tests.bench [NAME …]        e.g. `python -m tests.bench streams scan`
Nothing is asserted. A benchmark that fails (a part is missing) is named, and the others go on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

# name -> arguments; from the pipeline's core outwards
BENCHMARKS: dict[str, tuple[str, ...]] = {
    "streams": ("--objects", "20000"),
    "fleet": ("--devices", "100000"),
    "latency": ("--changes", "40"),
    "producers": ("20000",),
    "ldap_read": ("5000",),
    "scrape": ("--findings", "100000"),
    "answers": ("--findings", "100000"),
    "takeover": ("--objects", "20000"),
    "idle": ("--seconds", "180"),
    "scan": ("50000",),
    "directory": ("--objects", "50000"),
    "entra_lab": ("20000",),
    "identity": ("2000",),
    "engine": ("--identities", "400"),
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; the exit code is the number of those that failed."""
    unknown = set(names) - BENCHMARKS.keys()
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}", flush=True)
    failed = []
    for name in names or BENCHMARKS:
        print(f"\n== {name} {' '.join(BENCHMARKS[name])}", flush=True)
        start = time.monotonic()
        if subprocess.run([sys.executable, "-m", f"tests.bench.{name}", *BENCHMARKS[name]], check=False).returncode:
            failed.append(name)
        print(f"   ({time.monotonic() - start:.0f} s)", flush=True)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
