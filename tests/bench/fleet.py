"""A fleet of hybrid devices through projector and evaluator: rate, memory, the price of certificates.

    python -m tests.bench.fleet [--devices 100000] [--fleet 500000] [--beside 10000]

One process, one partition, rows in memory: what the code costs, without Kafka and RocksDB. Every device is two facts
(a computer in AD with its join certificate, a device in Entra ID); its views are its own and that of its name.
Times are CPU time. What is measured on fewer devices than the fleet is multiplied, and says so. A smaller fleet
(`--beside`, a tenth unless told; 0: none) is measured first in a process of its own, and the last lines say how cost
and memory a device grow from it to the larger one. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from deploy.cli.funnel.funnel import Funnel, percent
from producers.ad.certificate import certificate_line
from streams.contracts.counts import Count
from streams.contracts.events import Event, Log, Result
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin, TenantState
from streams.contracts.times import rfc3339
from streams.contracts.views import Control, Tick
from streams.directory.rows import MemoryRows
from streams.directory.scope import Scope
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

NOW_MS, DAY_MS, MINUTE_MS = 1_790_000_000_000, 86_400_000, 60_000
FILETIME_MS = 11_644_473_600_000
CHUNK = 100  # contributions at once, as the worker takes them
PARSES = 20_000


def guid(number: int) -> str:
    return str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128)))


def computers(count: int) -> Iterator[Fact]:
    """Computers of 200 units; one in fifty has not written a certificate."""
    for number in range(count):
        name, id_ = f"PC{number:06}", guid(number)
        attributes = {
            "distinguishedName": f"CN={name},OU=Site {number % 200},OU=Computers,DC=corp,DC=local",
            "name": name,
            "dNSHostName": f"{name.lower()}.corp.local",
            "objectSid": f"S-1-5-21-1004336348-1177238915-682003330-{number + 1000}",
            "operatingSystem": "Windows 11 Enterprise" if number % 5 else "Windows 10 Enterprise",
            "operatingSystemVersion": "10.0 (22631)" if number % 5 else "10.0 (19045)",
            "userAccountControl": 4096,
            "pwdLastSet": (NOW_MS - number % 30 * DAY_MS + FILETIME_MS) * 10_000,
            "whenCreated": rfc3339(NOW_MS - 40 * DAY_MS),
        }
        if number % 50:
            validity = f"{rfc3339(NOW_MS - 30 * DAY_MS)} {rfc3339(NOW_MS + 3650 * DAY_MS)}"
            attributes["userCertificate"] = [f"{number:040X} {validity} {id_}"]
        yield _fact(number, id_, attributes)


def devices(count: int) -> Iterator[Fact]:
    """Their devices: 3 of 100 computers have none yet, 5 of 100 devices are pending."""
    for number in range(count):
        if number % 50 == 0 or number % 100 == 1:
            continue
        attributes = {
            "deviceId": guid(number), "displayName": f"PC{number:06}", "trustType": "ServerAd",
            "operatingSystem": "Windows", "operatingSystemVersion": "10.0.22631.4317", "accountEnabled": True,
            "onPremisesSyncEnabled": True, "isManaged": True, "isCompliant": True,
        }  # fmt: skip
        if number % 20:
            attributes["registrationDateTime"] = rfc3339(NOW_MS - 20 * DAY_MS)
            attributes["approximateLastSignInDateTime"] = rfc3339(NOW_MS - number % 40 * DAY_MS)
        yield _fact(number, guid(number + (1 << 40)), attributes)


def passwords(count: int) -> Iterator[Fact]:
    """What every computer does each 30 days: it changes its own password."""
    for number in range(count):
        changed = {"pwdLastSet": (NOW_MS + MINUTE_MS + FILETIME_MS) * 10_000}
        yield Fact(op=Operation.UPDATED, object_id=guid(number), seq=(NOW_MS << 12) + (1 << 30) + number, ts_ms=NOW_MS,
                   attributes=changed)  # fmt: skip


def sign_ins(count: int) -> Iterator[Fact]:
    """The Monday after the holidays: the time of the last sign-in of every registered device is renewed."""
    for number in range(count):
        if number % 50 == 0 or number % 100 == 1 or number % 20 == 0:
            continue
        renewed = {"approximateLastSignInDateTime": rfc3339(NOW_MS + MINUTE_MS)}
        yield Fact(op=Operation.UPDATED, object_id=guid(number + (1 << 40)), seq=(NOW_MS << 12) + (1 << 31) + number,
                   ts_ms=NOW_MS, attributes=renewed)  # fmt: skip


def failures(count: int) -> Iterator[Event]:
    """Every pending computer logs one failed join."""
    for number in range(0, count, 20):
        yield Event(
            id=f"{number}/1", log=Log.WINDOWS, name="user device registration/304", tenant=TENANT, ts_ms=NOW_MS,
            seen_ms=NOW_MS, server=f"pc{number:06}", result=Result.FAILURE,
            details={"phase": "discover", "client_error": "0x80072ee2"},
        )  # fmt: skip


def _fact(number: int, id_: str, attributes: dict[str, object]) -> Fact:
    return Fact(
        op=Operation.READ, object_id=id_, seq=(NOW_MS << 12) + number, ts_ms=NOW_MS, kind=ObjectKind.DEVICE,
        full=True, attributes=attributes,
    )  # fmt: skip


def measured(count: int, fleet: int) -> dict[str, float]:
    """One fleet of `count`, told as a first reading, then a month and a bad morning of its life.

    What was measured -> us for each piece, or octets a device.
    """
    pipeline = Pipeline({"corp": Scope(hybrid_join=True)})
    pipeline.tell(TenantState(tenant=TENANT, seq=1, ts_ms=NOW_MS, collected=True, devices_collected=True))
    before = resident()
    found: dict[str, float] = {}

    def read() -> int:
        return told(pipeline, AD, computers(count)) + told(pipeline, ENTRA, devices(count))

    def measure(what: str, work: Callable[[], int], scale: int | None = fleet, per: str = "facts") -> None:
        found[f"{what} (us)"] = timed(what, work, scale, count, per)

    measure("first reading, both sides", read)
    pipeline.tick(NOW_MS + 1000)
    gc.collect()
    found["memory (B a device)"] = memory(pipeline, resident() - before, count, fleet)
    measure("every computer changes its password", lambda: told(pipeline, AD, passwords(count)))
    measure("every registered device signs in", lambda: told(pipeline, ENTRA, sign_ins(count)))
    measure("the join fails on 1 of 20", lambda: logged(pipeline, failures(count)), per="events")
    measure("re-evaluation of every view", lambda: again(pipeline), per="views")
    measure("a tick when nothing is due", lambda: ticks(pipeline, 2000), scale=None, per="ticks")
    funnel(pipeline)
    return found


def told(pipeline: Pipeline, origin: Origin, facts: Iterator[Fact]) -> int:
    number = 0
    while chunk := list(islice(facts, CHUNK // 2)):
        pipeline.feed(origin, chunk, now_ms=NOW_MS)
        number += len(chunk)
    return number


def logged(pipeline: Pipeline, events: Iterator[Event]) -> int:
    number = 0
    for event in events:
        pipeline.log([event], now_ms=NOW_MS)
        number += 1
    return number


def again(pipeline: Pipeline) -> int:
    partition, rows = pipeline.partition, pipeline.view_rows
    evaluated = partition.apply(Control(sent_ms=NOW_MS, action="reevaluate"), rows).evaluated
    while partition.pending:
        evaluated += partition.apply(Tick(now_ms=NOW_MS), rows).evaluated
    return evaluated


def ticks(pipeline: Pipeline, number: int) -> int:
    for passed in range(number):
        pipeline.tick(NOW_MS + 2000 + passed)
    return number


def timed(what: str, work: Callable[[], int], fleet: int | None, count: int, per: str) -> float:
    """Microseconds for each."""
    started = time.process_time()
    number = work()
    took_s = time.process_time() - started
    line = f"{what:38} {number / took_s:10,.0f} {per}/s {took_s / number * 1e6:8.1f} us each"
    if fleet is not None:
        line += f"   {extrapolated(took_s, count, fleet):7.0f} s for {fleet:,}{mark(count, fleet)}"
    print(line, flush=True)
    return took_s / number * 1e6


def memory(pipeline: Pipeline, grown: int, count: int, fleet: int) -> float:
    """Octets a device in this process."""
    objects, views = size(pipeline.object_rows), size(pipeline.view_rows)
    print(f"rows, as kept on disk: objects {objects / count:,.0f} B and views {views / count:,.0f} B a device")
    print(
        f"process, rows in memory: {grown / count:,.0f} B a device, "
        f"{extrapolated(grown, count, fleet) / 1e9:.2f} GB for {fleet:,}{mark(count, fleet)}"
    )
    due = len(pipeline.partition._due) / count
    print(f"of the evaluator itself: {due:.2f} times to look again a device, {len(pipeline.partition.counts)} counts")
    return grown / count


def size(rows: MemoryRows) -> int:
    return sum(len(key) + len(value) for key, value in rows.rows.items())


def funnel(pipeline: Pipeline) -> None:
    places: Counter[str] = Counter()
    for name, number in pipeline.partition.counts.items():
        count = Count.read(name)
        if count.subject == "computers":
            places[count.labels[1]] += number
    whole = Funnel(places)
    stages = ", ".join(f"{place} {number:,}" for place, number in whole.places.items() if number)
    print(f"funnel: {percent(whole.share)} joined; {stages}; {len(pipeline.open()):,} findings open")


def certificates(fleet: int) -> None:
    """The price of one join certificate, from DER to the line that facts carry."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    start = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
    blobs = []
    for number in range(16):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, guid(number))])
        builder = x509.CertificateBuilder(name, name, key.public_key(), number + 1, start, start + dt.timedelta(3650))
        blobs.append(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
    started = time.process_time()
    for number in range(PARSES):
        certificate_line(blobs[number % len(blobs)])
    each_s = (time.process_time() - started) / PARSES
    line = len(certificate_line(blobs[0]))
    print(
        f"certificate: {each_s * 1e6:.1f} us each, {each_s * fleet:.0f} s for {fleet:,} "
        f"(extrapolated from {PARSES:,}); {len(blobs[0])} B of DER become {line} B"
    )


def extrapolated(measured_: float, count: int, fleet: int) -> float:
    return measured_ * fleet / count


def mark(count: int, fleet: int) -> str:
    return "" if count == fleet else f" (extrapolated from {count:,})"


def resident() -> int:
    """This process's resident memory in octets."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def measured_beside(count: int, fleet: int) -> dict[str, float]:
    """The same in a process of its own: memory that another fleet left behind would not count as grown."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measured, count, fleet).result()


def growth(small: Mapping[str, float], count: int, large: Mapping[str, float], larger: int) -> None:
    """How what each device costs changes with the number of devices: 1.00 is linear."""
    print(f"\nfrom {count:,} to {larger:,} devices, for each:")
    for what, before in small.items():
        print(f"{what:45} {before:10,.1f} -> {large[what]:10,.1f}   x {large[what] / before:.2f}")


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--fleet", type=int, default=500_000)
    parser.add_argument("--beside", type=int)
    options = parser.parse_args()
    beside = options.devices // 10 if options.beside is None else options.beside
    certificates(options.fleet)
    small: dict[str, float] = {}
    if beside:
        print(f"\n{beside:,} devices, one process", flush=True)
        small = measured_beside(beside, options.fleet)
    print(f"\n{options.devices:,} devices, one process", flush=True)
    large = measured(options.devices, options.fleet)
    if small:
        growth(small, beside, large, options.devices)


if __name__ == "__main__":
    main()
