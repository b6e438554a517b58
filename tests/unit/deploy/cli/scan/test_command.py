"""`synchealth scan` as an operator meets it: what it prints, where, and its exit code."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.cli.scan.command import scan
from deploy.cli.scan.writers import CSV_COLUMNS, TableWriter
from streams.hygiene.check import check
from streams.runtime.printable import printable
from tests.support.hygiene_subjects import IDFIX, UNKNOWN, thing


def line(name: str, *classes: str, **attributes: Any) -> str:
    return json.dumps(
        {
            "dn": f"CN={name},OU=People,DC=contoso,DC=com",
            "objectClass": list(classes) or ["top", "user"],
            "attributes": {"cn": [name], "displayName": [name], **attributes},
        }
    )


CLEAN = line("Ann", userPrincipalName=["ann@contoso.com"])
FAULTY = line("Jane", userPrincipalName=["ja ne@contoso.com"])


def run(tmp_path: Path, content: str | bytes, *options: str) -> Result:
    path = tmp_path / "objects.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CliRunner().invoke(scan, ["--input", str(path), *options])


def entries(result: Result) -> list[dict[str, Any]]:
    return [json.loads(found) for found in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (CLEAN, (), 0),
        ("", (), 2),
        ("broken", ("--lenient",), 2),
        (line("PC", "top", "user", "computer"), (), 2),
        ('{"dn": "CN=Ann,DC=contoso,DC=com", "objectClass": "user", "telexNumber": "1"}', (), 2),
        (FAULTY, (), 1),
        ("broken\n" + CLEAN, (), 2),
        ("broken\n" + FAULTY, (), 2),
        ("broken\n" + CLEAN, ("--lenient",), 0),
        ("broken\n" + FAULTY, ("--lenient",), 1),
    ],
)
def test_the_exit_code_tells_clean_faults_and_failure(
    tmp_path: Path, content: str, options: tuple[str, ...], code: int
) -> None:
    assert run(tmp_path, content, *options).exit_code == code


def test_a_bad_line_is_named_and_the_others_are_scanned(tmp_path: Path) -> None:
    result = run(tmp_path, f"{CLEAN}\nbroken\n{FAULTY}\n", "--format", "json")
    assert len(entries(result)) == 1
    assert "line 2" in result.stderr
    assert "2 objects checked, 1 faulty value" in result.stderr


def test_json_lines_carry_the_verdict_and_its_reasons(tmp_path: Path) -> None:
    (entry,) = entries(run(tmp_path, FAULTY, "--format", "json"))
    assert {name: entry[name] for name in ("dn", "attribute", "value", "errors", "proposed_value", "profile")} == {
        "dn": "CN=Jane,OU=People,DC=contoso,DC=com",
        "attribute": "userPrincipalName",
        "value": "ja ne@contoso.com",
        "errors": ["Character"],
        "proposed_value": "jane@contoso.com",
        "profile": "entra",
    }
    assert entry["details"] == [
        {"rule": "EN-UPN-CHAR", "errors": ["Character"], "effect": "rewrites", "character": " ", "position": 2}
    ]


def test_csv_has_idfix_s_columns_and_survives_commas_and_quotes(tmp_path: Path) -> None:
    content = line("Jane", proxyAddresses=['smtp:"ja,ne"@contoso.local'])
    result = run(tmp_path, content, "--profile", "idfix", "--format", "csv")
    rows = list(csv.reader(io.StringIO(result.stdout, newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert rows[1] == [
        "CN=Jane,OU=People,DC=contoso,DC=com",
        "Jane",
        "user",
        "proxyAddresses",
        "Character, TopLevelDomain",
        'smtp:"ja,ne"@contoso.local',
        "smtp:jane@contoso.local",
        "Edit",
        "",
    ]


def test_the_table_names_object_value_fault_and_proposal_and_escapes_what_moves_the_cursor(tmp_path: Path) -> None:
    result = run(tmp_path, line("Jane", proxyAddresses=["smtp:ja\u001b[2Jne@contoso.com"]))
    assert "CN=Jane,OU=People,DC=contoso,DC=com" in result.stdout
    assert "smtp:ja\\x1b[2Jne@contoso.com" in result.stdout
    assert "\u001b" not in result.stdout


def test_the_table_cuts_lines_only_for_a_terminal() -> None:
    (fault,) = check(thing(mailNickname="." + "x" * 60), IDFIX, UNKNOWN)
    wide, narrow = io.StringIO(), io.StringIO()
    TableWriter(wide).write(fault)
    TableWriter(narrow, width=40).write(fault)
    assert "x" * 60 in wide.getvalue()
    assert max(map(len, narrow.getvalue().splitlines())) == 40


def test_printable_keeps_letters_of_every_script() -> None:
    assert printable("张 é\n\u202e") == "张 é\\n\\u202e"


def test_profile_mode_and_verified_domains_reach_the_rules(tmp_path: Path) -> None:
    content = line("O'Brien", userPrincipalName=["o'brien@contoso.com"], targetAddress=["x500:x"])
    assert entries(run(tmp_path, content, "--format", "json")) == []
    idfix = entries(run(tmp_path, content, "--format", "json", "--profile", "idfix"))
    assert [entry["errors"] for entry in idfix] == [["Character"]]
    assert run(tmp_path, content, "--profile", "idfix", "--mode", "dedicated").exit_code == 0
    assert run(tmp_path, content, "--profile", "idfix", "--alternate-login").exit_code == 0
    unverified = entries(run(tmp_path, content, "--format", "json", "--verified-domain", "fabrikam.com"))
    assert [entry["errors"] for entry in unverified] == [["UnverifiedDomain"]]


def test_idfix_s_own_list_of_domains_can_be_given_as_it_is(tmp_path: Path) -> None:
    tlds = tmp_path / "domains.txt"
    tlds.write_text(" .COM \n.corp\n", encoding="utf-16")
    content = line("A", userPrincipalName=["a@x.corp"]) + "\n" + line("B", userPrincipalName=["b@x.net"])
    found = entries(run(tmp_path, content, "--format", "json", "--profile", "idfix", "--tlds", str(tlds)))
    assert [(entry["value"], entry["errors"]) for entry in found] == [("b@x.net", ["TopLevelDomain"])]
    entra = entries(run(tmp_path, content, "--format", "json", "--tlds", str(tlds)))
    assert [entry["value"] for entry in entra] == ["b@x.net"]


def test_warnings_can_be_left_out(tmp_path: Path) -> None:
    content = line("Ann", userPrincipalName=["ann@contoso.com"], mail=["a@contoso.com"])
    assert run(tmp_path, content).exit_code == 1
    assert run(tmp_path, content, "--no-warnings").exit_code == 0


def test_only_people_and_groups_are_checked(tmp_path: Path) -> None:
    content = "\n".join(
        (
            line("PC", "top", "person", "user", "computer", mail=["a@contoso.com"]),
            line("OU", "top", "organizationalUnit", mail=["a@contoso.com"]),
            line("Ann", "top", "person", "user", "contosoUser", mail=["a@contoso.com"]),
        )
    )
    result = run(tmp_path, content)
    assert result.exit_code == 0
    assert "1 object checked, 0 faulty values, 2 neither people nor groups" in result.stderr


def test_duplicates_name_all_holders_also_with_bad_lines_between(tmp_path: Path) -> None:
    twins = [line(name, mail=["same@contoso.com"]) for name in ("One", "Two", "Three")]
    found = entries(run(tmp_path, "\nbroken\n".join(twins), "--format", "json", "--lenient"))
    assert [entry["dn"][3:6] for entry in found] == ["One", "Two", "Thr"]
    assert all(len(entry["holders"]) == 2 for entry in found)


def test_output_takes_its_name_only_when_the_scan_went_through(tmp_path: Path) -> None:
    output = tmp_path / "faults.json"
    assert run(tmp_path, FAULTY, "--format", "json", "--output", str(output)).exit_code == 1
    before = output.read_text()
    assert json.loads(before)["attribute"] == "userPrincipalName"
    failed = CliRunner().invoke(scan, ["--input", str(tmp_path / "missing"), "--output", str(output)])
    assert (failed.exit_code, output.read_text()) == (2, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faults.json", "objects.jsonl"]


_DN = "CN=Bad,OU=Staff,DC=corp,DC=contoso,DC=local"
_POWERSHELL: dict[str, Any] = {
    "DistinguishedName": _DN,
    "Enabled": True,
    "ObjectClass": "user",
    "SID": {"BinaryLength": 28, "AccountDomainSid": {"Value": "S-1-5-21-1-2-3"}, "Value": "S-1-5-21-1-2-3-1104"},
    "UserPrincipalName": "b a d@contoso.com",
    "proxyAddresses": {"value": ["SMTP:b a d@contoso.com", "X400:c=US;a= ;p=Contoso;s=Bad"], "Count": 2},
    "userCertificate": [[48, 130, 3]],
    "whenCreated": "/Date(1606780800000)/",
}
_TABLE = f"""{{type}}"DistinguishedName"{{d}}"ObjectClass"{{d}}"UserPrincipalName"{{d}}"proxyAddresses"
"{_DN}"{{d}}"user"{{d}}"b a d@contoso.com"{{d}}"SMTP:b a d@contoso.com;X400:c=US;a= ;p=Contoso;s=Bad"
"""


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"dn": _DN, "objectClass": ["top", "user"], "userPrincipalName": "b a d@contoso.com",
                    "proxyAddresses": ["SMTP:b a d@contoso.com"]}),
        json.dumps(_POWERSHELL),
        json.dumps(_POWERSHELL, indent=4),
        json.dumps([_POWERSHELL], indent=4),
        json.dumps([_POWERSHELL]).encode("utf-16"),
        json.dumps({**_POWERSHELL, "proxyAddresses": ["SMTP:b a d@contoso.com"]}).encode("utf-8-sig"),
        _TABLE.format(type="", d=","),
        _TABLE.format(type="#TYPE Microsoft.ActiveDirectory.Management.ADUser\r\n", d=";").encode("utf-16"),
        _TABLE.format(type="", d="\t").encode("utf-8-sig"),
        f"DN,objectClass,userPrincipalName,proxyAddresses\n\"{_DN}\",user,b a d@contoso.com,SMTP:b a d@contoso.com\n",
    ],
)  # fmt: skip
def test_what_powershell_and_csvde_write_is_read(tmp_path: Path, content: str | bytes) -> None:
    result = run(tmp_path, content, "--format", "json")
    assert (result.exit_code, [entry["attribute"] for entry in entries(result)]) == (
        1,
        ["proxyAddresses", "userPrincipalName"],
    )
    assert {entry["dn"] for entry in entries(result)} == {_DN}


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("[{}]", "no distinguished name"),
        ("x".encode("utf-16"), "no JSON from line 1"),
        ("Name,mail\nAnn,ann@contoso.com\n", "CSV needs a column DistinguishedName"),
        ("Name,mail\nAnn,ann@contoso.com\n".encode("utf-16"), "CSV needs a column DistinguishedName"),
        ('[{"dn": "CN=A"}, {"dn": ', "line 1"),
        ("[" * 100_000, "recursion"),
        ('{"dn": "CN=A,DC=x", "mail": {"a": 1}}', "mail is neither"),
        ('{"dn": "CN=A,DC=x", "proxyAddresses": "System.Object[]"}', "-Depth"),
        (
            "DistinguishedName,proxyAddresses\nCN=A,Microsoft.ActiveDirectory.Management.ADPropertyValueCollection\n",
            "-join ';'",
        ),
        ('DistinguishedName,mail\n"CN=A,DC=x",a,b\n', "3 cells under 2 names"),
        (b'DistinguishedName,mail\n"CN=A\xe9,DC=x",a\n', "UTF-8"),
    ],
)
def test_inputs_that_cannot_be_understood_are_refused_with_advice(
    tmp_path: Path, content: str | bytes, advice: str
) -> None:
    result = run(tmp_path, content)
    assert result.exit_code == 2
    assert advice in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--input", "x", "--server", "ldaps://x"),
        ("--server", "ldaps://x"),
        ("--server", "http://x", "--bind-user", "u", "--bind-password-file", __file__),
        ("--input", "-", "--profile", "other"),
    ],
)
def test_options_that_do_not_fit_are_a_failure(options: tuple[str, ...]) -> None:
    assert CliRunner().invoke(scan, options).exit_code == 2


@pytest.mark.parametrize(
    "content", [FAULTY, "dn: CN=J\nobjectClass: user\ndisplayName: x\nuserPrincipalName: a b@x.com\n"]
)
def test_standard_input_is_read_like_a_file(content: str) -> None:
    result = CliRunner().invoke(scan, ["--input", "-", "--format", "json"], input=content)
    assert (result.exit_code, [entry["errors"] for entry in entries(result)]) == (1, [["Character"]])


def test_ldif_is_recognised_by_its_content(tmp_path: Path) -> None:
    content = "dn: CN=Jane,DC=x\nobjectClass: user\ndisplayName: x\nmailNickname: .j\n"
    (entry,) = entries(run(tmp_path, content, "--format", "json"))
    assert (entry["dn"], entry["proposed_value"]) == ("CN=Jane,DC=x", "j")
