"""Texts of real logs, from the document of a shipper to the finding: passwords on their way to AD and to the cloud.

The texts are quoted from public reports (named in producers/eventlog/password_*.py); names are invented.
"""

from __future__ import annotations

from typing import Any

import pytest

from deploy.lab import events as lab
from deploy.lab.password_events import (
    Named,
    domain_failure,
    ping,
    set_trace,
    set_without_target,
    writeback_failure,
    writeback_start,
    writeback_success,
)
from producers.eventlog.winlogbeat import winlogbeat_events
from producers.graph.mapping.audits import audit_event
from streams.contracts.facts import Fact, ObjectKind, Operation
from streams.contracts.finding import Finding, Severity
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import rfc3339
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

FAILED, UNCONFIRMED = "writeback.password_writeback_failed", "writeback.password_writeback_unconfirmed"
SPLIT, STOPPED = "writeback.password_split_brain", "engine.password_hash_sync_stopped"
TRACKING = "5f0e7c54-2a36-4d0c-9d7e-0b4f6b1c2d3e"
MINUTE_MS = 60_000
CUT_OFF = "The management agent run was terminated because a domain controller could not be contacted."
RESTRICTED = "A restriction prevents the password from being changed to the current one specified."
DENIED = "The password could not be updated because the management agent credentials were denied access."
PRIVILEGED = "Requesting user was denied access to perform the operation on a privileged account."
NOT_FOUND = "The operation failed, for reasons of its own, because the object cannot be found."
INSECURE = (
    "The password could not be set because the server is not configured for insecure setting of passwords, or a 128 "
    "bit TLS or SSL connection is required."
)
UNSPECIFIED = ("80004005", "Unspecified error")


def filetime(at_ms: int) -> int:
    return (at_ms + 11_644_473_600_000) * 10_000


def named(name: str, upn: str | None = None) -> Named:
    return Named(upn or f"{name}@contoso.com", guid_of(f"{name}-cloud"), immutable_id_of_guid(guid_of(name)))


class Site:
    """A Connect server, its users, and what a reader of its log sees."""

    def __init__(self) -> None:
        self.pipeline, self.now_ms, self._records = Pipeline(), START_MS, 0

    def user(
        self, name: str, *, dn: str | None = None, pwd_last_set: int | None = None, upn: str | None = None
    ) -> Named:
        user = named(name, upn)
        dn = dn or f"CN={name},OU=Staff,DC=corp,DC=contoso,DC=local"
        set_ = filetime(START_MS - 86_400_000) if pwd_last_set is None else pwd_last_set
        self._fact(AD, name, {"distinguishedName": dn, "userPrincipalName": user.user_principal_name,
                              "objectSid": sid_of(name), "sAMAccountName": name, "pwdLastSet": set_})  # fmt: skip
        self._fact(ENTRA, f"{name}-cloud", {"onPremisesImmutableId": user.source_anchor, "onPremisesSyncEnabled": True,
                                            "userPrincipalName": user.user_principal_name})  # fmt: skip
        return user

    def sets_password(self, name: str, value: int | None = None) -> None:
        fact = Fact(op=Operation.UPDATED, object_id=guid_of(name), seq=self.now_ms << 12, ts_ms=self.now_ms,
                    attributes={"pwdLastSet": filetime(self.now_ms) if value is None else value})  # fmt: skip
        self.pipeline.feed(AD, [fact], now_ms=self.now_ms)

    def logs(self, event_id: int, text: str, *, provider: str = lab.PASSWORD_RESET, server: str = "AADC01",
             level: str = "error", after_s: float = 1) -> None:  # fmt: skip
        self.passes(after_s)
        self._records += 1
        document = lab.winlogbeat_document(
            server=f"{server}.corp.contoso.local", provider=provider, event_id=event_id, message=text,
            record_id=self._records, at_ms=self.now_ms, level=level,
        )  # fmt: skip
        self.pipeline.log(winlogbeat_events(document, TENANT, self.now_ms), now_ms=self.now_ms)

    def hashes(self, event_id: int, text: str, **more: Any) -> None:
        self.logs(event_id, text, provider=lab.DIRECTORY_SYNCHRONIZATION, **more)

    def fails(self, user: Named, event_id: int, hresult: str, message: str) -> None:
        self.logs(event_id, writeback_failure(TRACKING, user, hresult=hresult, message=message))

    def row(self, user: Named, reason: str, result: str = "failure", activity: str = "Reset password (self-service)",
            agent: str = "Microsoft Entra Connect") -> None:  # fmt: skip
        self.passes(1)
        row = {
            "id": f"row-{self.now_ms}", "category": "UserManagement", "result": result, "resultReason": reason,
            "activityDisplayName": activity, "loggedByService": "Self-service Password Management",
            "activityDateTime": rfc3339(self.now_ms), "correlationId": "cd81b8ba-b575-533f-a5e5-36f0aaeebfe3",
            "additionalDetails": [{"key": "OnPremisesAgent", "value": agent}],
            "targetResources": [{"id": user.entra_id, "type": "User", "userPrincipalName": user.user_principal_name}],
        }  # fmt: skip
        event = audit_event(row, TENANT, self.now_ms)
        assert event is not None
        self.pipeline.log([event], now_ms=self.now_ms)

    def passes(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)
        self.pipeline.tick(self.now_ms)

    def open(self, detection: str) -> list[Finding]:
        return [each for each in self.pipeline.open().values() if each.detection == detection]

    def _fact(self, origin: Any, name: str, attributes: dict[str, Any]) -> None:
        fact = Fact(op=Operation.READ, object_id=guid_of(name), seq=self.now_ms << 12, ts_ms=self.now_ms,
                    kind=ObjectKind.USER, full=True, attributes=attributes)  # fmt: skip
        self.pipeline.feed(origin, [fact], now_ms=self.now_ms)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize("umbrella", ["OnPremisesAdminActionRequired", "ADAdminActionRequired", "SSPR_0029"])
