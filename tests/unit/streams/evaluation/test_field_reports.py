"""Reports of real installations, replayed as Winlogbeat ships them: from the document to the finding.

The texts are the ones of public threads, scripts and Microsoft's pages; each kind has a twin that must stay quiet.
"""

from __future__ import annotations

from typing import Any

import pytest

from producers.eventlog.known import KNOWN
from producers.eventlog.winlogbeat import winlogbeat_events
from streams.contracts.facts import Fact, ObjectKind, Operation, TenantState
from streams.contracts.finding import Finding, FindingState
from streams.contracts.identity import finding_id, immutable_id_of_guid
from streams.contracts.times import rfc3339
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.event_samples import sample
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

MINUTE_MS = 60_000
APPLICATION = "Application"
DIRSYNC = "Directory Synchronization"
REPORT_01 = (
    'The management agent "contoso.onmicrosoft.com - AAD" step execution completed on run profile "Export" with errors.'
    '\n \n Additional Information\n Discovery Errors       : "0"\n Synchronization Errors : "0"\n '
    'Metaverse Retry Errors : "0"\n Export Errors          : "4"\n Warnings               : "0"\n \n User Action\n '
    "View the management agent run history for details."
)
REPORT_03 = (
    "ECMA2 MA export run caused an error.\n\nError Name: InvalidSoftMatch\nError Detail: Unable to update this object "
    "because the following attributes associated with this object have values that may already be associated with "
    "another object in your local directory services: [ProxyAddresses SMTP:kim@contoso.com;]. Correct or remove the "
    "duplicate values in your local directory.\nTracking Id: 0f0e0d0c-1111-4222-8333-444455556666"
)
REPORT_10 = (
    "Prevent Accidental Deletes: The number of deletions for this sync cycle (100 pending deletes) has exceeded the "
    "current threshold of 50 objects. Deletions will be suppressed for this sync cycle. Please visit "
    "http://go.microsoft.com/fwlink/?LinkId=390655 for more information."
)


class Site:
    """One forest, one tenant, one Connect server."""

    def __init__(self) -> None:
        self.pipeline = Pipeline()
        self.now_ms, self._records, self._seq = START_MS, 0, START_MS << 12
        self.pipeline.tell(TenantState(
            tenant=TENANT, seq=1, ts_ms=START_MS, collected=True,
            organization={"displayName": "Contoso", "onPremisesSyncEnabled": True},
        ))  # fmt: skip

    def log(
        self, provider: str, event_id: int, message: str, *, level: str = "Error", data: dict[str, Any] | None = None
    ) -> None:
        """An event, one minute after the last; without `data` the text is the only string, as .NET programs write."""
        self.now_ms += MINUTE_MS
        self._records += 1
        document = {
            "@timestamp": rfc3339(self.now_ms),
            "log": {"level": level},
            "message": message,
            "winlog": {
                "provider_name": provider, "event_id": event_id, "record_id": self._records, "channel": "Application",
                "computer_name": "AADC01.corp.contoso.local",
                "event_data": {"param1": message} if data is None else data,
            },
        }  # fmt: skip
        self.pipeline.log(winlogbeat_events(document, TENANT, self.now_ms), now_ms=self.now_ms)

    def cycle(self, word: str) -> None:
        self.log(DIRSYNC, 904, f"Import/Sync/Export cycle {word} (Delta).", level="Information")

    def ad(self, name: str, kind: ObjectKind = ObjectKind.USER, **attributes: Any) -> None:
        named = {"distinguishedName": f"CN={name},DC=corp,DC=contoso,DC=local", "objectSid": sid_of(name)}
        if kind is ObjectKind.USER:
            named["sAMAccountName"] = name
        self._tell(AD, name, kind, named | attributes)

    def cloud(self, name: str, **attributes: Any) -> None:
        self._tell(ENTRA, name, ObjectKind.USER, attributes)

    def _tell(self, origin: Any, name: str, kind: ObjectKind, attributes: dict[str, Any]) -> None:
        self._seq += 1
        fact = Fact(
            op=Operation.CREATED, object_id=guid_of(name), seq=self._seq, ts_ms=self.now_ms, kind=kind, full=True,
            attributes=attributes,
        )  # fmt: skip
        self.pipeline.feed(origin, [fact], now_ms=self.now_ms)

    def open(self, detection: str) -> Finding | None:
        return next((each for each in self.pipeline.open().values() if each.detection == detection), None)


@pytest.fixture
def site() -> Site:
    return Site()


