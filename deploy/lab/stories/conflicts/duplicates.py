"""Two objects of Active Directory claim one address."""

from __future__ import annotations

from deploy.lab.directory import sids
from deploy.lab.stories.cast import Cast
from deploy.lab.stories.story import Step


def plots(cast: Cast) -> list[Step]:
    return [
        *_two_people(cast),
        *_upn_and_mail(cast),
        *_group_and_person(cast),
        *_contact_and_person(cast),
        *_two_forests(cast),
        *_upn_taken(cast),
        *_linked_mailbox(cast),
    ]


def _two_people(cast: Cast) -> list[Step]:
    owner, taker = cast.person(), cast.person()
    before = taker.values("proxyAddresses")
    return [
        Step(
            name="duplicate address",
            at_min=0,
            told=f"{taker.name} gets {owner.name}'s address {owner.address} as an alias",
            act=lambda: taker.write(proxyAddresses=[*before, f"smtp:{owner.address}"]),
            opens=[
                cast.about_address("duplicate_address", owner.address),
                cast.about_address("address_quarantined", owner.address, cast.quarantined(owner.address)),
            ],
        ),
        Step(
            name="duplicate address repaired",
            at_min=66,
            told=f"{taker.name} gives the alias up; the next cycle tells Entra",
            act=lambda: taker.write(proxyAddresses=before),
            repairs=["duplicate address"],
        ),
    ]


def _upn_and_mail(cast: Cast) -> list[Step]:
    writer = cast.person()
    desk = f"front.desk@{cast.main.layout.domain}"

    def act() -> None:
        cast.hire("Front Desk", mail=None, proxyAddresses=None, sAMAccountName="front.desk")
        writer.write(mail=desk)

    return [
        Step(
            name="UPN against mail",
            at_min=6,
            told=f"a new account signs in as {desk}, which is also the mail of {writer.name}",
            act=act,
            opens=[cast.about_address("duplicate_address", desk)],
        ),
        Step(
            name="UPN against mail repaired",
            at_min=68,
            told=f"{writer.name} gets the own mail address back",
            act=lambda: writer.write(mail=writer.address),
            repairs=["UPN against mail"],
        ),
    ]


def _group_and_person(cast: Cast) -> list[Step]:
    person = cast.person()
    group = f"CN=All about {person.name},{cast.main.layout.groups_ou}"

    def act() -> None:
        cast.main.store.add(
            group,
            {
                "objectClass": "group",
                "sAMAccountName": "all-about",
                "displayName": f"All about {person.name}",
                "groupType": "8",
                "mail": person.address,
                "proxyAddresses": [f"SMTP:{person.address}"],
            },
        )

    return [
        Step(
            name="group against user",
            at_min=8,
            told=f"a distribution group is created with {person.address}",
            act=act,
            opens=[
                cast.about_address("duplicate_address", person.address),
                cast.about_address("address_quarantined", person.address, cast.quarantined(person.address)),
            ],
        ),
        Step(
            name="group against user repaired",
            at_min=70,
            told="the group is deleted again",
            act=lambda: cast.main.store.delete(group),
            repairs=["group against user"],
        ),
    ]


def _contact_and_person(cast: Cast) -> list[Step]:
    person = cast.person()
    contact = f"CN={person.name} (partner),{cast.main.layout.contacts_ou}"

    def act() -> None:
        cast.main.store.add(
            contact,
            {
                "objectClass": "contact",
                "displayName": f"{person.name} (partner)",
                "mail": person.address,
                "proxyAddresses": [f"SMTP:{person.address}"],
            },
        )

    other = f"{person.address.partition('@')[0]}@tailspin.example"
    return [
        Step(
            name="contact against user",
            at_min=10,
            told=f"a contact is created with {person.address}",
            act=act,
            opens=[
                cast.about_address("duplicate_address", person.address),
                cast.about_address("address_quarantined", person.address, cast.quarantined(person.address)),
            ],
        ),
        Step(
            name="contact against user repaired",
            at_min=72,
            told=f"the contact's address becomes {other}",
            act=lambda: cast.main.store.modify(contact, {"mail": other, "proxyAddresses": [f"SMTP:{other}"]}),
            repairs=["contact against user"],
        ),
    ]


def _two_forests(cast: Cast) -> list[Step]:
    owner, taker = cast.person(), cast.person(cast.other)
    before = taker.values("proxyAddresses")
    return [
        Step(
            name="second forest",
            at_min=12,
            told=f"{taker.name} of {cast.other.name} gets {owner.address} of {cast.main.name}",
            act=lambda: taker.write(proxyAddresses=[*before, f"smtp:{owner.address}"]),
            opens=[
                cast.about_address("duplicate_address", owner.address),
                cast.about_address("address_quarantined", owner.address, cast.quarantined(owner.address)),
            ],
        ),
        Step(
            name="second forest repaired",
            at_min=74,
            told=f"{taker.name} gives it up",
            act=lambda: taker.write(proxyAddresses=before),
            repairs=["second forest"],
        ),
    ]


def _upn_taken(cast: Cast) -> list[Step]:
    owner = cast.person()
    free = f"ines.fortuna@{cast.other.layout.domain}"
    hired = []

    def act() -> None:
        hired.append(
            cast.hire("Ines Fortuna", cast.other, userPrincipalName=owner.address, mail=None, proxyAddresses=None)
        )

    return [
        Step(
            name="UPN taken",
            at_min=36,
            told=f"{cast.other.name} hires Ines Fortuna as {owner.address}, which is {owner.name}'s",
            act=act,
            opens=[
                cast.about_address("duplicate_address", owner.address),
                cast.about_address(
                    "upn_quarantined", owner.address, cast.quarantined(owner.address, "UserPrincipalName")
                ),
            ],
        ),
        Step(
            name="UPN taken repaired",
            at_min=76,
            told=f"Ines Fortuna signs in as {free} instead",
            act=lambda: hired[0].write(userPrincipalName=free),
            repairs=["UPN taken"],
        ),
    ]


def _linked_mailbox(cast: Cast) -> list[Step]:
    """Nothing follows: the two are one person."""

    def act() -> None:
        account = cast.hire("Lia Ligada")
        sid = account.store.get(account.guid).sid or ""
        cast.hire(
            "Lia Ligada",
            cast.other,
            userPrincipalName=None,
            mail=account.address,
            proxyAddresses=[f"SMTP:{account.address}"],
            userAccountControl="514",
            msExchRecipientTypeDetails="2",
            msExchMasterAccountSid=sids.parse(sid),
        )

    return [
        Step(
            name="linked mailbox",
            at_min=22,
            told=f"Lia Ligada is hired in {cast.main.name}, her mailbox in {cast.other.name}: nothing to tell",
            act=act,
        )
    ]
