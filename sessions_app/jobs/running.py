"""Running jobs: in a Celery worker, step by step, for a slice of time.

The worker of a job holds its advisory lock, so that no second worker wastes time on it. What makes each step happen
once is not the lock but the row: the last statement of a step advances `done` from its value at the start of the step,
and only while the job is running. A second worker, or one whose job was cancelled, advances nothing and rolls back.
"""

import logging
import time

from django.conf import settings
from django.db import transaction
from pydantic import ValidationError

from access_app.keyring import keyring
from foundation import callers, logs
from foundation.errors import Refusal
from foundation.postgresql.locks import alone
from sessions_app.jobs.delivery import GRACE, deliver, lock_name
from sessions_app.jobs.lifecycle import BLOCKED, deliver_freed_on_commit, find
from sessions_app.jobs.steps import STEPS
from sessions_app.models.jobs import UNFINISHED, Job, State
from sessions_app.stores import SESSIONS

log = logging.getLogger(__name__)

# After this time a worker takes other messages and continues the job later: a long job must not delay scheduled tasks,
# other jobs, or a worker that is shutting down.
TIME_SLICE = 2.0  # seconds
MAX_ATTEMPTS = 8
_LONGEST_REASON = 2000  # characters: an error may list a thousand problems

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
    """The job is no longer running, or another worker did this step: this step must roll back."""


# Errors that another attempt cannot avoid.
FINAL = (Refusal, ValidationError, WorkersEnded)


def run(job_id: str) -> None:
    """Work on a job for a slice of time, unless it is finished, has to wait, or another worker has it."""
    with alone(lock_name(job_id)) as is_alone:
        has_more = is_alone and SESSIONS.execute_one(_CLAIM, {"id": job_id}) is not None and _work_on(job_id)
    # After releasing the lock: otherwise the next worker could find it taken, and leave.
    if has_more:
        deliver([job_id])


def _work_on(job_id: str) -> bool:
    """Work on the job for a slice of time, and log its end; returns whether to continue it right away."""
    job = find(job_id)
    with logs.context(trace_id=job.trace_id, job_id=job_id, session_id=job.session_id, node_id=job.node_id):
        has_more = _do_steps(job)
        if not has_more:
            _log_end(job_id)
    return has_more


def _do_steps(job: Job) -> bool:
    end_of_slice = time.monotonic() + TIME_SLICE
    try:
        if job.attempts > MAX_ATTEMPTS:
            raise WorkersEnded
        while not _step_of_caller(job):
            if time.monotonic() > end_of_slice:
                return bool(SESSIONS.execute(_GIVE_TURN, {"id": job.id}))
            job = find(job.id)
    except Stopped:
        pass  # the row says already how it ends
    except FINAL as error:
        _fail(job, str(error))
    except Exception as error:
        log.exception("Attempt %d of a job failed", job.attempts)
        reason = f"{type(error).__name__}: {error}"
        if job.attempts >= MAX_ATTEMPTS:
            _fail(job, reason)
        else:
            SESSIONS.execute(_BACK_OFF, {"id": job.id, "error": reason[:_LONGEST_REASON]})
    return False


def _log_end(job_id: str) -> None:
    """Log one line per job: it is done, failed, or was cancelled while this worker did a step."""
    job = Job.objects.only("kind", "state", "done", "attempts", "error", "started_at", "finished_at").get(id=job_id)
    if job.state in UNFINISHED or job.started_at is None or job.finished_at is None:
        return
    fields = {
        "kind": job.kind,
        "status": job.state,
        "duration_ms": round((job.finished_at - job.started_at).total_seconds() * 1000, 2),
        "done": job.done,
        "attempts": job.attempts,
        "error": job.error,
    }
    level = logging.WARNING if job.state == State.FAILED else logging.INFO
    log.log(level, "Job ended", extra={"fields": fields})


def _step_of_caller(job: Job) -> bool:
    """A step acts for the access key that created the job, so it is refused what the key is refused now."""
    caller = keyring.agent_of(job.key_id) if job.key_id and settings.ENV.needs_keys else callers.OPERATOR
    with callers.acting_as(caller):
        return _step(job)


@transaction.atomic
def _step(job: Job) -> bool:
    """Do one step, effect and progress together; returns whether it was the last. Raises Stopped."""
    done, result = STEPS[job.kind](job)
    row = SESSIONS.execute_one(_ADVANCE, {"id": job.id, "before": job.done, "done": done, "result": result.decode()})
    if row is None:
        raise Stopped
    [state] = row
    if state == State.DONE:
        deliver_freed_on_commit(job.id)
    return bool(state == State.DONE)


@transaction.atomic
def _fail(job: Job, reason: str) -> None:
    if SESSIONS.execute(_FAIL, {"id": job.id, "error": reason[:_LONGEST_REASON]}):
        deliver_freed_on_commit(job.id)
