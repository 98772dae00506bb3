"""Fixtures that several files use. `server` is the one most tests talk to: four real worker processes."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker

from benchmarks.stack import Stores, WebServer, Worker, eventually
from katoproject.celery import app
from tests.support.minds import Mind


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first: where files are divided among processes, the others then wait for none of them."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


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
def new_session(client: httpx.Client) -> Callable[..., str]:
    """Creates a session over HTTP, answers its id: `new_session(node_id="n", ttl_seconds=5)`."""

    def create(**body: Any) -> str:
        response = client.post("/sessions", json={"node_id": "node", **body})
        assert response.status_code == 200, response.text
        session_id: str = response.json()["session_id"]
        return session_id

    return create


@pytest.fixture
def database() -> Iterator[psycopg.Connection]:
    """The database of the running service, which is not the one that pytest-django makes for itself."""
    parts: dict[str, Any] = settings.DATABASES["default"]
    with psycopg.connect(host=parts["HOST"], port=parts["PORT"], user=parts["USER"], dbname="kato") as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def same_database(server: WebServer, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """What runs in this process works on the database of the running service."""
    with django_db_blocker.unblock():
        yield
        connection.close()


@pytest.fixture
def steady_count(server: WebServer, database: psycopg.Connection) -> None:
    """No session of an earlier test runs out while this one counts."""
    database.execute("DELETE FROM sessions_app_session WHERE expires_at < now() + interval '10 minutes'")


@pytest.fixture
def mind(server: WebServer, request: pytest.FixtureRequest) -> Iterator[Callable[..., Mind]]:
    """Sessions on a node of this test's own."""
    with httpx.Client(base_url=server.url, timeout=60, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        yield partial(Mind, client, request.node.name)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that anybody may enter: where a private one is named as the data folder, root's servers use another."""
    made = Path(tempfile.mkdtemp(prefix="kato-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@dataclass
class Fragile:
    """A whole service of one test file's own, whose stores may be stopped, paused and killed."""

    stores: Stores
    web: WebServer

    @property
    def redis_socket(self) -> str:
        return str(self.stores.data / "run" / "redis.sock")

    @property
    def database_url(self) -> str:
        return f"postgresql://kato@/kato?host={self.stores.data / 'run'}"


@pytest.fixture(scope="module")
def fragile(folder: Path) -> Iterator[Fragile]:
    stores = Stores(folder / "data", private=True)
    run = folder / "data" / "run"
    web = WebServer(
        workers=2, DATABASE_URL=f"postgresql://kato@/kato?host={run}", REDIS_URL=f"unix://{run / 'redis.sock'}"
    )
    with stores, web:
        yield Fragile(stores, web)
