"""How fast the lab's Graph serves delta: `python -m tests.bench.entra_lab [OBJECTS]`.

Starts `python -m deploy.lab.entra` as its own process and reads full delta passes over HTTPS with one
connection. Prints wall time and, because machines are shared, the server's own CPU time; resident memory
per object; the time of a poll that finds nothing. Nothing is asserted.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
import requests

USER_SELECT = (
    "userPrincipalName,mail,proxyAddresses,accountEnabled,displayName,onPremisesSyncEnabled,onPremisesImmutableId,"
    "onPremisesLastSyncDateTime,onPremisesProvisioningErrors,onPremisesSecurityIdentifier,"
    "onPremisesDistinguishedName,onPremisesUserPrincipalName"
)
PASSES = {
    "users": f"/v1.0/users/delta?$select={USER_SELECT}",
    "groups": "/v1.0/groups/delta?$select=displayName,mail,proxyAddresses,onPremisesSecurityIdentifier,members",
}
TICKS_PER_SECOND = 100  # of /proc/PID/stat
POLLS = 200


class Server:
    """The lab in its own process, and what Linux says about it."""

    def __init__(self, objects: int, directory: str) -> None:
        command = [sys.executable, "-m", "deploy.lab.entra", "--objects", str(objects), "--directory", directory]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.says: dict[str, str] = {}
        for line in self.process.stdout:
            name, _, value = line.strip().partition(" ")
            self.says[name] = value.strip()
            if name == "objects":
                break

    def cpu_s(self) -> float:
        """CPU time used so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def resident_bytes(self) -> int:
        """Resident memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096


def session(says: dict[str, str]) -> requests.Session:
    """A session that trusts the lab and carries a token."""
    made = requests.Session()
    made.trust_env, made.verify = False, says["ca_file"]
    form = {
        "client_id": says["client_id"],
        "client_secret": says["client_secret"],
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
    }
    reply = made.post(f"{says['authority']}/oauth2/v2.0/token", data=form, timeout=30).json()
    made.headers["Authorization"] = f"Bearer {reply['access_token']}"
    return made


def read(http: requests.Session, url: str) -> tuple[int, int, int, str]:
    """Follow a round to its end; return objects, bytes, pages and the deltaLink."""
    objects = size = pages = 0
    while True:
        content = http.get(url, timeout=60).content
        body: dict[str, Any] = orjson.loads(content)
        objects, size, pages = objects + len(body["value"]), size + len(content), pages + 1
        if "@odata.nextLink" not in body:
            return objects, size, pages, body["@odata.deltaLink"]
        url = body["@odata.nextLink"]


def main(count: int) -> None:
    """Run the passes and print their figures."""
    with tempfile.TemporaryDirectory() as directory:
        server = Server(count, directory)
        try:
            measure(server, count)
        finally:
            server.process.terminate()
            server.process.wait()
            assert server.process.stdout is not None
            server.process.stdout.close()


def measure(server: Server, count: int) -> None:
    """Print what the server used and how fast it answered."""
    print(f"{count} objects made in {server.cpu_s():.1f} s CPU; {server.resident_bytes() / count:.0f} bytes each")
    http, link = session(server.says), ""
    for name, path in PASSES.items():
        cpu, wall = server.cpu_s(), time.perf_counter()
        objects, size, pages, link = read(http, server.says["graph_url"] + path)
        cpu, wall = server.cpu_s() - cpu, time.perf_counter() - wall
        print(
            f"{name}: {objects} objects, {pages} pages, {size / 1e6:.0f} MB: "
            f"{objects / wall:.0f} objects/s wall, {objects / max(cpu, 0.01):.0f} objects/s of server CPU"
        )
    waits = []
    for _ in range(POLLS):
        began = time.perf_counter()
        link = read(http, link)[3]
        waits.append((time.perf_counter() - began) * 1000)
    waits.sort()
    print(f"a poll that finds nothing: p50 {waits[POLLS // 2]:.1f} ms, p99 {waits[POLLS * 99 // 100]:.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
