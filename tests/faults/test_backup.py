"""docs/operations.md: a restored backup gives the same answers, and undone writes leave no trace in Redis."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from benchmarks.stack import manage
from katoproject.configuration.environment import PROJECT_DIR
from tests.support.connections import fresh_connections
from tests.support.fragile import Fragile
from tests.support.sessions import LiveSession, OpenSession

pytestmark = pytest.mark.long

TRANSACTIONS = "DO $$ BEGIN FOR n IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"


@pytest.fixture
def open_session(fragile: Fragile) -> Iterator[OpenSession]:
    """Each request opens a connection, because the servers restart in between."""
    with fresh_connections(fragile.web.url) as client:
        yield partial(LiveSession.create, client)


def taught(open_session: OpenSession, node: str) -> LiveSession:
    """A session in the middle of a conversation, on a node that was finalised."""
    session = open_session(node, config={"recall_threshold": 0.2})
    for events in (("ab", "c", "d"), ("ab", "c", "e"), ("ab", "c", "d")):
        session.teach(*events)
    session.post("finalize-training")
    session.observe("b", "a", emotives={"joy": 0.5}, metadata={"by": "me"})
    session.observe("c", vectors=[[0.1, 0.2]])
    return session


def answers(session: LiveSession) -> dict[str, bytes]:
    views = ("stm", "predictions", "percept-data", "cognition-data", "config")
    told = {view: session.client.get(f"/sessions/{session.id}/{view}") for view in views}
    told |= {view: session.client.get(f"/{view}", params={"node_id": session.node}) for view in ("symbols/stats",)}
    assert {one.status_code for one in told.values()} == {200}
    return {view: one.content for view, one in told.items()}


def predictions(session: LiveSession) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = session.get("predictions")["predictions"]
    return told


@contextmanager
def stores_alone(fragile: Fragile) -> Iterator[None]:
    """`manage.py up --stores`, which creates an empty database if there is none."""
    command = [sys.executable, "manage.py", "up", "--stores"]
    own = {**os.environ, "KATO_DATA_DIR": str(fragile.stores.data), "REDIS_URL": fragile.redis_url}
    own.pop("DATABASE_URL", None)
    with subprocess.Popen(command, cwd=PROJECT_DIR, env=own, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("The stores are up, and nothing else" in line for line in process.stdout)
        try:
            yield
        finally:
            process.terminate()
            process.communicate()
    assert process.returncode == 0


def restore(fragile: Fragile, dump: Path) -> None:
    """Steps 3 to 5 of the documentation."""
    manage("pg", "pg_restore", "--exit-on-error", "--no-owner", "--dbname=kato", str(dump), **fragile.environment)
    manage("migrate", "--verbosity=0", "--skip-checks", **fragile.environment)
    with pytest.raises(subprocess.CalledProcessError) as broken:
        manage("verify", **fragile.environment)
    assert broken.value.returncode == 1
    # What Redis still has is of the old cluster: names of another database, out of reach.
    assert "Checks failed: transaction-ids, session-events" in broken.value.stderr
    manage("verify", "--repair", **fragile.environment)


@pytest.mark.exhaustive
def test_a_dump_restored_into_a_new_cluster_gives_the_same_answers(
    fragile: Fragile, open_session: OpenSession, tmp_path: Path
) -> None:
    """Redis keeps its content; the new cluster numbers transactions from the beginning."""
    with psycopg.connect(fragile.database_url, autocommit=True) as database:
        database.execute(TRANSACTIONS)
    session, twin = taught(open_session, "kitchen"), taught(open_session, "twin")
    before = answers(session)
    dump = tmp_path / "kato.dump"
    manage("pg", "pg_dump", "--format=custom", f"--file={dump}", **fragile.environment)

    open_session("kitchen").teach("ab", "c", "x")
    undone = predictions(session)
    open_session("twin").teach("ab", "c", "y")
    expected = predictions(twin)
    later = open_session("kitchen")

    fragile.web.stop()
    fragile.stores.stop_one("postgres")
    shutil.rmtree(fragile.stores.data / "postgres")
    with stores_alone(fragile):
        restore(fragile, dump)
    fragile.stores.start_one("postgres")
    fragile.web.start()

    assert answers(session) == before
    assert session.client.get(f"/sessions/{later.id}").status_code == 404, "it was created after the back-up"
    open_session("kitchen").teach("ab", "c", "y")
    assert predictions(session) == expected != undone
    manage("verify", **fragile.environment)


def test_a_copy_of_the_folder_of_a_stopped_server_gives_the_same_answers(
    fragile: Fragile, open_session: OpenSession, tmp_path: Path
) -> None:
    session = taught(open_session, "pantry")
    before = answers(session)
    cluster, copy = fragile.stores.data / "postgres", tmp_path / "copy"
    fragile.web.stop()
    fragile.stores.stop()
    subprocess.run(["cp", "-a", str(cluster), str(copy)], check=True)
    fragile.stores.start()
    with psycopg.connect(fragile.database_url) as database:
        database.execute("DELETE FROM memory_app_pattern")
    fragile.stores.stop()
    shutil.rmtree(cluster)
    subprocess.run(["cp", "-a", str(copy), str(cluster)], check=True)
    fragile.stores.start()
    fragile.web.start()
    assert answers(session) == before
    manage("verify", **fragile.environment)
