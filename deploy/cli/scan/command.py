"""`synchealth scan`: check a directory's attributes once, from LDAP, LDIF, JSON or CSV."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from deploy.cli.scan.progress import shown_progress
from deploy.cli.scan.run import FaultWriter, ScanOutcome, run_scan
from deploy.cli.scan.setup import Directory, open_input, profile_and_tenant
from deploy.cli.scan.writers import CsvWriter, JsonLinesWriter, RawCsvWriter, TableWriter
from deploy.cli.terminal import print_line
from streams.contracts.errors import SyncHealthError

CLEAN, FINDINGS, FAILURE = 0, 1, 2
_WRITERS = {"table": TableWriter, "csv": CsvWriter, "csv-raw": RawCsvWriter, "json": JsonLinesWriter}

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--input", "source", metavar="FILE", help="JSON, CSV or LDIF; `-` reads standard input.")
@click.option("--server", "servers", multiple=True, metavar="URL", help="ldaps://dc1.example.com; repeat per domain.")
@click.option("--bind-user", help="user@domain, DOMAIN\\user or a DN; needs no right but to read.")
@click.option("--bind-password-file", type=_file, help="A file that holds the password.")
@click.option("--ca-file", type=_file, help="PEM of the authority behind the server's certificate.")
@click.option("--base", "bases", multiple=True, help="Search base; repeat for several. Default: the server's domain.")
@click.option("--filter", "ldap_filter", help="LDAP filter. Default: people and groups, as the profile has it.")
@click.option("--profile", type=click.Choice(["entra", "idfix"]), default="entra", show_default=True)
@click.option(
    "--mode",
    type=click.Choice(["multi-tenant", "dedicated"]),
    default="multi-tenant",
    show_default=True,
    help="IdFix's rule set (profile idfix).",
)
@click.option("--alternate-login", is_flag=True, help="IdFix's setting: no rule on the UPN (profile idfix).")
@click.option("--verified-domain", "domains", multiple=True, help="A domain of the tenant; repeat (profile entra).")
@click.option("--tlds", type=_file, help="Top-level domains, one a line: IANA's list, or IdFix's domains.txt.")
@click.option("--format", "kind", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--csv-raw", is_flag=True, help="CSV with every value as it is: for machines, never for a spreadsheet.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: standard output.")
@click.option("--warnings/--no-warnings", default=True, show_default=True, help="What is accepted but confusing.")
@click.option("--lenient", is_flag=True, help="Records that cannot be read do not make the scan a failure.")
def scan(
    source: str | None,
    servers: tuple[str, ...],
    bind_user: str | None,
    bind_password_file: Path | None,
    ca_file: Path | None,
    bases: tuple[str, ...],
    ldap_filter: str | None,
    profile: str,
    mode: str,
    alternate_login: bool,
    domains: tuple[str, ...],
    tlds: Path | None,
    kind: str,
    csv_raw: bool,
    output: Path | None,
    warnings: bool,
    lenient: bool,
) -> None:
    """Check names and addresses before they are synchronised. Nothing is ever written to the directory.

    Profile `entra`: what Microsoft Entra ID and Entra Connect reject, rewrite or drop. Profile `idfix`: the verdicts
    of Microsoft's IdFix, its bugs included, to replace or compare a run of it.

    Files: LDIF (ldifde), CSV (Export-Csv, csvde) or JSON (ConvertTo-Json), known by their content; each object needs
    its DistinguishedName. From PowerShell: `Get-ADUser -Filter * -Properties mail, proxyAddresses, … |
    ForEach-Object { ConvertTo-Json -Compress $_ }`.

    Exit code: 0 clean, 1 faults were found, 2 the scan failed or could not read every record.
    """
    if (source is None) == (not servers):
        raise click.UsageError("say what to scan: either --input FILE or --server URL")
    directory = Directory(servers, bind_user, bind_password_file, ca_file, bases, ldap_filter)
    try:
        rules, tenant = profile_and_tenant(profile, mode, alternate_login, domains, tlds)
        with (
            open_input(source, directory, rules) as objects,
            _opened(output) as out,
            shown_progress() as progress,
        ):
            writer: FaultWriter = _WRITERS["csv-raw" if csv_raw else kind](out)
            outcome = run_scan(objects, rules, tenant, writer, warnings=warnings, progress=progress)
            problems = list(objects.problems)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(FINDINGS) from None
    except (SyncHealthError, OSError) as error:
        print_line(f"scan failed: {error}", err=True)
        raise SystemExit(FAILURE) from error
    _report(outcome, problems)
    if (nothing := _nothing_checked(outcome)) is not None:
        print_line(f"scan failed: {nothing}", err=True)
        raise SystemExit(FAILURE)
    raise SystemExit(_exit_code(outcome, lenient))


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that takes its name only when the scan went through."""
    if output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    partial = output.with_name(output.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as out:
            yield out
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _report(outcome: ScanOutcome, problems: list[str]) -> None:
    for problem in problems:
        print_line(f"not scanned: {problem}", err=True)
    if outcome.problems > len(problems):
        click.echo(f"not scanned: {outcome.problems - len(problems)} more records", err=True)
    checked = outcome.objects - outcome.left_out
    click.echo(
        f"{_count(checked, 'object')} checked, {_count(outcome.faulty_values, 'faulty value')}"
        + (f", {outcome.left_out} neither people nor groups" if outcome.left_out else "")
        + (f", {_count(outcome.problems, 'record')} could not be read" if outcome.problems else ""),
        err=True,
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _nothing_checked(outcome: ScanOutcome) -> str | None:
    """Why "no fault" would say nothing about the directory; None where something was looked at."""
    if not outcome.objects:
        return "no object could be read: is it the right file, base or filter? CSV needs a column DistinguishedName"
    if outcome.objects == outcome.left_out:
        return "none of the objects is a person or a group"
    if outcome.objects - outcome.left_out == outcome.empty:
        return "no object holds an attribute that is checked (userPrincipalName, mail, proxyAddresses, …)"
    return None


def _exit_code(outcome: ScanOutcome, lenient: bool) -> int:
    if outcome.problems and not lenient:
        return FAILURE
    return FINDINGS if outcome.faulty_values else CLEAN
