"""A server that asks for keys: in these tests `client` has none, and `new_key` makes one with a client of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from benchmarks.stack import WebServer, Worker, eventually
from foundation.callers import Scope
from katoproject.celery import app
from tests.access.keys import Key, make_key

NewKey = Callable[..., Key]

WORKERS = 2


@pytest.fixture(scope="package")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of everything that the server prints."""
    return tmp_path_factory.mktemp("access") / "output"


@pytest.fixture(scope="package")
def server(output: Path) -> Iterator[WebServer]:
    environment = {"KATO_ACCESS": "keys", "KATO_WORKERS": str(WORKERS), "LOG_LEVEL": "DEBUG", "LOG_OUTPUT": "stdout"}
    with WebServer(workers=WORKERS, output=str(output), **environment) as running:
        yield running


@pytest.fixture(scope="package")
def worker() -> Iterator[Worker]:
    with Worker(KATO_ACCESS="keys") as running:
        eventually(lambda: bool(app.control.ping(timeout=0.5, limit=1)), "the worker answers")
        yield running


@pytest.fixture
def new_key(server: WebServer, same_database: None) -> Iterator[NewKey]:
    """Make a key: `new_key(Scope.READ, nodes=["shop-"])`. It is valid until it is revoked."""
    with ExitStack() as clients:

        def make(*scopes: Scope, **options: Any) -> Key:
            key = make_key(server.url, *scopes, **options)
            clients.enter_context(key.client)
            return key

        yield make


@pytest.fixture(scope="package")
def scoped(server: WebServer, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[Scope, Key]]:
    """A key for each scope, bound to nodes that begin with `own-`."""
    with django_db_blocker.unblock(), ExitStack() as clients:
        keys = {scope: make_key(server.url, scope, nodes=["own-"]) for scope in Scope}
        connection.close()
        for key in keys.values():
            clients.enter_context(key.client)
        yield keys


@pytest.fixture(scope="package")
def operator(server: WebServer, django_db_blocker: DjangoDbBlocker) -> Iterator[Key]:
    """A key that may do everything with all nodes."""
    with django_db_blocker.unblock():
        key = make_key(server.url, Scope.ADMIN)
        connection.close()
    with key.client:
        yield key
