"""The story of day one: an organisation with ten years of faults behind it, read for the first time.

Nothing happens any more. What leavers, mergers, reinstalled computers and forgotten exports have left stands before
anybody looks, with the times that the directories carry; the first reading must tell all of it and nothing else.

Sources: Microsoft, "Troubleshoot an object that is not synchronizing with Microsoft Entra ID"; "Manage stale devices in
Microsoft Entra ID"; "Pending devices in Microsoft Entra ID"; "Identity synchronization and duplicate attribute
resiliency"; "Microsoft Entra seamless single sign-on: FAQ".
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deploy.lab.directory.sids import with_rid
from deploy.lab.directory.store import DirectoryStore
from deploy.lab.directory.values import filetime
from deploy.lab.entra.graph_time import DAY_MS, graph_time
from deploy.lab.hybrid import ForestOfLab, HybridOrganisation
from deploy.lab.stories.cast import Cast, Person
from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.devices import join_certificate
from deploy.lab.sync.writeback_objects import GroupWriteback
from streams.contracts.identity import immutable_id_of_bytes, immutable_id_of_guid, sid_of_bytes

_YEAR = 365
_S_PER_DAY = 86_400
_OWNED = "address_owned_by_cloud_object"
_WORKSTATION, _WORKSTATION_DISABLED, _USER_DISABLED = "4096", "4098", "514"
_SYSTEM, _BUILD = "Windows 11 Enterprise", "10.0 (22631)"
_OLD_VERSION, _RETIRED_RID = "2.4.18.0", 900_000


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`, whose directories have aged when it returns."""
    past = _Past(lab)
    with lab.engine.tenant.audit.silence(True):
        past.people_of_ad()
        past.conflicts()
        lab.engine.cycle()
        lab.engine.cycle()  # the anchors that the first one has written are changes, too
        past.quarantined()
        past.left_behind()
        past.neglected()
        past.written_back()
        past.computers()
        past.upkeep()
    return Story(
        name="day_one",
        summary="Ten years of faults: the first reading tells all of them, and nothing else",
        steps=[
            Step(
                name="first reading", at_min=0, told=f"The first reading: {len(past.book)} faults stand in the book",
                act=lambda: None, opens=past.book,
            )
        ],
    )  # fmt: skip


