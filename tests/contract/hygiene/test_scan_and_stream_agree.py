"""The one-shot scan and the stream say the same of the same directory, object by object."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.cli.scan.command import scan
from streams.contracts.facts import Domain, Fact, ObjectKind, Operation, TenantState
from streams.contracts.finding import Finding, FindingState
from streams.directory.scope import Scope
from tests.support.cases import START_MS, guid_of
from tests.support.pipeline import AD, TENANT, Pipeline

DOMAINS = ["contoso.com", "contoso.onmicrosoft.com"]

_OF_ERROR = {
    "Character": "hygiene.invalid_character",
    "Format": "hygiene.invalid_format",
    "LocalPart": "hygiene.invalid_format",
    "DomainPart": "hygiene.invalid_format",
    "PrimaryAddress": "hygiene.invalid_format",
    "Length": "hygiene.too_long",
    "Blank": "hygiene.blank",
    "TooManyValues": "hygiene.large_object",
    "TopLevelDomain": "hygiene.non_routable_upn_suffix",
    "AddressMismatch": "hygiene.upn_differs_from_primary_address",
}
_ADDRESSES = {"userPrincipalName", "mail", "proxyAddresses"}

Directory = list[tuple[str, ObjectKind, dict[str, Any]]]


def directory(count: int, seed: int) -> Directory:
    """Users, groups and contacts, every third with something untidy; names repeat about once in ten objects."""
    dice = random.Random(seed)
    found: Directory = []
    for number in range(count):
        kind = dice.choice([ObjectKind.USER, ObjectKind.USER, ObjectKind.USER, ObjectKind.GROUP, ObjectKind.CONTACT])
        name = f"n{number}"
        alias = f"p{dice.randrange(10 * count)}" if dice.random() < 0.9 else f"p{dice.randrange(count)}"
        attributes: dict[str, Any] = {"displayName": name, "mail": f"{alias}@contoso.com", "mailNickname": alias}
        if kind is ObjectKind.USER:
            attributes |= {"sAMAccountName": name, "userPrincipalName": f"{alias}@contoso.com"}
            attributes["proxyAddresses"] = [f"SMTP:{alias}@contoso.com", f"x500:/o=C/cn={name}"]
        elif kind is ObjectKind.GROUP:
            attributes |= {"sAMAccountName": name, "groupType": "8", "proxyAddresses": [f"SMTP:{alias}@contoso.com"]}
        else:
            attributes["targetAddress"] = f"SMTP:{alias}@fabrikam.com"
        if dice.random() < 0.33:
            attributes |= dice.choice(_UNTIDY)(alias, kind)
        found.append((name, kind, attributes))
    return found


_UNTIDY: list[Any] = [
    lambda alias, kind: {"userPrincipalName": f"{alias} x@contoso.com"} if kind == "user" else {"displayName": " "},
    lambda alias, kind: (
        {"userPrincipalName": f"{alias}@corp.local"} if kind == "user" else {"mailNickname": f".{alias}"}
    ),
    lambda alias, kind: (
        {"userPrincipalName": f"{alias}@fabrikam.com"} if kind == "user" else {"displayName": "x" * 300}
    ),
    lambda alias, _: {"proxyAddresses": [f"SMTP:{alias}@contoso.com", f"smtp:é{alias}@contoso.com", f"smtp:{alias}"]},
    lambda alias, _: {"proxyAddresses": [f"SMTP:{alias}@contoso.com", f"SMTP:{alias}.@contoso.com"]},
    lambda alias, _: {"targetAddress": f"smtp:a({alias})@fabrikam.com"},
    lambda _, kind: {"userCertificate": [f"{n}" for n in range(16)]} if kind == "user" else {},
    lambda alias, _: {"mail": f"{alias.upper()}@CONTOSO.com "},
]


def by_scan(objects: Directory, folder: Path) -> set[tuple[str, str]]:
    """(object, detection) as `synchealth scan` finds them in a file."""
    file, out = folder / "objects.jsonl", folder / "faults.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for name, kind, attributes in objects:
            listed = {key: value if isinstance(value, list) else [value] for key, value in attributes.items()}
            entry = {"dn": _dn(name), "objectClass": ["top", str(kind)], "attributes": listed}
            lines.write(json.dumps(entry) + "\n")
    options = [option for domain in DOMAINS for option in ("--verified-domain", domain)]
    result = CliRunner().invoke(scan, ["--input", str(file), "--output", str(out), "--format", "json", *options])
    assert result.exit_code == 1, result.stderr
    found: set[tuple[str, str]] = set()
    with out.open(encoding="utf-8") as rows:
        for row in rows:
            found |= {(entry["dn"], detection) for entry in [json.loads(row)] for detection in detections_of(entry)}
    return found


def detections_of(entry: dict[str, Any]) -> set[str]:
    found = {_OF_ERROR[error] for error in entry["errors"] if error in _OF_ERROR}
    if "UnverifiedDomain" in entry["errors"] and "TopLevelDomain" not in entry["errors"]:
        found.add("hygiene.unverified_upn_suffix")
    if "Duplicate" in entry["errors"]:
        found.add("conflict.duplicate_address" if entry["attribute"] in _ADDRESSES else "hygiene.duplicate")
    return found


def by_stream(objects: Directory) -> set[tuple[str, str]]:
    """(object, detection) as they stand when the stream has seen every object, those counted under others, too."""
    pipeline = Pipeline({"corp": Scope()})
    domains = [Domain(name, is_initial=name.endswith("onmicrosoft.com")) for name in DOMAINS]
    pipeline.tell(TenantState(tenant=TENANT, seq=1, ts_ms=START_MS, domains=domains, features={}))
    for number, (name, kind, attributes) in enumerate(objects, 1):
        told = {"distinguishedName": _dn(name), **attributes}
        if kind is not ObjectKind.CONTACT:
            told["objectSid"] = f"S-1-5-21-1-2-3-{1000 + number}"
        fact = Fact(
            op=Operation.READ, object_id=guid_of(name), seq=(START_MS + number) << 12, ts_ms=START_MS + number,
            kind=kind, attributes=told, full=True,
        )  # fmt: skip
        pipeline.feed(AD, [fact])
    return {
        (dn, finding.detection)
        for finding in pipeline.findings.values()
        if finding.state is not FindingState.RESOLVED
        and (finding.family == "hygiene" or finding.detection == "conflict.duplicate_address")
        for dn in at_fault(finding)
    }


def at_fault(finding: Finding) -> list[str]:
    if finding.counterparts:
        return [str(holder.distinguished_name) for holder in finding.counterparts]
    return [str(finding.subject.distinguished_name)]


def _dn(name: str) -> str:
    return f"CN={name},OU=People,DC=corp,DC=local"


@pytest.mark.parametrize("seed", [1, 2])
def test_scan_and_stream_agree(seed: int, tmp_path: Path) -> None:
    objects = directory(400, seed)
    found = by_scan(objects, tmp_path)
    assert {detection.partition(".")[0] for _, detection in found} == {"conflict", "hygiene"}
    assert len({detection for _, detection in found}) == 10
    assert found == by_stream(objects)


@pytest.mark.slow
@pytest.mark.parametrize("number", [10_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_scan_and_stream_agree_on_a_large_directory(number: int, tmp_path: Path) -> None:
    objects = directory(number, 3)
    assert by_scan(objects, tmp_path) == by_stream(objects)
