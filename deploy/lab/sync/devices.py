"""The device half of the engine, and what computers do by themselves: certificates, pending devices, registration.

Source: Microsoft, "How Microsoft Entra device registration works", hybrid joined in managed environments; a computer
without a valid certificate of its own is filtered, and its device deleted (Entra Connect 1.4 and later).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.lab.entra.graph_time import graph_time, wall_clock
from deploy.lab.entra.tenant import TenantStore
from deploy.lab.sync.audit import AuditTrail, Operation
from deploy.lab.sync.mapping import DISABLED


class Account(Protocol):
    """An object of a directory as the AD connector reads it."""

    @property
    def guid(self) -> uuid.UUID:
        """The objectGUID."""

    @property
    def object_class(self) -> str:
        """The structural class."""

    @property
    def sid(self) -> str | None:
        """The objectSid as text."""

    def raw(self, name: str) -> Sequence[bytes]:
        """All values of an attribute."""

    def first(self, name: str) -> str | None:
        """The first value of a textual attribute."""


class Directory(Protocol):
    """Where computers are read from: a lab directory, or a real one behind an adapter."""

    def objects(self, *, below: str) -> Iterable[Account]:
        """Every living object below a container."""


class DeviceSync:
    """Exports the computers below the selected organizational units as devices.

    units:   a directory and the DN of its unit, as the wizard selects them.
    audit:   where its writes are written down.
    stalled: objectGUIDs whose export fails, deletions included: what a story breaks.
    """

    def __init__(
        self, units: Sequence[tuple[Directory, str]], tenant: TenantStore, audit: AuditTrail | None = None
    ) -> None:
        self.stalled: set[uuid.UUID] = set()
        self._units = list(units)
        self._tenant = tenant
        self._audit = audit or AuditTrail(tenant)
        self._exported: dict[uuid.UUID, str] = {}

    def cycle(self) -> None:
        """Bring the tenant's devices up to date with every computer that may be exported."""
        wanted: set[uuid.UUID] = set()
        for store, unit in self._units:
            for found in list(store.objects(below=unit)):
                if found.object_class == "computer" and self._has_certificate(found):
                    wanted.add(found.guid)
                    if found.guid not in self.stalled:
                        self._export(found)
        for guid in [guid for guid in self._exported if guid not in wanted and guid not in self.stalled]:
            device = self._exported.pop(guid)
            before = self._tenant.get("device", device)
            if before is not None:
                self._tenant.delete("device", device)
                self._audit.wrote("device", "Delete", device, before=before)

    def device_of(self, guid: uuid.UUID) -> str | None:
        """The id of the living device of a computer."""
        return next(iter(self._tenant.find_by("device", "deviceId", str(guid))), None)

    def register(self, guid: uuid.UUID) -> None:
        """The computer's join task meets its pending device and completes the registration."""
        device = self.device_of(guid)
        if device is not None:
            now = graph_time(self._tenant.clock())
            self._tenant.upsert("device", device, {"registrationDateTime": now, "approximateLastSignInDateTime": now})

    def _export(self, found: Account) -> None:
        properties = {
            "deviceId": str(found.guid),
            "displayName": found.first("name"),
            "trustType": "ServerAd",
            "operatingSystem": "Windows",
            "operatingSystemVersion": found.first("operatingSystemVersion"),
            "accountEnabled": not int(found.first("userAccountControl") or 0) & DISABLED,
            "onPremisesSyncEnabled": True,
            "onPremisesSecurityIdentifier": found.sid,
        }
        known = self.device_of(found.guid)
        present = self._tenant.get("device", known) if known is not None else None
        if present is None or any(present.get(name) != value for name, value in properties.items()):
            properties["onPremisesLastSyncDateTime"] = graph_time(self._tenant.clock())
            known = self._tenant.upsert("device", known, properties)
            operation: Operation = "Add" if present is None else "Update"
            self._audit.wrote("device", operation, known, before=present, after=properties)
        assert known is not None
        self._exported[found.guid] = known

    def _has_certificate(self, found: Account) -> bool:
        now = dt.datetime.fromtimestamp(self._tenant.clock() / 1000, dt.UTC)
        for value in found.raw("userCertificate"):
            try:
                certificate = x509.load_der_x509_certificate(value)
            except ValueError:
                continue
            names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            if names and names[-1].value == str(found.guid) and certificate.not_valid_after_utc > now:
                return True
        return False


def join_certificate(guid: uuid.UUID, *, expired: bool = False) -> bytes:
    """The self-signed certificate that a computer's join task writes to userCertificate; DER."""
    now = dt.datetime.fromtimestamp(wall_clock() // 1000, dt.UTC)
    start, end = now - dt.timedelta(days=1), now + dt.timedelta(days=3650)
    if expired:
        start, end = now - dt.timedelta(days=400), now - dt.timedelta(days=1)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(guid))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(_key().public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    return builder.sign(_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())
