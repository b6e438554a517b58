"""What the store promises to the lab itself, beyond what LDAP shows (see tests/contract/directory)."""

from __future__ import annotations

import base64
import sys
import uuid

import pytest

from deploy.lab.directory.accounts import Accounts, Right
from deploy.lab.directory.results import DirectoryError, ResultCode
from deploy.lab.directory.seeding import seed_users
from deploy.lab.directory.store import DirectoryStore


@pytest.fixture
def store() -> DirectoryStore:
    return DirectoryStore(seed=7, clock=lambda: 1_790_000_000.9)


def _user(store: DirectoryStore, name: str, **attributes: object) -> uuid.UUID:
    return store.add(
        f"CN={name},CN=Users,{store.base_dn}", {"objectClass": "user", "sAMAccountName": name, **attributes}
    )  # type: ignore[dict-item]


def test_two_stores_of_one_seed_are_alike_and_of_none_differ() -> None:
    one, other = DirectoryStore(seed=7), DirectoryStore(seed=7)
    assert [o.guid for o in one.objects()] == [o.guid for o in other.objects()]
    assert DirectoryStore().domain_guid != DirectoryStore().domain_guid


def test_an_object_shows_its_parts(store: DirectoryStore) -> None:
    boss = _user(store, "boss")
    guid = _user(store, "ada", mail="ada@contoso.com", manager=boss, proxyAddresses=["SMTP:ada@x", "smtp:b@x"])
    ada = store.get(guid)
    assert ada.dn == f"CN=ada,CN=Users,{store.base_dn}"
    assert (ada.object_class, ada.first("MAIL"), ada.all("proxyAddresses")) == (
        "user",
        "ada@contoso.com",
        ["SMTP:ada@x", "smtp:b@x"],
    )
    assert ada.targets("manager") == [boss]
    assert store.get(boss).all("directReports") == [ada.dn]
    assert ada.sid is not None and ada.sid.startswith("S-1-5-21-")
    assert ada.raw("objectGUID") == (guid.bytes_le,)
    assert base64.b64encode(guid.bytes_le) == base64.b64encode(ada.guid.bytes_le)
    assert (ada.when_created_s, ada.first("whenCreated")) == (1_790_000_000, "20260921141320.0Z")
    assert ada.parent_guid == store.get(f"CN=Users,{store.base_dn}").guid
    assert ada.first("noSuchAttribute") is None
    assert store.find_account("ADA") == ada


def test_duplicate_principal_names_come_in_only_with_the_switch() -> None:
    strict, lax = DirectoryStore(), DirectoryStore(unique_upns=False)
    for store in (strict, lax):
        _user(store, "one", userPrincipalName="Same@contoso.com")
    with pytest.raises(DirectoryError) as refused:
        _user(strict, "two", userPrincipalName="same@CONTOSO.com")
    assert refused.value.code is ResultCode.CONSTRAINT_VIOLATION
    assert strict.find_account("two") is None
    assert store.get(_user(lax, "two", userPrincipalName="same@CONTOSO.com")).first("userPrincipalName")


def test_a_refused_addition_leaves_every_name_free(store: DirectoryStore) -> None:
    _user(store, "taken")
    with pytest.raises(DirectoryError):
        store.add(f"CN=taken,CN=Users,{store.base_dn}", {"objectClass": "user", "sAMAccountName": "free"})
    with pytest.raises(DirectoryError):
        store.add(f"CN=free,CN=Users,{store.base_dn}", {"objectClass": "user", "sAMAccountName": "TAKEN"})
    assert _user(store, "free")


def test_the_recycle_bin_keeps_attributes_and_memberships() -> None:
    store = DirectoryStore(recycle_bin=True)
    guid = _user(store, "ada", mail="ada@contoso.com")
    group = store.add(f"CN=g,CN=Users,{store.base_dn}", {"objectClass": "group", "member": guid})
    store.delete(guid)
    assert store.get(guid).first("isRecycled") is None
    assert store.get(guid).first("mail") == "ada@contoso.com"
    assert store.get(group).targets("member") == []
    store.restore(guid)
    assert store.get(guid).dn == f"CN=ada,CN=Users,{store.base_dn}"
    assert store.get(group).targets("member") == [guid]