class _Past:
    """What went wrong, by theme; `book`: what the first reading must find."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._lab, self._tenant = lab, lab.tenant
        self._cast = Cast(lab)
        self._main, self._joined = self._cast.main, self._cast.other
        self._domain = self._main.layout.domain
        self._now_ms = lab.tenant.clock()
        self._hired: dict[str, Person] = {}
        self._sids: dict[str, str | None] = {}
        self._kept_back: list[tuple[Person, str, int]] = []
        self.book: list[Expectation] = []

    def people_of_ad(self) -> None:
        """Accounts with faulty attributes, and those who want what others have: the engine has long exported them."""
        faulty: tuple[tuple[int, str, dict[str, Any], tuple[str, ...]], ...] = (
            (9 * _YEAR, "Olde Local", {"userPrincipalName": "olde.local@corp.contoso.local"},
             ("hygiene.non_routable_upn_suffix", "hygiene.upn_differs_from_primary_address")),
            (6 * _YEAR, "Mona Merger", {"userPrincipalName": "mona.merger@northwind-old.com"},
             ("hygiene.unverified_upn_suffix", "hygiene.upn_differs_from_primary_address")),
            (4 * _YEAR, "Rena Maiden", {"userPrincipalName": f"rena.married@{self._domain}"},
             ("hygiene.upn_differs_from_primary_address",)),
            (8 * _YEAR, "Della Deleted", {}, ()),
            (7 * _YEAR, "Lea Left", {"userAccountControl": _USER_DISABLED}, ()),
        )  # fmt: skip
        for days, name, attributes, detections in faulty:
            with _days_ago(self._main.store, days):
                person = self._hired[name] = self._cast.hire(name, **attributes)
            for detection in detections:
                self._expect(detection, self._user(person))

    def left_behind(self) -> None:
        """Synchronised cloud objects without an AD side, or with one that is out of scope; deleted ones with one."""
        for number, years in enumerate((9, 7, 4, 2), 1):
            self._leaver(f"Leaver {number}", years * _YEAR)
        for name, years in (("Project Atlas", 8), ("DL Old Office", 3)):
            sid = sid_of_bytes(with_rid(self._main.store.domain_sid, _RETIRED_RID + years))
            self._tenant.upsert("group", None, {
                "displayName": name, "securityEnabled": True, "onPremisesSecurityIdentifier": sid,
                "onPremisesDomainName": self._main.name, **self._synced(years * _YEAR),
            })  # fmt: skip
            self._expect("flow.orphaned_in_cloud", f"group/{self._tenant.tenant_id}/{sid}")
        for number in (1, 2):
            address = f"gone{number}@litware.example"
            self._tenant.upsert("contact", None, {
                "displayName": f"Gone Partner {number}", "mail": address, "proxyAddresses": [f"SMTP:{address}"],
                **self._synced(5 * _YEAR, created=False),
            })  # fmt: skip
            self._expect("flow.orphaned_in_cloud", f"contact/{self._tenant.tenant_id}/{address}")
        # Moved out of scope while the deletion threshold held deletions back.
        with _days_ago(self._main.store, 3 * _YEAR):
            moved = self._cast.hire("Ole Outside")
            moved.store.move(moved.guid, self._main.layout.service_ou)
        self._leaver("Ole Outside", 3 * _YEAR, anchor=immutable_id_of_guid(str(moved.guid)))
        # Deleted in the portal ten days ago; AD has the account, and the engine thinks that the cloud has, too.
        person = self._hired["Della Deleted"]
        self._tenant.delete("user", self._cloud_id(person), at_ms=self._now_ms - 10 * DAY_MS)
        self._expect("flow.missing_in_cloud", self._user(person))

    def conflicts(self) -> None:
        """With accounts of leavers that were never removed, with a mailbox that only the cloud has, between two."""
        for days, name in ((2 * _YEAR, "Rita Rehired"), (200, "Sven Namesake")):
            self._leaver(name, 5 * _YEAR, upn=self._address(name))
            with _days_ago(self._main.store, days):
                self._hired[name] = self._cast.hire(name)
            self._contested(self._hired[name], self._address(name), days, "upn_quarantined", _OWNED)
        press, own = f"press@{self._domain}", f"press.office@{self._domain}"
        self._tenant.upsert("user", None, {
            "displayName": "Press Office", "userPrincipalName": own, "mail": own, "accountEnabled": True,
            "proxyAddresses": [f"SMTP:{own}", f"smtp:{press}"], "userType": "Member",
            "createdDateTime": self._ago(6 * _YEAR),
        })  # fmt: skip
        speaker, owner, taker = (self._cast.person() for _ in range(3))
        with _days_ago(self._main.store, 4 * _YEAR):
            speaker.write(proxyAddresses=[*speaker.values("proxyAddresses"), f"smtp:{press}"])
            taker.write(proxyAddresses=[*taker.values("proxyAddresses"), f"smtp:{owner.address}"])
        self._contested(speaker, press, 4 * _YEAR, _OWNED)
        self._contested(taker, owner.address, 4 * _YEAR, "duplicate_address")

    def quarantined(self) -> None:
        """The service has kept these values back for as long as they have been contested."""
        for person, value, days in self._kept_back:
            self._quarantined_since(person, value, days)

    def neglected(self) -> None:
        """Exports that were lost, and whom nobody disabled."""
        for days, properties in (
            (2 * _YEAR, {"department": "Dispatch (old)"}),
            (300, {"displayName": "A Former Name", "jobTitle": "Trainee"}),
        ):
            person = self._cast.person()
            self._change(person, days, **properties)
            self._expect("flow.attribute_drift", self._user(person))
        leaver = self._hired["Lea Left"]
        self._change(leaver, _YEAR, accountEnabled=True)
        self._expect("authority.account_enabled_only_in_cloud", self._user(leaver))
        group = next(
            found for found in self._main.store.objects()
            if found.object_class == "group" and len(found.targets("member")) > 3
            and all(self._lab.engine.space.cloud_id(str(each)) for each in found.targets("member"))
        )  # fmt: skip
        cloud_id = str(self._lab.engine.space.cloud_id(str(group.guid)))
        self._tenant.remove_member(cloud_id, next(iter(self._tenant.members.of(cloud_id))))
        self._expect("flow.membership_drift", f"group/{self._tenant.tenant_id}/{group.sid}")

    def written_back(self) -> None:
        """A group of the cloud was deleted a week ago; rights on shares still hang on its copy in AD."""
        unit = f"OU=CloudGroups,{self._main.store.base_dn}"
        self._main.store.add(unit, {"objectClass": "organizationalUnit"})
        group = self._tenant.upsert("group", None, {
            "displayName": "Merger Team", "groupTypes": ["Unified"], "writebackConfiguration": {"isEnabled": True},
            "createdDateTime": self._ago(3 * _YEAR),
        })  # fmt: skip
        GroupWriteback(self._main.store, unit, self._tenant, self._lab.engine.space.guid_of).cycle()
        self._tenant.delete("group", group, at_ms=self._now_ms - 7 * DAY_MS)
        self._expect("writeback.group_frozen", f"written_group/{self._tenant.tenant_id}/{group}")

    def computers(self) -> None:
        """Ten years of laptops."""
        for number, (years, used) in enumerate(((8, 5), (5, 3), (3, 1)), 1):
            name, device_id = f"LT-OLD{number}", str(uuid.uuid4())
            self._device(name, device_id, registered=years * _YEAR, used=used * _YEAR)
            self._expect("hybrid_join.orphaned_cloud_device", self._device_view(device_id))
            self._expect("hybrid_join.stale", self._device_view(device_id))
        # Synchronised weeks ago, and never registered: the proxy does not let them.
        for number, days in enumerate((45, 21, 9), 1):
            guid = self._computer(f"LT-PEND{number}", days + 1)
            self._device(f"LT-PEND{number}", str(guid), exported=days)
            self._expect("hybrid_join.pending_stuck", self._device_view(str(guid)))
        for number, days in enumerate((400, 150), 1):  # in a cupboard; AD still takes them for alive
            guid = self._computer(f"PC-STALE{number}", 2 * _YEAR)
            self._device(f"PC-STALE{number}", str(guid), registered=2 * _YEAR - 1, used=days)
            self._expect("hybrid_join.stale", self._device_view(str(guid)))
        guid = self._computer("PC-REIMAGED", 100)
        self._device("PC-REIMAGED", str(guid), registered=99, used=3)
        old = str(uuid.uuid4())
        self._device("PC-REIMAGED", old, registered=5 * _YEAR, used=4 * _YEAR)
        self._expect("hybrid_join.duplicate_device", self._host_view("PC-REIMAGED"))
        self._expect("hybrid_join.orphaned_cloud_device", self._device_view(old))
        self._expect("hybrid_join.stale", self._device_view(old))
        guid = self._computer("PC-BYOD", 500)
        self._device("PC-BYOD", str(guid), registered=499, used=2)
        self._device("PC-BYOD", str(uuid.uuid4()), registered=300, used=30, trust="Workplace")
        self._expect("hybrid_join.dual_state", self._host_view("PC-BYOD"))
        guid = self._computer("PC-EXPIRED", 10 * _YEAR, expired=True)
        self._expect("hybrid_join.certificate_invalid", self._device_view(str(guid)))
        guid = self._computer("PC-FORGOTTEN", 60)
        self._lab.devices.stalled.add(guid)
        self._expect("hybrid_join.not_synced", self._device_view(str(guid)))
        guid = self._computer("PC-SILENT", 30, self._joined, certificate=False)
        self._expect("hybrid_join.certificate_missing", self._device_view(str(guid)))
        guid = self._computer("PC-RETIRED", 3 * _YEAR, control=_WORKSTATION_DISABLED)
        self._device("PC-RETIRED", str(guid), registered=3 * _YEAR - 1, used=20)
        self._lab.devices.stalled.add(guid)
        self._expect("hybrid_join.enabled_state_mismatch", self._device_view(str(guid)))

    def upkeep(self) -> None:
        """What nobody has looked after."""
        self._tenant.profile.client_version = _OLD_VERSION
        self._expect("engine.connect_version_unsupported", f"tenant/{self._tenant.tenant_id}")
        with _days_ago(self._main.store, 7 * _YEAR):
            self._main.store.add(f"CN=AZUREADSSOACC,{self._main.layout.service_ou}", {
                "objectClass": "computer", "sAMAccountName": "AZUREADSSOACC$", "userAccountControl": _WORKSTATION,
                "pwdLastSet": self._filetime(3 * _YEAR),
            })  # fmt: skip
        self._expect("engine.seamless_sso_key_stale", f"forest/{self._tenant.tenant_id}/{self._main.name}")

    def _leaver(self, name: str, days: int, *, upn: str | None = None, anchor: str | None = None) -> None:
        anchor = anchor or immutable_id_of_guid(str(uuid.uuid4()))
        address = upn or f"{self._address(name).partition('@')[0]}.left@{self._domain}"
        self._tenant.upsert("user", None, {
            "displayName": name, "userPrincipalName": address, "mail": address,
            "proxyAddresses": [f"SMTP:{address}"], "accountEnabled": True, "userType": "Member",
            "onPremisesImmutableId": anchor, "onPremisesDomainName": self._main.name, **self._synced(days),
        })  # fmt: skip
        self._expect("flow.orphaned_in_cloud", f"user/{self._tenant.tenant_id}/{anchor}")

    def _synced(self, days: int, *, created: bool = True) -> dict[str, Any]:
        """Exported for the last time so long ago; it had lived for a year then."""
        said = {"onPremisesSyncEnabled": True, "onPremisesLastSyncDateTime": self._ago(days)}
        return said | ({"createdDateTime": self._ago(days + _YEAR)} if created else {})

    def _contested(self, person: Person, address: str, days: int, *conflicts: str) -> None:
        for detection in ("address_quarantined", *conflicts):
            self._expect(f"conflict.{detection}", f"address/{self._tenant.tenant_id}/{address}")
        self._kept_back.append((person, address, days))

    def _quarantined_since(self, person: Person, value: str, days: int) -> None:
        """The service keeps the value back since then."""
        found = self._tenant.get("user", self._cloud_id(person)) or {}
        errors = [
            {**error, "occurredDateTime": self._ago(days)} if value in error["value"].lower() else error
            for error in found.get("onPremisesProvisioningErrors") or ()
        ]
        self._tenant.upsert("user", str(found["id"]), {"onPremisesProvisioningErrors": errors})

    def _change(self, person: Person, days: int, **properties: Any) -> None:
        """The cloud shows something else, since an export that long ago."""
        said = {**properties, "onPremisesLastSyncDateTime": self._ago(days)}
        self._tenant.upsert("user", self._cloud_id(person), said)

    def _computer(
        self, name: str, days: int, forest: ForestOfLab | None = None, *,
        control: str = _WORKSTATION, certificate: bool = True, expired: bool = False,
    ) -> uuid.UUID:  # fmt: skip
        """A computer that was created so long ago and renewed its password last week."""
        place = forest or self._main
        with _days_ago(place.store, days):
            guid = place.store.add(f"CN={name},{place.layout.computers_ou}", {
                "objectClass": "computer", "sAMAccountName": f"{name}$", "dNSHostName": f"{name.lower()}.{place.name}",
                "operatingSystem": _SYSTEM, "operatingSystemVersion": _BUILD, "userAccountControl": control,
                "pwdLastSet": self._filetime(7),
            })  # fmt: skip
            if certificate:
                place.store.modify(guid, {"userCertificate": [join_certificate(guid, expired=expired)]})
        self._sids[str(guid)] = place.store.get(guid).sid
        return guid

    def _device(
        self, name: str, device_id: str, *, registered: int | None = None, used: int | None = None,
        exported: int | None = None, trust: str = "ServerAd",
    ) -> None:  # fmt: skip
        """A device in Entra; times in days ago, `registered` None: pending."""
        times = {"registrationDateTime": registered, "approximateLastSignInDateTime": used}
        synced = {"onPremisesSyncEnabled": True, "onPremisesLastSyncDateTime": self._ago(exported or registered or 0)}
        self._tenant.upsert("device", None, {
            "deviceId": device_id, "displayName": name, "trustType": trust, "operatingSystem": "Windows",
            "operatingSystemVersion": _BUILD, "accountEnabled": True,
            "onPremisesSecurityIdentifier": self._sids.get(device_id), **(synced if trust == "ServerAd" else {}),
            **{key: self._ago(days) for key, days in times.items() if days is not None},
        })  # fmt: skip

    def _cloud_id(self, person: Person) -> str:
        return str(self._lab.engine.space.cloud_id(str(person.guid)))

    def _address(self, name: str) -> str:
        return f"{name.lower().replace(' ', '.')}@{self._domain}"

    def _ago(self, days: int) -> str:
        return graph_time(self._now_ms - days * DAY_MS)

    def _filetime(self, days: int) -> bytes:
        return filetime(self._now_ms / 1000 - days * _S_PER_DAY)

    def _expect(self, detection: str, key: str) -> None:
        self.book.append(Expectation(detection, key, outlives=True))

    def _user(self, person: Person) -> str:
        raw = person.store.get(person.guid).raw("mS-DS-ConsistencyGuid")
        anchor = immutable_id_of_bytes(raw[0]) if raw else immutable_id_of_guid(str(person.guid))
        return f"user/{self._tenant.tenant_id}/{anchor}"

    def _device_view(self, device_id: str) -> str:
        return f"device/{self._tenant.tenant_id}/{device_id}"

    def _host_view(self, name: str) -> str:
        return f"host/{self._tenant.tenant_id}/{name.lower()}"


@contextmanager
def _days_ago(store: DirectoryStore, days: int) -> Iterator[None]:
    """What is written in the body was written so long ago."""
    clock = store.clock
    store.clock = lambda: clock() - days * _S_PER_DAY
    try:
        yield
    finally:
        store.clock = clock
