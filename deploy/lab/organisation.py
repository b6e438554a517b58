"""A believable organisation, the same for the same seed: people in departments and offices, groups, partners, PCs.

It fills a lab directory through its bulk loader, so that a million people take seconds.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy.lab.directory.store import DirectoryStore

OFFICES = ("Cairo", "Graz", "Porto", "Utrecht")
DEPARTMENTS = {
    "Engineering": ("Engineer", "Architect", "Test Lead"),
    "Finance": ("Accountant", "Controller", "Auditor"),
    "Human Resources": ("Recruiter", "Adviser"),
    "Legal": ("Counsel", "Paralegal"),
    "Logistics": ("Planner", "Dispatcher", "Driver"),
    "Sales": ("Account Manager", "Sales Engineer"),
    "Support": ("Agent", "Team Lead"),
}
GIVEN_NAMES = (
    "Ada", "Amira", "Ana", "Anton", "Bilal", "Carla", "Chen", "Clara", "Daan", "Dina", "Elif", "Emil",
    "Farah", "Felix", "Greta", "Hana", "Ibrahim", "Ines", "Jana", "João", "Jonas", "Karim", "Lara", "Layla",
    "Lena", "Luís", "Malik", "Maria", "Marta", "Mehmet", "Mira", "Nadia", "Noah", "Nour", "Omar", "Petra",
    "Rafael", "Rania", "Rosa", "Samir", "Sara", "Selma", "Sofie", "Tarek", "Teresa", "Tom", "Ulla", "Viktor",
    "Yara", "Zoë",
)  # fmt: skip
SURNAMES = (
    "Abbas", "Almeida", "Bauer", "Becker", "Berg", "Bruns", "Costa", "Dias", "Demir", "Dvorak", "El-Sayed",
    "Farouk", "Fischer", "Gruber", "Haddad", "Hansen", "Hofer", "Horvat", "Huber", "Ibrahim", "Jansen",
    "Kaya", "Keller", "Khalil", "Klein", "Kowalski", "Kruse", "Larsen", "Lopes", "Maier", "Mansour",
    "Moreira", "Nasser", "Novak", "Oliveira", "Peters", "Pichler", "Ramos", "Richter", "Salem", "Santos",
    "Schmid", "Silva", "Steiner", "Vogel", "Wagner", "Weber", "Winter", "Yilmaz", "Zaki",
)  # fmt: skip
PARTNERS = ("tailspin.example", "wingtip.example", "northwind.example")
_ENABLED, _WORKSTATION = 512, 4096
_SECURITY_GLOBAL, _DISTRIBUTION_UNIVERSAL = -2147483646, 8


@dataclass(frozen=True, slots=True)
class Organisation:
    """How large, and how it names itself.

    people:   user accounts. There is a group for every 25 of them (and at least one per department), a contact for
              every 50, a computer for every 4, a service account outside the synchronised units for every 100.
    domain:   suffix of UPNs and mail addresses.
    initials: aliases of the form a.lovelace instead of ada.lovelace, so that two organisations share none.
    """

    people: int = 2000
    domain: str = "contoso.com"
    seed: int = 20261123
    initials: bool = False


@dataclass(slots=True)
class Layout:
    """Where the organisation put things: DNs of the containers, and names that stories can build on.

    accounts: sAMAccountName of every person, in order of hiring.
    """

    company_ou: str
    people_ou: str
    groups_ou: str
    contacts_ou: str
    computers_ou: str
    service_ou: str
    domain: str
    offices: dict[str, str] = field(default_factory=dict)
    accounts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Person:
    """One person before the directory knows them. `alias` is sAMAccountName, mail prefix and mailNickname."""

    given_name: str
    surname: str
    alias: str
    department: str
    title: str
    office: str

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.surname}"


def people(organisation: Organisation) -> Iterator[Person]:
    """Everybody who works there; namesakes get a number behind their alias."""
    dice = random.Random(organisation.seed)
    namesakes: dict[str, int] = {}
    for _ in range(organisation.people):
        given_name, surname = dice.choice(GIVEN_NAMES), dice.choice(SURNAMES)
        department = dice.choice(tuple(DEPARTMENTS))
        alias = ascii_name(f"{given_name[0] if organisation.initials else given_name}.{surname}")
        namesakes[alias] = namesakes.get(alias, 0) + 1
        yield Person(
            given_name=given_name,
            surname=surname,
            alias=alias if namesakes[alias] == 1 else f"{alias}{namesakes[alias]}",
            department=department,
            title=dice.choice(DEPARTMENTS[department]),
            office=dice.choice(OFFICES),
        )


def ascii_name(name: str) -> str:
    """A name as mail systems write it: lower case, no accents, no blanks.

    >>> ascii_name("João El-Sayed")
    'joaoel-sayed'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.replace(" ", "").lower()