def test_a_restore_that_collides_changes_nothing(store: DirectoryStore) -> None:
    guid = _user(store, "ada")
    store.delete(guid)
    store.add(f"CN=other,CN=Users,{store.base_dn}", {"objectClass": "user", "sAMAccountName": "ada"})
    before = (store.get(guid).dn, store.highest_committed_usn)
    with pytest.raises(DirectoryError):
        store.restore(guid)
    assert (store.get(guid).dn, store.highest_committed_usn) == before
    assert store.get(guid).deleted


def test_changes_tell_what_and_how(store: DirectoryStore) -> None:
    guid, member = _user(store, "ada", mail="a@x", department="IT"), _user(store, "bob")
    group = store.add(f"CN=g,CN=Users,{store.base_dn}", {"objectClass": "group"})
    usn = store.highest_committed_usn
    store.modify(guid, {"mail": None, "title": "x", "department": "IT"})
    store.add_values(group, "member", member)
    store.move(guid, None, "CN=Ada L.")
    store.delete(member)
    changes = {change.guid: change for change in store.changes_since(usn)}
    assert changes[guid].attributes == {"mail", "title"}
    assert changes[guid].renamed and not changes[guid].created
    assert changes[member].deleted
    assert changes[group].linked == {"member": ()}
    assert list(store.changes_since(store.highest_committed_usn)) == []


def test_a_unit_moves_with_everything_in_it_and_never_into_itself(store: DirectoryStore) -> None:
    outer, inner = f"OU=outer,{store.base_dn}", f"OU=inner,OU=outer,{store.base_dn}"
    for dn in (outer, inner):
        store.add(dn, {"objectClass": "organizationalUnit"})
    guid = store.add(f"CN=ada,{inner}", {"objectClass": "contact"})
    with pytest.raises(DirectoryError):
        store.move(outer, inner)
    store.move(inner, f"CN=Users,{store.base_dn}", "OU=renamed")
    assert store.get(guid).dn == f"CN=ada,OU=renamed,CN=Users,{store.base_dn}"
    assert [o.guid for o in store.objects(below=outer)] == []


def test_a_snapshot_can_be_put_back_twice(store: DirectoryStore) -> None:
    guid, member = _user(store, "ada", department="IT"), _user(store, "bob")
    group = store.add(f"CN=g,CN=Users,{store.base_dn}", {"objectClass": "group", "member": [member]})
    saved, usn = store.save_state(), store.highest_committed_usn
    for _ in range(2):
        store.modify(guid, {"department": "Sales", "mail": "x@y"})
        store.remove_values(group, "member", member)
        store.delete(member)
        later = _user(store, "later")
        store.restore_state(saved)
        assert store.get(guid).first("department") == "IT"
        assert store.get(guid).first("mail") is None
        assert store.get(group).targets("member") == [member]
        assert store.get(member).all("memberOf") == [store.get(group).dn]
        assert store.highest_committed_usn == usn
        with pytest.raises(DirectoryError):
            store.get(later)
        assert list(store.changes_since(usn)) == []


def test_a_usn_rollback_hands_numbers_out_again(store: DirectoryStore) -> None:
    guid = _user(store, "ada")
    usn, identity = store.highest_committed_usn, store.invocation_id
    store.modify(guid, {"department": "IT"})
    store.simulate_usn_rollback(usn)
    assert (store.highest_committed_usn, store.invocation_id) == (usn, identity)
    assert [c.guid for c in store.changes_since(usn)] == []
    assert guid in {c.guid for c in store.changes_since(0)}
    store.modify(guid, {"department": "Sales"})
    assert store.highest_committed_usn == usn + 1
    with pytest.raises(ValueError, match="not been reached"):
        store.simulate_usn_rollback(usn + 100)


