"""What one identity costs, both sides together, with and without what is only compared: bytes and CPU.

    python -m tests.bench.identity [IDENTITIES]

The same users are told four times: without any attribute of streams.contracts.flows that nobody reads but to compare
it; with a manager; with fifteen attributes, as they travel; and with each value as a digest of eight bytes in text.
In one process, without Kafka. "Packed": deflate at its fastest over 64 KiB, for what brokers and stores do to blocks.
"""

from __future__ import annotations

import hashlib
import sys
import time
import uuid
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from streams.contracts.codec import encode
from streams.contracts.facts import Domain, Fact, Link, LinkChange, ObjectKind, Operation, TenantState
from streams.contracts.flows import CARRIED_SHORT, EXTENSIONS, FLOWS, READ_BY, VERSION
from streams.contracts.identity import immutable_id_of_guid
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

_BLOCK = 64 * 1024
_VALUES = {
    "department": "Research and Development", "title": "Senior Engineer", "company": "Contoso GmbH", "l": "Graz",
    "st": "Styria", "co": "Austria", "postalCode": "8010", "streetAddress": "Industriestrasse {n}",
    "physicalDeliveryOfficeName": "Graz/B2/{n}", "telephoneNumber": "+43 316 555 {n}", "mobile": "+43 664 555 {n}",
    "preferredLanguage": "de-AT", EXTENSIONS[0]: "{n}", EXTENSIONS[1]: "employee", EXTENSIONS[6]: "cost centre {n}",
}  # fmt: skip
_START_MS = 1_790_000_000_000


def whole(value: str) -> str:
    """As it travels."""
    return value


def digest(value: str) -> str:
    """Eight bytes, in the fewest letters that JSON leaves alone."""
    return urlsafe_b64encode(hashlib.blake2b(value.encode(), digest_size=8).digest()).decode().rstrip("=")


def facts(count: int, form: Callable[[str], str] | None, *, managers: bool = True) -> Iterator[tuple[Any, Fact]]:
    """Both sides of so many users; `form`: how the compared values stand there; None: not at all."""
    property_of = {flow.attribute: flow.property for flow in FLOWS}
    assert set(_VALUES) <= CARRIED_SHORT
    for number in range(count):
        guid, cloud = (str(uuid.uuid5(uuid.NAMESPACE_OID, f"{side}{number}")) for side in ("ad", "cloud"))
        sid, upn = f"S-1-5-21-1004336348-1177238915-682003330-{number + 1000}", f"user.number{number}@contoso.com"
        boss = f"S-1-5-21-1004336348-1177238915-682003330-{number // 10 + 1000}"
        values = {name: form(value.format(n=number)) for name, value in _VALUES.items()} if form else {}
        addresses = [f"SMTP:{upn}", f"smtp:u{number}@contoso.com"]
        names = {"displayName": f"User Number {number}", "givenName": "User", "mail": upn, "mailNickname": f"u{number}",
                 "userPrincipalName": upn, "proxyAddresses": addresses}  # fmt: skip
        dn = f"CN=User {number},OU=Department {number % 40},OU=People,DC=corp,DC=local"
        ad = {**names, "distinguishedName": dn, "objectSid": sid, "sAMAccountName": f"user{number}", "sn": "Number",
              "userAccountControl": 512, "whenCreated": "2024-03-01T08:00:00Z", "pwdLastSet": 133_800_000_000_000_000,
              "name": f"User {number}", READ_BY: VERSION, **values}  # fmt: skip
        shown = {
            **names, "surname": "Number", "onPremisesSyncEnabled": True,
            "onPremisesImmutableId": immutable_id_of_guid(guid),
            "onPremisesSecurityIdentifier": sid, "onPremisesSamAccountName": f"user{number}", "userType": "Member",
            "onPremisesDomainName": "corp.local", "onPremisesDistinguishedName": dn, "accountEnabled": True,
            "onPremisesUserPrincipalName": upn, "onPremisesLastSyncDateTime": "2026-09-21T14:00:00Z",
            "createdDateTime": "2024-03-01T08:30:00Z", READ_BY: VERSION,
            **{property_of[name]: value for name, value in values.items()},
        }  # fmt: skip
        for origin, object_id, attributes, link in (
            (AD, guid, ad, Link(str(uuid.uuid5(uuid.NAMESPACE_OID, f"ad{number // 10}")), boss)),
            (ENTRA, cloud, shown, Link(str(uuid.uuid5(uuid.NAMESPACE_OID, f"cloud{number // 10}")))),
        ):
            yield origin, Fact(
                op=Operation.READ, object_id=object_id, seq=(_START_MS << 12) + number, ts_ms=_START_MS, full=True,
                kind=ObjectKind.USER, attributes=attributes,
                links={"manager": LinkChange([link] if number and managers else [], complete=True)},
            )  # fmt: skip


def packed(parts: Iterable[bytes]) -> int:
    """Bytes of these in compressed blocks."""
    joined = b"".join(parts)
    return sum(len(zlib.compress(joined[at : at + _BLOCK], 1)) for at in range(0, len(joined), _BLOCK))


def main(count: int) -> None:
    """Print a table."""
    print(f"{'':22}{'facts':>8}{'packed':>8}{'objects':>9}{'packed':>8}{'views':>8}{'packed':>8}{'CPU':>12}")
    rows = (
        ("nothing compared", None, False), ("managers", None, True), ("fifteen, as they are", whole, True),
        ("fifteen, as digests", digest, True),
    )  # fmt: skip
    for name, form, managers in rows:
        told = list(facts(count, form, managers=managers))
        raw = [encode(fact) for _, fact in told]
        pipeline = Pipeline()
        domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
        pipeline.tell(TenantState(tenant=TENANT, seq=1, ts_ms=_START_MS, domains=domains, features={}, collected=True))
        start = time.process_time()
        for origin, fact in told:
            pipeline.feed(origin, [fact], now_ms=_START_MS)
        cpu_us = (time.process_time() - start) / count * 1e6
        stored = [[value for _, value in rows.items("")] for rows in (pipeline.object_rows, pipeline.view_rows)]
        cells = [size for part in (raw, *stored) for size in (sum(map(len, part)) // count, packed(part) // count)]
        widths = (8, 8, 9, 8, 8, 8)
        print(f"{name:22}" + "".join(f"{size:>{width},}" for size, width in zip(cells, widths, strict=True)),
              f"{cpu_us:>8,.0f} µs", flush=True)  # fmt: skip
        assert not pipeline.open(), "both sides agree"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
