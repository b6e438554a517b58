"""Security events of domain controllers, for one object only: who changed the service connection point of a forest.

Source: Microsoft, "5136(S): A directory service object was modified", 5137 created, 5141 deleted (audit policy
Directory Service Changes, and an audit entry on the object); its name is in "Configure hybrid join manually".
"""

from __future__ import annotations

from producers.eventlog.windows import WindowsEvent
from producers.eventlog.wire import Statement
from streams.contracts.distinguished_name import dns_domain

_POINT = "cn=62a0ff2e-97b9-4513-943f-0d221bd30080,"
_CHANGES = frozenset({5136, 5137, 5141})
_LONGEST = 300


def read(event: WindowsEvent) -> list[Statement]:
    """Who changed it, and of which forest; nothing for any other object.

    details: forest, the DNS name of its root domain; distinguished_name.
    """
    name = event.data.get("ObjectDN", "")
    if event.id not in _CHANGES or not name.lower().startswith(_POINT):
        return []
    forest = dns_domain(name)
    user, domain = event.data.get("SubjectUserName", ""), event.data.get("SubjectDomainName", "")
    if not forest or not user:
        return []
    who = f"{domain}\\{user}" if domain else user
    details = {"forest": forest[:_LONGEST], "distinguished_name": name[:_LONGEST]}
    return [Statement(initiator=who[:_LONGEST], details=details)]