@pytest.mark.parametrize(
    ("event_id", "hresult", "message", "error", "detail"),
    [
        (33001, "80230818", CUT_OFF, "connectivity", "domain_controller"),
        (33008, "80230619", RESTRICTED, "password_policy", None),
        (33004, "80230626", DENIED, "permission", None),
        (33004, "80231367", "Requesting user was denied access.", "permission", "protected_account"),
        (33001, "8023aaaa", PRIVILEGED, "permission", "protected_account"),
        (33001, "8023bbbb", NOT_FOUND, "user_not_found", None),
        (33009, "8023062c", INSECURE, "configuration", "ldap_encryption"),
        (33009, "8023061f", "The operation failed because …", "configuration", "connector_not_enabled"),
    ],
)  # fmt: skip
def test_what_the_engine_answered_is_the_cause_and_no_umbrella_of_the_cloud(
    site: Site, umbrella: str, event_id: int, hresult: str, message: str, error: str, detail: str | None
) -> None:
    noor = site.user("noor")
    site.row(noor, umbrella)
    (alone,) = site.open(FAILED)
    assert (alone.evidence["class"], alone.evidence["detail"]) == ("other", "admin_action_required")
    site.fails(noor, event_id, hresult, message)
    (finding,) = site.open(FAILED)
    assert (finding.evidence["class"], finding.evidence.get("detail")) == (error, detail)
    assert finding.evidence["advice"] and finding.evidence["hresult"] == f"0x{hresult}"


def test_a_reason_of_the_flow_goes_before_the_umbrella_of_its_last_row(site: Site) -> None:
    noor = site.user("noor")
    site.row(noor, "On-premises policy violation", activity="Self-service password reset flow activity progress")
    site.row(noor, "OnPremisesAdminActionRequired")
    (finding,) = site.open(FAILED)
    assert finding.evidence["class"] == "password_policy" and finding.severity is Severity.LOW


@pytest.mark.parametrize("upn", ["protected@contoso.com", "33004-policy@contoso.com", "access.denied@contoso.com"])
def test_the_name_of_a_user_is_no_word_of_a_cause(site: Site, upn: str) -> None:
    user = site.user("noor", upn=upn)
    site.fails(user, 33001, "8023cccc", "Something new")
    (finding,) = site.open(FAILED)
    assert finding.evidence["class"] == "other" and "detail" not in finding.evidence


@pytest.mark.parametrize(
    ("event_id", "kind"), [(31001, "reset"), (31006, "change"), (31009, "admin_reset")]
)
def test_a_beginning_names_the_operation_and_when_it_began(site: Site, event_id: int, kind: str) -> None:
    noor = site.user("noor")
    site.logs(event_id, writeback_start(event_id, TRACKING, "Noor@Contoso.com"), level="information")
    begun_ms = site.now_ms
    site.passes(3)
    site.fails(noor, 33002, "80230405", "The operation failed because the object cannot be found")
    (finding,) = site.open(FAILED)
    assert (finding.evidence["operation"], finding.evidence["started"]) == (kind, rfc3339(begun_ms))


def test_an_operation_that_only_begins_is_seen_once_it_is_overdue(site: Site) -> None:
    site.user("noor")
    site.user("other")
    site.logs(31006, writeback_start(31006, TRACKING, "noor@contoso.com"), level="information")
    begun_ms = site.now_ms
    assert site.open(UNCONFIRMED) == []
    site.passes(601)
    (finding,) = site.open(UNCONFIRMED)
    assert finding.evidence["operation"] == "change" and finding.evidence["started"] == rfc3339(begun_ms)
    assert finding.evidence["only_began"] is True and finding.severity is Severity.MEDIUM
    assert finding.subject.user_principal_name == "noor@contoso.com"
    site.sets_password("noor")
    assert site.open(UNCONFIRMED) == []


