"""Error codes of hybrid join: what the client's log means by them, and what to do.

Source: Microsoft, "Troubleshoot Microsoft Entra hybrid joined devices", and "Microsoft Entra hybrid join using
Microsoft Entra Kerberos" for the codes of that path. Meanings and advice are in our own words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Course(StrEnum):
    """What becomes of an error if nobody does anything."""

    LASTING = "lasting"  # stays until somebody repairs something
    PASSING = "passing"  # the network or the service of this hour; a day of it is no accident
    EXPECTED = "expected"  # belongs to a join that goes well: the next cycle ends it


@dataclass(frozen=True, slots=True)
class JoinError:
    """One code. `action` is a sentence for the desk; `symbol` is Microsoft's name, or the code where there is none."""

    code: int
    symbol: str
    phase: str
    meaning: str
    action: str
    course: Course = Course.LASTING


_PROXY = "Let SYSTEM reach the registration and sign-in addresses, through a proxy that it knows (WinHTTP or WPAD)."
_TLS = "Take the registration and sign-in addresses out of TLS inspection and set the computer's clock."
_TPM = "Update the TPM's firmware or clear it, then run `dsregcmd /leave` and restart; Windows renews the key."
_IDP = "Look at the identity provider's WS-Trust endpoints (windowstransport, usernamemixed) and its metadata."
_WAIT = "Wait for the next try; if it stays for a day, look at the way to the service."

_TABLE = (
    JoinError(0x801C001D, "DSREG_AUTOJOIN_ADCONFIG_READ_FAILED", "discover",
              "the service connection point or the own computer object cannot be read in Active Directory",
              "Check the service connection point, the way to a domain controller, and replication of the computer."),
    JoinError(0x801C001F, "DSREG_AUTOJOIN_DISC_WAIT_TIMEOUT", "discover",
              "discovery of the registration service took too long", _PROXY, Course.PASSING),
    JoinError(0x801C0021, "DSREG_AUTOJOIN_DISC_FAILED", "discover",
              "discovery of the registration service failed for another reason, which event 201 names",
              "Look at event 201 of the same minute: its code is the cause."),
    JoinError(0x801C003D, "DSREG_AUTOJOIN_USERREALM_DISCOVERY_FAILED", "discover",
              "the service does not say whether the domain is managed or federated",
              "Name a verified domain in the service connection point (azureADName), and reach the sign-in address."),
    JoinError(0x801C003A, "DSREG_DISCOVERY_TENANT_NOT_FOUND", "discover",
              "the tenant that the service connection point names does not exist or has no subscription",
              "Correct azureADId and azureADName in the service connection point, or in the client's registry."),
    JoinError(0x801C0025, "DSREG_SERVER_BUSY", "discover",
              "the registration service is busy (HTTP 503)", _WAIT, Course.PASSING),
    JoinError(0x80072EFD, "WININET_E_CANNOT_CONNECT", "discover",
              "no connection to the service", _PROXY, Course.PASSING),
    JoinError(0x80072EE2, "WININET_E_TIMEOUT", "discover",
              "the service did not answer in time", _PROXY, Course.PASSING),
    JoinError(0x80072F8F, "WININET_E_DECODING_FAILED", "discover",
              "the encrypted answer cannot be read: a proxy breaks TLS, or the clock is wrong", _TLS),
    JoinError(0x80072EE7, "WININET_E_NAME_NOT_RESOLVED", "join",
              "DNS does not know the address of the service",
              "Let the computer resolve the registration and sign-in addresses.", Course.PASSING),
    JoinError(0x80072EFE, "WININET_E_CONNECTION_ABORTED", "join",
              "the connection to the service was cut", _PROXY, Course.PASSING),
    JoinError(0x8007000D, "E_INVALIDDATA", "discover",
              "the answer is no JSON, most often a sign-in page of a proxy",
              "Let SYSTEM pass the proxy without signing in to it."),
    JoinError(0xCAA90017, "ERROR_ADAL_PROTOCOL_NOT_SUPPORTED", "auth",
              "the identity provider does not speak WS-Trust", _IDP),
    JoinError(0xCAA9002C, "ERROR_ADAL_FAILED_TO_PARSE_XML", "auth",
              "the identity provider's metadata (MEX) is no XML, often a page of a proxy", _IDP),
    JoinError(0xCAA90023, "ERROR_ADAL_COULDNOT_DISCOVER_USERNAME_PASSWORD_ENDPOINT", "auth",
              "the identity provider's metadata (MEX) lacks the endpoint that the join needs", _IDP),
    JoinError(0xCAA82EE2, "ERROR_ADAL_INTERNET_TIMEOUT", "auth",
              "the sign-in address did not answer in time", _PROXY, Course.PASSING),
    JoinError(0xCAA82EFE, "ERROR_ADAL_INTERNET_CONNECTION_ABORTED", "auth",
              "the connection to the sign-in address was cut", _PROXY, Course.PASSING),
    JoinError(0xCAA82F8F, "ERROR_ADAL_INTERNET_SECURE_FAILURE", "auth",
              "the certificate of the sign-in address is not accepted, or the clock is wrong", _TLS),
    JoinError(0xCAA82EFD, "ERROR_ADAL_INTERNET_CANNOT_CONNECT", "auth",
              "no connection to the sign-in address", _PROXY, Course.PASSING),
    JoinError(0xCAA20003, "ERROR_ADAL_SERVER_ERROR_INVALID_GRANT", "auth",
              "Entra ID refuses the identity provider's token",
              "Compare the federation settings of the domain with the identity provider: signing certificate, claims."),
    JoinError(0xCAA90014, "ERROR_ADAL_WSTRUST_REQUEST_SECURITYTOKEN_FAILED", "auth",
              "the identity provider answers the request for a token with a fault",
              "Look into the identity provider's log at the time of the event."),
    JoinError(0xCAA90006, "ERROR_ADAL_WSTRUST_TOKEN_REQUEST_FAIL", "auth",
              "the identity provider's token endpoint fails",
              "Look into the identity provider's log at the time of the event."),
    JoinError(0xCAA1002D, "ERROR_ADAL_OPERATION_PENDING", "auth",
              "the sign-in did not end; the events beside it say why", _WAIT, Course.PASSING),
    JoinError(0x801C03F2, "DSREG_E_DIRECTORY_FAILURE", "join",
              "the registration service does not know the device: it is not synchronised yet",
              "Nothing while synchronisation brings the device; after two cycles see not_synced.", Course.EXPECTED),
    JoinError(0x801C0002, "DSREG_E_DEVICE_AUTHENTICATION_ERROR", "join",
              "the service refuses the computer's proof: certificate or SID differ from what is synchronised",
              "Let a cycle bring the newest certificate; if it stays, run `dsregcmd /leave` and restart.",
              Course.PASSING),
    JoinError(0x801C0006, "DSREG_E_DEVICE_INTERNALSERVICE_ERROR", "join",
              "the registration service failed inside", _WAIT, Course.PASSING),
    JoinError(0x80090016, "NTE_BAD_KEYSET", "join",
              "the key of the device is gone: the TPM was cleared, or the image was taken from a joined computer",
              "Run `dsregcmd /leave` and restart; never take an image of a joined computer."),
    JoinError(0x80290407, "TPM_E_PCP_INTERNAL_ERROR", "join", "the TPM fails", _TPM),
    JoinError(0x80280036, "TPM_E_NOTFIPS", "join",
              "the TPM runs in a FIPS mode that hybrid join does not support", "Turn off FIPS or the TPM."),
    JoinError(0x80090031, "NTE_AUTHENTICATION_IGNORED", "join",
              "the TPM is locked after too many tries", _WAIT, Course.PASSING),
    JoinError(0x801C0095, "DSREG_TOKEN_MISSING_ON_PREM_ID", "Kerberos join",
              "the ticket for Entra ID lacks the computer's identity",
              "Bring the domain controllers that answer to the version that Entra Kerberos join needs."),
    JoinError(0x80090311, "SEC_E_NO_AUTHENTICATING_AUTHORITY", "Kerberos join",
              "no domain controller in reach can issue the ticket",
              "Give each domain of the forest a domain controller of the version that Entra Kerberos join needs."),
    JoinError(0x80090303, "SEC_E_TARGET_UNKNOWN", "Kerberos join",
              "the domain controllers do not know the service principal of Entra ID",
              "Create the Entra Kerberos server object in the domain."),
    JoinError(0x8009030C, "SEC_E_LOGON_DENIED", "Kerberos join",
              "Entra ID refuses the ticket: its key, or the policy for the exchange, is missing",
              "Renew the Entra Kerberos key and see that the tenant is set up for Entra Kerberos join."),
    JoinError(0x801C0003, "0x801c0003", "join",
              "the account may not join devices: a limit is reached, or the tenant forbids it",
              "Look at the device settings of the tenant: who may join, and how many."),
    JoinError(0x801C000E, "0x801c000e", "join",
              "the limit of registered devices is reached (told by third parties only)",
              "Remove devices of the account, or raise the limit."),
)  # fmt: skip
JOIN_ERRORS = {error.code: error for error in _TABLE}

