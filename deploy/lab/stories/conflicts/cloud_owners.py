"""An object of the cloud alone owns what an AD object claims: matched, refused or quarantined."""

from __future__ import annotations

from deploy.lab.stories.cast import Cast
from deploy.lab.stories.story import Step

_FOREIGN_ANCHOR = "YW5vdGhlciBhbmNob3IhIQ=="


def plots(cast: Cast) -> list[Step]:
    return [*_soft_match(cast), *_invalid_soft_match(cast), *_cloud_mailbox(cast)]


def _soft_match(cast: Cast) -> list[Step]:
    address = f"nils.anders@{cast.main.layout.domain}"

    def act() -> None:
        _cloud_user(cast, "Nils Anders", address)
        cast.hire("Nils Anders")

    def unmatched() -> bool:
        holders = cast.cloud.find_by("user", "userPrincipalName", address)
        return any((cast.cloud.get("user", one) or {}).get("onPremisesSyncEnabled") is not True for one in holders)

    return [
        Step(
            name="soft match ahead",
            at_min=18,
            told=f"{address} is hired in AD; the cloud has an account of that name: the next cycle takes it over",
            act=act,
            opens=[cast.about_address("address_owned_by_cloud_object", address, unmatched)],
            holds_sync=True,
        )
    ]


def _invalid_soft_match(cast: Cast) -> list[Step]:
    address = f"olga.petrov@{cast.main.layout.domain}"
    orphan: list[str] = []

    def act() -> None:
        orphan.append(_cloud_user(cast, "Olga Petrov", address, onPremisesImmutableId=_FOREIGN_ANCHOR))
        cast.hire("Olga Petrov")

    return [
        Step(
            name="InvalidSoftMatch",
            at_min=20,
            told=f"{address} is hired in AD; a cloud account of another anchor has the name and refuses",
            act=act,
            opens=[cast.about_address("address_owned_by_cloud_object", address)],
        ),
        Step(
            name="InvalidSoftMatch repaired",
            at_min=82,
            told="the orphaned cloud account is deleted for good",
            act=lambda: cast.cloud.hard_delete("user", orphan[0]),
            repairs=["InvalidSoftMatch"],
        ),
    ]


def _cloud_mailbox(cast: Cast) -> list[Step]:
    person = cast.person()
    address = f"press@{cast.main.layout.domain}"
    before = person.values("proxyAddresses")
    mailbox: list[str] = []

    def act() -> None:
        own = f"press.office@{cast.main.layout.domain}"
        mailbox.append(
            _cloud_user(cast, "Press Office", own, mail=own, proxyAddresses=[f"SMTP:{own}", f"smtp:{address}"])
        )
        person.write(proxyAddresses=[*before, f"smtp:{address}"])

    def repair() -> None:
        own = (cast.cloud.get("user", mailbox[0]) or {})["proxyAddresses"]
        cast.cloud.upsert("user", mailbox[0], {"proxyAddresses": own[:1]})

    return [
        Step(
            name="cloud mailbox",
            at_min=38,
            told=f"{person.name} gets {address}, which a mailbox of the cloud has",
            act=act,
            opens=[
                cast.about_address("address_owned_by_cloud_object", address),
                cast.about_address("address_quarantined", address, cast.quarantined(address)),
            ],
        ),
        Step(
            name="cloud mailbox repaired",
            at_min=84,
            told="the mailbox gives it up; Entra's hourly check restores it to the user",
            act=repair,
            repairs=["cloud mailbox"],
        ),
    ]


def _cloud_user(cast: Cast, name: str, upn: str, **properties: object) -> str:
    return cast.cloud.upsert(
        "user",
        None,
        {
            "displayName": name,
            "userPrincipalName": upn,
            "mailNickname": upn.partition("@")[0],
            "accountEnabled": True,
            "userType": "Member",
            **properties,
        },
    )
