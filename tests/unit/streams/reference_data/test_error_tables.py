"""Tables of errors: no code twice, advice for each class and no other, and form of words as readers compare them."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from streams.reference_data import (
    export_errors,
    join_errors,
    password_advice,
    password_hash_errors,
    product_names,
    writeback_errors,
)
from streams.reference_data.password_advice import advice_on
from streams.reference_data.password_hash_errors import HashError
from streams.reference_data.table import Row, read
from streams.reference_data.writeback_errors import ADMIN_ACTION, RESERVED_CHARACTER, ErrorClass, WritebackError
from streams.views.password.errors import normalised

_NOTHING_TO_DO = {ErrorClass.SPLIT, ErrorClass.NOT_OFFERED}
# What the readers of the engine's traces tell, producers/eventlog/password_set.py.
_TOLD_BY_TRACES = {"password_scope", "sam_remote_calls"}
_KEYS: list[tuple[str, list[tuple[str | int, ...]]]] = [
    ("export_errors", [(row.code,) for row in export_errors.TABLE.rows]),
    ("join_errors", [(row.code,) for row in join_errors.TABLE.rows]),
    ("password_advice", [(row.operation, row.cause) for row in password_advice.TABLE.rows]),
    ("password_hash_errors", [(row.vocabulary, row.code) for row in password_hash_errors.TABLE.rows]),
    ("product_names", [(row.product, row.name) for row in product_names.TABLE.rows]),
    ("writeback_errors", [(row.vocabulary, row.code) for row in writeback_errors.TABLE.rows]),
]


@pytest.mark.parametrize(("name", "keys"), _KEYS, ids=[name for name, _ in _KEYS])
def test_no_code_stands_twice(name: str, keys: list[tuple[str | int, ...]]) -> None:
    assert [key for key, times in Counter(keys).items() if times > 1] == []


def test_each_class_of_writeback_has_advice_and_each_advice_a_cause() -> None:
    causes = advice_on("writeback").keys()
    details = {row.detail for row in writeback_errors.TABLE.rows if row.detail} | _TOLD_BY_TRACES | {ADMIN_ACTION}
    assert set(ErrorClass) - causes == _NOTHING_TO_DO
    assert causes <= set(ErrorClass) | details
    assert RESERVED_CHARACTER in details


def test_each_class_of_password_hashes_has_advice() -> None:
    assert advice_on("hash").keys() == set(HashError)


@pytest.mark.parametrize("row", writeback_errors.TABLE.rows, ids=lambda row: f"{row.vocabulary}-{row.code}")
def test_codes_are_spelt_as_they_are_compared(row: WritebackError) -> None:
    if row.vocabulary in {"text", "detail"}:
        assert row.code == normalised(row.code)
    elif row.vocabulary == "hresult":
        assert row.code == f"0x{int(row.code, 16):08x}"
    else:
        assert row.code == str(int(row.code))
    assert (row.detail is not None) or row.vocabulary != "detail"


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (WritebackError, b'vocabulary = "event"\ncode = "1"\nclass = "of the moon"\n'),
        (WritebackError, b'vocabulary = "tea leaves"\ncode = "1"\nclass = "other"\n'),
        (password_hash_errors.HashCode, b'vocabulary = "system"\ncode = 5\nclass = "rights"\n'),
        (password_advice.Advice, b'operation = "hash"\ncause = "rights"\n'),
        (export_errors.ExportError, b'code = "LargeObject"\n'),
    ],
)
def test_a_row_that_is_wrong_stops_the_import(kind: type[Row], row: bytes) -> None:
    with pytest.raises(ValueError, match="reference table mine: "):
        read("mine", b'as_of = 2026-11-30\n[sources]\na = "A page"\n[[rows]]\nsource = "a"\n' + row, kind)


def test_each_error_table_says_since_when_it_holds() -> None:
    for table in (writeback_errors, password_hash_errors, password_advice, export_errors):
        assert isinstance(table.TABLE.as_of, date)
        assert {row.source for row in table.TABLE.rows} == table.TABLE.sources.keys()
