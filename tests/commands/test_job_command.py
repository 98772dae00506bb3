"""`manage.py job …`: background work, from the command line."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import transaction

from sessions_app.jobs import lifecycle
from sessions_app.models.jobs import Job, Kind, State
from tests.support.commands import command
from tests.support.jobs import end_of, start
from tests.support.sessions import NewSession

pytestmark = pytest.mark.usefixtures("same_database")


@pytest.fixture
def node() -> str:
    return f"node-{uuid4().hex}"


@pytest.fixture
def failed(new_session: NewSession, node: str) -> dict[str, Any]:
    """A job that failed because of a fault that has been repaired since."""
    session_id, body = new_session(node_id=node), b'{"observations":[{"strings":["a"]}]}'
    with transaction.atomic():  # so that no worker sees it before it has failed
        job = lifecycle.accept(
            kind=Kind.OBSERVE_SEQUENCE, node_id=node, session_id=session_id, parameters={}, total=1, parts=[body]
        )
        Job.objects.filter(id=job.id).update(state=State.FAILED, error="OperationalError: disk full\nmore")
    return {"job_id": job.id}


def test_jobs_are_listed_with_their_state(failed: dict[str, Any], node: str) -> None:
    [listed] = command("job", "list", "--node", node, "--json").lines
    assert (listed["job_id"], listed["state"], listed["progress"]) == (failed["job_id"], "failed", 0.0)
    header, _, row = command("job", "list", "--node", node).out.splitlines()
    assert header.split() == ["job", "kind", "state", "progress", "node", "accepted", "error"]
    assert row.split()[:4] == [failed["job_id"], "observe-sequence", "failed", "0%"]
    assert row.rstrip().endswith("OperationalError: disk full")
    assert command("job", "list", "--node", node, "--state", "done", "--json").lines == []


def test_a_long_list_says_how_to_continue(client: httpx.Client, new_session: NewSession, node: str) -> None:
    session_id = new_session(node_id=node)
    jobs = [start(client, f"/sessions/{session_id}/finalize-training")["job_id"] for _ in range(3)]
    first = command("job", "list", "--node", node, "--limit", "2", "--json")
    assert first.err == "1 more: --skip 2\n"
    second = command("job", "list", "--node", node, "--limit", "2", "--skip", "2", "--json")
    assert [one["job_id"] for one in (*first.lines, *second.lines)] == jobs[::-1]
    assert command("job", "cancel", *jobs).status == 0


@pytest.mark.usefixtures("worker")
def test_a_failed_job_can_be_retried(client: httpx.Client, failed: dict[str, Any]) -> None:
    told = command("job", "retry", failed["job_id"], "nothing", "--json")
    assert [one.get("state", one.get("error")) for one in told.lines] == ["waiting", "Job nothing not found"]
    assert (told.status, told.err) == (1, "Error: Job nothing not found\n")
    done = end_of(client, failed)
    assert done["state"] == "done"
    shown = command("job", "show", failed["job_id"], "--json").json
    assert shown == done
    assert "100% (1 of 1 unit)" in command("job", "show", failed["job_id"]).out
    assert command("job", "retry", failed["job_id"]).err == f"Error: Job {failed['job_id']} is done already\n"


def test_a_finished_job_cannot_be_cancelled(failed: dict[str, Any]) -> None:
    told = command("job", "cancel", failed["job_id"])
    assert (told.status, told.err) == (1, f"Error: Job {failed['job_id']} is failed already\n")


@pytest.mark.parametrize(
    "arguments", [(), ("list", "--state", "lost"), ("list", "--limit", "none"), ("retry",), ("show", "\udce4")]
)
def test_wrong_arguments_are_refused(arguments: tuple[str, ...]) -> None:
    told = command("job", *arguments)
    assert (told.status, told.out) == (2, "")
    assert "usage: manage.py job" in told.err
