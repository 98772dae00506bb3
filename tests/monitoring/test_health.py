"""`/health` looks at nothing but this process and the last sample (http.md 1.4)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import RequestFactory

from benchmarks.stack import eventually
from foundation.metrics import folder as metrics
from katoproject.monitoring import latest
from katoproject.monitoring.api.health import Health
from katoproject.monitoring.latest import FRESH, Latest
from katoproject.monitoring.resources import Resources
from katoproject.monitoring.snapshot import Shared, Snapshot
from tests.support.sessions import NewSession

Sampled = Callable[..., None]


@pytest.fixture
def sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sampled:
    """Leave a sample of some seconds ago: `sampled(seconds=4, sessions=9)`."""
    monkeypatch.setenv(metrics.VARIABLE, str(tmp_path))
    monkeypatch.setattr(metrics, "_known_start", None)
    monkeypatch.setattr(metrics, "_PROCESS_STARTED", tuple(moment - 1000 for moment in metrics._PROCESS_STARTED))

    def leave(*, seconds: float, sessions: int | None, **more: Any) -> None:
        taken = Snapshot(instance="this", started_at=metrics.started_at(), at=0, uptime=metrics.uptime() - seconds)
        taken.shared = Shared(sessions_active=sessions)
        latest.write(Latest(snapshot=taken.model_copy(update=more), points=[], others=[]))

    return leave


def health() -> dict[str, Any]:
    """As this process answers, in which every access to the database fails."""
    found: dict[str, Any] = json.loads(Health.as_view()(RequestFactory().get("/health")).content)
    return found


def test_it_says_how_many_sessions_the_last_sample_counted_and_when(sampled: Sampled) -> None:
    sampled(seconds=4, sessions=9)
    assert health()["active_sessions"] == 9
    assert 4 <= health()["active_sessions_age"] < FRESH


def test_the_next_sample_is_noticed(sampled: Sampled) -> None:
    sampled(seconds=11, sessions=9)
    assert health()["active_sessions"] == 9
    sampled(seconds=1, sessions=10)
    assert health()["active_sessions"] == 10


@pytest.mark.parametrize(
    ("seconds", "sessions"), [(FRESH + 1, 9), (1, None)], ids=["an old sample", "a sample without the database"]
)
def test_it_does_not_guess_from(sampled: Sampled, seconds: float, sessions: int | None) -> None:
    sampled(seconds=seconds, sessions=sessions)
    assert (health()["active_sessions"], health()["active_sessions_age"]) == (None, None)


@pytest.mark.usefixtures("sampled")
def test_without_any_sample_it_measures_the_machine_itself() -> None:
    assert health()["active_sessions"] is None
    assert health()["last_collection"] == 0
    assert health()["status"] in ("healthy", "degraded", "unhealthy")


def test_the_machine_is_as_it_was_sampled(sampled: Sampled) -> None:
    full = Resources(cpu_percent=1, memory_percent=95, memory_bytes=1, disk_percent=1, load_average_1m=1)
    sampled(seconds=4, sessions=9, resources=full)
    assert (health()["status"], health()["issues"]) == ("unhealthy", ["High memory usage"])


def test_a_new_session_is_counted_within_seconds(client: httpx.Client, new_session: NewSession) -> None:
    new_session()

    def counted() -> bool:
        said = client.get("/health").json()
        return said["active_sessions"] is not None and said["active_sessions"] > 0

    eventually(counted, "a sample counts the sessions")