@pytest.mark.parametrize("end", ["landed", "success", "failure", "row"])
def test_an_operation_that_began_and_ended_is_not_overdue(site: Site, end: str) -> None:
    noor = site.user("noor")
    site.logs(31001, writeback_start(31001, TRACKING, "noor@contoso.com"), level="information")
    if end == "landed":
        site.sets_password("noor")
    elif end == "success":
        site.logs(31002, writeback_success(31002, TRACKING, noor), level="information")
    elif end == "failure":
        site.fails(noor, 33008, "80230619", "A restriction prevents it.")
    else:
        site.row(noor, "OnPremisesConnectivityError")
    site.passes(1200)
    assert site.open(UNCONFIRMED) == []


@pytest.mark.parametrize("hresult", ["80005000", "80004005"])
def test_a_reserved_character_on_the_way_to_the_user_is_pointed_at(site: Site, hresult: str) -> None:
    noor = site.user("noor", dn=r"CN=Haddad\, Noor,OU=Research/Development,OU=Staff,DC=corp,DC=contoso,DC=local")
    site.fails(noor, 33001, hresult, "Unspecified error")
    (finding,) = site.open(FAILED)
    assert (finding.evidence["unit"], finding.evidence["character"]) == ("OU=Research/Development", "/")
    assert finding.evidence["detail"] == "reserved_character" and "OU=Research/Development" in finding.summary


def test_a_comma_in_the_users_own_name_is_no_reserved_character(site: Site) -> None:
    noor = site.user("noor", dn=r"CN=Haddad\, Noor,OU=Staff,DC=corp,DC=contoso,DC=local")
    site.fails(noor, 33001, *UNSPECIFIED)
    (finding,) = site.open(FAILED)
    assert finding.evidence["class"] == "other" and "unit" not in finding.evidence


RPC_TRACE = (
    'An unexpected error has occurred during a password set operation.\n"BAIL: MMS(4984): ..\\dnutils.cpp(1341): '
    "0x800700b7 (Cannot create a file when that file already exists.)\nERR_: MMS(4984): MAUtils.h(58): Failed getting "
    "registry value 'ADMADoNormalization', 0x2\nBAIL: MMS(4984): MAUtils.h(59): 0x80070002 (The system cannot find the "
    "file specified.): Win32 API failure: 2\nERR_: MMS(4984): admaexport.cpp(2939): Failed to acquire user "
    "information: {answer}\nBAIL: MMS(4984): admaexport.cpp(2963): 0x80004005 (Unspecified error)\nERR_: MMS(4984): "
    '..\\ma.cpp(8000): ExportPasswordSet failed with 0x80004005\nAzure AD Sync 1.4.18.0"'
)


@pytest.mark.parametrize(
    ("answer", "hresult", "error", "detail"),
    [
        ("0x6ba", "0x800706ba", "connectivity", "domain_controller"),
        ("0x5", "0x80070005", "permission", "sam_remote_calls"),
    ],
)
@pytest.mark.parametrize("trace_first", [True, False])
def test_a_trace_that_names_nobody_tells_the_cause_of_the_refusal_beside_it(
    site: Site, answer: str, hresult: str, error: str, detail: str, trace_first: bool
) -> None:
    noor, other = site.user("noor"), site.user("other")
    site.fails(other, 33001, *UNSPECIFIED)
    site.passes(60)
    if not trace_first:
        site.fails(noor, 33001, *UNSPECIFIED)
    site.logs(6329, RPC_TRACE.format(answer=answer), provider=lab.ADSYNC)
    if trace_first:
        site.fails(noor, 33001, *UNSPECIFIED)
    found = {str(each.subject.user_principal_name).partition("@")[0]: each for each in site.open(FAILED)}
    assert (found["noor"].evidence["class"], found["noor"].evidence["detail"]) == (error, detail)
    assert found["other"].evidence["class"] == "other"


def test_a_user_outside_of_the_password_rule_is_told_so(site: Site) -> None:
    noor = site.user("noor")
    site.logs(6329, set_without_target(noor.entra_id), provider=lab.ADSYNC)
    site.fails(noor, 33002, "80230405", "The operation failed because the object cannot be found")
    (finding,) = site.open(FAILED)
    assert (finding.evidence["class"], finding.evidence["detail"]) == ("user_not_found", "password_scope")


