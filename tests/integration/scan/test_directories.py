"""The scan of a real directory: Samba AD and the lab's directory, over LDAPS, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli.scan.command import scan
from deploy.cli.scan.json_lines import encode_object
from deploy.cli.scan.ldap import Query, ldap_records
from producers.ad.source import ActiveDirectorySource
from streams.contracts.facts import Domain, TenantState
from streams.hygiene.check import check
from streams.hygiene.entra.profile import entra_profile
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.tenant import tenant_of_domains
from streams.runtime.settings import ForestSettings
from tests.contract.hygiene.test_scan_and_stream_agree import at_fault, detections_of
from tests.support.pipeline import TENANT, Pipeline
from tests.support.samba import SambaDC, samba_dc

pytestmark = pytest.mark.samba

ENTRA = entra_profile()


@pytest.fixture(scope="module")
def dc() -> Iterator[SambaDC]:
    with samba_dc() as samba:
        for name in ("Sales", "Research"):
            samba.add(f"OU={name},{samba.base_dn}", "organizationalUnit")
        people = (
            ("Ann", "Sales", {"userPrincipalName": "ann@contoso.com", "mail": "ann@contoso.com"}),
            ("Ben", "Sales", {"userPrincipalName": "ben smith@contoso.com"}),
            ("Cem", "Research", {"userPrincipalName": "cem@corp.local", "displayName": "Jürgen"}),
            ("Dee", "Research", {"proxyAddresses": ["SMTP:ANN@contoso.com", "smtp:d;ee@contoso.com"]}),
        )
        for name, unit, values in people:
            samba.add(f"CN={name},OU={unit},{samba.base_dn}", "user", {"sAMAccountName": name, **values})
        samba.add(f"CN=Eva,OU=Sales,{samba.base_dn}", "contact", {"mail": "eva@fabrikam.com"})
        samba.add(f"CN=PC1,OU=Sales,{samba.base_dn}", "computer", {"sAMAccountName": "PC1$"})
        yield samba


@pytest.fixture
def password_file(dc: SambaDC, tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(dc.admin_password + "\n")
    return path


def scanned(dc: SambaDC, password_file: Path, *options: str) -> Result:
    where = ["--server", dc.ldaps_url, "--bind-user", dc.admin_user, "--bind-password-file", str(password_file)]
    return CliRunner().invoke(scan, [*where, "--ca-file", str(dc.ca_file), "--format", "json", *options])


def verdicts(result: Result) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {
        (entry["dn"].partition(",")[0], entry["attribute"], entry["value"], tuple(entry["errors"]))
        for entry in map(json.loads, result.stdout.splitlines())
    }


def test_a_domain_is_scanned_whole_and_faults_are_found(dc: SambaDC, password_file: Path) -> None:
    result = scanned(dc, password_file, "--verified-domain", "contoso.com")
    assert result.exit_code == 1, result.stderr
    assert verdicts(result) == {
        ("CN=Ann", "mail", "ann@contoso.com", ("Duplicate",)),
        ("CN=Ann", "userPrincipalName", "ann@contoso.com", ("Duplicate",)),
        ("CN=Ben", "userPrincipalName", "ben smith@contoso.com", ("Character",)),
        ("CN=Cem", "userPrincipalName", "cem@corp.local", ("TopLevelDomain", "UnverifiedDomain")),
        ("CN=Dee", "proxyAddresses", "SMTP:ANN@contoso.com", ("Duplicate",)),
        ("CN=Dee", "proxyAddresses", "smtp:d;ee@contoso.com", ("Character",)),
    }


def test_bases_and_filter_narrow_the_scan(dc: SambaDC, password_file: Path) -> None:
    def names(*options: str) -> set[str]:
        return {dn for dn, _, _, _ in verdicts(scanned(dc, password_file, *options))}

    sales, research = f"OU=Sales,{dc.base_dn}", f"OU=Research,{dc.base_dn}"
    assert names("--base", sales) == {"CN=Ben"}
    assert names("--base", sales, "--base", research) == {"CN=Ann", "CN=Ben", "CN=Cem", "CN=Dee"}
    assert names("--filter", "(sAMAccountName=Cem)") == {"CN=Cem"}


def test_the_faults_are_those_of_each_object_by_itself_and_of_the_same_objects_in_a_file(
    dc: SambaDC, password_file: Path, tmp_path: Path
) -> None:
    forest = ForestSettings(
        name="x", tenant="x", servers=[dc.ldaps_url], bind_user=dc.admin_user,
        bind_password_file=password_file, ca_file=dc.ca_file,
    )  # fmt: skip
    records = list(ldap_records(forest, Query((), ENTRA.ldap_filter, ENTRA.attributes, page_size=3)))
    objects = [record for record in records if isinstance(record, DirectoryObject)]
    assert len(objects) == len(records) > 6
    file = tmp_path / "objects.jsonl"
    file.write_bytes(b"".join(map(encode_object, objects)))

    domain = ("--verified-domain", "contoso.com")
    from_file = CliRunner().invoke(scan, ["--input", str(file), "--format", "json", *domain])
    assert verdicts(from_file) == verdicts(scanned(dc, password_file, *domain))

    tenant = tenant_of_domains(["contoso.com"])
    alone = {
        (subject.dn.partition(",")[0], fault.attribute, str(fault.value), tuple(map(str, fault.errors)))
        for subject in objects
        for fault in check(subject, ENTRA, tenant)
    }
    assert alone == {verdict for verdict in verdicts(from_file) if verdict[3] != ("Duplicate",)}


def test_idfix_s_verdicts_come_from_ldap_too(dc: SambaDC, password_file: Path) -> None:
    found = verdicts(scanned(dc, password_file, "--profile", "idfix", "--base", f"OU=Research,{dc.base_dn}"))
    assert ("CN=Cem", "userPrincipalName", "cem@corp.local", ("TopLevelDomain",)) in found


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (("--bind-user", "nobody@corp.contoso.local"), "password"),
        (("--base", "OU=Nowhere,DC=corp,DC=contoso,DC=local"), "no such"),
        (("--server", "ldaps://127.0.0.1:1"), "cannot be reached"),
        (("--filter", "(broken"), "filter"),
    ],
)
def test_a_scan_that_cannot_be_done_fails_and_says_why(
    dc: SambaDC, password_file: Path, options: tuple[str, ...], advice: str
) -> None:
    result = scanned(dc, password_file, *options)
    assert result.exit_code == 2
    assert advice in result.stderr
    assert dc.admin_password not in result.stderr


def test_the_global_catalogue_is_scanned_whole(dc: SambaDC, password_file: Path) -> None:
    catalogue = ("--server", f"ldaps://{dc.host}:3269")
    where = ["--bind-user", dc.admin_user, "--bind-password-file", str(password_file), "--ca-file", str(dc.ca_file)]
    result = CliRunner().invoke(scan, [*catalogue, *where, "--format", "json"])
    assert result.exit_code == 1, result.stderr
    assert ("CN=Ben", "userPrincipalName", "ben smith@contoso.com", ("Character",)) in verdicts(result)


def test_the_stream_says_the_same_of_the_same_domain(dc: SambaDC, password_file: Path) -> None:
    """The scan reads by paged search; the stream by DirSync through the source, projector and rules."""
    domain = ("--verified-domain", "contoso.com")
    rows = [json.loads(line) for line in scanned(dc, password_file, *domain).stdout.splitlines()]
    by_scan = {(row["dn"], detection) for row in rows for detection in detections_of(row)}
    forest = ForestSettings(
        name=dc.realm, tenant=TENANT, servers=[dc.ldaps_url], bind_user=dc.admin_user,
        bind_password_file=password_file, ca_file=dc.ca_file, valid_names=[dc.host_name],
    )  # fmt: skip
    source, pipeline = ActiveDirectorySource(forest), Pipeline()
    source.restore([])
    domains = [Domain("contoso.com"), Domain("contoso.onmicrosoft.com", is_initial=True)]
    pipeline.tell(TenantState(tenant=TENANT, seq=1, ts_ms=1, domains=domains, features={}))
    try:
        more = True
        while more:
            batch = source.read()
            pipeline.feed(source.origin, batch.facts)
            more = batch.more
    finally:
        source.close()
    by_stream = {
        (dn, finding.detection)
        for finding in pipeline.open().values()
        if finding.family == "hygiene" or finding.detection == "conflict.duplicate_address"
        for dn in at_fault(finding)
    }
    assert len(by_scan) > 4
    assert by_stream == by_scan
