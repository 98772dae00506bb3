"""A service that asks for access keys, and keys made as operators make them."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection

from benchmarks.stack import WebServer
from tests.support.commands import CommandResult, command
from tests.support.database import unblocked


@contextmanager
def keyed_server(**environment: str) -> Iterator[WebServer]:
    with WebServer(workers=2, KATO_ACCESS="keys", **environment) as running:
        yield running


def new_token(*options: str) -> str:
    """The token of a new key: `new_token("--scope", "read")`."""
    token: str = _manage_key("create", f"key {uuid.uuid4().hex}", *options, "--json").json["token"]
    return token


def revoke(token: str) -> None:
    _manage_key("revoke", token.split("_")[1])


def _manage_key(*arguments: str) -> CommandResult:
    """In a thread of its own, because some tests have an event loop in theirs, where Django uses no database."""
    with unblocked(), ThreadPoolExecutor(1) as thread:
        done = thread.submit(_in_this_thread, *arguments).result()
    assert done.status == 0, done.err
    return done


def _in_this_thread(*arguments: str) -> CommandResult:
    try:
        return command("key", *arguments)
    finally:
        connection.close()