def test_a_trace_of_a_plain_refusal_says_the_same(site: Site) -> None:
    noor = site.user("noor")
    words = "The password could not be updated because the management agent credentials were denied access."
    site.logs(6329, set_trace("80230626", words), provider=lab.ADSYNC)
    site.fails(noor, 33004, "80230626", words)
    (finding,) = site.open(FAILED)
    assert finding.evidence["class"] == "permission" and len(finding.evidence["steps"]) == 2


def test_a_split_is_told_by_a_row_that_calls_itself_a_success(site: Site) -> None:
    noor = site.user("noor")
    site.row(noor, "OnPremisesSuccessCloudFailure", result="success")
    (finding,) = site.open(SPLIT)
    assert finding.evidence["class"] == "on_premises_success_cloud_failure"
    site.passes(1200)
    assert site.open(UNCONFIRMED) == [] and site.open(FAILED) == []


def test_an_account_that_had_to_change_its_password_is_confirmed_like_any_other(site: Site) -> None:
    noor = site.user("noor", pwd_last_set=0)
    site.row(noor, "Successfully completed reset.", result="success")
    site.passes(700)
    (finding,) = site.open(UNCONFIRMED)
    assert finding.evidence["must_change_at_next_logon"] is True
    site.sets_password("noor")
    assert site.open(UNCONFIRMED) == []


@pytest.mark.parametrize("forced", [True, False, None])
def test_a_forced_change_leaves_never_behind_and_nothing_to_confirm(site: Site, forced: bool | None) -> None:
    noor = site.user("noor", pwd_last_set=0)
    if forced is not None:
        text = writeback_success(31010, TRACKING, noor, admin="admin@contoso.com", forced=forced)
        site.logs(31010, text, level="information")
    site.row(noor, "", result="success", activity="Reset password (by admin)")
    site.passes(700)
    assert len(site.open(UNCONFIRMED)) == (1 if forced is False else 0)


def test_each_forest_has_its_own_heartbeat_in_either_case(site: Site) -> None:
    for forest in ("corp.contoso.local", "fabrikam.local"):
        site.hashes(654, ping(forest), level="information")
    for _ in range(8):
        site.hashes(653, ping("fabrikam.local", end=False), level="information", after_s=1800)
        site.hashes(654, ping("corp.contoso.local").replace("CORP.", "corp."), level="information")
    (finding,) = site.open(STOPPED)
    assert list(finding.evidence["last_heartbeat"]) == ["fabrikam.local"] and "fabrikam.local" in finding.summary
    site.hashes(654, ping("fabrikam.local"), level="information")
    assert site.open(STOPPED) == []


def test_failures_without_any_heartbeat_are_a_fault_that_opens_with_its_code(site: Site) -> None:
    for _ in range(45):
        site.hashes(611, domain_failure("corp.contoso.local", rpc_error=8453), after_s=120)
    (finding,) = site.open(STOPPED)
    assert "8453" in finding.summary and finding.evidence["class"] == "rights"
    assert finding.evidence["failures"] == [{"event": 611, "connector": "corp.contoso.local", "error_code": "8453"}]


@pytest.mark.parametrize("event_id", [652, 655, 6900])
def test_not_activated_is_a_matter_of_configuration(site: Site, event_id: int) -> None:
    text = (
        "Failed credential provisioning batch. Error: Microsoft.Online.Coexistence.ProvisionException: An error "
        "occurred. Error Code: 90. Error Description: Password Synchronization has not been activated for this company."
    )
    provider = lab.ADSYNC if event_id == 6900 else lab.DIRECTORY_SYNCHRONIZATION
    site.logs(event_id, text, provider=provider)
    (finding,) = site.open(STOPPED)
    assert finding.evidence["class"] == "not_activated" and finding.severity is Severity.HIGH


def test_a_busy_service_is_none(site: Site) -> None:
    site.hashes(654, ping("corp.contoso.local"), level="information")
    text = (
        "Failed credential provisioning batch. Error: Microsoft.Online.Coexistence.ProvisionRetryException: An error "
        "occurred. Error Code: 81. Error Description: Windows Azure Active Directory is currently busy. This operation "
        "will be retried automatically."
    )
    site.hashes(652, text)
    assert site.open(STOPPED) == []


def test_a_swap_of_servers_is_quiet(site: Site) -> None:
    site.hashes(654, ping("corp.contoso.local"), level="information")
    site.logs(31019, "ServiceBusHeartBeat", level="information")
    for number in range(50):
        site.logs(31019, "ServiceBusHeartBeat", server="AADC02", level="information", after_s=300)
        if number % 6 == 0:
            site.hashes(654, ping("corp.contoso.local"), server="AADC02", level="information")
        site.logs(31017, "AuthTokenSuccess", level="information")
    assert [each for each in site.pipeline.open().values() if each.family in ("writeback", "engine")] == []
