"""Links to Microsoft's own pages of an object.

Sources: the three hosts, Microsoft, "Frequently asked questions about Microsoft Entra"
(https://learn.microsoft.com/entra/fundamentals/faq); the paths, which Microsoft documents nowhere, as maester uses them
(https://github.com/maester365/maester, powershell/internal/Get-GraphObjectMarkdown.ps1), the tenant before them as CIPP
does (https://github.com/KelvinTegelaar/CIPP, src/pages/identity).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HOSTS = {
    "graph.microsoft.com": "entra.microsoft.com",
    "graph.microsoft.us": "entra.microsoft.us",
    "dod-graph.microsoft.us": "entra.microsoft.us",
    "microsoftgraph.chinacloudapi.cn": "entra.microsoftonline.cn",
}
_PATHS = {
    "user": "Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/",
    "group": "Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Overview/groupId/",
    "device": "Microsoft_AAD_Devices/DeviceDetailsMenuBlade/~/Properties/objectId/",
}
GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def portal_of(graph_url: str) -> str | None:
    """The admin centre of the cloud that this Graph belongs to; None where it is none of Microsoft's (a lab)."""
    host = _HOSTS.get(urlsplit(graph_url).hostname or "")
    return f"https://{host}" if host else None


def object_link(portal: str | None, tenant: str, kind: str, object_id: str) -> str | None:
    """The page of an object; None where there is none. Ids come from records: what is no GUID makes no link."""
    path = _PATHS.get(kind)
    if portal is None or path is None or not (GUID.fullmatch(tenant) and GUID.fullmatch(object_id)):
        return None
    return f"{portal}/{tenant}/#view/{path}{object_id}"
