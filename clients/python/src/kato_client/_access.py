"""The access key: where the client finds it, and the header that carries it."""

import os
import re
from collections.abc import Mapping

import httpx

VARIABLE = "KATO_API_KEY"
HEADER = "Authorization"
# For the programs of this package, which have no option for it.
HELP = f"A service that asks for an access key: set {VARIABLE}. It is not an option: others can see those of a program."
_TOKEN = re.compile(r"[!-~]+")


def with_key(
    headers: Mapping[str, str] | None, api_key: str | None, http: httpx.Client | httpx.AsyncClient | None
) -> dict[str, str]:
    """The headers of every request, with the key if there is one.

    What the program says counts: `api_key`, an `Authorization` header of its own, or credentials of its httpx client.
    If it says nothing, the environment does; an empty `api_key` says that there is no key.
    Raises ValueError, which never shows the key: httpx would show it in the error of a header that cannot be sent.
    """
    given = dict(headers or {})
    own = next((value for name, value in given.items() if name.lower() == HEADER.lower()), None)
    if own is not None:
        if api_key:
            raise ValueError(f"Give the client either api_key or a header {HEADER}, not both")
        if not own.isascii() or not own.isprintable():
            raise ValueError(f"The header {HEADER} must be printable ASCII text")
        return given
    key, source = api_key, "api_key"
    if key is None and not _has_credentials(http):
        key, source = os.environ.get(VARIABLE), VARIABLE
    key = (key or "").strip()
    if not key:
        return given
    if not _TOKEN.fullmatch(key):
        raise ValueError(f"{source} must be the token alone, such as kato_…, in ASCII and without spaces")
    return {**given, HEADER: f"Bearer {key}"}


def _has_credentials(http: httpx.Client | httpx.AsyncClient | None) -> bool:
    return http is not None and (http.auth is not None or HEADER in http.headers)
