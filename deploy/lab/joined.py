"""A forest that is set up for hybrid join and whose computers have all joined: what a finished rollout looks like."""

from __future__ import annotations

import uuid

from deploy.lab.directory.results import DirectoryError
from deploy.lab.directory.store import DirectoryStore
from deploy.lab.sync.devices import join_certificate

_CONTAINER = "CN=Device Registration Configuration,CN=Services"
_SCP = f"CN=62a0ff2e-97b9-4513-943f-0d221bd30080,{_CONTAINER}"


def point_to(store: DirectoryStore, tenant_id: str, domain: str) -> None:
    """Make the forest's service connection point, or change it: which tenant computers join."""
    keywords = [f"azureADId:{tenant_id}", f"azureADName:{domain}"]
    dn, container = f"{_SCP},{store.configuration_dn}", f"{_CONTAINER},{store.configuration_dn}"
    if _exists(store, dn):
        store.modify(dn, {"keywords": keywords})
        return
    if not _exists(store, container):
        store.add(container, {"objectClass": "container"})
    store.add(dn, {"objectClass": "serviceConnectionPoint", "keywords": keywords})


def remove_connection_point(store: DirectoryStore) -> None:
    """As somebody does who takes it for a leftover."""
    store.delete(f"{_SCP},{store.configuration_dn}")


def write_certificates(store: DirectoryStore, unit: str) -> list[uuid.UUID]:
    """Every computer below `unit` has run its join task once; their objectGUIDs."""
    computers = [found.guid for found in store.objects(below=unit) if found.object_class == "computer"]
    for guid in computers:
        store.modify(guid, {"userCertificate": [join_certificate(guid)]})
    return computers


def _exists(store: DirectoryStore, dn: str) -> bool:
    try:
        store.get(dn)
    except DirectoryError:
        return False
    return True
