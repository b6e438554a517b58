"""How fast a directory is read: `python -m tests.bench.ldap_read [OBJECTS]`.

One full DirSync pass with our source against the same pass with `ldapsearch`, interleaved, on a Samba domain
controller and on the lab's directory; wall time, the client's own CPU time, and our peak memory.
The target (architecture.md section 11) is half of ldapsearch's speed or better. Nothing is asserted.
The first run fills Samba one user at a time (minutes for 10,000) and keeps the database for the next one.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.lab.certificates import issue
from deploy.lab.directory.limits import Limits
from deploy.lab.directory.server import DirectoryServer, in_thread
from deploy.lab.directory.store import DirectoryStore
from producers.ad.attributes import NAMES, OBJECT_FILTER
from producers.ad.ldap.dirsync import DirSyncRequest
from producers.ad.servers import Servers
from producers.ad.source import ActiveDirectorySource
from streams.runtime.logs import configure_logs
from streams.runtime.settings import ForestSettings
from tests.support.samba import ADMIN_PASSWORD, SambaDC, samba_dc

ROUNDS = 3
REALM = "corp.contoso.local"


def user_attributes(number: int) -> dict[str, str | list[str]]:
    """A mail user as directories have them: 17 watched attributes, 3 addresses."""
    name = f"user{number}"
    return {
        "sAMAccountName": name,
        "userPrincipalName": f"{name}@contoso.com",
        "mail": f"{name}@contoso.com",
        "displayName": f"User Number {number}",
        "givenName": "User",
        "sn": f"Number {number}",
        "description": "benchmark",
        "proxyAddresses": [f"SMTP:{name}@contoso.com", f"smtp:{name}@contoso.net", f"smtp:u{number}@contoso.org"],
    }


@contextmanager
def filled_samba(objects: int) -> Iterator[ForestSettings]:
    """A domain controller with that many users, from the cache if it was filled before."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "synchealth-tests"
    cached = root / f"bench-{REALM}-{objects}"
    with samba_dc(realm=REALM, start=False) as dc:
        if cached.exists():
            _replace(dc.directory / "private", cached)
            dc.start()
        else:
            dc.start()
            _fill(dc, objects)
            dc.stop()
            _replace(cached, dc.directory / "private")
            dc.start()
        yield settings(dc.ldaps_url, dc.ca_file)


def _fill(dc: SambaDC, objects: int) -> None:
    for number in range(objects):
        dn = f"CN=user{number},CN=Users,{dc.base_dn}"
        dc.connection.add(dn, ["user"], user_attributes(number))
        if number % 1000 == 999:
            print(f"  {number + 1} users added", file=sys.stderr)


def _replace(target: Path, source: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=lambda folder, names: {n for n in names if (Path(folder) / n).is_socket()})


@contextmanager
def filled_lab(objects: int) -> Iterator[ForestSettings]:
    """The lab's directory with that many users, in a process of its own as a real one is."""
    with tempfile.TemporaryDirectory(prefix="synchealth-bench-") as scratch:
        certificates = issue(Path(scratch), ["127.0.0.1"])
        command = [sys.executable, "-m", "tests.bench.ldap_read", "serve-lab", str(objects), scratch]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdin is not None
            port = server.stdout.readline().strip()
            try:
                yield settings(f"ldaps://127.0.0.1:{port}", certificates.ca_file)
            finally:
                server.stdin.close()  # it ends with its input


def serve_lab(objects: int, scratch: Path) -> None:
    """The body of the lab's process: serve until standard input ends."""
    store = DirectoryStore(REALM)
    columns = list(user_attributes(0))
    rows = ([user_attributes(number)[name] for name in columns] for number in range(objects))
    named = ([f"user{number}", *row] for number, row in enumerate(rows))
    store.load(f"CN=Users,{store.base_dn}", "user", columns, named)
    unsplit = Limits(dirsync_objects=2 * objects + 1000)
    server = DirectoryServer(store, certificates=issue(scratch, ["127.0.0.1"]), limits=unsplit)
    with in_thread(server):
        print(server.ldaps_port, flush=True)
        sys.stdin.read()


