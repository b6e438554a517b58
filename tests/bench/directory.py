"""What the lab directory costs: loading, memory, and a whole DirSync pass read by ldapsearch and by ldap3.

    python -m tests.bench.directory [--objects 100000]

CPU seconds are the server's own, so that figures compare across busy machines; wall seconds include the client.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from deploy.lab.directory.limits import Limits
from deploy.lab.directory.seeding import seed_users
from deploy.lab.directory.server import DirectoryServer
from deploy.lab.directory.store import DirectoryStore
from tests.support.directory import Directory, lab_directory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=100_000, help="users to load")
    objects = parser.parse_args().objects
    store = DirectoryStore()
    resident, cpu = _resident(), time.process_time()
    seed_users(store, objects, 100)
    cpu = time.process_time() - cpu
    gc.freeze()
    print(f"loading          {objects / cpu:10,.0f} objects per CPU second")
    print(f"memory           {(_resident() - resident) / objects:10,.0f} octets per object")
    # One response per pass keeps the start of an ldapsearch process out of the figure.
    server = DirectoryServer(store, limits=Limits(dirsync_objects=objects + 10_000, dirsync_link_values=10**9))
    with tempfile.TemporaryDirectory() as scratch, lab_directory(Path(scratch), server) as lab:
        wall, cpu = time.perf_counter(), time.process_time()
        user = _ldapsearch(lab)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"ldapsearch       {objects / wall:10,.0f} objects per second, all attributes")
        print(f"  server         {objects / cpu:10,.0f} objects per CPU second")
        print(f"  client         {objects / user:10,.0f} objects per CPU second")
    with tempfile.TemporaryDirectory() as scratch, lab_directory(Path(scratch), DirectoryServer(store)) as lab:
        wall, cpu = time.perf_counter(), time.thread_time()
        count = len(lab.sync()[0])
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        print(f"ldap3            {count / wall:10,.0f} objects per second, in pages of 1000")
        print(f"  client         {count / cpu:10,.0f} objects per CPU second")


def _ldapsearch(lab: Directory) -> float:
    """Read a whole pass; return the client's CPU seconds."""
    dc = lab.dc
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        ["ldapsearch", "-H", dc.ldaps_url, "-x", "-D", dc.admin_user, "-w", dc.admin_password, "-b", dc.base_dn,
         "-E", "!dirSync=2147483648/0", "(objectClass=*)"],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"LDAPTLS_CACERT": str(dc.ca_file)},
        check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _resident() -> int:
    """Return this process's resident memory in octets."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


if __name__ == "__main__":
    main()
