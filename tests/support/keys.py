"""A service that asks for access keys, and keys made as operators make them."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.stack import WebServer, manage


@contextmanager
def keyed_server(**environment: str) -> Iterator[WebServer]:
    with WebServer(workers=2, KATO_ACCESS="keys", **environment) as running:
        yield running


def new_token(*options: str) -> str:
    """The token of a new key: `new_token("--scope", "read")`."""
    token: str = json.loads(manage("key", "create", f"key {uuid.uuid4().hex}", *options, "--json"))["token"]
    return token


def revoke(token: str) -> None:
    manage("key", "revoke", token.split("_")[1])
