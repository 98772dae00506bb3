"""Whose a request is before anybody has judged its key: who waits for whom, and whose memory its body takes."""

from typing import Any

from django.conf import settings

from access_app.keyring import keyring
from access_app.tokens import claimed_token
from katoproject.server.paths import ALWAYS_ANSWERED, without_slash

# The id of a key that this process knows to be valid; else the token that the client claims.
Holder = str | bytes

# All clients that show no valid key are one payer: tokens are invented at no cost.
STRANGERS = "strangers"


def holder_of(scope: Any) -> Holder | None:
    """Whose turn the request takes; None: everybody's.

    The id and not the token, because a key that is being rotated has two. It asks nobody, so a key that this process
    has not met is known by its token.
    """
    if not settings.ENV.needs_keys:
        return None
    header = next((value for name, value in scope["headers"] if name == b"authorization"), None)
    if header is None or without_slash(scope["path"]) in ALWAYS_ANSWERED:
        return None
    return keyring.remembered_id(header.decode("latin-1")) or claimed_token(header)


def payer_of(holder: Holder | None) -> str | None:
    """Whose memory the body takes; None: everybody's."""
    if isinstance(holder, str):
        return holder
    return STRANGERS if settings.ENV.needs_keys else None
