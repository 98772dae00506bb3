"""Tokens: `kato_<id of the key>_<32 random bytes>`, both in base62.

A token has 256 bits of entropy, so its plain SHA-256 may be stored: no list of likely tokens helps to invert that.
"""

import hashlib
import re
import secrets
import string

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH = 12
_SECRET_BYTES = 32
_SECRET_LENGTH = 43  # digits that 32 bytes need
TOKEN_LENGTH = len("kato_") + ID_LENGTH + len("_") + _SECRET_LENGTH
_TOKEN = re.compile(f"kato_([0-9A-Za-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_LENGTH}}}")
_ID = re.compile(f"[0-9A-Za-z]{{{ID_LENGTH}}}")
_CLAIM = re.compile(_TOKEN.pattern.encode())


def new_id() -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(ID_LENGTH))


def is_id(text: str) -> bool:
    """Whether the text has the form of a key's id."""
    return _ID.fullmatch(text) is not None


def new_token(key_id: str) -> str:
    return f"kato_{key_id}_{_base62(secrets.token_bytes(_SECRET_BYTES))}"


def key_id_of(token: str) -> str | None:
    """The id of the key that the token claims to be of, or None if this is no token."""
    match = _TOKEN.fullmatch(token)
    return match[1] if match else None


def claimed_token(header: bytes) -> bytes:
    """The token in an Authorization header, valid or not and however the header is spelled; else the whole header.

    Not the id alone, which is no secret: who knows it could keep the key's requests waiting behind others.
    """
    match = _CLAIM.search(header)
    return match[0] if match else header


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _base62(content: bytes) -> str:
    number = int.from_bytes(content, "big")
    digits = []
    for _ in range(_SECRET_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
