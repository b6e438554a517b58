"""The rootDSE: what a domain controller says of itself before anybody binds.

Source: MS-ADTS 3.1.1.3.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.directory import baseline, ber, controls, messages, values
from deploy.lab.directory.limits import Limits
from deploy.lab.directory.rendering import Selection

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

_CAPABILITIES = (
    "1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670", "1.2.840.113556.1.4.1791", "1.2.840.113556.1.4.1935",
    "1.2.840.113556.1.4.2080", "1.2.840.113556.1.4.2237",
)  # fmt: skip
_LEVEL = str(baseline.FUNCTIONAL_LEVEL)


def attributes(store: DirectoryStore, limits: Limits) -> dict[str, list[str]]:
    """Return all attributes of the rootDSE."""
    host = f"{baseline.HOST.lower()}.{store.domain}"
    settings = baseline.ntds_settings_dn(store)
    return {
        "currentTime": [values.generalized_time(int(store.clock())).decode()],
        "subschemaSubentry": [f"CN=Aggregate,{store.schema_dn}"],
        "dsServiceName": [settings],
        "namingContexts": [store.base_dn, store.configuration_dn, store.schema_dn],
        "defaultNamingContext": [store.base_dn],
        "schemaNamingContext": [store.schema_dn],
        "configurationNamingContext": [store.configuration_dn],
        "rootDomainNamingContext": [store.base_dn],
        "supportedControl": list(controls.SUPPORTED),
        "supportedLDAPVersion": ["3", "2"],
        "supportedLDAPPolicies": [name for name, _ in limits.policies()],
        "supportedExtension": [messages.START_TLS, messages.WHO_AM_I],
        "supportedCapabilities": list(_CAPABILITIES),
        "highestCommittedUSN": [str(store.highest_committed_usn)],
        "dnsHostName": [host],
        "ldapServiceName": [f"{store.domain}:{baseline.HOST.lower()}$@{store.domain.upper()}"],
        "serverName": [settings.partition(",")[2]],
        "isSynchronized": ["TRUE"],
        "isGlobalCatalogReady": ["TRUE"],
        "domainFunctionality": [_LEVEL],
        "forestFunctionality": [_LEVEL],
        "domainControllerFunctionality": [_LEVEL],
    }


def render(store: DirectoryStore, limits: Limits, requested: tuple[str, ...], *, types_only: bool) -> bytes:
    """Return the rootDSE as a SearchResultEntry."""
    wanted = {name.lower() for name in requested}
    everything = not requested or "*" in wanted or Selection(requested).everything
    parts = [
        messages.attribute(ber.octets(name), () if types_only else [value.encode() for value in listed])
        for name, listed in attributes(store, limits).items()
        if everything or name.lower() in wanted
    ]
    return messages.entry(b"", parts)
