"""Documents in the shape of Winlogbeat 8 with texts in the shape of Microsoft's documentation."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.lab import events as lab
from deploy.lab import password_events as passwords
from producers.eventlog.winlogbeat import unread, winlogbeat_events
from streams.contracts.codec import encode
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import Event, Log, Result

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
USER = "8c2f5d1e-94b7-4c0a-8b3f-6a1d20e57c91"
TRACKING = "8ba8c2d4-1f3e-4c5b-9a6d-7e8f90a1b2c3"
ANCHOR = "kCwabn1bOE+cIQpL430fVQ=="
OTHER_ANCHOR = "eX5b50Rf+UizRIMe2CA/tg=="
DN = "CN=Haddad\\, Amira,OU=Staff,DC=corp,DC=contoso,DC=local"
AT_MS = 1_772_443_867_551


def document(provider: str, event_id: int, message: str, **more: Any) -> dict[str, Any]:
    return lab.winlogbeat_document(
        server="AADC01.corp.contoso.local",
        provider=provider,
        event_id=event_id,
        message=message,
        record_id=4711,
        at_ms=AT_MS,
        **more,
    )


def events(provider: str, event_id: int, message: str, **more: Any) -> list[Event]:
    return winlogbeat_events(document(provider, event_id, message, **more), TENANT, AT_MS + 5)


def event(provider: str, event_id: int, message: str, **more: Any) -> Event:
    [found] = events(provider, event_id, message, **more)
    return found


NAMED = passwords.Named("amira.haddad@contoso.com", USER.upper(), ANCHOR)


def failure(hresult: str = "80230619", message: str = "A restriction prevents it.") -> str:
    return passwords.writeback_failure(TRACKING.upper(), NAMED, hresult=hresult, message=message)


def success(event_id: int = 31002) -> str:
    return passwords.writeback_success(event_id, TRACKING.upper(), NAMED)


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("AADC01.corp.contoso.local", "corp.contoso.local"),
        ("wec01.corp.contoso.local", None),  # a collector of forwarded events
        ("aadc01", None),
        (7, None),
    ],
)
def test_a_short_name_takes_its_domain_from_the_host_that_ships_if_that_is_the_same(host: Any, domain: Any) -> None:
    said = document(lab.DIRECTORY_SYNCHRONIZATION, 654, passwords.ping("corp.contoso.local"))
    said["winlog"]["computer_name"], said["host"] = "AADC01", {"name": host}
    [found] = winlogbeat_events(said, TENANT, AT_MS)
    assert (found.server, found.domain, found.id) == ("aadc01", domain, "aadc01/Application/4711")


def test_an_event_says_where_and_when_it_was_logged() -> None:
    found = event(lab.PASSWORD_RESET, 31019, "Service Bus connection is healthy.", level="Information")
    assert found == Event(
        id="aadc01.corp.contoso.local/Application/4711",
        log=Log.WINDOWS,
        name="passwordresetservice/31019",
        tenant=TENANT,
        ts_ms=AT_MS,
        seen_ms=AT_MS + 5,
        server="aadc01",
        domain="corp.contoso.local",
        reason="Service Bus connection is healthy.",
        details={"level": "information", "channel": "Application"},
    )


@pytest.mark.parametrize("event_id", [31002, 31007, 31010])
def test_the_success_of_a_password_operation_names_its_user(event_id: int) -> None:
    found = event(lab.PASSWORD_RESET, event_id, success(event_id))
    assert found.name == f"passwordresetservice/{event_id}" and found.result is Result.SUCCESS
    assert found.entra_id == USER and found.source_anchor == ANCHOR
    assert found.user_principal_name == "amira.haddad@contoso.com"
    assert found.details["tracking_id"] == TRACKING
    assert "hresult" not in found.details


@pytest.mark.parametrize("event_id", [31001, 31006, 31009])
def test_the_beginning_of_a_password_operation_names_the_upn_alone(event_id: int) -> None:
    text = passwords.writeback_start(event_id, TRACKING.upper(), NAMED.user_principal_name)
    found = event(lab.PASSWORD_RESET, event_id, text)
    assert (found.result, found.user_principal_name) == (None, "amira.haddad@contoso.com")
    assert (found.entra_id, found.source_anchor, found.details["tracking_id"]) == (None, None, TRACKING)


@pytest.mark.parametrize("event_id", [31003, 31008, 31011])
def test_a_failed_operation_names_what_the_engine_returned(event_id: int) -> None:
    text = failure("8023061F", "The password could not be updated. 33008 ADPasswordPolicyError")
    found = event(lab.PASSWORD_RESET, event_id, text, level="error")
    assert found.result is Result.FAILURE and found.entra_id == USER and found.source_anchor == ANCHOR
    assert found.details["hresult"] == "0x8023061f"
    assert "error_code" not in found.details, "in which words it says so is not published"
    assert found.reason is not None and "could not be updated" in found.reason


@pytest.mark.parametrize("event_id", [31034, 31044, 32001, 32002, 32004, 33001, 33004, 33008, 33009])
def test_errors_have_ids_of_their_own(event_id: int) -> None:
    found = event(lab.PASSWORD_RESET, event_id, "It did not work.")
    assert found.result is Result.FAILURE
    assert found.details.get("error_code") == (str(event_id) if event_id >= 32000 else None)


@pytest.mark.parametrize(
    ("event_id", "text", "details"),
    [
        (
            6329,
            "BAIL: MMS(1640): X:\\bt\\ma.cpp(94): 0X80230619 (A restriction prevents it.)\r\nAzure AD Sync 2.6.92.0",
            {"hresult": "0x80230619", "message": "A restriction prevents it."},
        ),
        (6800, "The writeback endpoint failed to start. hr = 800700CE", {"hresult": "0x800700ce"}),
        *(
            (number, f'Unable to add "{DN}", SourceAnchor: {ANCHOR}.', {"distinguished_name": None, "connector": None})
            for number in (6949, 6956)
        ),
    ],
)
def test_events_of_the_engine(event_id: int, text: str, details: dict[str, str]) -> None:
    found = event(lab.ADSYNC, event_id, text, level="error")
    assert {name: found.details.get(name) for name in details} == details
    assert found.result is (Result.FAILURE if event_id in (6329, 6800) else None)
    assert found.source_anchor is None


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (lab.deletion_threshold_116(1503, 500), (1503, 500)),
        ("PREVENT ACCIDENTAL DELETES on AADC01: 1,503 objects are to be deleted; the threshold is 500.", (None, None)),
    ],
)
def test_a_held_back_export_names_its_numbers(text: str, numbers: tuple[int | None, int | None]) -> None:
    found = event(lab.DIRECTORY_SYNCHRONIZATION, 116, text, level="warning")
    assert (found.details.get("pending_deletes"), found.details.get("threshold")) == numbers
    assert found.result is Result.FAILURE and found.name == "directory synchronization/116"


@pytest.mark.parametrize("level", ["information", "Informationen", "情報"])
def test_the_same_id_as_information_is_no_fault(level: str) -> None:
    found = event(lab.DIRECTORY_SYNCHRONIZATION, 116, "Threshold settings of AADC01: 500", level=level)
    assert found.result is None and "threshold" not in found.details and found.details["level"] == "information"


def test_the_results_of_several_users_are_events_of_their_own() -> None:
    users = [(ANCHOR, DN, True), (OTHER_ANCHOR, "CN=B,DC=corp", False)]
    ok, failed = events(lab.DIRECTORY_SYNCHRONIZATION, 657, passwords.hash_results("corp.contoso.local", users))
    assert [ok.id, failed.id] == [f"aadc01.corp.contoso.local/Application/4711#{number}" for number in (1, 2)]
    assert (ok.source_anchor, ok.result, ok.reason) == (ANCHOR, Result.SUCCESS, None)
    assert ok.details["distinguished_name"] == DN and ok.details["change_on_logon"] is False
    assert (failed.source_anchor, failed.result) == (OTHER_ANCHOR, Result.FAILURE)
    assert failed.reason == "Result : Failed." and failed.details["distinguished_name"] == "CN=B,DC=corp"
    assert {each.details["partition"] for each in (ok, failed)} == {"corp.contoso.local"}


def test_a_whole_batch_of_requests() -> None:
    users = [(OTHER_ANCHOR, f"CN=User {number},OU=Staff,DC=corp,DC=contoso,DC=local") for number in range(50)]
    found = events(lab.DIRECTORY_SYNCHRONIZATION, 656, passwords.hash_requests(users))
    assert [(each.source_anchor, each.details["distinguished_name"]) for each in found] == users
    assert len({each.id for each in found}) == 50 and {each.result for each in found} == {None}


def test_other_results_than_success_are_failures() -> None:
    text = f"Password Change Result - ANCHOR: {ANCHOR}, DN: {DN}, RESULT: RetryRequestedByTarget"
    found = event(lab.DIRECTORY_SYNCHRONIZATION, 657, text)
    assert found.result is Result.FAILURE and found.reason is not None and "RetryRequested" in found.reason


@pytest.mark.parametrize(
    ("event_id", "text", "details", "result"),
    [
        (
            611,
            passwords.domain_failure("CORP.contoso.local", rpc_error=8439),
            {"domain": "CORP.contoso.local", "error_code": "8439"},
            Result.FAILURE,
        ),
        (652, "Failed credential provisioning batch. Error Code: 90.", {"error_code": "90"}, Result.FAILURE),
        (655, "Failed credential provisioning ping. ErrorCode: 81", {"error_code": "81"}, Result.FAILURE),
        (654, passwords.ping("corp.contoso.local"), {"partition": "corp.contoso.local"}, Result.SUCCESS),
        (654, "Provision credentials ping end.", {"partition": None}, Result.SUCCESS),
        (904, "Scheduler::SchedulerThreadMain : Completed scheduler operations.", {"cycle": None, "step": None}, None),
    ],
)
def test_password_hash_synchronization(
    event_id: int, text: str, details: dict[str, str | None], result: Result | None
) -> None:
    found = event(lab.DIRECTORY_SYNCHRONIZATION, event_id, text)
    assert {name: found.details.get(name) for name in details} == details
    assert found.result is result


@pytest.mark.parametrize(
    ("provider", "event_id"), [("Microsoft-Windows-Security-Auditing", 4624), (lab.DEVICE_REGISTRATION, 358)]
)
def test_what_is_not_watched_is_left_out(provider: str, event_id: int) -> None:
    assert events(provider, event_id, "x") == []


@pytest.mark.parametrize(
    ("provider", "event_id", "kind"),
    [
        (lab.ADSYNC, 6100, None),
        (lab.ADSYNC, 6012, ("adsync", "6012")),
        (lab.DIRECTORY_SYNCHRONIZATION, 999, ("directory synchronization", "999")),
        ("MSExchange ADAccess", 2080, ("other", "other")),
    ],
)
def test_what_no_reader_knows_is_named(provider: str, event_id: int, kind: tuple[str, str] | None) -> None:
    assert unread(document(provider, event_id, "x")) == kind


def test_passwords_and_the_data_of_an_event_are_never_kept() -> None:
    raw = document(lab.PASSWORD_RESET, 31001, "NewPassword: hunter2 hunter3\r\npwd=hunter4, x\r\nPASSWORD = hunter5")
    raw["winlog"]["event_data"] = {"param2": "hunter6", "secret": "hunter7"}
    assert b"hunter" not in encode(winlogbeat_events(raw, TENANT, 1)[0])


def test_a_text_that_could_not_be_rendered_is_read_from_its_parameters() -> None:
    raw = document(lab.PASSWORD_RESET, 31002, "")
    raw["winlog"]["event_data"] = {"param1": success(), "Binary": "00"}
    [found] = winlogbeat_events(raw, TENANT, 1)
    assert found.entra_id == USER


def test_numbers_may_be_text_or_numbers() -> None:
    raw = document(lab.ADSYNC, 6800, "x")
    raw["winlog"] |= {"event_id": 6800, "record_id": "12"}
    [found] = winlogbeat_events(raw, TENANT, 1)
    assert (found.name, found.id) == ("adsync/6800", "aadc01.corp.contoso.local/Application/12")


@pytest.mark.parametrize(
    "damage",
    [
        {"@timestamp": "yesterday"},
        {"@timestamp": None},
        {"winlog": None},
        {"winlog": {"provider_name": "ADSync"}},
        {"winlog": {"provider_name": "ADSync", "event_id": "1", "record_id": 1, "channel": "A", "computer_name": "."}},
        {"winlog": {"provider_name": "ADSync", "event_id": True, "record_id": 1, "channel": "A"}, "event": {}},
    ],
)
def test_damaged_documents_are_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecordError) as refused:
        winlogbeat_events(document(lab.ADSYNC, 6100, "x") | damage, TENANT, 1)
    assert refused.value.reason == "wrong_shape"


@pytest.mark.parametrize("raw", [None, [], "x", 1, {}])
def test_other_things_are_refused(raw: Any) -> None:
    with pytest.raises(InvalidRecordError):
        winlogbeat_events(raw, TENANT, 1)


WATCHED = [
    *((lab.PASSWORD_RESET, number) for number in (31001, 31002, 31003, 32002, 33008)),
    *((lab.ADSYNC, number) for number in (6329, 6800, 6949, 6956, 6100)),
    *((lab.DIRECTORY_SYNCHRONIZATION, number) for number in (0, 116, 611, 652, 654, 655, 656, 657)),
    *((lab.DEVICE_REGISTRATION, number) for number in (201, 204, 220, 304, 305, 306, 334)),
]
WORDS = st.sampled_from(
    [
        *("Anchor", "Dn", "Result", "Failed", "Success", ":", " : ", ", ", "=", "\r\n", '"', ANCHOR, DN, USER, "CN="),
        *("TrackingId", "cloudAnchor", "User_", "hr", "0x80230619", "password", "run profile", "500"),
        *("Server error", "threshold"),
        *("management agent", "connector", "UserPrincipalName", "a@b", "Exit code", "at join phase", "DC="),
    ]
)


@given(st.sampled_from(WATCHED), st.one_of(st.text(max_size=300), st.lists(WORDS, max_size=60).map("".join)))
def test_any_text_gives_events_that_can_be_written(watched: tuple[str, int], text: str) -> None:
    for found in events(*watched, text):
        assert len(found.reason or "") <= 1000
        assert all(len(value) <= 1000 for value in found.details.values() if isinstance(value, str))
        assert encode(found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
KEYS = ["@timestamp", "winlog", "message", "event", "host", "log"]
WINLOG_KEYS = ["provider_name", "event_id", "channel", "computer_name", "record_id", "event_data"]


@given(st.sampled_from([(key, None) for key in KEYS] + [("winlog", key) for key in WINLOG_KEYS]), JSON)
def test_any_value_anywhere_is_read_or_refused(place: tuple[str, str | None], value: Any) -> None:
    raw = document(lab.PASSWORD_RESET, 31002, success())
    key, inner = place
    if inner is None:
        raw[key] = value
    else:
        raw[key][inner] = value
    with contextlib.suppress(InvalidRecordError):
        assert all(encode(found) for found in winlogbeat_events(raw, TENANT, 1))


@pytest.mark.slow
def test_a_hostile_text_is_read_in_time_that_grows_with_its_length() -> None:
    for part in ("CN=", "Anchor : ", "Dn : ", "run profile ", "connector ", "threshold 1 ", "password", "exit code "):
        for provider, event_id in WATCHED:
            events(provider, event_id, part * 8_000)
