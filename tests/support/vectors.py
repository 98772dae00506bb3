"""Observing vectors over HTTP, and the errors of wrong ones."""

from typing import Any

from engine.vectors import named, sum_vectors
from tests.support.sessions import LiveSession


def name(*values: float) -> str:
    return named(sum_vectors([values])).name


def observe_vector(session: LiveSession, *values: float, **parts: Any) -> dict[str, Any]:
    return session.observe(vectors=[list(values)], **parts)


def refused(session: LiveSession, path: str, body: Any = None) -> dict[str, Any]:
    """Send a request that must be refused and change nothing; return the detail of the 400."""
    before = session.get("cognition-data"), session.get("percept-data")
    response = session.client.post(f"/sessions/{session.id}/{path}", json=body)
    assert response.status_code == 400, response.text
    assert (session.get("cognition-data"), session.get("percept-data")) == before
    detail: dict[str, Any] = response.json()["detail"]
    return detail


def wrong_dimension(expected: int, *values: float, **more: Any) -> dict[str, Any]:
    return {
        "error": "VectorDimensionError",
        "message": f"Vector dimension mismatch: expected {expected}, got {len(values)} ({name(*values)}); "
        "nothing was changed",
        "expected_dimension": expected,
        "actual_dimension": len(values),
        "vector_name": name(*values),
        **more,
    }
