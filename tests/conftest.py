"""Fixtures that several files use. Most tests talk to `server`, which has four real worker processes."""

import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker

from benchmarks.stack import WebServer, Worker, eventually
from foundation.postgresql import identity
from katoproject.celery import app
from katoproject.configuration.locations import postgres_url, redis_url
from tests.support.connections import fresh_connections
from tests.support.fragile import Fragile
from tests.support.prepared import own_stores
from tests.support.sessions import LiveSession, NewSession, OpenSession, create_session

# For `make test-all`.
hypothesis.settings.register_profile("exhaustive", max_examples=400)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the long files first: when files are divided among processes, no process then ends much later."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="module", autouse=True)
def database_of_the_run() -> Iterator[None]:
    """A file whose tests use another database in this process leaves the names in Redis as they were."""
    before = identity._newest
    yield
    identity._newest = before


@pytest.fixture(scope="session")
def server() -> Iterator[WebServer]:
    with WebServer(workers=4) as running:
        yield running


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as running:
        eventually(lambda: bool(app.control.ping(timeout=0.5, limit=1)), "the worker answers")
        yield running


@pytest.fixture
def client(server: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as connected:
        yield connected


@pytest.fixture
def new_session(client: httpx.Client) -> NewSession:
    """Create a session and return its id: `new_session(node_id="n", ttl_seconds=5)`."""
    return partial(create_session, client)


@pytest.fixture
def database() -> Iterator[psycopg.Connection]:
    """The database of the running service, not the one that pytest-django creates."""
    parts: dict[str, Any] = settings.DATABASES["default"]
    with psycopg.connect(host=parts["HOST"], port=parts["PORT"], user=parts["USER"], dbname="kato") as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def same_database(server: WebServer, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Code that runs in this process uses the database of the running service."""
    with django_db_blocker.unblock():
        yield
        connection.close()


@pytest.fixture
def steady_count(server: WebServer, database: psycopg.Connection) -> None:
    """No session of an earlier test expires while this one counts."""
    database.execute("DELETE FROM sessions_app_session WHERE expires_at < now() + interval '10 minutes'")
    database.execute("UPDATE sessions_app_sessiontotal SET counted_at = NULL")  # no event tells of these


@pytest.fixture
def open_session(server: WebServer, request: pytest.FixtureRequest) -> Iterator[OpenSession]:
    """Create a session on a node of this test's own, each of whose requests any process may answer."""
    with fresh_connections(server.url) as client:
        yield partial(LiveSession.create, client, request.node.name)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that every user may enter: with a private data folder, the servers of root would use another one."""
    made = Path(tempfile.mkdtemp(prefix="kato-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def fragile(folder: Path) -> Iterator[Fragile]:
    stores = own_stores(folder / "data")
    web = WebServer(workers=2, DATABASE_URL=postgres_url(stores.data), REDIS_URL=redis_url(stores.data))
    with stores, web:
        yield Fragile(stores, web)
