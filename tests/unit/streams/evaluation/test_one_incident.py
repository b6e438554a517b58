"""One incident per cause: of the findings about one object, exactly one is told and the others are counted under it.

Whatever is read first; whatever explains it in another view. What is a cause of its own stays an incident of its own.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from streams.contracts.codec import decode
from streams.contracts.facts import Domain, TenantState
from streams.contracts.finding import Finding, FindingState
from streams.contracts.views import Contribution, ContributionChunk
from streams.detections.registry import Registered, all_detections
from streams.directory.scope import Scope
from streams.evaluation.explaining import BETWEEN, emitted_explanations
from streams.evaluation.rules import causes_first
from streams.evaluation.view_row import ViewRow
from streams.views.explanations import LINGERS_MS, explaining_detection
from tests.support.cases import ORIGINS, START_MS, event_of, fact_of
from tests.support.pipeline import TENANT, Pipeline

HOUR_MS = 3_600_000
DUPLICATE, OWNED = "conflict.duplicate_address", "conflict.address_owned_by_cloud_object"
ANCHORS, OTHER_ANCHOR = "conflict.duplicate_source_anchor", "authority.source_anchor_changed"
ADDRESS_HELD_BACK, UPN_HELD_BACK = "conflict.address_quarantined", "conflict.upn_quarantined"
BLOCKED, REFERENCE = "conflict.hard_match_blocked", "conflict.reference_to_unsynced_object"
WORKLOAD = "conflict.service_provisioning_error"
REFUSED, MISSING, OVERDUE = "flow.export_error", "flow.missing_in_cloud", "flow.export_overdue"
DRIFT, DROPPED, ORPHANED = "flow.attribute_drift", "flow.silent_drop", "flow.orphaned_in_cloud"
LEAVER = "authority.account_enabled_only_in_cloud"
LOCAL, UNVERIFIED = "hygiene.non_routable_upn_suffix", "hygiene.unverified_upn_suffix"
SAME_VALUE, TOO_LONG = "hygiene.duplicate", "hygiene.too_long"
CHARACTER = "hygiene.invalid_character"
Step = dict[str, Any]


def ad(name: str, *, op: str = "c", kind: str = "user", links: dict[str, Any] | None = None, **attributes: Any) -> Step:
    return {"ad": {"id": name, "op": op, "kind": kind, "attributes": attributes, "links": links or {}}}


def cloud(name: str, *, of: str | None = None, op: str = "r", kind: str = "user", **attributes: Any) -> Step:
    """An Entra object; `of`: synchronised from the AD object of that name."""
    if of is not None:
        joined = {"onPremisesImmutableId": f"@anchor:{of}"} if kind == "user" else {}
        attributes = {
            "onPremisesSyncEnabled": True, "onPremisesSecurityIdentifier": f"@sid:{of}", **joined, **attributes,
        }  # fmt: skip
    return {"entra": {"id": name, "op": op, "kind": kind, "attributes": attributes}}


def refused(name: str | None, error: str = "AttributeValueMustBeUnique", *values: str) -> Step:
    """ADSync 6941; values: "ProxyAddresses SMTP:a@b"."""
    details: dict[str, Any] = {"error_name": error}
    if values:
        details["attribute"], _, details["value"] = values[0].partition(" ")
    if values[1:]:
        details["more_values"] = list(values[1:])
    about = {"anchor": name} if name is not None else {}
    return {"event": {"log": "windows", "name": "adsync/6941", "server": "aadc01", "result": "failure", **about,
                      "details": details}}  # fmt: skip


def cycle(word: str) -> Step:
    return {"event": {"log": "windows", "name": "directory synchronization/904", "server": "aadc01",
                      "details": {"cycle": word, "cycle_kind": "delta"}}}  # fmt: skip


class Site:
    """A pipeline to which numbered steps happen."""

    def __init__(self, features: dict[str, bool | None] | None = None, **options: Any) -> None:
        self.pipeline = Pipeline({"corp": Scope(exclude_ous=["OU=Out,DC=corp,DC=local"])}, **options)
        self.now_ms = START_MS
        domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
        self.pipeline.tell(TenantState(
            tenant=TENANT, seq=1, ts_ms=START_MS, domains=domains, features=features or {}, collected=True,
        ))  # fmt: skip

    def happen(self, steps: Sequence[Step], order: Iterable[int] | None = None) -> None:
        """Each step at a second of its own; told in another order if one is given."""
        began_ms = self.now_ms
        for number in range(len(steps)) if order is None else order:
            at_ms = began_ms + (number + 1) * 1000
            ((side, raw),) = steps[number].items()
            if side == "event":
                self.pipeline.log([event_of(raw, at_ms, at_ms)], now_ms=at_ms)
            else:
                self.pipeline.feed(ORIGINS[side], [fact_of(side, raw, at_ms << 12, at_ms)], now_ms=at_ms)
        self.now_ms = began_ms + (len(steps) + 1) * 1000

    def after(self, ms: int) -> None:
        self.now_ms += ms
        self.pipeline.tick(self.now_ms)

    def told(self) -> set[str]:
        return {finding.detection for finding in self.pipeline.open().values()}

    def counted(self) -> dict[str, str]:
        """What is suppressed -> what it is counted under, which is told and no quieter (the law of the mechanism)."""
        found = {}
        for finding in self.pipeline.findings.values():
            if finding.state is FindingState.SUPPRESSED:
                cause = self.pipeline.findings[finding.cause or ""]
                found[finding.detection] = cause.detection
                if cause.state is FindingState.OPEN:
                    assert cause.severity.rank <= finding.severity.rank
        return found

    def whole(self, detection: str) -> Finding:
        return next(each for each in self.pipeline.findings.values() if each.detection == detection)


ANN = ad("ann", userPrincipalName="ann@contoso.com")
ANN_SYNCED = cloud("ann-c", of="ann", userPrincipalName="ann@contoso.com", displayName="Ann")
BOB_TOO = ad("bob", userPrincipalName="bob@contoso.com", proxyAddresses=["smtp:ann@contoso.com"])
BOB_SYNCED = cloud("bob-c", of="bob", userPrincipalName="bob@contoso.com", proxyAddresses=["smtp:ann@contoso.com"])
UPN_REFUSED = refused("ann", "AttributeValueMustBeUnique", "UserPrincipalName ann@contoso.com")
TEAM = ad("team", kind="group", links={"member": {"added": ["ann"]}})
TEAM_SYNCED = cloud("team-c", of="team", kind="group", displayName="team")
STRANGER = cloud("kim-c", userPrincipalName="ann@contoso.com", onPremisesImmutableId="AAAAAAAAAAAAAAAAAAAAAA==")
LONG = "x" * 300
TAKEN = {"category": "PropertyConflict", "propertyCausingError": "UserPrincipalName", "value": "ann@contoso.com"}
WORKLOAD_ERROR = {"createdDateTime": "2026-09-21T12:00:00Z", "isResolved": False, "serviceInstance": "exchange/x"}


def workload(detail: str) -> list[dict[str, Any]]:
    return [{**WORKLOAD_ERROR, "errorDetail": detail}]


# name -> (what happens, what is told, what is counted under which of these)
INCIDENTS: dict[str, tuple[list[Step], set[str], dict[str, str]]] = {
    "a new user claims what another one has, is refused, missing, and missed by a group": (
        [BOB_TOO, BOB_SYNCED, ANN, TEAM, TEAM_SYNCED, UPN_REFUSED],
        {DUPLICATE},
        {REFUSED: DUPLICATE, MISSING: DUPLICATE, REFERENCE: DUPLICATE},
    ),
    "the refusal names several values, and only the second is contested": (
        [BOB_TOO, BOB_SYNCED, ANN,
         refused("ann", "InvalidSoftMatch", "ProxyAddresses SMTP:x@contoso.com", "UserPrincipalName ann@contoso.com")],
        {DUPLICATE},
        {REFUSED: DUPLICATE, MISSING: DUPLICATE},
    ),
    "the refusal names no value": (
        [BOB_TOO, BOB_SYNCED, ANN, refused("ann", "InvalidSoftMatch")],
        {DUPLICATE},
        {REFUSED: DUPLICATE, MISSING: DUPLICATE},
    ),
    "the refusal names no object": (
        [BOB_TOO, BOB_SYNCED, ANN, refused(None, "InvalidSoftMatch", "UserPrincipalName ann@contoso.com")],
        {DUPLICATE},
        {REFUSED: DUPLICATE, MISSING: DUPLICATE},
    ),
    "nobody ships the engine's log": (
        [BOB_TOO, BOB_SYNCED, ANN, TEAM, TEAM_SYNCED],
        {DUPLICATE},
        {MISSING: DUPLICATE, REFERENCE: DUPLICATE},
    ),
    "a cloud object of another anchor has the address": (
        [STRANGER, ANN, refused("ann", "InvalidSoftMatch", "UserPrincipalName ann@contoso.com")],
        {OWNED},
        {REFUSED: OWNED, MISSING: OWNED},
    ),
    "the forecast was a soft match, and Entra ID refused it": (
        [cloud("kim-c", userPrincipalName="ann@contoso.com"), ANN,
         refused("ann", "ExistingAdminRoleConflict", "UserPrincipalName ann@contoso.com")],
        {OWNED},
        {REFUSED: OWNED, MISSING: OWNED},
    ),
    "nobody whom we read holds the value: the refusal is told": (
        [ANN, UPN_REFUSED, TEAM, TEAM_SYNCED],
        {REFUSED},
        {MISSING: REFUSED, REFERENCE: REFUSED},
    ),
    "who holds it is out of scope here": (
        [ad("bob", userPrincipalName="bob@contoso.com", mail="ann@contoso.com",
            distinguishedName="CN=bob,OU=Out,DC=corp,DC=local"), ANN, UPN_REFUSED],
        {REFUSED},
        {MISSING: REFUSED},
    ),
    "a name in quarantine, of which the engine tells, too": (
        [ANN, cloud("ann-c", of="ann", userPrincipalName="ann1234@contoso.onmicrosoft.com",
                    onPremisesUserPrincipalName="ann@contoso.com", onPremisesProvisioningErrors=[TAKEN]), UPN_REFUSED],
        {UPN_HELD_BACK},
        {REFUSED: UPN_HELD_BACK},
    ),
    "a provisioning error without a value, and a refusal of that attribute": (
        [ANN, cloud("ann-c", of="ann", userPrincipalName="ann@contoso.com", onPremisesProvisioningErrors=[
            {"category": "PropertyConflict", "propertyCausingError": "ProxyAddress"}]),
         refused("ann", "AttributeValueMustBeUnique", "ProxyAddresses SMTP:x@contoso.com")],
        {ADDRESS_HELD_BACK},
        {REFUSED: ADDRESS_HELD_BACK},
    ),
    "another source anchor: refused, and missing under the new one": (
        [cloud("ann-c", of="ann", userPrincipalName="ann@contoso.com"),
         ad("ann", userPrincipalName="ann@contoso.com", **{"mS-DS-ConsistencyGuid": "@anchor:new"}),
         refused("new", "InvalidSoftMatch", "UserPrincipalName ann@contoso.com")],
        {OTHER_ANCHOR},
        {REFUSED: OTHER_ANCHOR, MISSING: OTHER_ANCHOR},
    ),
    "the anchor of another user": (
        [cloud("ann-c", of="ann", userPrincipalName="ann@contoso.com"), cloud("bob-c", of="bob"),
         ad("bob", userPrincipalName="bob@contoso.com"),
         ad("ann", userPrincipalName="ann@contoso.com", **{"mS-DS-ConsistencyGuid": "@anchor:bob"})],
        {ANCHORS},
        {OTHER_ANCHOR: ANCHORS},
    ),
    "one anchor for two new users, one of whom is refused": (
        [ad("bob", userPrincipalName="bob@contoso.com", **{"mS-DS-ConsistencyGuid": "@anchor:ann"}), ANN,
         TEAM, TEAM_SYNCED,
         refused("ann", "AttributeValueMustBeUnique", "SourceAnchor xyz")],
        {ANCHORS},
        {REFUSED: ANCHORS, MISSING: ANCHORS, REFERENCE: ANCHORS},
    ),
    "a change of a refused object is late": (
        [ANN, ANN_SYNCED, ad("ann", op="u", displayName="Anna"), refused("ann", "LargeObject")],
        {REFUSED},
        {OVERDUE: REFUSED},
    ),
    "a leaver whose deletion is refused": (
        [ANN, ANN_SYNCED, ad("ann", op="d"), refused("ann", "DeletingCloudOnlyObjectNotAllowed")],
        {REFUSED},
        {ORPHANED: REFUSED},
    ),
    "a leaver who cannot be disabled": (
        [ANN, cloud("ann-c", of="ann", userPrincipalName="ann@contoso.com", accountEnabled=True),
         ad("ann", op="u", userAccountControl=514), refused("ann", "LargeObject")],
        {REFUSED},
        {LEAVER: REFUSED},
    ),
    "a contested address does not arrive": (
        [ad("ann", userPrincipalName="ann@contoso.com"), ad("bob", userPrincipalName="bob@contoso.com"), ANN_SYNCED,
         cloud("bob-c", of="bob", userPrincipalName="bob@contoso.com", onPremisesLastSyncDateTime="2026-09-21T13:00Z"),
         ad("bob", op="u", proxyAddresses=["smtp:ann@contoso.com"])],
        {DUPLICATE},
        {OVERDUE: DUPLICATE},
    ),
    "a workload complains of the contested address": (
        [ANN, BOB_TOO, ANN_SYNCED, cloud("bob-c", of="bob", userPrincipalName="bob@contoso.com",
            proxyAddresses=["smtp:ann@contoso.com"],
            serviceProvisioningErrors=workload("<e>The proxy address SMTP:Ann@contoso.com is in use.</e>"))],
        {DUPLICATE},
        {WORKLOAD: DUPLICATE},
    ),
    "a suffix that nobody verified, of a name that two have": (
        [ad("ann", userPrincipalName="ann@corp.local"), ad("bob", userPrincipalName="ann@corp.local")],
        {DUPLICATE},
        {LOCAL: DUPLICATE, MISSING: DUPLICATE},
    ),
    "a suffix that nobody verified, of a name that is refused": (
        [ad("ann", userPrincipalName="ann@fabrikam.com"),
         refused("ann", "FederatedDomainChangeError")],
        {REFUSED},
        {UNVERIFIED: REFUSED, MISSING: REFUSED},
    ),
    "a nickname that two have, and one is refused for": (
        [ad("ann", userPrincipalName="ann@contoso.com", mailNickname="ann"),
         ad("bob", userPrincipalName="bob@contoso.com", mailNickname="ann"), ANN_SYNCED,
         cloud("bob-c", of="bob", userPrincipalName="bob@contoso.com"),
         refused("ann", "AttributeValueMustBeUnique", "MailNickname ann")],
        {REFUSED},
        {SAME_VALUE: REFUSED},
    ),
    "an address with a blank is left out of the cloud": (
        [ad("ann", op="r", userPrincipalName="ann@contoso.com", proxyAddresses=["smtp:a nn@contoso.com"]), ANN_SYNCED],
        {CHARACTER},
        {DRIFT: CHARACTER},
    ),
    "an address with a blank was exported, and left out": (
        [ANN, cloud("ann-c", of="ann", userPrincipalName="ann@contoso.com",
                    onPremisesLastSyncDateTime="2026-09-21T15:00:00Z"),
         ad("ann", op="u", proxyAddresses=["smtp:a nn@contoso.com"])],
        {CHARACTER},
        {DROPPED: CHARACTER},
    ),
    "one address has a blank, and another is somebody else's": (
        [ad("ann", op="r", userPrincipalName="ann@contoso.com",
            proxyAddresses=["smtp:a nn@contoso.com", "smtp:bob@contoso.com"]), ANN_SYNCED,
         ad("bob", userPrincipalName="bob@contoso.com"),
         cloud("bob-c", of="bob", userPrincipalName="bob@contoso.com")],
        {CHARACTER, DUPLICATE},
        {DRIFT: DUPLICATE},
    ),
    "a given name too long for the cloud": (
        [ad("ann", op="r", userPrincipalName="ann@contoso.com", givenName="x" * 65),
         cloud("ann-c", of="ann", userPrincipalName="ann@contoso.com", givenName="Bee")],
        {TOO_LONG},
        {DRIFT: TOO_LONG},
    ),
    "two contacts for one person": (
        [ad("c1", kind="contact", mail="eve@fabrikam.com", targetAddress="SMTP:eve@fabrikam.com"),
         ad("c2", kind="contact", mail="eve@fabrikam.com", targetAddress="SMTP:eve@fabrikam.com")],
        {DUPLICATE},
        {SAME_VALUE: DUPLICATE},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INCIDENTS)
def test_one_is_told_whatever_is_read_first(name: str) -> None:
    steps, told, counted = INCIDENTS[name]
    orders = list(itertools.permutations(range(len(steps))))
    for order in random.Random(name).sample(orders, min(len(orders), 12)):
        site = Site()
        site.happen(steps, order)
        site.after(2 * HOUR_MS)
        assert (site.told(), site.counted()) == (told, counted), order


# What is told in the first place -> and beside it, for a reason of its own.
TWO_CAUSES: dict[str, tuple[list[Step], set[str], dict[str, str]]] = {
    "a contested address, and an object too large": (
        [BOB_TOO, BOB_SYNCED, ANN, refused("ann", "LargeObject")],
        {DUPLICATE, REFUSED},
        {MISSING: REFUSED},
    ),
    "a contested address, and a refusal of another one": (
        [BOB_TOO, BOB_SYNCED, ANN, refused("ann", "InvalidSoftMatch", "ProxyAddresses SMTP:ann@fabrikam.com")],
        {DUPLICATE, REFUSED},
        {MISSING: REFUSED},
    ),
    "a contested address that another forest's rules object to: its form is refused, not its owner": (
        [BOB_TOO, BOB_SYNCED, ANN, refused("ann", "DataValidationFailed", "UserPrincipalName ann@contoso.com")],
        {DUPLICATE, REFUSED},
        {MISSING: REFUSED},
    ),
    "a secondary address keeps nobody out of the cloud": (
        [ad("bob", userPrincipalName="bob@contoso.com", proxyAddresses=["smtp:info@contoso.com"]),
         cloud("bob-c", of="bob", userPrincipalName="bob@contoso.com", proxyAddresses=["smtp:info@contoso.com"]),
         ad("ann", userPrincipalName="ann@contoso.com", proxyAddresses=["smtp:info@contoso.com"])],
        {DUPLICATE, MISSING},
        {},
    ),
    "a contested address, and a name that is late": (
        [ANN, ad("bob", userPrincipalName="bob@contoso.com", displayName="Bob"), ANN_SYNCED,
         cloud("bob-c", of="bob", userPrincipalName="bob@contoso.com", displayName="Bob"),
         ad("bob", op="u", proxyAddresses=["smtp:ann@contoso.com"], displayName="Bobby")],
        {DUPLICATE, OVERDUE},
        {},
    ),
    "an address with a blank, and another one that the cloud lacks": (
        [ad("ann", op="r", userPrincipalName="ann@contoso.com",
            proxyAddresses=["smtp:a nn@contoso.com", "smtp:a@contoso.com"]), ANN_SYNCED],
        {CHARACTER, DRIFT},
        {},
    ),
    "an address with a blank, and a name that differs": (
        [ad("ann", op="r", userPrincipalName="ann@contoso.com", displayName="Anna",
            proxyAddresses=["smtp:a nn@contoso.com"]), ANN_SYNCED],
        {CHARACTER, DRIFT},
        {},
    ),
    "an address with a blank, and one that the cloud has too much": (
        [ad("ann", op="r", userPrincipalName="ann@contoso.com", proxyAddresses=["smtp:a nn@contoso.com"]),
         cloud("ann-c", of="ann", userPrincipalName="ann@contoso.com", proxyAddresses=["smtp:old@contoso.com"])],
        {CHARACTER, DRIFT},
        {},
    ),
    "a workload complains of another address, and of one that only ends like it": (
        [ANN, BOB_TOO, ANN_SYNCED, cloud("bob-c", of="bob", userPrincipalName="bob@contoso.com",
            proxyAddresses=["smtp:ann@contoso.com"],
            serviceProvisioningErrors=workload("SMTP:joann@contoso.com, ann@contoso.com.au"))],
        {DUPLICATE, WORKLOAD},
        {},
    ),
    "one of two errors of workloads is about the contested address": (
        [ANN, BOB_TOO, ANN_SYNCED, cloud("bob-c", of="bob", userPrincipalName="bob@contoso.com",
            proxyAddresses=["smtp:ann@contoso.com"],
            serviceProvisioningErrors=[*workload("SMTP:ann@contoso.com"), *workload("ExchangeGuid")])],
        {DUPLICATE, WORKLOAD},
        {},
    ),
    "a value that is too long, and another one that somebody else has": (
        [BOB_TOO, BOB_SYNCED, ad("ann", userPrincipalName="ann@contoso.com", displayName=LONG), UPN_REFUSED],
        {DUPLICATE, TOO_LONG},
        {REFUSED: DUPLICATE, MISSING: DUPLICATE},
    ),
    "a suffix that nobody verified, and an object too large": (
        [ad("ann", userPrincipalName="ann@fabrikam.com"), refused("ann", "LargeObject")],
        {UNVERIFIED, REFUSED},
        {MISSING: REFUSED},
    ),
    "one anchor for two, and a value that a third one has": (
        [ad("bob", userPrincipalName="bob@contoso.com", **{"mS-DS-ConsistencyGuid": "@anchor:ann"}), ANN,
         cloud("eve-c", of="eve", userPrincipalName="eve@contoso.com"),
         ad("eve", userPrincipalName="eve@contoso.com", distinguishedName="CN=eve,OU=Out,DC=corp,DC=local"),
         refused("ann", "AttributeValueMustBeUnique", "ProxyAddresses SMTP:eve@contoso.com")],
        {ANCHORS, REFUSED, ORPHANED},
        {MISSING: REFUSED},
    ),
    "a nickname that two have, and a refusal of a third one's": (
        [ad("ann", userPrincipalName="ann@contoso.com", mailNickname="ann"),
         ad("bob", userPrincipalName="bob@contoso.com", mailNickname="ann"), ANN_SYNCED,
         cloud("bob-c", of="bob", userPrincipalName="bob@contoso.com"),
         refused("ann", "AttributeValueMustBeUnique", "MailNickname other")],
        {REFUSED, SAME_VALUE},
        {},
    ),
    "a soft match to come hides nothing louder": (
        [cloud("kim-c", userPrincipalName="ann@contoso.com"), ANN],
        {OWNED, MISSING},
        {},
    ),
    "a member that is out of scope on purpose, and refused": (
        [ad("ann", userPrincipalName="ann@contoso.com"), TEAM, TEAM_SYNCED, refused("ann", "LargeObject"),
         ad("ann", op="u", distinguishedName="CN=ann,OU=Out,DC=corp,DC=local")],
        {REFERENCE},
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TWO_CAUSES)
def test_two_causes_on_one_object_stay_two_incidents(name: str) -> None:
    steps, told, counted = TWO_CAUSES[name]
    orders = list(itertools.permutations(range(len(steps))))
    for order in random.Random(name).sample(orders, min(len(orders), 6)):
        site = Site()
        site.happen(steps, order)
        site.after(2 * HOUR_MS)
        assert (site.told(), site.counted()) == (told, counted), order


def test_what_is_left_opens_as_its_causes_end() -> None:
    site = Site()
    site.happen([BOB_TOO, BOB_SYNCED, ANN, TEAM, TEAM_SYNCED, UPN_REFUSED])
    site.after(2 * HOUR_MS)
    assert site.told() == {DUPLICATE}
    # Bob lets go in AD: nothing is told for as long as the next exports may take.
    site.happen([ad("bob", op="u", proxyAddresses=[])])
    assert (site.told(), set(site.counted())) == (set(), {OWNED, REFUSED, MISSING, REFERENCE})
    site.happen([cloud("bob-c", op="u", proxyAddresses=[])])
    assert (site.told(), site.counted()) == ({REFUSED}, {MISSING: REFUSED, REFERENCE: REFUSED})
    site.happen([cycle("started"), cycle("completed")])
    assert (site.told(), set(site.counted())) == (set(), {MISSING, REFERENCE}), "the export tells no more of it"
    site.after(LINGERS_MS)
    assert (site.told(), site.counted()) == ({MISSING}, {REFERENCE: MISSING})
    site.happen([ANN_SYNCED, ad("team", op="u", kind="group", links={"member": {"removed": ["ann"]}})])
    site.after(LINGERS_MS)
    assert (site.told(), site.counted()) == (set(), {})
    rows = [decode(raw, ViewRow) for key, raw in site.pipeline.view_rows.rows.items() if not key.startswith("~")]
    assert not [name for row in rows for name in row.derived if explaining_detection(name.partition(BETWEEN)[2])], (
        "nobody says anything any more"
    )
    site.after(HOUR_MS)
    site.happen([ANN, BOB_TOO])
    rows = [decode(raw, ViewRow) for key, raw in site.pipeline.view_rows.rows.items() if not key.startswith("~")]
    assert [name for row in rows for name in row.derived if explaining_detection(name.partition(BETWEEN)[2])], (
        "else the line above proves nothing"
    )


@pytest.mark.parametrize("within_ms", [1000, LINGERS_MS - 60_000])
def test_a_repair_that_arrives_tells_of_nothing_in_between(within_ms: int) -> None:
    site = Site()
    site.happen([BOB_TOO, BOB_SYNCED, ANN])
    site.after(2 * HOUR_MS)
    before = len(site.pipeline.published)
    site.happen([ad("bob", op="u", proxyAddresses=[])])
    site.after(within_ms)
    site.happen([ANN_SYNCED, cloud("bob-c", op="u", proxyAddresses=[])])
    site.after(LINGERS_MS)
    assert (site.told(), site.counted()) == (set(), {})
    since = [finding for _, finding in site.pipeline.published[before:] if finding is not None]
    assert not [each.detection for each in since if each.state is FindingState.OPEN]


def test_what_was_missing_before_the_refusal_opens_at_once_when_that_ends() -> None:
    """The end of a refusal is the proof of an export: nothing is on its way any more."""
    site = Site()
    site.happen([ANN, UPN_REFUSED])
    site.after(2 * HOUR_MS)
    assert (site.told(), site.counted()) == ({REFUSED}, {MISSING: REFUSED})
    site.happen([cycle("started"), cycle("completed")])
    assert (site.told(), site.counted()) == ({MISSING}, {})


def test_a_word_that_is_late_leaves_two_open_and_never_none() -> None:
    site = Site()
    kept: list[Contribution] = []
    apply = site.pipeline.partition.apply

    def holding_back(record: Any, rows: Any) -> Any:
        if isinstance(record, ContributionChunk):
            words = [item for item in record.items if explaining_detection(item.contributor)]
            kept.extend(words)
            record = msgspec.structs.replace(record, items=[item for item in record.items if item not in words])
        return apply(record, rows)

    site.pipeline.partition.apply = holding_back  # type: ignore[method-assign]
    site.happen([BOB_TOO, BOB_SYNCED, ANN, UPN_REFUSED])
    site.after(2 * HOUR_MS)
    assert site.told() == {DUPLICATE, REFUSED}
    site.pipeline.partition.apply = apply  # type: ignore[method-assign]
    random.Random(1).shuffle(kept)
    site.pipeline.contribute(kept, now_ms=site.now_ms)
    assert (site.told(), site.counted()) == ({DUPLICATE}, {REFUSED: DUPLICATE, MISSING: DUPLICATE})


def test_a_detection_that_is_switched_off_explains_nothing() -> None:
    site = Site(disabled=frozenset({DUPLICATE}))
    site.happen([BOB_TOO, BOB_SYNCED, ANN, UPN_REFUSED])
    site.after(2 * HOUR_MS)
    assert (site.told(), site.counted()) == ({REFUSED}, {MISSING: REFUSED})


def test_a_hard_match_that_is_blocked_is_told_and_what_follows_is_not() -> None:
    site = Site({"blockCloudObjectTakeoverThroughHardMatchEnabled": True})
    old = cloud("ann-c", userPrincipalName="ann@contoso.onmicrosoft.com", onPremisesImmutableId="@anchor:ann")
    site.happen([old, ANN, TEAM, TEAM_SYNCED, refused("ann", "InvalidHardMatch")])
    site.after(2 * HOUR_MS)
    assert (site.told(), site.counted()) == ({BLOCKED}, {REFUSED: BLOCKED, REFERENCE: BLOCKED})


@pytest.mark.parametrize("moved", ["c1", "c2"])
def test_who_leaves_the_address_of_another_leaves_that_ones_refusal(moved: str) -> None:
    """Contacts are matched by their address, so two may stand in one view, each with a log of its own."""
    shared = {"kind": "contact", "mail": "eve@fabrikam.com"}
    refusals = [refused("c1", "LargeObject"), refused("c2", "LargeObject")]
    site = Site()
    site.happen([ad("c1", **shared), ad("c2", **shared), *refusals])
    site.happen([ad(moved, op="u", kind="contact", mail="new@fabrikam.com")])
    site.after(2 * HOUR_MS)
    about = [finding.subject.key for finding in site.pipeline.open().values() if finding.detection == REFUSED]
    assert sorted(about) == [f"contact/{TENANT}/eve@fabrikam.com", f"contact/{TENANT}/new@fabrikam.com"]


def test_the_end_of_a_claim_is_the_end_of_its_part_in_the_incident() -> None:
    """Of three who claim an address one lets go, and what he is missing for is told."""
    site = Site()
    site.happen([BOB_TOO, BOB_SYNCED, ANN, ad("eve", userPrincipalName="ann@contoso.com")])
    site.after(2 * HOUR_MS)
    assert (site.told(), site.counted()) == ({DUPLICATE}, {MISSING: DUPLICATE})
    site.happen([ad("eve", op="u", userPrincipalName="eve@contoso.com")])
    site.after(LINGERS_MS + HOUR_MS)
    assert site.told() == {DUPLICATE, MISSING}


def test_a_rule_that_fails_takes_no_word_back() -> None:
    row = ViewRow(derived={f"user/t/x{BETWEEN}explains/test.rule/address/t/a": {"finding": "f"},
                           f"user/t/x{BETWEEN}explains/test.rules/address/t/a": {"finding": "g"},
                           f"user/t/x{BETWEEN}probe/address/t/a": {}})  # fmt: skip
    assert [body["finding"] for body in emitted_explanations(row.derived, "test.rule").values()] == ["f"]
    assert [body["finding"] for body in emitted_explanations(row.derived).values()] == ["f", "g"]


def test_explanations_have_no_circle_and_name_what_there_is() -> None:
    rules = all_detections()
    known = {each.detection.id: each.detection for each in rules}
    order = [each.detection.id for each in causes_first(rules)]
    for detection in known.values():
        assert set(detection.explained_by) <= known.keys(), detection.id
        assert all(order.index(cause) < order.index(detection.id) for cause in detection.explained_by), detection.id
        assert detection.lingers_s * 1000 <= LINGERS_MS, detection.id
        assert not (detection.tenant_wide and detection.explained_by), detection.id


@pytest.mark.parametrize("each", all_detections(), ids=lambda each: each.detection.id)
def test_no_cause_is_quieter_than_what_it_explains_as_a_rule(each: Registered) -> None:
    known = {every.detection.id: every.detection for every in all_detections()}
    for cause in each.detection.explained_by:
        assert known[cause].severity.rank <= each.detection.severity.rank, cause
