"""What to do about a password that did not come to AD, by the class of the failure and by what exactly it was.

Source: Microsoft, "Troubleshoot self-service password reset writeback", "RPC errors affecting Microsoft Entra Connect";
what else is said in a line is named beside it.
"""

from __future__ import annotations

from streams.views import writeback_codes as codes
from streams.views.writeback_codes import ErrorClass

_E = ErrorClass
_BY_CLASS: dict[ErrorClass, str] = {
    # azure-docs issue 40059: both settings of an account end in 33008, too
    _E.PASSWORD_POLICY: (
        "The password is against the domain's policy (age, history, complexity, filter), or the account has User "
        "cannot change password or Password never expires set. Let the user choose another; set the minimum age to 0."
    ),
    # jpazureid/blog: reset fails and change works; c7solutions.com: the account may not change its password
    _E.PERMISSION: (
        "Give the connector account Reset password, Change password, write on lockoutTime and pwdLastSet, and Unexpire "
        "Password where the user is, with inheritance. If the user has adminCount = 1, resets are refused and changes "
        "work; if changes alone are refused, look for User cannot change password."
    ),
    # azure-docs issues 92842, 106884
    _E.USER_NOT_FOUND: (
        "Is the user still in AD, joined to the cloud's object, and within the scope of password synchronisation? "
        "Look at the last synchronisation runs."
    ),
    _E.SEVERAL_MATCHES: "Two users share one anchor, or one user is enabled in two forests: leave one of them.",
    _E.CONNECTIVITY: (
        "The cloud does not reach the service on the Connect server: let it run, and open TCP 443 to "
        "*.servicebus.windows.net and *.passwordreset.microsoftonline.com."
    ),
    _E.CONFIGURATION: "Read the events of ADSync beside it; often it helps to switch password writeback off and on.",
    _E.ACCOUNT_DISABLED: "Enable the account in AD, if the user is to have one.",
    _E.ACCOUNT_LOCKED: "Unlock the account, or let the user wait.",
    _E.WRONG_PASSWORD: "The user mistyped the current password.",
    _E.OTHER: (
        "Nobody says why. Read 33001 to 33009 and ADSync 6329 on the Connect server by the tracking id or the "
        "time, and "
        "ship that log: then the cause is told here."
    ),
}
_BY_DETAIL: dict[str, str] = {
    codes.PROTECTED: (
        "The user is, or was, in a protected group (adminCount = 1), whose rights AD resets every hour: leave "
        "resets to "
        "its administrators, or take the user out of the group, clear adminCount and enable inheritance."
    ),
    codes.PASSWORD_SCOPE: (
        "The user is outside of the scope of the password rule (selective password hash synchronisation), or not "
        "joined: bring the user into its scope, or reset the password in AD."
    ),
    codes.SAM_REMOTE_CALLS: (
        "A domain controller denied access to the account's data. Look for the policy 'Network access: Restrict "
        "clients "
        "allowed to make remote calls to SAM', and let the connector account in."
    ),
    # MicrosoftDocs/entra-docs issue 717
    codes.RESERVED_CHARACTER: (
        "The name of an organisational unit above the user has a character that writeback cannot pass on: rename the "
        "unit, or move the user."
    ),
    codes.ENCRYPTION: (
        "Enable 'Sign and encrypt LDAP traffic' in the options of the AD connector, or LDAPS on the domain controllers."
    ),
    # "SelfServicePasswordReset write-back problem - error hr=80230818"
    codes.DOMAIN_CONTROLLER: (
        "The Connect server does not reach a domain controller of the user's domain: check DNS, TCP 135 and the "
        "dynamic "
        "ports, and that the connector's preferred controllers are there and written as full DNS names."
    ),
    codes.CONNECTOR_OFF: (
        "The forest was added after password writeback was enabled: disable writeback in the wizard and enable "
        "it again."
    ),
    codes.LONG_PASSWORD: "The connector account's own password is longer than 256 characters: give it a shorter one.",
    # "SelfServicePasswordReset write-back problem - error hr=80230818" had this reason, too
    codes.ADMIN_ACTION: (
        "The cloud only says that an administrator has to act on-premises, which may be rights, a protected "
        "group, or a "
        "domain controller out of reach. Read 33001 to 33009 and ADSync 6329 on the Connect server, and ship that log."
    ),
}


def advice_of(error: ErrorClass, detail: str | None) -> str | None:
    """What to do; None where the class calls for nothing."""
    return _BY_DETAIL.get(detail or "") or _BY_CLASS.get(error)
