"""Who sends a request or opens a WebSocket, and what its key is charged for that."""

from django.conf import settings

from access_app import rates
from access_app.keyring import KeyHolder, keyring
from foundation import callers, logs
from foundation.callers import Caller


def caller_of(header: str | None, address: str, *, is_prompt: bool, size: int = 0, is_free: bool = False) -> Caller:
    """The caller with this Authorization header, from this address. Raises TooOften, unless the request is free.

    `is_prompt`: the route must respond without the database. `size`: bytes of the body.
    """
    if not settings.ENV.needs_keys:
        return callers.OPERATOR
    caller = keyring.caller_of(header, address, prompt=is_prompt)
    if isinstance(caller, KeyHolder):
        logs.about(key=caller.name)
        if not is_free:
            rates.charge_key(caller.key_id, caller.limits, size=size)
    return caller
