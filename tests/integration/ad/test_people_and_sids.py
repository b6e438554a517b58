"""People of several forests, and SIDs given out twice: real domain controllers, our reading, the findings.

Measured on Samba 4.17.12: within one domain nothing makes two objects of one SID. Over LDAP objectSid and sIDHistory
are refused (unwillingToPerform: "samldb: objectSid must not be specified!", "sidHistory … cannot be created or changed
over LDAP!"); in the database of a stopped controller objectSid is, too ("rejected, as it is modifying an objectSid"),
and a new object with another's SID breaks a unique index ("unique index violation on objectSid"). What is left is how
it happens in the field: a domain that was copied, and a controller that went back to an older database.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import ldap3
import pytest

from streams.contracts.facts import Domain, Fact, ObjectKind, Operation, TenantState
from streams.contracts.finding import Holder, Subject
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import rfc3339
from streams.directory.scope import Scope, scope_name
from streams.runtime.clock import now_ms
from tests.integration.ad.conftest import Reading
from tests.support.exchange_schema import extend_schema
from tests.support.pipeline import ENTRA, TENANT, Pipeline
from tests.support.samba import SambaDC, Value, samba_dc

pytestmark = pytest.mark.samba

HOUR_MS = 3_600_000
DUPLICATE_SID, TWICE, MISSING = "conflict.duplicate_sid", "conflict.duplicate_address", "flow.missing_in_cloud"
Make = Callable[..., Reading]


class Site:
    """The forests of one tenant, of each the unit "People", read by our sources; the cloud's half is told."""

    def __init__(self, reading: Make, controllers: dict[str, SambaDC], joined_by: str = "") -> None:
        self.forests = {
            name: reading(dc, name=name, tenant=TENANT, valid_names=[dc.host_name]) for name, dc in controllers.items()
        }
        scopes = {
            name: Scope(include_ous=(f"OU=People,{dc.base_dn}",), users_joined_by=joined_by)
            for name, dc in controllers.items()
        }
        self.pipeline = Pipeline(scopes | {scope_name(TENANT, None): Scope(users_joined_by=joined_by)})
        domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
        self.pipeline.tell(TenantState(tenant=TENANT, seq=1, ts_ms=now_ms(), collected=True, domains=domains))

    def read(self) -> None:
        """What the domain controllers have to say now."""
        for forest in self.forests.values():
            self.pipeline.feed(forest.source.origin, forest.drain())

    def synced(self, guid: str, sid: str, **attributes: object) -> None:
        """A cloud user, exported of the AD user with this objectGUID."""
        said = {"onPremisesSyncEnabled": True, "onPremisesImmutableId": immutable_id_of_guid(guid),
                "onPremisesSecurityIdentifier": sid, "accountEnabled": True, **attributes}  # fmt: skip
        fact = Fact(op=Operation.READ, object_id=str(uuid.uuid4()), seq=now_ms() << 12, ts_ms=now_ms(),
                    kind=ObjectKind.USER, full=True, attributes=said)  # fmt: skip
        self.pipeline.feed(ENTRA, [fact])

    def told(self) -> dict[str, set[str]]:
        """Detection -> the names of those that it is about, of what is open eight hours later."""
        self.pipeline.tick(now_ms() + 8 * HOUR_MS)
        return {
            each.detection: {_name(each.subject), *map(_name, each.counterparts)}
            for each in self.pipeline.open().values()
        }


def _name(about: Subject | Holder) -> str:
    return str(about.user_principal_name).partition("@")[0]


def person(dc: SambaDC, name: str, *, enabled: bool = True, **attributes: Value) -> str:
    """A user below "People"; its distinguished name."""
    dn = f"CN={name},OU=People,{dc.base_dn}"
    dc.add(dn, "user", {"sAMAccountName": name, "userPrincipalName": f"{name}@contoso.com"} | attributes)
    if enabled:
        dc.set_password(dn, "Correct-horse-9")
        dc.enable(dn)
    return dn


def people(dc: SambaDC) -> SambaDC:
    dc.add(f"OU=People,{dc.base_dn}", "organizationalUnit")
    return dc


def guid_of(dc: SambaDC, dn: str) -> str:
    return str(uuid.UUID(bytes_le=dc.guid(dn)))


def raw_sid(dc: SambaDC, dn: str) -> bytes:
    dc.connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["objectSid"])
    return bytes(dc.connection.response[0]["raw_attributes"]["objectSid"][0])


