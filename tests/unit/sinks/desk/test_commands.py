"""Commands to copy: what is filled in is never anything that a shell acts on."""

from __future__ import annotations

import pytest

from sinks.desk.commands import Command, commands, commands_in
from sinks.desk.portal import object_link, portal_of
from streams.contracts.finding import Holder, Subject
from tests.support.findings import TENANT, finding

GUID = "6e1a2c90-5b7d-4f38-9c21-000000000001"
BOOK = """Run `Get-ADUser NAME -Properties *`, then `synchealth explain ID`; `enabled` is a field,
`Get-Recipient` a name.
Or `Get-Recipient -Filter "EmailAddresses -eq 'ADDRESS'"`, and `Get-ADUser NAME -Properties *` again.
"""


def test_only_what_can_be_run_is_a_command() -> None:
    assert commands_in(BOOK) == [
        "Get-ADUser NAME -Properties *", "synchealth explain ID",
        "Get-Recipient -Filter \"EmailAddresses -eq 'ADDRESS'\"",
    ]  # fmt: skip


def test_ids_stand_for_names_and_what_is_known_is_filled_in() -> None:
    about = finding(1, subject=Subject(kind="user", key="user/1", object_guid=GUID, display_name="Ada"))
    lines = commands(about, BOOK)
    assert (
        Command("Get-ADObject -Identity 6e1a2c90-5b7d-4f38-9c21-000000000001 -Server corp.contoso.local -Properties *")
        in lines
    )
    assert Command("Get-MgUser -UserId 0b0f4c1e-0000-4000-8000-000000000001 | Format-List *") in lines
    assert Command(f"Get-ADUser {GUID} -Properties *") in lines
    assert Command(f"synchealth explain {about.id}") in lines
    assert Command("Get-Recipient -Filter \"EmailAddresses -eq 'ada1@contoso.com'\"") in lines


@pytest.mark.parametrize(
    "address",
    [
        "x'; Remove-ADUser *; '",
        "$(calc)",
        "a`b",
        "a b",
        "x\ny",
        "‘; calc; ’",
        "-Filter",
        "a|b",
        "a;b",
        "",
        7,
        None,
        ["a"],
    ],
)
def test_a_strangers_words_are_never_filled_in(address: object) -> None:
    holder = Holder(side="ad", kind="user", id="x; calc", forest="y; calc")
    known = Holder(side="ad", kind="user", id=GUID, forest="y; calc")
    about = finding(
        1, evidence={"address": address}, counterparts=[holder, known], subject=Subject(kind="user", key="k")
    )
    assert commands(
        about, "`Get-Recipient -Filter \"EmailAddresses -eq 'ADDRESS'\"` `Get-ADUser NAME -Properties *`"
    ) == [
        Command(f"Get-ADObject -Identity {GUID} -Properties *"),
        Command("Get-Recipient -Filter \"EmailAddresses -eq 'ADDRESS'\"", ("ADDRESS",)),
        Command("Get-ADUser NAME -Properties *", ("NAME",)),
    ]


def test_links_lead_to_the_cloud_that_graph_belongs_to_or_nowhere() -> None:
    assert portal_of("https://graph.microsoft.us/") == "https://entra.microsoft.us"
    assert portal_of("https://127.0.0.1:4433") is None
    assert portal_of("https://graph.microsoft.com.evil.example") is None
    link = object_link("https://entra.microsoft.com", TENANT, "group", GUID)
    assert (
        link
        == f"https://entra.microsoft.com/{TENANT}/#view/Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Overview/groupId/{GUID}"
    )
    assert object_link("https://entra.microsoft.com", TENANT, "user", 'x" onclick="') is None
    assert object_link("https://entra.microsoft.com", "x/../y", "user", GUID) is None
    assert object_link("https://entra.microsoft.com", TENANT, "address", GUID) is None
    assert object_link(None, TENANT, "user", GUID) is None
