"""Background jobs over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg

from benchmarks.stack import eventually


def start(client: httpx.Client, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """Send a request of a session in asynchronous mode; return the accepted job."""
    answer = client.post(path, params={"mode": "async"}, json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/jobs/{job['job_id']}"
    return job


def training(node_id: str, sequences: Any, **more: Any) -> dict[str, Any]:
    """The body of a request for a training run."""
    return {"kind": "train", "node_id": node_id, "sequences": sequences, **more}


def train(client: httpx.Client, node_id: str, sequences: Any, **more: Any) -> dict[str, Any]:
    """Start a training run; return the accepted job."""
    answer = client.post("/jobs", json=training(node_id, sequences, **more))
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/jobs/{job['job_id']}"
    return job


def look(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """The job as it is now."""
    now: dict[str, Any] = client.get(f"/jobs/{job['job_id']}").json()
    return now


def end_of(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """Wait until the job is finished; return it."""
    eventually(lambda: look(client, job)["state"] not in ("waiting", "running"), "the job is finished")
    return look(client, job)


def learned(database: psycopg.Connection, node_id: str) -> list[int]:
    """How often each pattern of the node was learned."""
    query = "SELECT frequency FROM memory_app_pattern JOIN memory_app_node USING (memory) WHERE node_id = %s"
    return [row[0] for row in database.execute(query, [node_id])]


@contextmanager
def poison(database: psycopg.Connection) -> Iterator[None]:
    """Inside the block, no pattern with the symbol `poison` can be stored."""
    database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'indigestible'; END $$"
    )
    database.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON memory_app_pattern FOR EACH ROW "
        "WHEN (NEW.events::text LIKE '%poison%') EXECUTE FUNCTION refuse()"
    )
    try:
        yield
    finally:
        database.execute("DROP FUNCTION refuse CASCADE")
