"""From the command's options to an input, a rule book and what is known of the tenant."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, RawIOBase, TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import cast

import click
from pydantic import ValidationError

from deploy.cli.scan.csv_table import csv_records, is_header
from deploy.cli.scan.inputs import FileInput, Input, SpooledInput
from deploy.cli.scan.json_lines import json_document_records, json_lines_records
from deploy.cli.scan.ldap import Query, ldap_records
from deploy.cli.scan.ldif import ldif_records
from deploy.cli.scan.record import Record
from streams.contracts.errors import SettingsError
from streams.hygiene.domains import top_level_domains_of
from streams.hygiene.entra.profile import entra_profile
from streams.hygiene.idfix.options import IdfixOptions, Mode, assumed_domains, listed_domains
from streams.hygiene.idfix.profile import idfix_profile
from streams.hygiene.rules import Profile
from streams.hygiene.tenant import TenantContext, tenant_of_domains
from streams.runtime.settings import ForestSettings


@dataclass(frozen=True, slots=True)
class Directory:
    """The options that say where LDAP is."""

    servers: Sequence[str]
    bind_user: str | None
    bind_password_file: Path | None
    ca_file: Path | None
    bases: Sequence[str]
    ldap_filter: str | None


def profile_and_tenant(
    profile: str, mode: str, alternate_login: bool, domains: Sequence[str], tlds: Path | None
) -> tuple[Profile, TenantContext]:
    """The rule book and the tenant that the options ask for."""
    lines = _lines_of(tlds) if tlds is not None else None
    if profile == "entra":
        known = None if lines is None else top_level_domains_of(lines)
        return entra_profile(), tenant_of_domains(domains, known)
    options = IdfixOptions(Mode(mode), alternate_login, assumed_domains() if lines is None else listed_domains(lines))
    return idfix_profile(options), TenantContext()


@contextmanager
def open_input(source: str | None, directory: Directory, profile: Profile) -> Iterator[Input]:
    """The input to scan. Raises SettingsError for options that do not fit, OSError for a file."""
    if source is None:
        query = Query(directory.bases, directory.ldap_filter or profile.ldap_filter, profile.attributes)
        with SpooledInput(ldap_records(_forest(directory), query)) as objects:
            yield objects
        return
    with _standard_input() if source == "-" else Path(source).open("rb") as file:
        start = file.peek(4096)[:4096]
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            with TextIOWrapper(file, "utf-16", newline="") as text, SpooledInput(_text_records(text)) as objects:
                yield objects
        elif _is_ldif(start):
            with SpooledInput(ldif_records(file)) as objects:
                yield objects
        elif _is_table(head := start.decode("utf-8-sig", "replace")) or _is_document(head):
            with TextIOWrapper(file, "utf-8-sig", newline="") as text, SpooledInput(_text_records(text)) as objects:
                yield objects
        elif file.seekable():
            yield FileInput(file)
        else:
            with SpooledInput(json_lines_records(file)) as objects:
                yield objects


def _text_records(text: TextIOWrapper) -> Iterator[Record]:
    """The records of a table, or of whole JSON documents, whichever it is by its beginning."""
    try:
        first = list(islice(text, 2))
        lines = chain(first, text)
        yield from csv_records(lines) if _is_table("".join(first)) else json_document_records("".join(lines))
    except UnicodeDecodeError as error:
        raise SettingsError([f"the input is not {error.encoding}: save it as UTF-8 (-Encoding utf8)"]) from error


def _is_ldif(start: bytes) -> bool:
    """Whether the input is LDIF; what is neither this nor anything else known is taken for JSON lines."""
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    return text[:8].lower().startswith((b"dn:", b"version:", b"# "))


def _is_table(start: str) -> bool:
    return any(is_header(line) for line in start.splitlines()[:2])


def _is_document(start: str) -> bool:
    """Whether JSON goes on over lines, or is an array: not an object on each line."""
    text = start.lstrip()
    return text.startswith("[") or text.split("\n", 1)[0].strip() == "{"


def _standard_input() -> BufferedReader:
    """Standard input with a look-ahead."""
    return BufferedReader(cast(RawIOBase, click.get_binary_stream("stdin")))


def _forest(directory: Directory) -> ForestSettings:
    if not directory.bind_user or directory.bind_password_file is None:
        raise SettingsError(["--server needs --bind-user and --bind-password-file"])
    try:
        return ForestSettings(
            name="scan",
            tenant="scan",
            servers=list(directory.servers),
            bind_user=directory.bind_user,
            bind_password_file=directory.bind_password_file,
            ca_file=directory.ca_file,
        )
    except ValidationError as error:
        raise SettingsError([str(fault["msg"]) for fault in error.errors()]) from error


def _lines_of(path: Path) -> list[str]:
    """The lines of a list; IdFix's own is UTF-16."""
    raw = path.read_bytes()
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return raw.decode(encoding).splitlines()
    except UnicodeDecodeError as error:
        raise SettingsError([f"--tlds {path}: {error}; save it as UTF-8 or UTF-16"]) from error
