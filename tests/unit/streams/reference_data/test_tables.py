"""Tables of what Microsoft decides: loaded and checked, dated, never repeated in code; and versions judged by them."""

from __future__ import annotations

import ast
import re
from datetime import date
from pathlib import Path

import pytest

import streams
from deploy.cli.check.command import check_tables
from deploy.cli.check.line import Mark
from streams.contracts.times import parse_rfc3339
from streams.reference_data import connect_versions, tables
from streams.reference_data.connect_versions import VersionFault, standing_of
from streams.reference_data.product_names import names
from streams.reference_data.table import OUTDATED_AFTER_DAYS, Row, read, start_ms
from tests.support.source_text import told

_STREAMS = Path(streams.__file__).parent
_SHAPE = b'as_of = 2026-11-30\n[sources]\na = "A page"\n'
_VERSION_OR_DAY = re.compile(
    r"\b\d+\.\d+\.\d+\.\d+\b|\b20\d\d-[01]\d-[0-3]\d\b|\b\d{1,2} (?:January|February|March|April|May|June|July|August|"
    r"September|October|November|December) 20\d\d\b"
)
# OIDs of Active Directory: numbers with dots that no release changes.
_OID = re.compile(r"\b[12]\.\d+\.840\.")


class _Row(Row, frozen=True, kw_only=True):
    name: str


def test_every_table_is_listed() -> None:
    assert {path.stem for path in (_STREAMS / "reference_data").glob("*.toml")} == tables.AS_OF.keys()


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (b'[[rows]]\nname = "x"\nsource = "b"\n', "no source is called b"),
        (b'[[rows]]\nname = "x"\n', "source"),
        (b'[[rows]]\nname = 1\nsource = "a"\n', "name"),
        (b'[[rows]]\nname = "x"\nsource = "a"\nwho = 1\n', "who"),
        (b"rows = []\n", "no rows"),
        (b"rows = [\n", "example"),
    ],
)
def test_a_table_that_is_wrong_says_which_and_why(rows: bytes, fault: str) -> None:
    raw = rows + _SHAPE if rows.startswith(b"rows") else _SHAPE + rows
    with pytest.raises(ValueError, match=f"reference table example: .*{fault}|reference table {fault}"):
        read("example", raw, _Row)


def test_a_row_may_be_of_another_day_and_only_reported() -> None:
    table = read("x", _SHAPE + b'[[rows]]\nname = "x"\nsource = "a"\nas_of = 2026-01-02\nconfirmed = false\n', _Row)
    assert table.rows[0].as_of == date(2026, 1, 2)
    assert not table.rows[0].confirmed


_JUDGING = sorted([*_STREAMS.glob("detections/**/*.py"), *_STREAMS.glob("views/**/*.py")])


@pytest.mark.parametrize("path", _JUDGING, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_version_and_no_day_of_retirement_stands_in_a_rule_or_a_view(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for text in told(tree):
        value = str(text.value)
        found = _VERSION_OR_DAY.search(value)
        assert found is None or _OID.search(value), f"{path}:{text.lineno}: {found[0]} belongs in a table"
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == 4:
            assert not all(isinstance(each, ast.Constant) and type(each.value) is int for each in node.elts), (
                f"{path}:{node.lineno}: a version in numbers belongs in a table"
            )


def test_tables_say_when_they_are_older_than_half_a_year() -> None:
    oldest = start_ms(min(tables.AS_OF.values()))
    fresh, old = oldest + 86_400_000, oldest + (OUTDATED_AFTER_DAYS + 1) * 86_400_000
    assert tables.warning(fresh) is None
    assert check_tables(fresh).mark is Mark.GOOD
    warned = check_tables(old)
    assert warned.mark is Mark.GAP
    assert "connect_versions (of " in warned.what


@pytest.mark.parametrize(
    ("version", "day", "faults", "blocked"),
    [
        ("2.5.3.0", "2026-07-01", [VersionFault.UNSUPPORTED, VersionFault.VULNERABLE], False),
        ("2.5.3.0", "2026-09-30", [VersionFault.UNSUPPORTED, VersionFault.VULNERABLE], True),
        ("1.6.16.0", "2026-11-20", [VersionFault.UNSUPPORTED, VersionFault.VULNERABLE], True),
        ("2.5.79.0", "2026-10-22", [VersionFault.VULNERABLE], False),
        ("2.5.79.0", "2026-10-23", [VersionFault.UNSUPPORTED, VersionFault.VULNERABLE], False),
        ("2.5.190.0", "2026-11-20", [VersionFault.VULNERABLE], False),
        ("2.5.190.0", "2027-02-02", [VersionFault.UNSUPPORTED, VersionFault.VULNERABLE], False),
        ("2.6.79.0", "2026-11-20", [VersionFault.WITHDRAWN, VersionFault.VULNERABLE], False),
        ("2.6.84.0", "2028-01-01", [], False),
        ("2.6.84", "2026-11-20", [], False),
        ("3.0.0.0", "2026-11-20", [], False),
    ],
)
def test_what_is_wrong_with_a_version(version: str, day: str, faults: list[VersionFault], blocked: bool) -> None:
    standing = standing_of(version, parse_rfc3339(f"{day}T00:00:00Z"))
    assert standing is not None
    assert list(standing.faults) == faults
    assert standing.blocked is blocked


def test_a_day_that_is_only_reported_blocks_nothing() -> None:
    standing = standing_of("2.6.3.0", parse_rfc3339("2027-05-01T00:00:00Z"))
    assert standing is not None
    assert standing.reported == ("2.6.84.0", date(2027, 4, 7))
    assert not standing.blocked
    assert VersionFault.UNSUPPORTED not in standing.faults


def test_the_newest_release_has_nothing_against_it() -> None:
    standing = standing_of(connect_versions.newest(), start_ms(connect_versions.TABLE.as_of))
    assert standing is not None
    assert standing.faults == ()


@pytest.mark.parametrize("text", ["", "new", "2", "2.x.1.0", "2.5.79.0 (preview)", None, 2])
def test_what_is_no_version_is_not_judged(text: object) -> None:
    assert standing_of(text, 0) is None


def test_products_by_their_names() -> None:
    assert names("Azure Active Directory", "entra")
    assert names("Microsoft Entra ID", "entra")
    assert names("AADConnect", "connect")
    assert not names("AADConnect Health", "connect")
    assert not names("Workday", "active directory")
