"""The commands that somebody would run for a finding: ready to be copied, never run from here.

Names in directories are a stranger's words, and a shell acts on what is pasted into it. So ids stand for names wherever
a command takes them, and a value that is no plain word is not filled in: its placeholder stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sinks.desk.portal import GUID
from streams.contracts.finding import Finding, Holder

_CODE = re.compile(r"(?<!`)`([^`\n]{3,400})`(?!`)")
# A PowerShell cmdlet with an argument at least, or a tool of Windows or of ours.
_COMMAND = re.compile(r"(?:[A-Z][a-z]+-[A-Z][A-Za-z]+|synchealth|repadmin|dsregcmd|w32tm|nltest|klist)\s+\S.*")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+-]{0,200}")
_BY_ID = re.compile(r"(?:Get|Set|Remove|Add)-AD(?:User|Computer|Group|Object|GroupMember|PrincipalGroupMembership)\b")
_OPEN = re.compile(r"\b(?:[A-Z][A-Z_]{1,}[A-Z]|DN|DC|ID|OU=\.\.\.)\b|…|\.\.\.|<[^>]+>")


@dataclass(frozen=True, slots=True)
class Command:
    """A line to copy. unfilled: what is still to be put in by hand."""

    line: str
    unfilled: tuple[str, ...] = ()


def commands(finding: Finding, runbook: str) -> list[Command]:
    """What looks at everybody involved, then what the runbook names, with what the finding knows filled in."""
    found = dict.fromkeys([*_looks(finding), *(_filled(line, finding) for line in commands_in(runbook))])
    return [Command(line, tuple(dict.fromkeys(_OPEN.findall(line)))) for line in found]


def commands_in(markdown: str) -> list[str]:
    """The commands among the code of a runbook, in order, each once."""
    return list(dict.fromkeys(code for code in _CODE.findall(markdown) if _COMMAND.fullmatch(code)))


def _looks(finding: Finding) -> Iterator[str]:
    for holder in finding.counterparts:
        if GUID.fullmatch(holder.id):
            yield from _look(holder)


def _look(holder: Holder) -> Iterator[str]:
    if holder.side == "ad":
        server = f" -Server {holder.forest}" if holder.forest and _PLAIN.fullmatch(holder.forest) else ""
        yield f"Get-ADObject -Identity {holder.id}{server} -Properties *"
    elif holder.kind in ("user", "group", "device", "contact"):
        noun = {"user": "User -UserId", "group": "Group -GroupId", "device": "Device -DeviceId",
                "contact": "Contact -OrgContactId"}[holder.kind]  # fmt: skip
        yield f"Get-Mg{noun} {holder.id} | Format-List *"


def _filled(line: str, finding: Finding) -> str:
    subject = finding.subject
    values = {"ENTRA_ID": subject.entra_id, "ADDRESS": finding.evidence.get("address")}
    if line.startswith("synchealth"):
        values["ID"] = finding.id
    elif _BY_ID.match(line):  # whose -Identity takes an objectGUID (Microsoft, "Get-ADObject")
        values |= {"NAME": subject.object_guid, "DN": subject.object_guid}
    for placeholder, value in values.items():
        text = value.removeprefix("smtp:") if isinstance(value, str) else ""
        if _PLAIN.fullmatch(text):
            line = re.sub(rf"\b{placeholder}\b", text, line)
    return line
