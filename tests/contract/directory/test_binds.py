"""Who gets in, and how."""

from __future__ import annotations

import ldap3
import pytest

from tests.support.directory import Directory
from tests.support.samba import ADMIN_PASSWORD


def test_a_password_in_clear_is_refused(directory: Directory) -> None:
    connection = directory.plain(user=directory.dc.admin_user, password=ADMIN_PASSWORD)
    assert not connection.bind()
    assert connection.result["description"] == "strongerAuthRequired"


def test_start_tls_makes_the_same_bind_good(directory: Directory) -> None:
    connection = directory.plain(user=directory.dc.admin_user, password=ADMIN_PASSWORD)
    assert connection.start_tls()
    assert connection.bind()
    assert connection.search(directory.base_dn, "(objectClass=*)", ldap3.BASE, attributes=["name"])


@pytest.mark.parametrize("form", ["administrator@{realm}", "CORP\\administrator", "CN=Administrator,CN=Users,{base}"])
def test_an_account_binds_under_each_of_its_names(directory: Directory, form: str) -> None:
    user = form.format(realm=directory.dc.realm, base=directory.base_dn)
    connection = directory.connect(user)
    assert connection.bound


@pytest.mark.parametrize("user", ["administrator@{realm}", "nobody@{realm}", "OTHER\\administrator"])
def test_a_wrong_name_or_password_is_refused_with_the_windows_code(directory: Directory, user: str) -> None:
    connection = directory.connect(user.format(realm=directory.dc.realm), "wrong", auto_bind=False)
    assert not connection.bind()
    assert connection.result["description"] == "invalidCredentials"
    assert "data 52" in connection.result["message"]


def test_a_new_password_opens_and_a_disabled_account_does_not(directory: Directory) -> None:
    dc = directory.dc
    dn = dc.add_user("binds-disabled")
    dc.set_password(dn, "First-pass1")
    dc.enable(dn)
    connection = directory.connect(f"binds-disabled@{dc.realm}", "First-pass1")
    assert connection.bound
    dc.modify(dn, {"userAccountControl": "514"})
    connection = directory.connect(f"binds-disabled@{dc.realm}", "First-pass1", auto_bind=False)
    assert not connection.bind()
    assert "data 533" in connection.result["message"]


def test_anonymous_reads_the_root_and_nothing_else(directory: Directory) -> None:
    connection = directory.plain()
    assert connection.bind()
    assert connection.search("", "(objectClass=*)", ldap3.BASE, attributes=["highestCommittedUSN"])
    assert not connection.search(directory.base_dn, "(objectClass=*)", ldap3.SUBTREE, attributes=["name"])
    assert connection.result["description"] == "operationsError"