def test_a_restored_controller_publishes_its_new_identity(store: DirectoryStore) -> None:
    old = store.invocation_id
    new = store.simulate_restore_from_backup()
    (settings,) = [o for o in store.objects(below=store.configuration_dn) if o.object_class == "nTDSDSA"]
    assert new != old
    assert settings.raw("invocationId") == (new.bytes_le,)


def test_loading_is_adding(store: DirectoryStore) -> None:
    """Objects made in bulk differ in nothing from objects made one by one."""
    users = f"CN=Users,{store.base_dn}"
    columns = ("sAMAccountName", "userPrincipalName", "mail", "proxyAddresses", "userAccountControl")
    row = ("ada", "Ada@contoso.com", "ada@contoso.com", ["SMTP:ada@contoso.com", "smtp:a@x"], "512")
    assert store.load(users, "user", columns, [("ada", *row)]) == 1
    loaded = store.find_account("ada")
    assert loaded is not None
    other = DirectoryStore(seed=7, clock=store.clock)
    added = other.get(_user(other, "ada", **dict(zip(columns[1:], row[1:], strict=True))))
    ignored = {"objectGUID", "objectSid", "objectCategory"}
    assert {k: v for k, v in loaded.attributes.items() if k not in ignored} == {
        k: v for k, v in added.attributes.items() if k not in ignored
    }
    assert loaded.attributes["objectCategory"] == added.attributes["objectCategory"]
    for taken in ([("ada", *row)], [("other", *row)]):
        with pytest.raises(DirectoryError):
            store.load(users, "user", columns, taken)


def test_an_object_costs_less_than_two_kilobytes() -> None:
    """A million objects must fit a workstation: count what one seeded user holds on its own."""
    store = DirectoryStore()
    seed_users(store, 50)
    found = store.find_account("user0000020")
    assert found is not None
    entry = store.entry(found.guid)
    own = [entry, entry.guid, entry.rdn, entry.values, *entry.values[-10:]]
    own += [part for value in entry.values[-10:] if isinstance(value, tuple) for part in value]
    assert sum(map(sys.getsizeof, own)) < 2000


def test_accounts_have_their_rights(store: DirectoryStore) -> None:
    accounts = Accounts()
    accounts.install(store)
    accounts.install(store)
    rights = {
        name: accounts.authenticate(store, f"CORP\\{name}", password).rights
        for name, password in (
            (accounts.administrator, accounts.administrator_password),
            (accounts.service, accounts.service_password),
            (accounts.reader, accounts.reader_password),
        )
    }
    assert Right.WRITE in rights["Administrator"]
    assert rights["svc-synchealth"] == Right.READ | Right.REPLICATE
    assert rights["reader"] == Right.READ
    assert accounts.administrator_password not in repr(accounts)
    for name, password, code in (("nobody", "x", "525"), ("reader", "x", "52e")):
        with pytest.raises(DirectoryError, match=f"data {code}"):
            accounts.authenticate(store, f"CORP\\{name}", password)
    with pytest.raises(DirectoryError, match="data 533"):
        store.modify(f"CN=reader,CN=Users,{store.base_dn}", {"userAccountControl": 514})
        accounts.authenticate(store, "CORP\\reader", accounts.reader_password)


def test_recycling_strips_what_the_bin_kept() -> None:
    store = DirectoryStore(recycle_bin=True)
    guid = _user(store, "ada", mail="ada@contoso.com")
    with pytest.raises(DirectoryError):
        store.recycle(guid)
    store.delete(guid)
    store.recycle(guid)
    assert store.get(guid).first("isRecycled") == "TRUE"
    assert store.get(guid).first("mail") is None


def test_a_purged_tombstone_leaves_no_trace(store: DirectoryStore) -> None:
    guid = _user(store, "ada")
    with pytest.raises(DirectoryError):
        store.purge(guid)
    store.delete(guid)
    usn, size = store.highest_committed_usn, len(store)
    store.purge(guid)
    assert (store.highest_committed_usn, len(store)) == (usn, size - 1)
    assert guid not in {change.guid for change in store.changes_since(0)}
    assert guid not in {found.guid for found in store.objects(deleted=True)}
    with pytest.raises(DirectoryError):
        store.get(guid)
