"""Who holds what in the tenant: the questions that matching and uniqueness ask of Entra."""

from __future__ import annotations

from typing import Final

from deploy.lab.entra.tenant import TenantStore
from deploy.lab.sync.objects import CloudObject, Kind, fold

KINDS: Final[tuple[Kind, ...]] = ("user", "group", "contact")


class Claims:
    """The live users, groups and contacts of one tenant, by what they hold."""

    def __init__(self, tenant: TenantStore) -> None:
        self._tenant = tenant

    def get(self, kind: Kind, object_id: str) -> CloudObject | None:
        """The live object of this id."""
        properties = self._tenant.get(kind, object_id)
        return None if properties is None else CloudObject(object_id, kind, properties)

    def upn_holder(self, upn: str, *, but: str | None = None) -> CloudObject | None:
        """A user other than `but` that signs in as `upn`, in any case."""
        return self._holder(("user",), "userPrincipalName", upn, but)

    def address_holder(self, address: str, *, but: str | None = None) -> CloudObject | None:
        """An object other than `but` that holds this SMTP address, primary or not."""
        plain = fold(address)
        return self._holder(KINDS, "proxyAddresses", f"smtp:{plain}", but) if plain else None

    def sip_holder(self, address: str, *, but: str | None = None) -> CloudObject | None:
        """An object other than `but` that holds this `sip:` address."""
        return self._holder(KINDS, "proxyAddresses", address, but) if address.lower().startswith("sip:") else None

    def anchor_holder(self, anchor: str) -> CloudObject | None:
        """The user whose immutableId this is; compared case-sensitively, as Entra does."""
        return self._holder(("user",), "onPremisesImmutableId", anchor, None)

    def sid_holder(self, sid: str, *, but: str | None = None) -> CloudObject | None:
        """A user or group other than `but` with this onPremisesSecurityIdentifier."""
        return self._holder(("user", "group"), "onPremisesSecurityIdentifier", sid, but)

    def _holder(self, kinds: tuple[Kind, ...], name: str, value: str, but: str | None) -> CloudObject | None:
        for kind in kinds:
            for object_id in self._tenant.find_by(kind, name, value):
                if object_id != but:
                    return self.get(kind, object_id)
        return None
