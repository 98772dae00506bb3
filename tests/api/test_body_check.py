"""The quick look for what no field may hold finds all that a slow one finds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InvalidRequest
from foundation.http import bodies

SLOW = re.compile(rb"\\u0000|NaN|Infinity|\d[eE]\+?\d\d|\d{200}")

pieces = st.sampled_from(
    [b"1", b"1" * 199, b"000", b"23", b"e", b"E+", b"-", b".", b",", b"a", b'"', b"\\u0000", b"NaN"]
)


@given(st.lists(pieces, max_size=12).map(b"".join))
def test_it_finds_what_a_slow_search_finds(text: bytes) -> None:
    assert bodies._is_suspicious(text) == bool(SLOW.search(text))


@pytest.mark.parametrize(
    "number", [b"1e999", b"1E+999", b"1" * 400 + b".5", b"9" * 200 + b"e250", b"NaN", b'"\\u0000"']
)
def test_a_body_with_such_a_value_is_refused(number: bytes) -> None:
    with pytest.raises(InvalidRequest):
        bodies.check_storable(b'{"k":[' + b"1" * 199 + b",12," + number + b"]}")
