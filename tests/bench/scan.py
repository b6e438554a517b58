"""How fast the attribute scan is: `python -m tests.bench.scan [OBJECTS]`.

Prints, for one file and one core: a plain pass that only decodes each line; each pass of the rule engine over
objects that are decoded already; the whole scan from file to findings; and the bytes of index per object.
The target is 50,000 objects/s per core in the rule engine. Times are CPU time of this one-threaded process, so that a
busy machine tells nearly the same. Nothing is asserted.
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson

from deploy.cli.scan.inputs import FileInput
from deploy.cli.scan.run import run_scan
from deploy.cli.scan.writers import JsonLinesWriter
from streams.hygiene.entra.profile import entra_profile
from streams.hygiene.idfix.profile import idfix_profile
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Profile
from streams.hygiene.scan import Scan
from streams.hygiene.tenant import TenantContext, tenant_of_domains

_GIVEN = ("Anna", "Bjorn", "Chloe", "David", "Elif", "Femke", "Goran", "Hana", "Ivan", "Jane", "Kofi", "Lena")
_FAMILY = ("Anders", "Brown", "Costa", "Diaz", "Evans", "Fischer", "Garcia", "Hansen", "Ito", "Jansen", "Kim")
_CHUNK = 32
_FAULTS = (
    ("userPrincipalName", "{name} @contoso.local"),
    ("userPrincipalName", "jürgen.{name}@contoso.com"),
    ("userPrincipalName", "shared{pair}@contoso.com"),
    ("mailNickname", ".{name}"),
    ("displayName", "x" * 300),
)


def lines(objects: int, seed: int = 7) -> Iterator[bytes]:
    """A directory of mailbox users, one in ten with a fault, as JSON lines."""
    dice = random.Random(seed)
    for number in range(objects):
        given, family = dice.choice(_GIVEN), dice.choice(_FAMILY)
        name = f"{given}.{family}{number}".lower()
        attributes = {
            "cn": [f"{given} {family} {number}"],
            "displayName": [f"{given} {family}"],
            "givenName": [given],
            "sn": [family],
            "sAMAccountName": [f"u{number}"],
            "userPrincipalName": [f"{name}@contoso.com"],
            "mail": [f"{name}@contoso.com"],
            "mailNickname": [name],
            "proxyAddresses": [
                f"SMTP:{name}@contoso.com",
                f"smtp:u{number}@contoso.mail.onmicrosoft.com",
                f"x500:/o=Contoso/ou=First/cn=Recipients/cn=u{number}",
            ],
            "msExchRecipientTypeDetails": ["1"],
            "homeMDB": ["CN=DB1,CN=Databases,DC=contoso,DC=com"],
        }
        if dice.random() < 0.1:
            attribute, value = dice.choice(_FAULTS)
            attributes[attribute] = [value.format(name=name, pair=number // 100)]
        yield orjson.dumps(
            {
                "dn": f"CN={given} {family} {number},OU=Users,DC=contoso,DC=com",
                "objectClass": ["top", "person", "organizationalPerson", "user"],
                "attributes": attributes,
            }
        )


def main() -> None:
    """Generate, measure, print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "directory.jsonl")
        with path.open("wb") as file:
            file.writelines(line + b"\n" for line in lines(count))
        print(f"{count:,} objects, {path.stat().st_size / 1e6:.0f} MB")
        decode_s = _decode(path)
        print(f"decode only (orjson)         {count / decode_s:10,.0f} objects/s   1.00")
        tenant = tenant_of_domains(["contoso.com", "contoso.onmicrosoft.com", "contoso.mail.onmicrosoft.com"])
        for profile in (entra_profile(), idfix_profile()):
            _engine(profile, tenant, path, count, decode_s)
            _whole(profile, tenant, path, count, decode_s)


def _decode(path: Path) -> float:
    started = time.process_time()
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)
    return time.process_time() - started


def _engine(profile: Profile, tenant: TenantContext, path: Path, count: int, decode_s: float) -> None:
    """The engine alone: a few objects are decoded ahead, as they come in a scan, outside the measured time."""
    lines = path.read_bytes().splitlines()
    scan = Scan(profile, tenant, lambda number: _object(lines[number]))
    enroll_s = judge_s = 0.0
    faults = 0
    for start in range(0, count, _CHUNK):
        chunk = [_object(line) for line in lines[start : start + _CHUNK]]
        started = time.process_time()
        for subject in chunk:
            scan.enroll(subject)
        enroll_s += time.process_time() - started
    started = time.process_time()
    scan.close()
    enroll_s += time.process_time() - started
    suspects = list(scan.suspects())
    for start in range(0, len(suspects), _CHUNK):
        numbered = [(number, _object(lines[number])) for number in suspects[start : start + _CHUNK]]
        started = time.process_time()
        for number, subject in numbered:
            faults += len(scan.check(number, subject))
        judge_s += time.process_time() - started
    for name, seconds in (("enroll", enroll_s), ("judge", judge_s), ("engine", enroll_s + judge_s)):
        _line(f"{profile.name} {name}", count, seconds, decode_s)
    print(f"{'':4}{faults:,} faults; index {scan.index_bytes / count:.1f} bytes/object")


def _object(line: bytes) -> DirectoryObject:
    entry = orjson.loads(line)
    return DirectoryObject(entry["dn"], entry["objectClass"], entry["attributes"])


def _whole(profile: Profile, tenant: TenantContext, path: Path, count: int, decode_s: float) -> None:
    started = time.process_time()
    with path.open("rb") as file:
        run_scan(FileInput(file), profile, tenant, JsonLinesWriter(io.StringIO()))
    _line(f"{profile.name} file to findings", count, time.process_time() - started, decode_s)


def _line(name: str, count: int, seconds: float, decode_s: float) -> None:
    print(f"{name:28} {count / seconds:10,.0f} objects/s   {seconds / decode_s:.2f} x decode time")


if __name__ == "__main__":
    main()
