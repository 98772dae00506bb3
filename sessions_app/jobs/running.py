"""Working on jobs: in a Celery worker, step by step, for a slice of time.

Who works on a job holds its advisory lock, so that no two waste their time on it. What makes a step happen once is not
the lock but the row: a step's last statement moves `done` on from what it was when the step began, and only while the
job runs. A second worker, or one whose job was cancelled, moves nothing and rolls its step back.
"""

import logging
import time

from django.db import transaction
from pydantic import ValidationError

from engine.vectors import VectorDimensionError
from katoproject.postgresql.locks import alone
from katoproject.postgresql.statements import execute, execute_one
from memory_app.vectors import VectorsNotAvailable
from sessions_app.errors import InvalidConfiguration, SessionNotFound
from sessions_app.jobs.delivery import GRACE, deliver, lock_name
from sessions_app.jobs.kinds import STEPS
from sessions_app.jobs.models import Job, State
from sessions_app.jobs.operations import BLOCKED, deliver_freed_on_commit, find

log = logging.getLogger(__name__)

# After so long a worker turns to whatever else is to be done, and comes back: one long job must not keep the scheduled
# work and everybody else's jobs waiting, nor a stopping worker.
TIME_SLICE = 2.0  # seconds
MAX_ATTEMPTS = 8

_CLAIM = f"""
    UPDATE sessions_app_job AS job SET state = 'running', attempts = attempts + 1,
        started_at = COALESCE(started_at, now()), due_at = now()
    WHERE id = %(id)s AND state IN ('waiting', 'running') AND NOT {BLOCKED} RETURNING id
"""
_ADVANCE = """
    UPDATE sessions_app_job SET done = %(done)s, result = %(result)s::json, error = NULL, attempts = 1,
        state = CASE WHEN %(done)s = total THEN 'done' ELSE 'running' END,
        finished_at = CASE WHEN %(done)s = total THEN clock_timestamp() END
    WHERE id = %(id)s AND state = 'running' AND done = %(before)s RETURNING state
"""
_GIVE_TURN = (
    f"UPDATE sessions_app_job SET attempts = 0, due_at = now() + {GRACE} "
    "WHERE id = %(id)s AND state = 'running' RETURNING id"
)
_FAIL = """
    UPDATE sessions_app_job SET state = 'failed', error = %(error)s, finished_at = now()
    WHERE id = %(id)s AND state = 'running' RETURNING id
"""
# 1, 2, 4, … 64 seconds: together with what the attempts take, about two minutes.
_LATER = "now() + make_interval(secs => 2 ^ (attempts - 1))"
_BACK_OFF = f"""
    UPDATE sessions_app_job SET state = 'waiting', error = %(error)s, waiting_since = {_LATER}, due_at = {_LATER}
    WHERE id = %(id)s AND state = 'running' RETURNING id
"""


class WorkersEnded(Exception):
    """Every worker that began this step ended before the step did."""

    def __init__(self) -> None:
        super().__init__(f"{MAX_ATTEMPTS} workers ended while they worked on this")


class Stopped(Exception):
    """The job is not running any more, or somebody else did this step: the step must leave no trace."""


# What no further attempt can mend.
REFUSALS = (
    SessionNotFound,
    InvalidConfiguration,
    VectorDimensionError,
    VectorsNotAvailable,
    ValidationError,
    WorkersEnded,
)


def run(job_id: str) -> None:
    """Work on a job for a slice of time, unless it is finished, has to wait, or somebody else works on it."""
    with alone(lock_name(job_id)) as nobody_else:
        goes_on = nobody_else and execute_one(_CLAIM, {"id": job_id}) is not None and _work_on(job_id)
    # Not before the lock is given back: the next worker would find it taken, and leave.
    if goes_on:
        deliver([job_id])


def _work_on(job_id: str) -> bool:
    """Do steps for a slice of time; whether there are more to do at once."""
    end_of_slice = time.monotonic() + TIME_SLICE
    job = find(job_id)
    try:
        if job.attempts > MAX_ATTEMPTS:
            raise WorkersEnded
        while not _step(job):
            if time.monotonic() > end_of_slice:
                return bool(execute(_GIVE_TURN, {"id": job_id}))
            job = find(job_id)
        log.info("Job %s (%s) is done", job_id, job.kind)
    except Stopped:
        log.info("Job %s (%s) was stopped", job_id, job.kind)
    except REFUSALS as error:
        _fail(job, str(error))
    except Exception as error:
        log.exception("Job %s (%s) failed in attempt %d", job_id, job.kind, job.attempts)
        reason = f"{type(error).__name__}: {error}"
        if job.attempts >= MAX_ATTEMPTS:
            _fail(job, reason)
        else:
            execute(_BACK_OFF, {"id": job_id, "error": reason})
    return False


@transaction.atomic
def _step(job: Job) -> bool:
    """Do one step, effect and progress together; whether that was the last. Raises Stopped."""
    done, result = STEPS[job.kind](job)
    row = execute_one(_ADVANCE, {"id": job.id, "before": job.done, "done": done, "result": result.decode()})
    if row is None:
        raise Stopped
    [state] = row
    if state == State.DONE:
        deliver_freed_on_commit(job.id)
    return bool(state == State.DONE)


@transaction.atomic
def _fail(job: Job, reason: str) -> None:
    if execute(_FAIL, {"id": job.id, "error": reason}):
        log.warning("Job %s (%s) failed: %s", job.id, job.kind, reason)
        deliver_freed_on_commit(job.id)
