"""What each code of a password operation means: the tables behind streams.views.writeback_errors.

HRESULTs stand in the events of PasswordResetService as "hr=80230619", in traces of the engine (ADSync 6329) as
"0x80230619"; the small numbers of Windows in such traces are told as 0x8007xxxx. A detail names the cause where the
code has but one.

Source of each row beside it; all as collected on 2026-11-30.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorClass(StrEnum):
    """What kind of cause; each calls for another hand."""

    PASSWORD_POLICY = "password_policy"  # noqa: S105  a name of a cause
    PERMISSION = "permission"
    USER_NOT_FOUND = "user_not_found"
    SEVERAL_MATCHES = "several_matches"
    CONNECTIVITY = "connectivity"
    CONFIGURATION = "configuration"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_LOCKED = "account_locked"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    SPLIT = "on_premises_success_cloud_failure"
    NOT_OFFERED = "not_offered"  # the cloud refuses before it asks AD: no licence, no method, not in the group
    OTHER = "other"


_E = ErrorClass
PROTECTED, PASSWORD_SCOPE, SAM_REMOTE_CALLS = "protected_account", "password_scope", "sam_remote_calls"
RESERVED_CHARACTER, ENCRYPTION, ADMIN_ACTION = "reserved_character", "ldap_encryption", "admin_action_required"
DOMAIN_CONTROLLER, CONNECTOR_OFF = "domain_controller", "connector_not_enabled"
LONG_PASSWORD = "connector_password_too_long"  # noqa: S105  a name of a cause

# Microsoft, "Troubleshoot self-service password reset writeback", event log error codes.
BY_NUMBER: dict[str, ErrorClass] = {
    "31016": _E.CONNECTIVITY, "31034": _E.CONNECTIVITY, "31044": _E.CONNECTIVITY,
    "32000": _E.OTHER, "32001": _E.CONNECTIVITY, "32002": _E.CONNECTIVITY, "32003": _E.OTHER,
    "32004": _E.CONFIGURATION, "32005": _E.CONFIGURATION, "32007": _E.CONFIGURATION, "32008": _E.CONNECTIVITY,
    "32009": _E.CONFIGURATION, "32010": _E.CONFIGURATION, "32011": _E.CONNECTIVITY, "32013": _E.CONNECTIVITY,
    "32014": _E.CONNECTIVITY, "32015": _E.CONNECTIVITY,
    "33001": _E.OTHER, "33002": _E.USER_NOT_FOUND, "33003": _E.SEVERAL_MATCHES, "33004": _E.PERMISSION,
    "33005": _E.ACCOUNT_DISABLED, "33006": _E.ACCOUNT_LOCKED, "33007": _E.WRONG_PASSWORD,
    "33008": _E.PASSWORD_POLICY, "33009": _E.CONFIGURATION, "6800": _E.CONFIGURATION,
}  # fmt: skip
BY_HRESULT: dict[str, tuple[ErrorClass, str | None]] = {
    # "A restriction prevents the password from being changed …": c7solutions.com/2015/07/password-writeback-errors
    "0x80230619": (_E.PASSWORD_POLICY, None),
    # "… the management agent credentials were denied access": azure-docs issues 41241, 68215; c7solutions.com
    "0x80230626": (_E.PERMISSION, None),
    # "the object cannot be found": azure-docs issues 92842, 106884
    "0x80230405": (_E.USER_NOT_FOUND, None),
    # a duplicate anchor: Microsoft, "Troubleshoot self-service password reset writeback"
    "0x80230402": (_E.SEVERAL_MATCHES, None),
    # password management is not enabled on that connector: the same page
    "0x8023061f": (_E.CONFIGURATION, CONNECTOR_OFF),
    # the connector account's own password is longer than 256 characters: the same page
    "0x800700ce": (_E.CONFIGURATION, LONG_PASSWORD),
    # "… or a 128 bit TLS or SSL connection is required": Microsoft, SupportArticles on password writeback
    "0x8023062c": (_E.CONFIGURATION, ENCRYPTION),
    # "a domain controller could not be contacted": "SelfServicePasswordReset write-back problem - error hr=80230818"
    "0x80230818": (_E.CONNECTIVITY, DOMAIN_CONTROLLER),
    # an account in a protected group (adminCount=1): Microsoft Q&A, as collected; confirmed by nobody's log
    "0x80231367": (_E.PERMISSION, PROTECTED),
    # "unable to get error text", an OU with a reserved character: MicrosoftDocs/entra-docs issue 717
    "0x80005000": (_E.CONFIGURATION, RESERVED_CHARACTER),
    # "Unspecified error": says nothing by itself: Microsoft, "RPC errors affecting Microsoft Entra Connect"
    "0x80004005": (_E.OTHER, None),
    # 0x6ba and 0x5 in a trace: the same page, examples 3 and 4; 1722 and its kin: its table of RPC errors
    "0x800706ba": (_E.CONNECTIVITY, DOMAIN_CONTROLLER),
    "0x800706bb": (_E.CONNECTIVITY, DOMAIN_CONTROLLER),
    "0x800706be": (_E.CONNECTIVITY, DOMAIN_CONTROLLER),
    "0x800706bf": (_E.CONNECTIVITY, DOMAIN_CONTROLLER),
    "0x800706d9": (_E.CONNECTIVITY, DOMAIN_CONTROLLER),
    "0x80070005": (_E.PERMISSION, None),
}
# Microsoft, "Self-service password reset troubleshooting": 29 OnPremisesAdminActionRequired says nothing of the cause.
BY_SSPR_NUMBER: dict[int, ErrorClass] = {
    9: _E.NOT_OFFERED, 10: _E.CONFIGURATION, 11: _E.NOT_OFFERED, 12: _E.NOT_OFFERED, 13: _E.NOT_OFFERED,
    14: _E.NOT_OFFERED, 29: _E.OTHER, 30: _E.CONNECTIVITY,
}  # fmt: skip
UMBRELLA_NUMBER = 29
# Logged for a domain controller that cannot be reached, too ("… write-back problem - error hr=80230818").
UMBRELLAS = ("onpremisesadminactionrequired", "adadminactionrequired")
# Within a normalised text, the first that it holds counts.
BY_TEXT: tuple[tuple[str, ErrorClass], ...] = (
    ("onpremisessuccesscloudfailure", _E.SPLIT),
    ("onpremisesconnectivityerror", _E.CONNECTIVITY),
    ("onpremisespolicyviolation", _E.PASSWORD_POLICY),
    ("fuzzypolicy", _E.PASSWORD_POLICY),
    ("writebacknotenabled", _E.CONFIGURATION),
    ("tenantssprflagdisabled", _E.NOT_OFFERED),
    ("ssprnotenabledinuserpolicy", _E.NOT_OFFERED),
    ("usernotlicensed", _E.NOT_OFFERED),
    ("usernotmemberofscopedaccessgroup", _E.NOT_OFFERED),
    ("usernotproperlyconfigured", _E.NOT_OFFERED),
    ("adpasswordpolicyerror", _E.PASSWORD_POLICY),
    ("adpermissionserror", _E.PERMISSION),
    ("adusernotfounderror", _E.USER_NOT_FOUND),
    ("admutlimatcherror", _E.SEVERAL_MATCHES),  # the service's own spelling
    ("admultimatcherror", _E.SEVERAL_MATCHES),
    ("aduseraccountdisabled", _E.ACCOUNT_DISABLED),
    ("aduseraccountlockedout", _E.ACCOUNT_LOCKED),
    ("aduserincorrectpassword", _E.WRONG_PASSWORD),
    ("adconfigurationerror", _E.CONFIGURATION),
    # The engine's sentences, for a code that is not in the table above.
    ("arestrictionpreventsthepassword", _E.PASSWORD_POLICY),
    ("credentialsweredeniedaccess", _E.PERMISSION),
    ("wasdeniedaccesstoperformtheoperation", _E.PERMISSION),
    ("objectcannotbefound", _E.USER_NOT_FOUND),
    ("objectcouldnotbefound", _E.USER_NOT_FOUND),
    ("domaincontrollercouldnotbecontacted", _E.CONNECTIVITY),
    ("rpcserverisunavailable", _E.CONNECTIVITY),
    ("128bittls", _E.CONFIGURATION),
    ("noldappasswordpolicycontrol", _E.CONFIGURATION),
    ("ldappasswordpolicycontrol", _E.CONFIGURATION),
    ("minimumpasswordage", _E.PASSWORD_POLICY),
    ("passwordage", _E.PASSWORD_POLICY),
    ("passwordhistory", _E.PASSWORD_POLICY),
    ("complexity", _E.PASSWORD_POLICY),
    ("passwordfilter", _E.PASSWORD_POLICY),
    ("passwordpolicy", _E.PASSWORD_POLICY),
    ("passwordrestriction", _E.PASSWORD_POLICY),
    ("couldnotbereached", _E.CONNECTIVITY),
    ("cannotbereached", _E.CONNECTIVITY),
    ("unabletoreach", _E.CONNECTIVITY),
    ("accessisdenied", _E.PERMISSION),
    ("accessdenied", _E.PERMISSION),
    ("insufficientaccess", _E.PERMISSION),
    ("insufficientrights", _E.PERMISSION),
    ("admincount", _E.PERMISSION),
    ("lockedout", _E.ACCOUNT_LOCKED),
    ("accountislocked", _E.ACCOUNT_LOCKED),
    ("accountdisabled", _E.ACCOUNT_DISABLED),
    ("accountisdisabled", _E.ACCOUNT_DISABLED),
    ("incorrectpassword", _E.WRONG_PASSWORD),
    ("wrongpassword", _E.WRONG_PASSWORD),
    ("usernotfound", _E.USER_NOT_FOUND),
)
# What of the policy, where the text tells; likewise of a missing right.
DETAILS: tuple[tuple[ErrorClass, str, str], ...] = (
    (_E.PASSWORD_POLICY, "minimumpasswordage", "minimum_age"),
    (_E.PASSWORD_POLICY, "tooyoung", "minimum_age"),
    (_E.PASSWORD_POLICY, "tooshort", "minimum_length"),
    (_E.PASSWORD_POLICY, "history", "history"),
    (_E.PASSWORD_POLICY, "alreadyused", "history"),
    (_E.PASSWORD_POLICY, "complexity", "complexity"),
    (_E.PASSWORD_POLICY, "filter", "filter"),
    (_E.PASSWORD_POLICY, "fuzzy", "banned_list"),
    (_E.PERMISSION, "admincount", PROTECTED),
    (_E.PERMISSION, "protectedaccount", PROTECTED),
    (_E.PERMISSION, "protectedgroup", PROTECTED),
    # "Requesting user was denied access to perform the operation on a privileged account.": jpazureid/blog
    (_E.PERMISSION, "privilegedaccount", PROTECTED),
)