def dn(name: str) -> str:
    return f"\n\nDN: CN={{{immutable_id_of_guid(guid_of(name)).encode().hex().upper()}}}"


NO_STRINGS: dict[str, Any] = {}
STRINGS = {
    "param1": "contoso.onmicrosoft.com - AAD", "param2": "Export", "param3": "0", "param4": "0", "param5": "0",
    "param6": "4", "param7": "0",
}  # fmt: skip
GERMAN = "Der Verwaltungs-Agent hat das Ausführungsprofil mit Fehlern abgeschlossen."


@pytest.mark.parametrize(
    ("text", "level", "data"),
    [
        (REPORT_01, "Error", NO_STRINGS),
        (REPORT_01, "error", STRINGS),
        (REPORT_01.replace('"', "'").replace("       :", ":"), "Error", NO_STRINGS),
        ("", "Fehler", STRINGS),
        (GERMAN, "Fehler", STRINGS),
        ("管理エージェントのステップの実行がエラーで完了しました。", "エラー", STRINGS),
    ],
)
def test_a_run_with_export_errors(site: Site, text: str, level: str, data: dict[str, Any]) -> None:
    site.cycle("started")
    site.log("ADSync", 6100, text, level=level, data=data)
    site.cycle("completed")
    found = site.open("engine.export_run_errors")
    assert found is not None
    [run] = found.evidence["runs"]
    assert (run["connector"], run["run_profile"], run["export_errors"]) == (
        "contoso.onmicrosoft.com - AAD",
        "Export",
        4,
    )
    site.cycle("started")
    assert site.open("engine.export_run_errors") is not None
    site.cycle("completed")
    assert site.open("engine.export_run_errors") is None


@pytest.mark.parametrize("name", ["adsync_6050_connectivity", "adsync_6020_partition", "adsync_6152_extension"])
@pytest.mark.parametrize("shipped", ["whole", "text alone", "one string", "strings alone, in Japanese"])
def test_a_run_that_did_not_do_its_work(site: Site, name: str, shipped: str) -> None:
    document = sample(name)
    number, text, data = int(document["winlog"]["event_id"]), document["message"], document["winlog"]["event_data"]
    if shipped == "strings alone, in Japanese":
        site.log("ADSync", number, "", level="エラー", data=data)
    else:
        site.log(
            "ADSync", number, text, data={"whole": data, "text alone": {}, "one string": {"param1": text}}[shipped]
        )
    found = site.open("engine.export_run_errors")
    assert found is not None and found.severity == "high"
    [run] = found.evidence["runs"]
    assert (run["connector"], run["run_profile"]) == (data["param1"], data["param2"])


def test_a_run_with_warnings_and_the_noise_beside_a_step_error_are_quiet(site: Site) -> None:
    warned = REPORT_01.replace('"4"', '"0"').replace('Warnings               : "0"', 'Warnings               : "3"')
    site.log("ADSync", 6100, warned, data={})
    site.log("ADSync", 6100, REPORT_01, level="Information", data={})
    for number in (6311, 6401, 6301, 6309, 6801, 6803, 6110):
        site.log("ADSync", number, "The server encountered an unexpected error while performing a callback operation.")
    assert [each.detection for each in site.pipeline.open().values()] == []


def test_an_object_that_is_refused_names_who_holds_the_value(site: Site) -> None:
    site.ad("kim", userPrincipalName="kim@contoso.com", proxyAddresses=["SMTP:kim@contoso.com"])
    site.cloud("kim-cloud", userPrincipalName="kim@contoso.com", displayName="Kim of the cloud",
               proxyAddresses=["SMTP:kim@contoso.com"], onPremisesImmutableId="AAAAAAAAAAAAAAAAAAAAAA==")  # fmt: skip
    site.cycle("started")
    site.log("ADSync", 6941, REPORT_03 + dn("kim"))
    site.cycle("completed")
    found = next(each for each in site.pipeline.findings.values() if each.detection == "flow.export_error")
    assert (found.state, found.severity) == (FindingState.SUPPRESSED, "high"), "the conflict is the one that is told"
    assert found.subject.key == f"user/{TENANT}/{immutable_id_of_guid(guid_of('kim'))}"
    said = {name: found.evidence[name] for name in ("error_name", "attribute", "value", "held_by")}
    assert said == {
        "error_name": "InvalidSoftMatch", "attribute": "proxyAddresses", "value": "SMTP:kim@contoso.com",
        "held_by": ["Kim of the cloud (kim@contoso.com)"],
    }  # fmt: skip
    assert "source anchor" in found.evidence["advice"]
    explained_by = finding_id("conflict.address_owned_by_cloud_object", f"address/{TENANT}/kim@contoso.com")
    assert found.cause == explained_by and explained_by in site.pipeline.open()


