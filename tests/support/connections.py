"""Requests that reach different processes of a service."""

from typing import Any

import httpx


def fresh_connections(url: str) -> httpx.Client:
    """A client that opens a connection for each request, so that the kernel spreads them over the processes.

    By a header: a pool that keeps no connection closes those of its other threads, sometimes while they read.
    """
    return httpx.Client(base_url=url, timeout=60, headers={"Connection": "close"})


def from_every_process(url: str, path: str, *, workers: int = 4) -> dict[str, Any]:
    """Ask until every process has answered; return the last answer of each, by instance."""
    answers: dict[str, Any] = {}
    with fresh_connections(url) as client:
        for _ in range(100):
            response = client.get(path)
            assert response.status_code == 200, response.text
            answers[response.headers["X-Kato-Instance"]] = response.json()
            if len(answers) == workers:
                return answers
    raise AssertionError(f"only {len(answers)} of {workers} processes have answered")
