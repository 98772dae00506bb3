"""Having things done in the background, in tests."""

from typing import Any

import httpx

from benchmarks.stack import eventually


def start(client: httpx.Client, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """Send a request of a session in asynchronous mode; answers the job as it was accepted."""
    answer = client.post(path, params={"mode": "async"}, json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/jobs/{job['job_id']}"
    return job


def look(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """The job as it is now."""
    now: dict[str, Any] = client.get(f"/jobs/{job['job_id']}").json()
    return now


def end_of(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """The job when it is finished."""
    eventually(lambda: look(client, job)["state"] not in ("waiting", "running"), "the job is finished")
    return look(client, job)
