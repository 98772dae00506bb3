"""Tokens: their form, and what of them is stored."""

import hashlib
import string

from hypothesis import given
from hypothesis import strategies as st

from access_app.tokens import ID_LENGTH, _base62, claimed_token, digest_of, key_id_of, new_id, new_token

BASE62 = string.digits + string.ascii_letters
IDS = st.text(BASE62, min_size=ID_LENGTH, max_size=ID_LENGTH)


def value_of(digits: str) -> int:
    order = string.digits + string.ascii_uppercase + string.ascii_lowercase
    value = 0
    for digit in digits:
        value = value * 62 + order.index(digit)
    return value


@given(st.binary(min_size=32, max_size=32))
def test_32_bytes_are_43_digits_and_can_be_told_from_them(content: bytes) -> None:
    digits = _base62(content)
    assert len(digits) == 43
    assert value_of(digits) == int.from_bytes(content, "big")


def test_the_largest_secret_fits() -> None:
    assert value_of(_base62(b"\xff" * 32)) == 2**256 - 1
    assert _base62(bytes(32)) == "0" * 43


@given(IDS)
def test_a_token_names_its_key(key_id: str) -> None:
    token = new_token(key_id)
    assert key_id_of(token) == key_id
    assert digest_of(token) == hashlib.sha256(token.encode()).digest()


@given(st.text() | st.from_regex("(kato|Kato)_[0-9A-Za-z]{11,13}_[0-9A-Za-z_]{42,44}", fullmatch=True))
def test_no_text_is_taken_for_a_token_unless_it_has_the_form(text: str) -> None:
    parts = text.split("_")
    has_form = (
        [*map(len, parts)] == [4, ID_LENGTH, 43] and parts[0] == "kato" and set("".join(parts[1:])) <= set(BASE62)
    )
    assert (key_id_of(text) is not None) == has_form


@given(IDS, st.integers(0, 60), st.characters(exclude_characters=BASE62))
def test_one_other_character_makes_it_none(key_id: str, position: int, other: str) -> None:
    token = new_token(key_id)
    if token[position] != other:
        assert key_id_of(token[:position] + other + token[position + 1 :]) is None
    assert key_id_of(token + other) is None
    assert key_id_of(other + token) is None


def test_ids_and_tokens_are_never_the_same_twice() -> None:
    assert len({new_id() for _ in range(2000)}) == 2000
    assert len({new_token("0" * ID_LENGTH) for _ in range(2000)}) == 2000


@given(IDS, st.sampled_from(["Bearer {}", "bearer {}", "BEARER   {}  ", "Basic {}", "{},{}"]))
def test_a_header_claims_the_same_token_however_it_is_spelled(key_id: str, spelling: str) -> None:
    """Otherwise one key could have the share of several."""
    token = new_token(key_id)
    assert claimed_token(spelling.format(token, "x").encode()) == token.encode()


@given(IDS)
def test_another_token_of_the_same_key_claims_something_else(key_id: str) -> None:
    """Otherwise whoever knows the id, which is no secret, could take the turns of the key."""
    assert claimed_token(f"Bearer {new_token(key_id)}".encode()) != new_token(key_id).encode()


@given(st.binary().filter(lambda header: b"kato_" not in header))
def test_a_header_without_a_token_claims_itself(header: bytes) -> None:
    assert claimed_token(header) == header