_HEXADECIMAL = re.compile(r"0x[0-9a-f]{1,8}|[0-9a-f]{8}")
_TENANT_NOT_FOUND, _THROTTLED = "aadsts90002", "throttled"


def code_of(text: str | int | None) -> int | None:
    """The 32 bits behind a code as logs and tools write it: 0x801C03F2, 801c03f2, -2145647630, 2149319666."""
    said = str(text).strip().lower() if text is not None else ""
    if _HEXADECIMAL.fullmatch(said):
        return int(said, 16)
    try:
        number = int(said)
    except ValueError:
        return None
    return number % (1 << 32) if -(1 << 31) <= number < 1 << 32 else None


def join_error(text: str | int | None) -> JoinError | None:
    """What a code means; None for one that the table lacks."""
    code = code_of(text)
    return JOIN_ERRORS.get(code) if code is not None else None


def course_of(client_error: str | None, server_error: str | None = None) -> Course:
    """What becomes of it. The service's own words, where they are known, say more than the client's code."""
    said = (server_error or "").lower()
    if _TENANT_NOT_FOUND in said:
        return Course.LASTING
    if _THROTTLED in said:
        return Course.PASSING
    known = join_error(client_error)
    return known.course if known is not None else Course.PASSING


def symbol_of(client_error: str | None) -> str:
    """The symbol as a label of a metric: one of the table's, or "other"."""
    known = join_error(client_error)
    return known.symbol if known is not None else "other"
