"""User Device Registration: phases, codes and answers where Windows puts them, in every language."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.lab.registration_events import join_failed, join_refused, joined
from producers.eventlog.registration import read
from producers.eventlog.text import clean
from producers.eventlog.windows import WindowsEvent
from producers.eventlog.winlogbeat import winlogbeat_events
from streams.contracts.events import Event, Result
from tests.support import event_samples as samples

WHERE: dict[str, Any] = {"server": "PC7.corp.contoso.local", "record_id": 7, "at_ms": 1_795_426_267_123}
_304 = (
    "Automatic registration failed at join phase. \nExit code: {code} \nServer error: {answer} \nTenant type: Managed"
)
_DEBUG = (
    "Debug Output: \njoinMode: Join\ndrsInstance: {drs}\nerrorPhase: {phase}\nadalLog:\n"
    "AdalLog:  HRESULT: 0xcaa1000e"
)


def said(
    event_id: int, message: str = "", level: str | None = "error", **data: str
) -> tuple[Result | None, dict[str, Any]]:
    [found] = read(WindowsEvent("user device registration", event_id, "pc7", level, data=data, message=message))
    details = dict(found.details)
    assert details.pop("computer") == "pc7"
    return found.result, details


@pytest.mark.parametrize("phase", ["pre-check", "discover", "auth", "join"])
def test_the_phase_of_304_is_in_its_debug_output_never_in_its_sentence(phase: str) -> None:
    debug = _DEBUG.format(drs="azure", phase=phase)
    message = _304.format(code="Unknown HResult Error code: 0x801c0021", answer="empty")
    assert said(304, f"{message}\n{debug}") == (Result.FAILURE, {"phase": phase, "client_error": "0x801c0021"})
    assert said(304, message, DebugOutput=debug)[1]["phase"] == phase
    assert "phase" not in said(304, message)[1]


@pytest.mark.parametrize(
    ("exit_code", "client_error"),
    [
        ("-2145647630", "0x801c03f2"), ("2149319666", "0x801c03f2"), ("0x801C03F2", "0x801c03f2"),
        ("1317", "0x00000525"),
        ("0", None), ("0x0", None), ("", None), ("99999999999", None), ("Der Schlüsselsatz ist nicht vorhanden.", None),
        ("Keyset does not exist", "0x80090016"), ("The logon attempt failed.", "0x8009030c"),
    ],
)  # fmt: skip
def test_the_number_is_in_the_data(exit_code: str, client_error: str | None) -> None:
    message = _304.format(code="Der Schlüsselsatz ist nicht vorhanden.", answer="empty")
    assert said(304, message, ExitCode=exit_code)[1].get("client_error") == client_error


_GERMAN = "Die automatische Registrierung ist fehlgeschlagen."
_JAPANESE = "自動登録に失敗しました。 \n終了コード: キーセットがありません \n出力: \njoinMode: Join\n"
_KERBEROS = "Automatic registration failed at authentication phase. Unable to acquire Kerberos ticket."


@pytest.mark.parametrize(
    ("event_id", "text", "details"),
    [
        (304, _304.format(code="Keyset does not exist", answer="empty"), {"client_error": "0x80090016"}),
        (305, f"{_KERBEROS}\nExit code: The specified target is unknown or unreachable\nSPN: adrs/x",
         {"phase": "auth", "client_error": "0x80090303"}),
        (304, f"{_GERMAN} \nExitcode: Unbekannter Fehlercode: 0x801c03f2 \nServerfehler: empty",
         {"client_error": "0x801c03f2"}),
        (304, "Échec. \nCode de sortie : Le jeu de clés n’existe pas \nErreur du serveur : 0x80004005", {}),
        (304, f"{_JAPANESE}errorPhase: auth\nadalResponseCode: 0xcaa9002c",
         {"phase": "auth", "client_error": "0xcaa9002c"}),
        (304, f"{_JAPANESE}errorPhase: join\nadalResponseCode: 0xcaa9002c", {"phase": "join"}),
        (305, "Fehler. \nExitcode: Der Vorgang \nMandant: x\nServerfehler: \nAdalErrorCode: 0xcaa9002c\n",
         {"phase": "auth", "client_error": "0xcaa9002c"}),
        (305, "Fehler. \nExitcode: Das Ziel ist unbekannt", {"phase": "auth"}),
    ],
)  # fmt: skip
def test_without_data_a_code_is_where_the_format_puts_it(event_id: int, text: str, details: dict[str, str]) -> None:
    """Words of another language are no code: id and phase are all that such an event tells."""
    assert said(event_id, text) == (Result.FAILURE, details)


@pytest.mark.parametrize("answer", ["empty", "", "undefined", ".", "%2"])
def test_a_service_that_said_nothing_said_nothing(answer: str) -> None:
    message = _304.format(code="Unknown HResult Error code: 0x801c0021", answer=answer)
    assert "server_error" not in said(304, message)[1]
    assert "server_error" not in said(304, "", ServerErrorMessage=answer)[1]


@pytest.mark.parametrize("named", [True, False], ids=["data", "sentence"])
def test_the_answer_of_305_begins_on_the_next_line(named: bool) -> None:
    answer = "AdalMessage: ADALUseWindowsAuthenticationTenant failed\nAdalErrorCode: 0xcaa9002c\nAdalLog: x\n"
    message = (
        "Automatic registration failed at authentication phase. Unable to acquire access token. \nExit code: Der "
        f"Vorgang. \nTenant Name: contoso.com \nTenant Type: Federated \nServer error: \n{answer}"
    )
    data = {"ExitCode": "-894894036", "ServerErrorMessage": answer} if named else {}
    assert said(305, message, **data) == (
        Result.FAILURE,
        {"phase": "auth", "client_error": "0xcaa9002c", "server_error": "ADALUseWindowsAuthenticationTenant failed"},
    )


def test_ad_fs_is_not_entras_registration_service() -> None:
    message = _304.format(code="Unknown HResult Error code: 0xcaa1000e", answer="")
    found = said(304, f"{message}\n{_DEBUG.format(drs='ent', phase='auth')}")
    assert found == (Result.FAILURE, {"phase": "auth", "client_error": "0xcaa1000e", "drs_instance": "ent"})


def test_literal_placeholders_are_nothing() -> None:
    message = "Automatic registration failed at join phase. \nExit code: %1 \nServer error: %2 \nTenant type: %3"
    assert said(304, message) == (Result.FAILURE, {})


@pytest.mark.parametrize("event_id", [220, 306, 331, 332, 333, 335])
@pytest.mark.parametrize("level", ["information", "warning", "error", None])
def test_what_is_no_fault_is_none_at_any_level(event_id: int, level: str | None) -> None:
    result, details = said(event_id, "Error: 1317", level, ErrorCode="1317")
    assert result is (Result.SUCCESS if event_id == 306 else None)
    assert details == {}


@pytest.mark.parametrize("event_id", [200, 201, 202, 203, 204, 205, 244, 245, 304, 305, 307, 309, 344, 345, 370])
def test_each_failure_is_read_by_its_id_alone(event_id: int) -> None:
    result, details = said(event_id, "登録に失敗しました", ExitCode="-2147024894")
    assert result is Result.FAILURE
    assert details["client_error"] == "0x80070002"
    assert said(event_id, "…", None)[0] is Result.FAILURE, "a level that nobody can read hides no failure"


_UNKNOWN = "Unknown HResult Error code: "
_NO_POINT = (  # SupportArticles, KB 4480781
    f"Automatic registration failed at join phase.  Exit code: {_UNKNOWN}0x801c001d. Server error:. Debug Output:\r\n "
    "undefined."
)
_NO_LOOKUP = (
    "Automatic registration failed. Failed to lookup the registration service information from Active Directory. "
    f"Exit code: {_UNKNOWN}0x801c001d. See https://go.microsoft.com/fwlink/?LinkId=623042"
)
_UNSYNCED = _304.format(code=f"{_UNKNOWN}0x801c03f2", answer="The device object by the given id (x) is not found.")
_AD_FS = f"{_304.format(code=f'{_UNKNOWN}0xcaa1000e', answer='')}\n{_DEBUG.format(drs='ent', phase='auth')}"
_NOT_FOUND = "The device object by the given id (x) is not found"


@pytest.mark.parametrize(
    ("event_id", "text", "details"),
    [
        (304, _NO_POINT, {"client_error": "0x801c001d"}),
        (307, _NO_LOOKUP, {"phase": "discover", "client_error": "0x801c001d"}),
        (304, _UNSYNCED, {"client_error": "0x801c03f2", "server_error": _NOT_FOUND}),
        (304, _AD_FS, {"phase": "auth", "client_error": "0xcaa1000e", "drs_instance": "ent"}),
    ],
)
@pytest.mark.parametrize("as_parameter", [False, True])
def test_reports_from_the_field(event_id: int, text: str, details: dict[str, str], as_parameter: bool) -> None:
    shipped = WindowsEvent(
        "user device registration", event_id, "pc7", "error",
        parameters=(clean(text),) if as_parameter else (), message="" if as_parameter else clean(text),
    )  # fmt: skip
    [found] = read(shipped)
    assert found.result is Result.FAILURE
    assert found.details == {"computer": "pc7", **details}


def test_checks_before_a_try() -> None:
    assert said(334, "…", "warning")[0] is Result.FAILURE
    assert {said(number, "…", level)[0] for number, level in ((332, "warning"), (333, "warning"))} == {None}


def test_the_lab_speaks_the_form_of_the_samples() -> None:
    for document, sample in (
        (joined(**WHERE), "udr_306_success"),
        (join_failed(code=0x801C03F2, phase="join", **WHERE), "udr_304_hex"),
        (join_refused(**WHERE), "udr_204_join_failed_old_json"),
    ):
        shipped = samples.sample(sample)
        assert document["winlog"]["event_data"].keys() == shipped["winlog"]["event_data"].keys()
        labels = [line.partition(":")[0] for line in document["message"].splitlines()]
        assert labels == [line.partition(":")[0] for line in shipped["message"].splitlines()]
        assert _one(document).result == _one(shipped).result


def _one(document: dict[str, Any]) -> Event:
    [event] = winlogbeat_events(document, samples.TENANT, 0)
    return event


def test_the_subcode_of_an_answer_is_kept_and_a_key_error_has_its_number() -> None:
    answer = '{"code":"invalid_request","subcode":"error_missing_device","message":"The device is not found."}'
    assert said(204, ExitCode="-2145647629", ServerResponse=answer)[1]["server_error"] == (
        "invalid_request: error_missing_device: The device is not found"
    )
    assert said(345, Error="-2146893802")[1]["client_error"] == "0x80090016"
