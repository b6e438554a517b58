"""The hybrid-join story: a rollout that stalls at every stage, and the desk that repairs it.

Source of the faults: Microsoft, "Pending devices in Microsoft Entra ID", "Manage stale devices in Microsoft Entra ID".
"""

from __future__ import annotations

import uuid
from typing import Any

from deploy.lab.hybrid import ForestOfLab, HybridOrganisation
from deploy.lab.joined import point_to, remove_connection_point
from deploy.lab.registration_events import join_failed, joined
from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.devices import join_certificate

_ENABLED, _DISABLED = "4096", "4098"
_SYSTEM = "Windows 11 Enterprise"
_ELSEWHERE = "00000000-aaaa-bbbb-cccc-000000000000"
_LONG_AGO = "2025-01-01T00:00:00Z"


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`; every fault has a computer of its own."""
    rollout = _Rollout(lab)
    return Story(
        name="hybrid_join",
        summary="Computers on their way to hybrid join stall at every stage; somebody helps each of them on",
        steps=sorted([*rollout.faults(), *rollout.repairs()], key=lambda step: step.at_min),
    )


class _Rollout:
    """The computers of the story, in the large forest; the small one's rollout was done before it began."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._lab, self._devices = lab, lab.devices
        self._main, self._other = lab.forests[0], lab.forests[1]
        self._store, self._tenant = self._main.store, lab.tenant
        self._computers: dict[str, uuid.UUID] = {}
        self._events = 0
        for name in ("storage", "certs", "expired", "clouddel", "returns", "deleted", "disabled", "reimaged", "byod"):
            self._join(self._name(name))
        self._create(self._name("proxy"))
        self._create(self._name("silent"), self._other, system=None)  # an account prepared for a computer to come
        self._new, self._slow = self._create(self._name("new")), self._create(self._name("slow"))

    def faults(self) -> list[Step]:
        """What goes wrong, in the first hour."""
        return [
            Step(
                name="storage", at_min=0, told="A joined computer has been in a cupboard for a year",
                act=self._put_away, opens=[self._device("stale", "storage")],
            ),
            Step(
                name="certificates", at_min=2,
                told="A template publishes certificates to a computer; another one's join certificate expires",
                act=self._spoil_certificates,
                opens=[self._device("certificate_overflow", "certs"), self._device("certificate_invalid", "expired")],
            ),
            Step(
                name="connection point", at_min=3,
                told="Somebody takes the service connection point of the second forest for a leftover",
                act=lambda: remove_connection_point(self._other.store), opens=[self._forest("scp_missing")],
            ),
            Step(
                name="stalls", at_min=4, told="A new computer is not exported; another one never registers",
                act=self._stall, opens=[self._device("not_synced", "new"), self._device("pending_stuck", "slow")],
            ),
            Step(
                name="refused", at_min=5, told="A computer's join always ends in a sign-in page of the proxy",
                act=self._refuse,
                opens=[self._device("join_failing", "proxy"), self._device("pending_stuck", "proxy")],
            ),
            Step(
                name="cloud deletion", at_min=6, told="Somebody deletes a device in the portal",
                act=self._delete_in_cloud, opens=[self._device("deleted_only_in_cloud", "clouddel")],
            ),
            Step(
                name="scope", at_min=8, told="An organisational unit leaves the scope and comes back a cycle later",
                act=self._leave_and_return, opens=[self._device("re_pended", "returns")],
            ),
            Step(
                name="no line of sight", at_min=9,
                told="A prepared computer of the second forest joins the domain, and its join task never runs",
                act=self._join_domain, opens=[self._device("certificate_missing", "silent")],
            ),
            Step(
                name="left behind", at_min=10,
                told="A computer is deleted and its deletion not exported; another one is disabled in AD alone",
                act=self._leave_behind,
                opens=[
                    self._device("orphaned_cloud_device", "deleted"),
                    self._device("enabled_state_mismatch", "disabled"),
                ],
            ),
            Step(
                name="twice", at_min=12, told="A reimaged computer has two devices; a user registers a joined one",
                act=self._double, opens=[self._host("duplicate_device", "reimaged"), self._host("dual_state", "byod")],
            ),
        ]  # fmt: skip

    def repairs(self) -> list[Step]:
        """How each of them is helped."""
        return [
            Step(
                name="points elsewhere", at_min=40,
                told="The service connection point is made anew, with the id of another tenant",
                act=lambda: self._point_to(_ELSEWHERE), opens=[self._forest("scp_wrong_tenant")],
                repairs=["connection point"],
            ),
            Step(
                name="helped at the desk", at_min=70, told="The cupboard is opened; certificates are cleaned up",
                act=self._clean_up, repairs=["storage", "certificates", "refused"],
            ),
            Step(
                name="let out", at_min=75, told="The export works again, the proxy lets computers register",
                act=self._let_out, repairs=["stalls", "cloud deletion", "scope", "left behind"],
            ),
            Step(
                name="line of sight", at_min=77,
                told="The second forest points to its tenant again, and the silent computer reaches a controller",
                act=self._hear, repairs=["points elsewhere", "no line of sight"],
            ),
            Step(
                name="surplus removed", at_min=80, told="Surplus devices are deleted",
                act=self._remove_surplus, repairs=["twice"],
            ),
        ]  # fmt: skip

    def _put_away(self) -> None:
        self._change("storage", approximateLastSignInDateTime=_LONG_AGO)

    def _spoil_certificates(self) -> None:
        guid = self._guid("certs")
        own = join_certificate(guid)
        self._store.modify(guid, {"userCertificate": [own, *(join_certificate(uuid.uuid4()) for _ in range(15))]})
        expired = self._guid("expired")
        self._store.modify(expired, {"userCertificate": [join_certificate(expired, expired=True)]})

    def _stall(self) -> None:
        self._devices.stalled.add(self._new)
        for guid in (self._new, self._slow):
            self._store.modify(guid, {"userCertificate": [join_certificate(guid)]})
        self._devices.cycle()

    def _refuse(self) -> None:
        guid = self._guid("proxy")
        self._store.modify(guid, {"userCertificate": [join_certificate(guid)]})
        self._devices.cycle()
        self._log(join_failed(code=0xCAA9002C, phase="auth", tenant_type="Federated", **self._at("proxy")))

    def _log(self, document: dict[str, Any]) -> None:
        """The computer's own log, as event forwarding brings it to the Connect server's Winlogbeat."""
        self._lab.engine.log.forward(document)

    def _at(self, name: str) -> dict[str, Any]:
        self._events += 1
        server = f"{self._name(name)}.{self._store.domain}"
        return {"server": server, "record_id": self._events, "at_ms": self._tenant.clock()}

    def _delete_in_cloud(self) -> None:
        guid = self._guid("clouddel")
        self._devices.stalled.add(guid)
        self._tenant.delete("device", self._device_id("clouddel"))

    def _leave_and_return(self) -> None:
        guid, home = self._guid("returns"), self._main.layout.computers_ou
        self._store.move(guid, self._main.layout.service_ou)
        self._devices.cycle()
        self._store.move(guid, home)
        self._devices.cycle()

    def _join_domain(self) -> None:
        self._other.store.modify(self._guid("silent"), {"operatingSystem": _SYSTEM})

    def _point_to(self, tenant: str) -> None:
        point_to(self._other.store, tenant, self._other.layout.domain)

    def _hear(self) -> None:
        self._point_to(self._tenant.tenant_id)
        guid = self._guid("silent")
        self._other.store.modify(guid, {"userCertificate": [join_certificate(guid)]})
        self._devices.cycle()
        self._devices.register(guid)

    def _leave_behind(self) -> None:
        self._devices.stalled |= {self._guid("deleted"), self._guid("disabled")}
        self._store.delete(self._guid("deleted"))
        self._store.modify(self._guid("disabled"), {"userAccountControl": _DISABLED})

    def _double(self) -> None:
        before = {"deviceId": str(uuid.uuid4()), "displayName": self._name("reimaged"), "trustType": "ServerAd",
                  "operatingSystem": "Windows", "accountEnabled": True}  # fmt: skip
        self._before = self._tenant.upsert("device", None, before)
        own = {"deviceId": str(uuid.uuid4()), "displayName": self._name("byod"), "trustType": "Workplace",
               "operatingSystem": "Windows", "accountEnabled": True}  # fmt: skip
        self._private = self._tenant.upsert("device", None, own)

    def _clean_up(self) -> None:
        self._devices.register(self._guid("storage"))
        for name in ("certs", "expired"):
            guid = self._guid(name)
            self._store.modify(guid, {"userCertificate": [join_certificate(guid)]})
        self._devices.register(self._guid("proxy"))
        self._log(joined(**self._at("proxy")))

    def _let_out(self) -> None:
        self._devices.stalled.clear()
        self._devices.cycle()
        for guid in (self._new, self._slow, self._guid("clouddel"), self._guid("returns"), self._guid("expired")):
            self._devices.register(guid)

    def _remove_surplus(self) -> None:
        self._tenant.delete("device", self._before)
        self._tenant.delete("device", self._private)

    def _create(self, name: str, forest: ForestOfLab | None = None, system: str | None = _SYSTEM) -> uuid.UUID:
        place = forest or self._main
        guid = place.store.add(
            f"CN={name},{place.layout.computers_ou}",
            {
                "objectClass": "computer",
                "sAMAccountName": f"{name}$",
                "dNSHostName": f"{name.lower()}.{place.name}",
                "userAccountControl": _ENABLED,
                **({"operatingSystem": system, "operatingSystemVersion": "10.0 (22631)"} if system else {}),
            },
        )
        self._computers[name] = guid
        return guid

    def _join(self, name: str) -> None:
        guid = self._create(name)
        self._store.modify(guid, {"userCertificate": [join_certificate(guid)]})
        self._devices.cycle()
        self._devices.register(guid)

    def _name(self, name: str) -> str:
        return f"PC-{name.upper()}"

    def _guid(self, name: str) -> uuid.UUID:
        return self._computers[self._name(name)]

    def _device_id(self, name: str) -> str:
        found = self._devices.device_of(self._guid(name))
        assert found is not None, f"{name} has no device"
        return found

    def _change(self, name: str, **properties: str) -> None:
        self._tenant.upsert("device", self._device_id(name), properties)

    def _device(self, detection: str, name: str) -> Expectation:
        key = f"device/{self._tenant.tenant_id}/{self._guid(name)}"
        return Expectation(f"hybrid_join.{detection}", key)

    def _forest(self, detection: str) -> Expectation:
        return Expectation(f"hybrid_join.{detection}", f"forest/{self._tenant.tenant_id}/{self._other.name}")

    def _host(self, detection: str, name: str) -> Expectation:
        return Expectation(f"hybrid_join.{detection}", f"host/{self._tenant.tenant_id}/{self._name(name).lower()}")
