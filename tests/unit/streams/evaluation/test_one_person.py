"""People of several forests whom Entra Connect joins: one person, no conflict with oneself; stream = oracle."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.facts import Domain, Fact, ObjectKind, Operation, Origin, TenantState
from streams.contracts.finding import FindingState
from streams.contracts.identity import immutable_id_of_guid
from streams.detections.registry import all_detections
from streams.directory.scope import Scope, scope_name
from streams.directory.state import ObjectState
from streams.evaluation.oracle import OracleObject, expected_findings
from tests.support.cases import AD2, START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

HOUR_MS = 3_600_000
ENABLED, DISABLED = 512, 514
LINKED = {"msExchRecipientTypeDetails": 2, "msExchMasterAccountSid": sid_of("ann"), "userAccountControl": DISABLED}
MISSING, TWICE = "flow.missing_in_cloud", "conflict.duplicate_address"


class Merger:
    """The account forest "corp" and the resource forest "fabrikam", of one tenant."""

    def __init__(self, joined_by: str = "", of_cloud_sync: str = "") -> None:
        scope = Scope(users_joined_by=joined_by)
        theirs = Scope(users_joined_by=joined_by, cloud_sync_ous=[of_cloud_sync] if of_cloud_sync else ())
        self.scopes = {"corp": scope, "fabrikam": theirs, scope_name(TENANT, None): scope}
        self.pipeline = Pipeline(self.scopes)
        domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
        self.tenant = TenantState(tenant=TENANT, seq=1, ts_ms=START_MS, collected=True, domains=domains)
        self.pipeline.tell(self.tenant)
        self._seq = START_MS << 12

    def has(self, origin: Origin, name: str, kind: ObjectKind = ObjectKind.USER, **attributes: Any) -> None:
        self._seq += 1
        if origin.side == "ad":
            attributes = {"distinguishedName": f"CN={name},DC={origin.forest}", "objectSid": sid_of(name),
                          "sAMAccountName": name, **attributes}  # fmt: skip
        fact = Fact(op=Operation.READ, object_id=guid_of(name), seq=self._seq, ts_ms=START_MS, kind=kind, full=True,
                    attributes=attributes)  # fmt: skip
        self.pipeline.feed(origin, [fact])

    def synced(self, of: str, **attributes: Any) -> None:
        self.has(ENTRA, f"{of}-cloud", onPremisesSyncEnabled=True, accountEnabled=True,
                 onPremisesImmutableId=immutable_id_of_guid(guid_of(of)), onPremisesSecurityIdentifier=sid_of(of),
                 **attributes)  # fmt: skip

    def told(self, after_ms: int = 8 * HOUR_MS) -> set[str]:
        self.pipeline.tick(START_MS + after_ms)
        return {each.detection for each in self.pipeline.open().values()}


ANN = {"userPrincipalName": "ann@contoso.com", "userAccountControl": ENABLED}
MAILBOX = {"mail": "ann@contoso.com", "proxyAddresses": ["SMTP:ann@contoso.com", "smtp:a@contoso.com"]}


@pytest.mark.parametrize("joined_by", ["", "objectSid", "mail"])
def test_a_linked_mailbox_is_its_account(joined_by: str) -> None:
    site = Merger(joined_by)
    site.has(AD, "ann", **ANN, mail="ann@contoso.com", displayName="Ann")
    site.has(AD2, "ann-mailbox", userPrincipalName="ann@fabrikam.local", displayName="Ann Bee", **MAILBOX, **LINKED)
    shown = "Ann" if not joined_by else "Ann Bee"
    site.synced("ann", userPrincipalName="ann@contoso.com", displayName=shown, **MAILBOX)
    assert site.told() == set()


def test_a_linked_mailbox_and_a_third_object_are_two() -> None:
    site = Merger("objectSid")
    site.has(AD, "ann", **ANN, mail="ann@contoso.com")
    site.has(AD2, "ann-mailbox", **MAILBOX, **LINKED)
    site.synced("ann", userPrincipalName="ann@contoso.com", **MAILBOX)
    theirs = ["SMTP:bob@contoso.com", "smtp:a@contoso.com"]
    site.has(AD, "bob", userPrincipalName="bob@contoso.com", proxyAddresses=theirs)
    assert site.told(0) == {TWICE}
    (finding,) = site.pipeline.open().values()
    assert finding.subject.object_guid == guid_of("bob"), "the account's own has it in the cloud"
    assert {holder.id: holder.role for holder in finding.counterparts if holder.side == "ad"} == {
        guid_of("bob"): "would_be_quarantined", guid_of("ann-mailbox"): "keeps",
    }  # fmt: skip


def test_a_mailbox_of_its_own_is_no_linked_one() -> None:
    """A shared mailbox names itself as its account (S-1-5-10)."""
    site = Merger("objectSid")
    site.has(AD, "ann", **ANN, mail="ann@contoso.com")
    site.synced("ann", userPrincipalName="ann@contoso.com", mail="ann@contoso.com")
    site.has(AD2, "shared", userAccountControl=DISABLED, msExchRecipientTypeDetails=4,
             msExchMasterAccountSid="S-1-5-10", mail="ann@contoso.com")  # fmt: skip
    assert site.told() == {TWICE}


@pytest.mark.parametrize(
    ("joined_by", "ours", "theirs"),
    [
        ("mail", {"mail": "ann@contoso.com"}, {"mail": "Ann@contoso.com"}),
        ("objectSid", {}, {"msExchMasterAccountSid": sid_of("ann")}),
        ("sAMAccountName", {}, {"sAMAccountName": "x", "mailNickname": "ANN"}),
        ("employeeID", {"employeeID": "4711"}, {"employeeID": "4711"}),
    ],
)
def test_a_disabled_account_is_joined_as_the_tenant_says(
    joined_by: str, ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    both = {"userAccountControl": DISABLED, "mailNickname": "shared", "proxyAddresses": ["SMTP:ann@contoso.com"]}
    for setting in (joined_by, ""):
        site = Merger(setting)
        site.has(AD, "ann", **ANN, **ours, displayName="Ann")
        site.has(AD2, "other", displayName="Ann Bee", **{**both, **theirs})
        said = {"mail": "ann@contoso.com", "employeeId": "4711", "onPremisesSamAccountName": "ann"}
        site.synced("ann", userPrincipalName="ann@contoso.com", displayName="Ann Bee", **said,
                    proxyAddresses=["SMTP:ann@contoso.com"])  # fmt: skip
        assert site.told() == (set() if setting else {TWICE, MISSING, "flow.attribute_drift"} - {
            MISSING,  # is counted under the duplicate of its primary address
        }), setting  # fmt: skip
        if setting:  # the account is compared by what is certainly its own
            site.has(AD, "ann", **{**ANN, "userAccountControl": DISABLED}, **ours)
            assert "authority.account_enabled_only_in_cloud" in site.told(16 * HOUR_MS)


@pytest.mark.parametrize(
    ("of_cloud_sync", "unit", "joined"),
    [
        ("DC=fabrikam", "OU=Staff,DC=fabrikam", False),
        ("OU=Merged,DC=fabrikam", "OU=Merged,DC=fabrikam", False),
        ("OU=Merged,DC=fabrikam", "OU=Staff,DC=fabrikam", True),
    ],
)
def test_cloud_sync_joins_nobody_across_forests(of_cloud_sync: str, unit: str, joined: bool) -> None:
    """Neither users nor contacts; what Entra Connect brings of the same forest is joined."""
    both = {"proxyAddresses": ["SMTP:ann@contoso.com"], "mail": "ann@contoso.com"}
    site = Merger("mail", of_cloud_sync)
    site.has(AD, "ann", **ANN, **both)
    site.synced("ann", userPrincipalName="ann@contoso.com", **both)
    site.has(AD2, "other", distinguishedName=f"CN=other,{unit}", userAccountControl=DISABLED, **both)
    assert (TWICE in site.told()) is not joined
    site = Merger("", of_cloud_sync)
    for origin, name in ((AD, "CN=c1,DC=corp"), (AD2, f"CN=c2,{unit}")):
        site.has(origin, name, ObjectKind.CONTACT, distinguishedName=name, mail="kim@partner.com")
    assert (TWICE in site.told(0)) is not joined


def test_who_is_of_cloud_sync_keeps_the_address_that_a_half_of_connect_wants() -> None:
    site = Merger("mail", "DC=fabrikam")
    both = {"proxyAddresses": ["SMTP:ann@contoso.com"], "mail": "ann@contoso.com"}
    site.has(AD2, "ann", distinguishedName="CN=ann,DC=fabrikam", **ANN, **both)
    site.synced("ann", userPrincipalName="ann@contoso.com", **both)
    site.has(AD, "other", userAccountControl=DISABLED, **both)
    assert site.told() == {TWICE}
    (finding,) = site.pipeline.open().values()
    assert {holder.forest: holder.role for holder in finding.counterparts if holder.side == "ad"} == {
        "corp": "would_be_quarantined", "fabrikam": "keeps",
    }  # fmt: skip


def test_who_lacks_the_attribute_is_synchronised_by_cloud_sync() -> None:
    site = Merger("mail", "DC=fabrikam")
    site.has(AD2, "bob", userPrincipalName="bob@contoso.com", userAccountControl=ENABLED)
    assert site.told() == {MISSING}


def test_two_active_accounts_are_two_people() -> None:
    site = Merger("mail")
    site.has(AD, "ann", **ANN, mail="ann@contoso.com")
    site.has(AD2, "other", userPrincipalName="o@contoso.com", userAccountControl=ENABLED, mail="ann@contoso.com")
    site.synced("ann", userPrincipalName="ann@contoso.com", mail="ann@contoso.com")
    assert TWICE in site.told()


def test_contacts_of_two_forests_are_joined_by_mail_whatever_the_setting() -> None:
    site = Merger()
    for origin, name in ((AD, "c1"), (AD2, "c2")):
        site.has(origin, name, ObjectKind.CONTACT, mail="kim@partner.com", proxyAddresses=["SMTP:kim@partner.com"])
    assert site.told(0) == set()
    site.has(AD, "c3", ObjectKind.CONTACT, mail="kim@partner.com")
    assert site.told(0) == {TWICE}, "two of one forest"


@pytest.mark.parametrize(("joined_by", "told"), [("mail", set()), ("", {TWICE})])
def test_a_contact_is_joined_with_a_user_where_users_are_joined_by_mail(joined_by: str, told: set[str]) -> None:
    site = Merger(joined_by)
    site.has(AD, "ann", **ANN, **MAILBOX)
    site.synced("ann", userPrincipalName="ann@contoso.com", **MAILBOX)
    site.has(AD2, "galsync", ObjectKind.CONTACT, mail="ann@contoso.com",
             proxyAddresses=["SMTP:ann@contoso.com", "X500:/o=fabrikam/cn=ann"])  # fmt: skip
    assert site.told() == told


def test_who_lacks_the_attribute_is_not_synchronised() -> None:
    site = Merger("mail")
    site.has(AD, "ann", **ANN)
    assert site.told() == set()


def test_the_groups_of_a_half_are_no_surplus_of_the_account() -> None:
    """Views of an account hear that it is joined, and no longer once the other half is gone."""
    site = Merger("objectSid")
    site.has(AD, "ann", **ANN)
    site.has(AD2, "other", userAccountControl=DISABLED, msExchMasterAccountSid=sid_of("ann"))
    rows = site.pipeline.view_rows
    heard = {key.partition("/")[0] for key, raw in rows.items("") if b"joined/person/" in raw}
    assert heard == {"person", "user", "reference"}, "who tells it, both users' views, and the account's of its SID"
    fact = Fact(op=Operation.DELETED, object_id=guid_of("other"), seq=1 << 62, ts_ms=START_MS + 1, kind=ObjectKind.USER)
    site.pipeline.feed(AD2, [fact])
    site.pipeline.tick(START_MS + HOUR_MS)
    assert [key for key, raw in rows.items("") if b"joined/person/" in raw] == []


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    joined_by=st.sampled_from(["", "mail", "objectSid", "sAMAccountName", "department"]),
    of_cloud_sync=st.sampled_from(["", "DC=x"]),
)
def test_stream_and_oracle_agree(seed: int, joined_by: str, of_cloud_sync: str) -> None:
    chance, site = random.Random(seed), Merger(joined_by, of_cloud_sync)
    told: list[tuple[Origin, Fact]] = []
    objects = []
    mails = ["a@contoso.com", "b@contoso.com"]
    for origin in (AD, AD2, ENTRA):
        for number in range(chance.randrange(1, 4)):
            name = f"{origin.forest or 'cloud'}-{number}"
            kind = chance.choice([ObjectKind.USER, ObjectKind.USER, ObjectKind.CONTACT])
            for seq in range(chance.choice([1, 2])):
                mail = chance.choice([None, *mails])
                said: dict[str, Any] = {"mail": mail, "department": chance.choice([None, "x", "y"]),
                                        "proxyAddresses": [f"SMTP:{chance.choice(mails)}"]}  # fmt: skip
                if origin is ENTRA:
                    of = f"corp-{number}"
                    said |= {
                        "onPremisesSyncEnabled": True, "onPremisesImmutableId": immutable_id_of_guid(guid_of(of)),
                        "onPremisesSecurityIdentifier": sid_of(of), "mailNickname": chance.choice(["m", "n"]),
                    }  # fmt: skip
                else:
                    said |= {"distinguishedName": f"CN={name},DC=x", "sAMAccountName": chance.choice(["m", "n"]),
                             "objectSid": sid_of(name), "userPrincipalName": f"{name}@contoso.com",
                             "userAccountControl": chance.choice([ENABLED, DISABLED]),
                             "msExchMasterAccountSid": chance.choice([None, "S-1-5-10", sid_of("corp-0")]),
                             "msExchRecipientTypeDetails": chance.choice([None, 1, 2])}  # fmt: skip
                said = {each: value for each, value in said.items() if value is not None}
                fact = Fact(op=Operation.READ, object_id=guid_of(name), seq=(START_MS << 12) + seq, ts_ms=START_MS,
                            kind=kind, full=True, attributes=said)  # fmt: skip
                told.append((origin, fact))
            objects.append(OracleObject(ObjectState(
                object_id=guid_of(name), side=origin.side, tenant=TENANT, forest=origin.forest, kind=kind,
                attributes=said, changed_ms=START_MS, first_ms=START_MS,
            )))  # fmt: skip
    chance.shuffle(told)
    for origin, fact in told:
        site.pipeline.feed(origin, [fact])
        if chance.random() < 0.1:
            site.pipeline.restart()
    now_ms = START_MS + 24 * HOUR_MS
    site.pipeline.tick(now_ms)
    expected = expected_findings(
        objects, {TENANT: site.tenant}, site.scopes, all_detections(), now_ms=now_ms, explained=True
    )
    found = {key: each for key, each in site.pipeline.findings.items() if each.state is not FindingState.RESOLVED}
    assert {(each.detection, each.subject.key, each.state, each.cause) for each in found.values()} == {
        (each.detection, each.subject.key, each.state, each.cause) for each in expected.values()
    }
