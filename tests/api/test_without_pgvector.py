"""Without pgvector, or without the right to install it, everything but vectors works."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.stack import WebServer
from katoproject.configuration.environment import PROJECT_DIR
from tests.support.sessions import LiveSession

NAME = "kato_bare"
_PARTS: dict[str, Any] = settings.DATABASES["default"]
_WHERE = {"host": _PARTS["HOST"], "port": _PARTS["PORT"], "dbname": NAME}
URL = make_conninfo(**_WHERE, user=NAME, password="bare")


@pytest.fixture
def admin(database: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A new database whose owner, the service, is no superuser and may not install pgvector."""
    name = sql.Identifier(NAME)
    database.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'bare'").format(name))
    database.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
    if database.info.server_version >= 180000:
        # As if the files of pgvector had not been installed.
        database.execute(sql.SQL("ALTER DATABASE {} SET extension_control_path = '/nowhere'").format(name))
    with psycopg.connect(make_conninfo(**_WHERE, user=_PARTS["USER"]), autocommit=True) as connection:
        yield connection
    database.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    database.execute(sql.SQL("DROP ROLE {}").format(name))


def _install(admin: psycopg.Connection) -> None:
    if admin.info.server_version >= 180000:
        admin.execute("SET extension_control_path = '$system'")
    admin.execute("CREATE EXTENSION vector")


def _migrate() -> str:
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    environment = {**os.environ, "DATABASE_URL": URL}
    return subprocess.run(command, cwd=PROJECT_DIR, env=environment, check=True, capture_output=True, text=True).stdout


def _works(client: httpx.Client) -> LiveSession:
    session = LiveSession.create(client, "bare")
    session.teach("a", "b", "c")
    session.observe("a")
    session.observe("b", emotives={"joy": 1})
    assert session.get("predictions")["predictions"][0]["future"] == [["c"]]
    return session


def _refused(session: LiveSession, path: str, body: Any = None) -> None:
    before = session.get("cognition-data")
    response = session.client.post(f"/sessions/{session.id}/{path}", json=body)
    assert response.status_code == 501, response.text
    detail = response.json()["detail"]
    assert detail["error"] == "VectorsNotAvailable"
    assert "manage.py migrate" in detail["message"]
    assert session.get("cognition-data") == before


@pytest.mark.exhaustive
@pytest.mark.usefixtures("server")  # for the static files and kernels
def test_everything_but_vectors_works_and_vectors_once_pgvector_is_there(admin: psycopg.Connection) -> None:
    assert "until a superuser" in (said := _migrate()) or "has no pgvector" in said
    web = WebServer(workers=1, DATABASE_URL=URL)
    web.start()
    try:
        _walk_through(web.url, admin)
    finally:
        web.stop()


def _walk_through(url: str, admin: psycopg.Connection) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        session = _works(client)
        _refused(session, "observe", {"strings": ["c"], "vectors": [[1, 2]]})
        _refused(session, "observe-sequence", {"observations": [{"strings": ["c"]}, {"vectors": [[1, 2]]}]})
        assert session.post("clear-all")["scope"] == "all"

        admin.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(sql.Identifier(NAME)))
        assert "until a superuser has run CREATE EXTENSION vector" in _migrate()
        _refused(session, "observe", {"vectors": [[1, 2]]})

        _install(admin)
        assert _migrate() == ""
        session.observe(vectors=[[1, 2]])
        session.learn()
        session.observe(vectors=[[1, 3]])
        assert len(session.stm()[0]) == 2, "without a restart"

        admin.execute("DROP EXTENSION vector CASCADE")
        _refused(session, "observe", {"vectors": [[1, 2]]})
        _refused(session, "learn")  # the waiting vectors cannot be stored
        _works(client)
        _install(admin)
        assert _migrate() == ""
        session.post("clear-stm")
        session.observe(vectors=[[1, 2, 3]])
        assert len(session.stm()[0]) == 1, "what was dropped is gone, and its dimension"