def test_an_error_that_names_no_object_is_told_of_who_claims_the_value_and_lacks_it(site: Site) -> None:
    site.ad("kim", userPrincipalName="kim@contoso.com", proxyAddresses=["SMTP:kim@contoso.com"])
    site.cloud("kim-cloud", userPrincipalName="kim@contoso.com", displayName="Kim of the cloud",
               proxyAddresses=["SMTP:kim@contoso.com"], onPremisesImmutableId="AAAAAAAAAAAAAAAAAAAAAA==")  # fmt: skip
    site.cycle("started")
    site.log("ADSync", 6941, REPORT_03)
    site.cycle("completed")
    assert site.open("conflict.address_owned_by_cloud_object") is not None, "the one finding that is open"
    found = next(each for each in site.pipeline.findings.values() if each.detection == "flow.export_error")
    assert found.state is FindingState.SUPPRESSED and found.subject.object_guid == guid_of("kim")
    assert (found.evidence["error_name"], found.evidence["held_by"]) == (
        "InvalidSoftMatch", ["Kim of the cloud (kim@contoso.com)"],
    )  # fmt: skip
    assert found.cause == finding_id("conflict.address_owned_by_cloud_object", f"address/{TENANT}/kim@contoso.com")
    site.cycle("started")
    site.cycle("completed")
    assert site.open("flow.export_error") is None


def test_an_error_about_an_address_that_nobody_claims_is_quiet(site: Site) -> None:
    site.ad("lee", userPrincipalName="lee@contoso.com")
    site.log("ADSync", 6941, REPORT_03)
    assert site.open("flow.export_error") is None


@pytest.mark.parametrize("kind", [ObjectKind.GROUP, ObjectKind.CONTACT, ObjectKind.USER])
def test_every_kind_of_object_is_found_whenever_it_is_read(site: Site, kind: ObjectKind) -> None:
    site.log("ADSync", 6941, REPORT_03 + dn("sales"))
    assert site.open("flow.export_error") is None, "nobody has read it"
    site.ad("sales", kind, displayName="Sales", mail="kim@contoso.com")
    found = site.open("flow.export_error")
    assert found is not None and found.subject.kind == kind.value and found.forest == "corp"


def test_a_refusal_ends_with_the_export_that_tells_no_more_of_it(site: Site) -> None:
    site.ad("kim", userPrincipalName="kim@contoso.com")
    for _ in range(2):
        site.cycle("started")
        site.log("ADSync", 6941, REPORT_03 + dn("kim"))
        assert site.open("flow.export_error") is not None
        site.cycle("completed")
    site.cycle("started")
    assert site.open("flow.export_error") is not None
    site.log("ADSync", 6050, "", data={"param1": "contoso.onmicrosoft.com - AAD", "param2": "Export"})
    site.cycle("completed")
    assert site.open("flow.export_error") is not None, "nothing was exported"
    site.cycle("started")
    site.cycle("completed")
    assert site.open("flow.export_error") is None


def test_the_deletion_threshold(site: Site) -> None:
    site.log(DIRSYNC, 116, REPORT_10, level="Warning")
    found = site.open("engine.deletion_threshold_reached")
    assert found is not None and (found.evidence["pending_deletes"], found.evidence["threshold"]) == (100, 50)


@pytest.mark.parametrize("level", ["Information", "Informationen"])
def test_the_settings_of_the_threshold_are_no_fault(site: Site, level: str) -> None:
    site.log(DIRSYNC, 116, "Deletion threshold on AADC01: enabled, 500 objects", level=level)
    site.log(DIRSYNC, 115, "Access to Windows Azure Active Directory has been denied.", level=level)
    assert site.pipeline.open() == {}


def test_an_event_of_information_never_opens_a_critical_finding_by_its_id() -> None:
    """The same id exists at several levels (115, 116, 220, 609): what the log calls no fault proves none alone."""
    for provider in (each for each in KNOWN.values() if each.channel == APPLICATION):
        for number in sorted(provider.ids):
            site = Site()
            heard(site)
            for _ in range(2):
                site.log(
                    provider.name, number, "AADC01: error 8453, 500 objects, threshold, policy", level="Information"
                )
            site.pipeline.tick(site.now_ms + 8 * MINUTE_MS)
            assert [each for each in site.pipeline.open().values() if each.severity == "critical"] == [], number


