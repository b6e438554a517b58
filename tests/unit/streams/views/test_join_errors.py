"""Error codes of hybrid join, in every spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.views.device.join_errors import JOIN_ERRORS, Course, JoinError, code_of, course_of, join_error, symbol_of

each = pytest.mark.parametrize("error", JOIN_ERRORS.values(), ids=[error.symbol for error in JOIN_ERRORS.values()])


@each
def test_every_code_is_found_in_every_spelling(error: JoinError) -> None:
    spellings = (f"0x{error.code:08x}", f"0X{error.code:08X}", f"{error.code:08X}", str(error.code))
    for spelling in (*spellings, str(error.code - (1 << 32)), error.code, f" 0x{error.code:x} "):
        assert join_error(spelling) is error, spelling


@each
def test_every_code_says_what_it_means_and_what_to_do(error: JoinError) -> None:
    assert error.code >> 31 == 1, "an HRESULT that is no error"
    assert error.symbol in (error.symbol.upper(), f"0x{error.code:08x}")
    assert error.phase in ("discover", "auth", "join", "Kerberos join")
    assert error.meaning[0].islower() or error.meaning.split()[0] in ("DNS", "Entra")
    assert error.meaning[-1] != "."
    assert error.action[0].isupper()
    assert error.action[-1] == "."


def test_symbols_are_unique() -> None:
    assert len({error.symbol for error in JOIN_ERRORS.values()}) == len(JOIN_ERRORS)


@given(st.one_of(st.none(), st.text(), st.integers()))
def test_anything_else_is_none_of_them_and_no_error(said: str | int | None) -> None:
    code = code_of(said)
    assert code is None or 0 <= code < 1 << 32
    assert join_error(said) is JOIN_ERRORS.get(-1 if code is None else code)


def test_eight_digits_are_hexadecimal_and_ten_are_decimal() -> None:
    assert code_of("80090016") == 0x80090016
    assert code_of("2148073494") == 0x80090016
    assert code_of("-2146893802") == 0x80090016


def test_what_becomes_of_it() -> None:
    assert course_of("0x801c003a") is Course.LASTING
    assert course_of("0x80072ee2") is Course.PASSING
    assert course_of("0x801c03f2") is Course.EXPECTED
    assert course_of("0x801c03f2", "DirectoryError: AADSTS90002: Tenant not found") is Course.LASTING
    assert course_of("0x801c0006", "DirectoryError: throttled, retry after 300 seconds") is Course.PASSING
    assert course_of("0x87654321") is course_of(None) is Course.PASSING, "what nobody knows gets the benefit of a day"
    assert symbol_of("0x801C03F2") == "DSREG_E_DIRECTORY_FAILURE"
    assert symbol_of("0x87654321") == symbol_of(None) == "other"
