"""OpenLDAP's own tools, which share no code with us, read the directory."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.support.directory import Directory
from tests.support.parts import missing_part


@pytest.fixture(autouse=True)
def _tools() -> None:
    if shutil.which("ldapsearch") is None:
        missing_part("ldapsearch is missing; install it: apt-get install ldap-utils")


def _ldapsearch(directory: Directory, *arguments: str, url: str | None = None) -> str:
    dc = directory.dc
    command = ["ldapsearch", "-H", url or dc.ldaps_url, "-x", "-D", dc.admin_user, "-w", dc.admin_password]
    environment = os.environ | {"LDAPTLS_CACERT": str(dc.ca_file), "LDAPTLS_REQCERT": "demand"}
    done = subprocess.run(
        [*command, "-o", "ldif_wrap=no", *arguments], capture_output=True, text=True, env=environment, check=False
    )
    return done.stdout + done.stderr


def test_over_ldaps_with_the_certificate_verified(directory: Directory) -> None:
    out = _ldapsearch(directory, "-b", directory.base_dn, "(sAMAccountName=Administrator)", "memberOf")
    assert f"dn: CN=Administrator,CN=Users,{directory.base_dn}" in out
    assert f"memberOf: CN=Domain Admins,CN=Users,{directory.base_dn}" in out
    assert "result: 0 Success" in out


def test_over_start_tls(directory: Directory) -> None:
    url = f"ldap://{directory.dc.host}:{directory.dc.ldap_port}"
    out = _ldapsearch(directory, "-ZZ", "-b", directory.base_dn, "-s", "base", "objectClass", url=url)
    assert "objectClass: domainDNS" in out


def test_in_pages(directory: Directory) -> None:
    out = _ldapsearch(directory, "-b", directory.base_dn, "-E", "pr=5/noprompt", "(objectClass=*)", "name")
    plain = _ldapsearch(directory, "-b", directory.base_dn, "(objectClass=*)", "name")
    assert out.count("\ndn: ") == plain.count("\ndn: ") > 20


def test_dirsync_and_its_cookie(directory: Directory) -> None:
    arguments = ("-b", directory.base_dn, "-E")
    out = _ldapsearch(directory, *arguments, "!dirSync=2147483648/0", "(objectClass=*)", "name")
    assert "# DirSync control continueFlag=0" in out
    assert out.count("\ndn: ") > 20
    cookie = out.partition("# cookie:: ")[2].split()[0]
    directory.dc.add_user("ldapsearch-sync")
    out = _ldapsearch(directory, *arguments, f"!dirSync=2147483648/0/{cookie}", "(objectClass=*)", "name")
    assert out.count("\ndn: ") == 1
    assert "name: ldapsearch-sync" in out


def test_extended_names_and_deleted_objects(directory: Directory) -> None:
    dn = directory.dc.add_user("ldapsearch-gone")
    directory.dc.delete(dn)
    arguments = ("-b", directory.base_dn, "-E", "!showDeleted", "-E", "extendedDn=1")
    out = _ldapsearch(directory, *arguments, "(sAMAccountName=ldapsearch-gone)", "isDeleted")
    assert "isDeleted: TRUE" in out
    assert "dn:: PEdVSUQ9" in out  # base64 of "<GUID="
