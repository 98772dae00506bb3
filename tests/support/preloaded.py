"""A WSGI application that says which process has loaded it, and which one answers."""

import os
from collections.abc import Iterable
from typing import Any

import katoproject.server.preload  # noqa: F401  sets up Django, which the server needs

LOADED_BY = os.getpid()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [f"{LOADED_BY} {os.getpid()}".encode()]
