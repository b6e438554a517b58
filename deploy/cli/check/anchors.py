"""Whether the account of Entra Connect may write source anchors into a domain; if not, nothing ever says so.

Only accounts that Connect made itself are recognised (MSOL_...): of others nobody can tell what they are for, and
then nothing is said. What units grant or take away below the domain is not looked at.

Source: Microsoft, "Microsoft Entra Connect: Accounts and permissions", permissions for ms-DS-ConsistencyGuid.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

from deploy.cli.check.access import writers_below
from deploy.cli.check.line import Line, gap, good
from producers.ad.ldap.connection import Control, DirectoryConnection, Scope

CONSISTENCY_GUID = uuid.UUID("23773dc2-b63a-11d2-90e1-00c04fd91ab1")
_CONNECT_ACCOUNTS = "(&(objectClass=user)(sAMAccountName=MSOL_*))"
# LDAP_SERVER_SD_FLAGS_OID with DACL_SECURITY_INFORMATION: who may do what, which everybody may read.
_ACCESS_ONLY = Control("1.2.840.113556.1.4.801", bytes.fromhex("3003020104"))
_ADVICE = (
    "where mS-DS-ConsistencyGuid is the source anchor: Set-ADSyncMsDsConsistencyGuidPermissions on the Connect server "
    "for this account; without, users are exported and their anchor is lost with a move to another forest"
)


def check_anchors(connection: DirectoryConnection, forest: str, domain: str) -> Iterator[Line]:
    """A line for every account of Connect; none where there is no such account, or `domain` holds no users.

    Raises the errors of DirectoryConnection.read.
    """
    accounts = connection.read(
        domain, _CONNECT_ACCOUNTS, scope=Scope.SUBTREE, attributes=["sAMAccountName", "objectSid"]
    )
    if not accounts:
        return
    heads = connection.read(domain, attributes=["nTSecurityDescriptor"], controls=[_ACCESS_ONLY])
    found = [value for head in heads for value in head.attributes.get("nTSecurityDescriptor", ())]
    writers = None
    with contextlib.suppress(ValueError, IndexError):  # what cannot be read is not known
        writers = writers_below(found[0], CONSISTENCY_GUID)
    for account in accounts:
        name = (account.attributes.get("sAMAccountName") or [b"?"])[0].decode(errors="replace")
        if writers is None:
            yield gap(forest, f"whether {name} may write mS-DS-ConsistencyGuid in {domain} may not be read", _ADVICE)
        elif writers & _identities(connection, account.dn):
            yield good(forest, f"{name} may write mS-DS-ConsistencyGuid of the users of {domain}")
        else:
            yield gap(forest, f"{name} has no right at {domain} to write mS-DS-ConsistencyGuid of users", _ADVICE)


def _identities(connection: DirectoryConnection, account: str) -> frozenset[bytes]:
    """The SIDs of an account and of every group it is in (a constructed attribute: base scope only)."""
    found: set[bytes] = set()
    for entry in connection.read(account, attributes=["objectSid", "tokenGroups"]):
        for name in ("objectSid", "tokenGroups"):
            found.update(entry.attributes.get(name) or [])
    return frozenset(found)
