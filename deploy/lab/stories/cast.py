"""The cast of a story: people of the organisation, newcomers, and the conditions to look for on either side."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy.lab.directory.store import DirectoryStore
from deploy.lab.hybrid import ForestOfLab, HybridOrganisation
from deploy.lab.organisation import OFFICES, ascii_name
from deploy.lab.stories.story import Condition, Expectation
from deploy.lab.sync.claims import KINDS
from deploy.lab.sync.objects import CloudObject, fold

_NORMAL_ACCOUNT = "512"


@dataclass(frozen=True, slots=True)
class Person:
    """One AD account. `address`: userPrincipalName and primary address."""

    store: DirectoryStore
    guid: uuid.UUID
    name: str
    address: str

    def write(self, **attributes: Any) -> None:
        """Replace attributes; underscores in names stand for hyphens; None removes."""
        self.store.modify(self.guid, {name.replace("_", "-"): value for name, value in attributes.items()})

    def values(self, attribute: str) -> list[str]:
        return self.store.get(self.guid).all(attribute)


class Cast:
    """Who plays, and where to look. People are handed out once each, in order of hiring."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self.lab = lab
        self.main, self.other = lab.forests[0], lab.forests[1]
        self.cloud = lab.tenant
        self._people = {forest.name: self._staff(forest) for forest in lab.forests}

    def person(self, forest: ForestOfLab | None = None) -> Person:
        """Somebody who works there and is synchronised."""
        return next(self._people[(forest or self.main).name])

    def everybody(self) -> Iterator[Person]:
        """All who are left of the main forest."""
        return self._people[self.main.name]

    def hire(self, name: str, forest: ForestOfLab | None = None, **attributes: Any) -> Person:
        """A new account with an address of its own; `attributes` add to it or (None) leave things out."""
        place = forest or self.main
        account = ascii_name(name.replace(" ", "."))
        address = f"{account}@{place.layout.domain}"
        given: dict[str, Any] = {
            "objectClass": "user",
            "sAMAccountName": account,
            "userPrincipalName": address,
            "mail": address,
            "proxyAddresses": [f"SMTP:{address}"],
            "displayName": name,
            "givenName": name.partition(" ")[0],
            "sn": name.partition(" ")[2],
            "userAccountControl": _NORMAL_ACCOUNT,
            **{key.replace("_", "-"): value for key, value in attributes.items()},
        }
        dn = f"CN={name},{place.layout.offices[OFFICES[0]]}"
        guid = place.store.add(dn, {key: value for key, value in given.items() if value is not None})
        return Person(place.store, guid, name, str(given["userPrincipalName"] or ""))

    def cloud_object(self, guid: uuid.UUID) -> CloudObject | None:
        """What the sync engine made of an AD object."""
        link = self.lab.engine.space.get(str(guid))
        if link is None or link.cloud_id is None:
            return None
        return self.lab.engine.tenant.claims.get(link.kind, link.cloud_id)

    def about_address(self, detection: str, address: str, condition: Condition | None = None) -> Expectation:
        """A finding on the address view."""
        return Expectation(f"conflict.{detection}", f"address/{self.cloud.tenant_id}/{address.lower()}", condition)

    def about_user(self, detection: str, anchor: str, condition: Condition | None = None) -> Expectation:
        """A finding on the user view; `anchor` is the immutableId."""
        return Expectation(f"conflict.{detection}", f"user/{self.cloud.tenant_id}/{anchor}", condition)

    def about_sid(self, detection: str, sid: str, condition: Condition | None = None) -> Expectation:
        """A finding on the reference view."""
        return Expectation(f"conflict.{detection}", f"reference/{self.cloud.tenant_id}/{sid}", condition)

    def quarantined(self, address: str, cause: str = "ProxyAddresses") -> Condition:
        """Whether any cloud object carries a provisioning error about `address`."""

        def stands() -> bool:
            for kind in KINDS:
                for object_id in self.cloud.collections[kind].with_errors["onPremisesProvisioningErrors"]:
                    found = self.cloud.get(kind, object_id) or {}
                    for error in found.get("onPremisesProvisioningErrors") or ():
                        if error["propertyCausingError"] == cause and fold(error["value"]) == address.lower():
                            return True
            return False

        return stands

    def _staff(self, forest: ForestOfLab) -> Iterator[Person]:
        for account in forest.layout.accounts[10:]:
            found = forest.store.find_account(account)
            if found is not None:
                upn = found.first("userPrincipalName") or ""
                yield Person(forest.store, found.guid, found.first("displayName") or account, upn)