@pytest.mark.parametrize(
    ("number", "opens"),
    [(31034, None), (31044, None), (31016, "high"), (611, None), (607, None), (662, None)],
)
def test_what_an_event_of_information_opens_by_its_id(site: Site, number: int, opens: str | None) -> None:
    heard(site)
    provider = "PasswordResetService" if number > 31000 else DIRSYNC
    site.log(provider, number, "The service says so.", level="Information")
    site.pipeline.tick(site.now_ms + 8 * MINUTE_MS)
    assert [each.severity for each in site.pipeline.open().values()] == ([opens] if opens else [])


@pytest.mark.parametrize(
    ("provider", "number", "text", "opens"),
    [
        ("PasswordResetService", 31034, "The connection was lost.", "writeback.writeback_service_down"),
        ("ADSync", 6100, REPORT_01, "engine.export_run_errors"),
        (DIRSYNC, 116, REPORT_10, "engine.deletion_threshold_reached"),
        ("ADSync", 6941, REPORT_03 + "\n\nDN: CN={0}", "flow.export_error"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("remark_first", [False, True])
def test_a_remark_never_takes_the_place_of_a_fault_of_the_same_id(
    site: Site, provider: str, number: int, text: str, opens: str, remark_first: bool
) -> None:
    site.ad("kim", userPrincipalName="kim@contoso.com")
    text = text.replace("DN: CN={0}", dn("kim").strip())
    heard(site)
    for level in ("Information", "Error") if remark_first else ("Error", "Information"):
        site.log(provider, number, text, level=level)
    site.pipeline.tick(site.now_ms + 8 * MINUTE_MS)
    assert site.open(opens) is not None


def heard(site: Site) -> None:
    site.log(DIRSYNC, 654, "Provision credentials ping end.", level="Information")
    site.log("PasswordResetService", 31019, "ServiceBusHeartBeat", level="Information")


@pytest.mark.parametrize(
    "listed",
    ["[UserPrincipalName kim@contoso.com;], [ProxyAddresses SMTP:kim@contoso.com;]",
     "[UserPrincipalName kim@contoso.com;ProxyAddresses SMTP:kim@contoso.com;]"],
)  # fmt: skip
@pytest.mark.parametrize("shipped", ["one string", "several strings"])
def test_every_value_of_a_refusal_is_read_however_it_is_shipped(site: Site, listed: str, shipped: str) -> None:
    site.ad("kim", userPrincipalName="kim@contoso.com")
    text = REPORT_03.replace("[ProxyAddresses SMTP:kim@contoso.com;]", listed) + dn("kim")
    strings = {"param1": "InvalidSoftMatch", "param2": f"Unable to update this object: {listed}."}
    site.log("ADSync", 6941, text, data=strings if shipped == "several strings" else None)
    found = site.open("flow.export_error")
    assert found is not None and found.subject.object_guid == guid_of("kim")
    assert (found.evidence["attribute"], found.evidence["more_values"]) == (
        "userPrincipalName", ["ProxyAddresses SMTP:kim@contoso.com"],
    )  # fmt: skip


def test_a_refusal_by_a_name_that_nobody_explains_says_what_to_do(site: Site) -> None:
    site.ad("kim", userPrincipalName="kim@contoso.com")
    site.log("ADSync", 6941, REPORT_03.replace("InvalidSoftMatch", "BrandNewError") + dn("kim"))
    found = site.open("flow.export_error")
    assert found is not None and found.evidence["error_name"] == "BrandNewError"
    assert "evidence.said" in found.evidence["advice"] and "BrandNewError" in found.evidence["said"]


DRS = "Microsoft.Online.PasswordSynchronization.DirectoryReplicationServices"
CONNECT_1722 = (  # Microsoft, "RPC errors affecting Microsoft Entra Connect", example 1
    "Password hash synchronization failed for domain: {domain}, domain controller hostname: <not available>, domain "
    "controller IP address: <not available>.\r\nDetails: \r\n"
    "Microsoft.Online.PasswordSynchronization.SynchronizationManagerException: Unable to open connection to domain: "
    "{domain}. Error: There was an error establishing a connection to the directory replication service. Domain "
    f"controller hostname: dc1.x, domain controller IP address: 192.0.2.7 ---> {DRS}.DrsCommunicationException: RPC "
    "Error 1722 : The RPC server is unavailable. Error creating the RPC binding handle"
)
NO_OBJECT_8333 = (  # example 2
    "Password hash synchronization failed for domain: {domain}, domain controller hostname: dc1.x, domain controller "
    "IP address: 192.0.2.7.\r\nDetails: \r\nMicrosoft.Online.PasswordSynchronization.SynchronizationManagerException: "
    f"Recovery task failed. ---> {DRS}.DrsException: RPC Error 8333 : Directory object not found. There was an error "
    "calling _IDL_DRSGetNCChanges."
)
OLD_611 = (  # before 1.x; Microsoft, "Troubleshoot password hash synchronization"
    "Password synchronization failed for domain: {domain}. Details: \r\n"
    "Microsoft.Online.PasswordSynchronization.SynchronizationManagerException: Unable to open connection to domain: "
    "{domain}."
)


@pytest.mark.parametrize(("text", "code"), [(CONNECT_1722, "1722"), (NO_OBJECT_8333, "8333"), (OLD_611, None)])
@pytest.mark.parametrize("others", [True, False])
def test_a_domain_whose_hashes_cannot_be_read(site: Site, text: str, code: str | None, others: bool) -> None:
    """For hours and every two minutes, while another forest of the same server is well, or is not there at all."""
    for number in range(60):
        site.now_ms += MINUTE_MS
        site.log(DIRSYNC, 611, text.format(domain="corp.contoso.local"))
        if others and number % 15 == 0:
            site.log(DIRSYNC, 654, PING.format(forest="FABRIKAM.LOCAL"), level="Information")
    found = site.open("engine.password_hash_sync_stopped")
    assert found is not None and "corp.contoso.local" in str(found.evidence)
    assert code is None or code in str(found.evidence)
    for _ in range(2):
        site.log(DIRSYNC, 654, PING.format(forest="CORP.CONTOSO.LOCAL"), level="Information")
        site.now_ms += 30 * MINUTE_MS
    assert site.open("engine.password_hash_sync_stopped") is None


PING = (
    "Provision credentials ping end. TrackingID : 8ba8c2d4-1f3e-4c5b-9a6d-7e8f90a1b2c3\r\n\r\n<forest-info>\r\n"
    "  <partition-name>{forest}</partition-name>\r\n"
    "  <connector-id>5b0f8d34-0000-4000-8000-000000000001</connector-id>\r\n</forest-info>"
)


@pytest.mark.parametrize("text", [CONNECT_1722, NO_OBJECT_8333])
def test_one_failure_among_signs_of_life_is_quiet(site: Site, text: str) -> None:
    for number in range(8):
        site.now_ms += 29 * MINUTE_MS
        site.log(DIRSYNC, 654, PING.format(forest="CORP.CONTOSO.LOCAL"), level="Information")
        if number == 3:
            site.log(DIRSYNC, 611, text.format(domain="corp.contoso.local"))
    assert site.open("engine.password_hash_sync_stopped") is None


@pytest.mark.parametrize(
    ("name", "detail", "attribute"),
    [
        ("LargeObject", "The provisioned object is too large. Trim the number of attribute values.", None),
        ("FederatedDomainChangeError", "", None),
        ("AttributeValueMustBeUnique", "[SipProxyAddress sip:kim@contoso.com;].", "proxyAddresses"),
    ],
)  # fmt: skip
def test_other_errors_of_an_object(site: Site, name: str, detail: str, attribute: str | None) -> None:
    """Names of Microsoft, "Troubleshoot errors during synchronization"; of most no whole event is published."""
    site.ad("kim", userPrincipalName="kim@contoso.com")
    text = f"ECMA2 MA export run caused an error. \n\nError Name: {name}\nError Detail: {detail}\n\nTracking Id: x"
    site.log("ADSync", 6941, text + dn("kim"))
    found = site.open("flow.export_error")
    assert found is not None and found.evidence["error_name"] == name and found.evidence["advice"]
    assert found.evidence.get("attribute") == attribute


@pytest.mark.parametrize("number", [31016, 31034, 31044])
@pytest.mark.parametrize("level", ["Error", "Fehler", "エラー"])
def test_a_writeback_service_that_is_cut_off(site: Site, number: int, level: str) -> None:
    """azure-docs issues 38311 and 70376, on servers of other languages, where no word of it is ours to read."""
    heard(site)
    site.log("PasswordResetService", number, "…", level=level)
    site.pipeline.tick(site.now_ms + 8 * MINUTE_MS)
    found = site.open("writeback.writeback_service_down")
    assert found is not None and found.severity == "critical"
    site.log("PasswordResetService", 31019, "", level="Information")
    assert site.open("writeback.writeback_service_down") is None
