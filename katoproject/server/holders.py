"""Whose a request is before anybody has judged its key: who waits for whom, and whose memory its body takes."""

from collections.abc import Hashable
from typing import Any

from django.conf import settings

from access_app.keyring import keyring
from access_app.tokens import claimed_token
from katoproject.server.paths import ALWAYS_ANSWERED, without_slash

# The id of a key that this process knows to be valid; else the token that the client claims.
Holder = str | bytes

# All clients that show no valid key are one payer: tokens are invented at no cost.
STRANGERS = "strangers"


def holders_of(scope: Any) -> tuple[Holder, ...]:
    """Whose turn the request takes; empty: everybody's.

    The id and not only the token, because a key that is being rotated has two. The token and not only the id, because
    it asks nobody: what came before this process had met the key is counted by its token.
    """
    if not settings.ENV.needs_keys:
        return ()
    header = next((value for name, value in scope["headers"] if name == b"authorization"), None)
    if header is None or without_slash(scope["path"]) in ALWAYS_ANSWERED:
        return ()
    token = claimed_token(header)
    known = keyring.remembered_id(header.decode("latin-1"))
    return (token,) if known is None else (known, token)


def is_of_unknown_key(holders: tuple[Hashable, ...]) -> bool:
    """Whether the request shows a token that this process does not know to be valid."""
    return bool(holders) and not isinstance(holders[0], str)


def payer_of(holders: tuple[Hashable, ...]) -> str | None:
    """Whose memory the body takes; None: everybody's."""
    if holders and isinstance(holders[0], str):
        return holders[0]
    return STRANGERS if settings.ENV.needs_keys else None
