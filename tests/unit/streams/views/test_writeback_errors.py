"""Every code that the sources name has its class, and words lead to the same one."""

from __future__ import annotations

import pytest

from streams.views.password.errors import BY_NUMBER, USERS_OWN, ErrorClass, classify, detail_of

NUMBERS = {
    31016: "connectivity", 31034: "connectivity", 31044: "connectivity", 32000: "other", 32001: "connectivity",
    32002: "connectivity", 32003: "other", 32004: "configuration", 32005: "configuration", 32007: "configuration",
    32008: "connectivity", 32009: "configuration", 32010: "configuration", 32011: "connectivity",
    32013: "connectivity", 32014: "connectivity", 32015: "connectivity", 33001: "other", 33002: "user_not_found",
    33003: "several_matches", 33004: "permission", 33005: "account_disabled", 33006: "account_locked",
    33007: "wrong_password", 33008: "password_policy", 33009: "configuration", 6800: "configuration",
}  # fmt: skip
HRESULTS = {
    "0x80230619": "password_policy", "0x8023061F": "configuration", "0x80230402": "several_matches",
    "0x800700CE": "configuration", "0x8023062C": "configuration", "0x80230626": "permission",
    "0x80230405": "user_not_found", "0x80230818": "connectivity", "0x80231367": "permission",
    "0x80005000": "configuration", "0x80004005": "other", "0x800706BA": "connectivity", "0x80070005": "permission",
}  # fmt: skip
SSPR = {
    ("TenantSSPRFlagDisabled", 9): "not_offered", ("WritebackNotEnabled", 10): "configuration",
    ("SsprNotEnabledInUserPolicy", 11): "not_offered", ("UserNotLicensed", 12): "not_offered",
    ("UserNotMemberOfScopedAccessGroup", 13): "not_offered", ("UserNotProperlyConfigured", 14): "not_offered",
    ("OnPremisesAdminActionRequired", 29): "other", ("OnPremisesConnectivityError", 30): "connectivity",
}  # fmt: skip
TEXTS = {
    "OnPremisesSuccessCloudFailure": "on_premises_success_cloud_failure",
    "On-premises policy violation": "password_policy",
    "OnPremisesPolicyViolation": "password_policy",
    "Password doesn't comply with fuzzy policy": "password_policy",
    "FuzzyPolicyViolationInvalidPassword": "password_policy",
    "The AD DC has no LDAP password policy control": "configuration",
    "the on-premises service could not be reached": "connectivity",
    "on\u2011premises admin action required": "other",
    "ADAdminActionRequired": "other",
    "ADMutliMatchError": "several_matches",
    "Successfully completed reset.": "other",
    "Something nobody has seen": "other",
    "": "other",
}


@pytest.mark.parametrize(("number", "expected"), NUMBERS.items())
def test_event_numbers(number: int, expected: str) -> None:
    assert classify(str(number)) == expected


def test_no_number_is_left_untested() -> None:
    assert set(BY_NUMBER) == {str(number) for number in NUMBERS}


@pytest.mark.parametrize(("hresult", "expected"), HRESULTS.items())
def test_hresults_in_either_case(hresult: str, expected: str) -> None:
    assert classify(None, hresult) == classify("33001", hresult.lower()) == expected


@pytest.mark.parametrize(("name", "number", "expected"), [(*key, kind) for key, kind in SSPR.items()])
def test_sspr_by_name_code_and_number(name: str, number: int, expected: str) -> None:
    for text in (name, f"Failed: {name.lower()}", f"SSPR_{number:04d}", str(number)):
        assert classify(text=text) == expected, text


@pytest.mark.parametrize(("text", "expected"), TEXTS.items())
def test_words(text: str, expected: str) -> None:
    assert classify(text=text) == expected


def test_a_number_goes_before_words() -> None:
    assert classify("33002", "0x80230619", "access is denied") == ErrorClass.USER_NOT_FOUND


def test_the_rule_of_the_policy_only_where_the_text_tells_one() -> None:
    policy = ErrorClass.PASSWORD_POLICY
    assert detail_of(policy, "Minimum password age not reached") == "minimum_age"
    assert detail_of(policy, "rejected by a password filter") == "filter"
    assert detail_of(policy, "check_password_restrictions: the password is too short") == "minimum_length"
    assert detail_of(policy, "password is too young to change!") == "minimum_age"
    assert detail_of(policy, "the password was already used (previous password)!") == "history"
    assert detail_of(policy, "may violate history, complexity or minimum age") is None
    assert detail_of(ErrorClass.PERMISSION, "adminCount = 1") == "protected_account"
    assert detail_of(ErrorClass.CONNECTIVITY, "history") is None


def test_the_users_own_mistakes() -> None:
    assert {str(kind) for kind in USERS_OWN} == {
        "password_policy", "wrong_password", "account_locked", "account_disabled",
    }  # fmt: skip
