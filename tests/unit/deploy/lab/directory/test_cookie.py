"""Reading and writing DirSync positions."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.lab.directory.cookie import Cookie
from deploy.lab.directory.results import DirectoryError, ResultCode

ME, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
_USN = st.integers(0, 2**63)


@given(_USN, _USN, _USN)
def test_a_cookie_means_what_was_written(objects: int, offset: int, attributes: int) -> None:
    cookie = Cookie(objects, offset, attributes)
    assert Cookie.read(cookie.write(ME, 1_790_000_000), ME) == cookie


def test_nothing_and_strangers_mean_the_beginning() -> None:
    assert Cookie.read(b"", ME) == Cookie()
    assert Cookie.read(Cookie(5, 0, 5).write(OTHER, 0), ME) == Cookie()


@given(st.binary(min_size=1, max_size=150))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    with pytest.raises(DirectoryError) as refused:
        Cookie.read(rubbish, ME)
    assert refused.value.code is ResultCode.UNAVAILABLE_CRITICAL_EXTENSION


@given(st.integers(1, 107))
def test_a_cookie_cut_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(DirectoryError):
        Cookie.read(Cookie(7, 0, 7).write(ME, 0)[:cut], ME)