def settings(url: str, ca_file: Path) -> ForestSettings:
    """How to read the directory at `url` as its administrator."""
    return ForestSettings(
        name=REALM,
        tenant="bench",
        servers=[url],
        bind_user=f"administrator@{REALM}",
        bind_password=ADMIN_PASSWORD,
        ca_file=ca_file,
    )


def with_ldapsearch(forest: ForestSettings) -> int:
    """One pass with OpenLDAP's client (one response: the lab is told not to split). Returns the number of entries."""
    base = ",".join(f"DC={label}" for label in REALM.split("."))
    command = ["ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-H", forest.servers[0], "-x", "-D", forest.bind_user]
    command += ["-w", ADMIN_PASSWORD, "-b", base, "-E", "!dirSync=-2147483648/2000000000", "-E", "extendedDn=1"]
    environment = os.environ | {"LDAPTLS_CACERT": str(forest.ca_file), "LDAPTLS_REQCERT": "demand"}
    with tempfile.TemporaryFile() as output:
        subprocess.run([*command, OBJECT_FILTER, *NAMES], stdout=output, env=environment, check=True)
        output.seek(0)
        return sum(line.startswith(b"dn:") for line in output)


def with_source(forest: ForestSettings) -> int:
    """One pass with our source, up to its facts. Returns their number."""
    source = ActiveDirectorySource(forest)
    source.restore([])
    facts, more = 0, True
    while more:
        batch = source.read()
        facts, more = facts + len(batch.facts), batch.more
    source.close()
    return facts


def entries_alone(forest: ForestSettings) -> int:
    """One pass that stops at the decoded entries."""
    base = ",".join(f"DC={label}" for label in REALM.split("."))
    connection, _ = Servers(forest).connect(base)
    cookie, more, entries = b"", True, 0
    while more:
        request = DirSyncRequest(
            connection, base, cookie, search_filter=OBJECT_FILTER, attributes=NAMES, object_security=False
        )
        entries += sum(1 for _ in request)
        cookie, more = request.cookie, request.more
    connection.close()
    return entries


def measure(label: str, forest: ForestSettings) -> None:
    """Interleaved rounds of every way, medians, ratios."""
    ways: dict[str, Callable[[ForestSettings], int]] = {
        "ldapsearch": with_ldapsearch,
        "entries alone": entries_alone,
        "our source": with_source,
    }
    walls: dict[str, list[float]] = {name: [] for name in ways}
    cpus: dict[str, list[float]] = {name: [] for name in ways}
    counts = {}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            cpu, start = _cpu(), time.perf_counter()
            counts[name] = way(forest)
            walls[name].append(time.perf_counter() - start)
            cpus[name].append(_cpu() - cpu)
    reference = statistics.median(walls["ldapsearch"])
    for name in ways:
        wall, cpu = statistics.median(walls[name]), statistics.median(cpus[name])
        print(
            f"{label:6} {name:14} {counts[name]:7} objects {wall:7.2f} s {counts[name] / wall:8.0f}/s"
            f"  client CPU {cpu:6.2f} s  ldapsearch/this {reference / wall:5.2f}"
        )


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def peak_memory(forest: ForestSettings) -> None:
    """Our peak resident memory over a full pass, in a fresh process."""
    command = [sys.executable, "-m", "tests.bench.ldap_read", "memory", forest.servers[0], str(forest.ca_file)]
    subprocess.run(command, check=True)


def main(arguments: list[str]) -> None:
    configure_logs("error")
    if arguments[:1] == ["serve-lab"]:
        serve_lab(int(arguments[1]), Path(arguments[2]))
        return
    if arguments[:1] == ["memory"]:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        facts = with_source(settings(arguments[1], Path(arguments[2])))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"       memory: {before / 1024:.0f} MiB before, {after / 1024:.0f} MiB peak in a pass of {facts} facts")
        return
    objects = int(arguments[0]) if arguments else 10_000
    for label, filled in (("lab", filled_lab), ("samba", filled_samba)):
        with filled(objects) as forest:
            measure(label, forest)
            peak_memory(forest)


if __name__ == "__main__":
    main(sys.argv[1:])