def populate(store: DirectoryStore, organisation: Organisation) -> Layout:
    """Create the organisation's units and objects in `store`; return where everything is."""
    layout = _units(store, organisation)
    by_office: dict[str, list[Person]] = {office: [] for office in OFFICES}
    for person in people(organisation):
        by_office[person.office].append(person)
        layout.accounts.append(person.alias)
    for office, staff in by_office.items():
        store.load(layout.offices[office], "user", _PERSON_COLUMNS, (_person_row(each, layout) for each in staff))
    _groups(store, organisation, layout, by_office)
    partners = [(company, number) for number, company in enumerate(PARTNERS * (1 + organisation.people // 150))]
    store.load(
        layout.contacts_ou,
        "contact",
        ("displayName", "mail", "company", "proxyAddresses", "mailNickname"),
        (_contact_row(company, number, organisation) for company, number in partners[: organisation.people // 50]),
    )
    store.load(
        layout.computers_ou,
        "computer",
        ("sAMAccountName", "dNSHostName", "operatingSystem", "userAccountControl"),
        (
            (f"PC{n:06}", f"PC{n:06}$", f"pc{n:06}.{store.domain}", "Windows 11 Enterprise", str(_WORKSTATION))
            for n in range(organisation.people // 4)
        ),
    )
    store.load(
        layout.service_ou,
        "user",
        ("sAMAccountName", "userPrincipalName", "displayName", "userAccountControl"),
        (
            (f"svc-{n:04}", f"svc-{n:04}", f"svc-{n:04}@{store.domain}", f"Service {n:04}", str(_ENABLED))
            for n in range(organisation.people // 100)
        ),
    )
    return layout


def _units(store: DirectoryStore, organisation: Organisation) -> Layout:
    def unit(name: str, parent: str) -> str:
        dn = f"OU={name},{parent}"
        store.add(dn, {"objectClass": "organizationalUnit"})
        return dn

    company = unit(_company(organisation.domain), store.base_dn)
    staff = unit("People", company)
    return Layout(
        company_ou=company,
        people_ou=staff,
        groups_ou=unit("Groups", company),
        contacts_ou=unit("Contacts", company),
        computers_ou=unit("Computers", company),
        service_ou=unit("Service Accounts", store.base_dn),
        domain=organisation.domain,
        offices={office: unit(office, staff) for office in OFFICES},
    )


_PERSON_COLUMNS = (
    "givenName", "sn", "displayName", "sAMAccountName", "userPrincipalName", "mail", "mailNickname", "proxyAddresses",
    "department", "title", "l", "company", "userAccountControl",
)  # fmt: skip


def _person_row(person: Person, layout: Layout) -> tuple[str | list[str], ...]:
    address = f"{person.alias}@{layout.domain}"
    number = "".join(character for character in person.alias if character.isdigit())
    shown = f"{person.name} {number}".strip()
    return (
        shown, person.given_name, person.surname, shown, person.alias[:64], address, address, person.alias,
        [f"SMTP:{address}"], person.department, person.title, person.office, _company(layout.domain), str(_ENABLED),
    )  # fmt: skip


def _groups(
    store: DirectoryStore, organisation: Organisation, layout: Layout, by_office: dict[str, list[Person]]
) -> None:
    """A distribution list per department and office, and project groups of random people."""
    dice = random.Random(organisation.seed + 1)
    prefix = f"{organisation.domain[:3]}-" if organisation.initials else ""
    for department in DEPARTMENTS:
        alias = ascii_name(department).replace("-", "")
        everyone = [p for staff in by_office.values() for p in staff if p.department == department]
        _group(store, layout, f"DL {department}", f"{prefix}dl-{alias}", [p.alias for p in everyone[:200]], mail=True)
    for number in range(max(0, organisation.people // 25 - len(DEPARTMENTS))):
        members = dice.sample(layout.accounts, min(len(layout.accounts), dice.randint(3, 15)))
        _group(store, layout, f"Project {number:04}", f"{prefix}project-{number:04}", members, mail=number % 2 == 0)


def _group(store: DirectoryStore, layout: Layout, name: str, account: str, members: list[str], *, mail: bool) -> None:
    address = f"{account}@{layout.domain}"
    addresses = {"mail": address, "proxyAddresses": [f"SMTP:{address}"], "mailNickname": account} if mail else {}
    found = [store.find_account(member) for member in members]
    store.add(
        f"CN={name},{layout.groups_ou}",
        {
            "objectClass": "group",
            "sAMAccountName": account,
            "displayName": name,
            "groupType": str(_DISTRIBUTION_UNIVERSAL if mail else _SECURITY_GLOBAL),
            "member": [each.guid for each in found if each is not None],
            **addresses,
        },
    )


def _company(domain: str) -> str:
    return domain.partition(".")[0].title()


def _contact_row(company: str, number: int, organisation: Organisation) -> tuple[str | list[str], ...]:
    given_name, surname = GIVEN_NAMES[number * 7 % len(GIVEN_NAMES)], SURNAMES[number * 11 % len(SURNAMES)]
    alias = ascii_name(f"{given_name}.{surname}.{_company(organisation.domain)}{number}")
    address = f"{alias}@{company}"
    return (f"{given_name} {surname} ({company} {number})", f"{given_name} {surname}", address, company,
            [f"SMTP:{address}"], alias)  # fmt: skip