@pytest.fixture(scope="module")
def accounts() -> Iterator[SambaDC]:
    """The account forest."""
    with samba_dc() as dc:
        yield people(dc)


@pytest.fixture(scope="module")
def resources() -> Iterator[SambaDC]:
    """The resource forest, where Exchange is."""
    with samba_dc(realm="fabrikam.local") as dc:
        extend_schema(dc)
        yield people(dc)


@pytest.mark.parametrize("joined_by", ["", "objectSid"])
def test_a_linked_mailbox_is_one_person_with_its_account(
    accounts: SambaDC, resources: SambaDC, reading: Make, joined_by: str
) -> None:
    name = f"ann{joined_by.lower()}"
    addresses: dict[str, Value] = {"mail": f"{name}@contoso.com", "proxyAddresses": [f"SMTP:{name}@contoso.com"]}
    account = person(accounts, name, displayName="Ann")
    mailbox = person(resources, f"{name}.mbx", enabled=False, displayName="Ann", **addresses,
                     msExchMasterAccountSid=raw_sid(accounts, account), msExchRecipientTypeDetails="2")  # fmt: skip
    site = Site(reading, {"corp": accounts, "fabrikam": resources}, joined_by)
    site.read()
    [told] = [each for each in site.forests["fabrikam"].facts if each.attributes.get("distinguishedName") == mailbox]
    assert told.attributes["msExchMasterAccountSid"] == accounts.sid(account)
    assert told.attributes["msExchRecipientTypeDetails"] == 2
    site.synced(guid_of(accounts, account), accounts.sid(account), displayName="Ann",
                userPrincipalName=f"{name}@contoso.com", **addresses)  # fmt: skip
    assert mine(site.told(), name) == {}

    # A mailbox of its own: two people claim one address, and the second is in no cloud.
    resources.modify(mailbox, {"msExchMasterAccountSid": None, "msExchRecipientTypeDetails": "1"})
    resources.set_password(mailbox, "Correct-horse-9")
    resources.enable(mailbox)
    accounts.modify(account, addresses)
    site.read()
    assert TWICE in mine(site.told(), name)
    resources.modify(mailbox, {"msExchMasterAccountSid": raw_sid(accounts, account), "msExchRecipientTypeDetails": "2",
                               "userAccountControl": "514"})  # fmt: skip
    site.read()
    assert mine(site.told(), name) == {}


def mine(told: dict[str, set[str]], name: str) -> dict[str, set[str]]:
    """What concerns somebody of this name: the forests are shared."""
    return {detection: who for detection, who in told.items() if any(each.startswith(name) for each in who)}


def test_a_copied_domain_gives_its_sids_out_again(reading: Make) -> None:
    """Two controllers of one provisioned domain are copies: each goes on with the same relative ids."""
    with samba_dc() as corp, samba_dc() as copy:
        kim, lee = person(people(corp), "kim"), person(people(copy), "lee")
        assert corp.sid(kim) == copy.sid(lee) and corp.guid(kim) != copy.guid(lee)
        site = Site(reading, {"corp": corp, "copy": copy})
        site.read()
        site.synced(guid_of(corp, kim), corp.sid(kim), userPrincipalName="kim@contoso.com")
        assert site.told() == {DUPLICATE_SID: {"kim", "lee"}}
        copy.delete(lee)
        site.read()
        assert site.told() == {}


def test_a_controller_that_went_back_gives_a_sid_out_again(reading: Make) -> None:
    """Its older database knows nothing of the last relative ids; the cloud does."""
    with samba_dc() as dc:
        people(dc)
        dc.stop()
        older = dc.snapshot()
        dc.start()
        site = Site(reading, {"corp": dc})
        first = person(dc, "first")
        sid, guid = dc.sid(first), guid_of(dc, first)
        site.read()
        site.synced(guid, sid, userPrincipalName="first@contoso.com", onPremisesDistinguishedName=first,
                    createdDateTime=rfc3339(now_ms() - HOUR_MS))  # fmt: skip
        assert site.told() == {}

        dc.stop()
        dc.roll_back(older)
        dc.start()
        site.forests["corp"].restart()
        site.read()
        second = person(dc, "second")
        assert dc.sid(second) == sid
        site.read()
        told = site.told()
        assert told[DUPLICATE_SID] == {"second", "first"}
        assert MISSING not in told, "the second is missing because of its SID"
