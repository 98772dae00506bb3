"""Managing jobs: accept, find, list, count, cancel, retry, purge."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from time import time_ns
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from access_app import quotas
from access_app.admission import CONFIRMED
from access_app.limits import Limits
from foundation import callers, logs
from sessions_app.errors import JobFinished, JobNotFound
from sessions_app.jobs.delivery import GRACE, deliver, deliver_on_commit
from sessions_app.models.jobs import Job, JobPart, Kind, State
from sessions_app.operations.sql import json_text
from sessions_app.stores import SESSIONS

_ACCEPT = f"""
    INSERT INTO sessions_app_job
        (id, kind, node_id, session_id, key_id, trace_id, parameters, total, created_at, waiting_since, due_at)
    SELECT %(id)s, %(kind)s, %(node_id)s, %(session_id)s, %(key_id)s, %(trace_id)s, %(parameters)s::json, %(total)s,
        now(), now(), now() + {GRACE}
    WHERE {CONFIRMED} RETURNING id
"""
# What cancel and retry change.
_CHANGED = ("state", "attempts", "error", "waiting_since", "due_at", "finished_at")
_CANCEL = f"""
    UPDATE sessions_app_job SET state = 'cancelled', finished_at = now()
    WHERE id = %(id)s AND state IN ('waiting', 'running') AND {CONFIRMED} RETURNING {", ".join(_CHANGED)}
"""
_RETRY = f"""
    UPDATE sessions_app_job SET state = 'waiting', attempts = 0, error = NULL, finished_at = NULL,
        waiting_since = now(), due_at = now() + {GRACE}
    WHERE id = %(id)s AND state IN ('failed', 'cancelled') AND {CONFIRMED} RETURNING {", ".join(_CHANGED)}
"""
_PURGE = """
    WITH old AS (
        SELECT id FROM sessions_app_job WHERE finished_at < now() - interval '7 days'
        ORDER BY finished_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), parts AS (DELETE FROM sessions_app_jobpart WHERE job_id IN (SELECT id FROM old))
    DELETE FROM sessions_app_job WHERE id IN (SELECT id FROM old) RETURNING id
"""

# A job waits for the earlier jobs of its session, so that requests sent in order take effect in order.
# Finalize-training waits for all earlier jobs of its node, because it depends on what they learn. Imports into a node
# wait for each other: of two that want it empty, the second finds what the first added.
_CONCERNS = """
    (earlier.session_id = job.session_id OR job.kind = 'finalize-training'
        OR (job.kind = 'import' AND earlier.kind = 'import'))
"""
_BLOCKED_BY = f"""
    earlier.state IN ('waiting', 'running') AND earlier.node_id = job.node_id AND earlier.number < job.number
    AND {_CONCERNS}
"""
BLOCKED = f"EXISTS (SELECT FROM sessions_app_job AS earlier WHERE {_BLOCKED_BY})"
_FREED = f"""
    SELECT job.id FROM sessions_app_job AS job, sessions_app_job AS earlier
    WHERE earlier.id = %(id)s AND job.node_id = earlier.node_id AND job.number > earlier.number
      AND job.state = 'waiting' AND {_CONCERNS} AND NOT {BLOCKED}
"""
_BACKLOG = """
    SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'running'),
        GREATEST(0, extract(epoch FROM now() - min(waiting_since) FILTER (WHERE state = 'waiting')))::float8
    FROM sessions_app_job WHERE state IN ('waiting', 'running')
"""
_OTHERS_OF_KEY = """
    SELECT count(*) FROM sessions_app_job
    WHERE key_id = %(key_id)s AND state IN ('waiting', 'running') AND id <> %(id)s
"""
_FAILED_LATELY = "finished_at > now() - make_interval(hours => %(hours)s) AND state = 'failed'"
_COUNT_FAILED = f"SELECT count(*) FROM sessions_app_job WHERE {_FAILED_LATELY}"
_LIST_FAILED = f"SELECT id FROM sessions_app_job WHERE {_FAILED_LATELY} ORDER BY finished_at DESC LIMIT %(limit)s"


@dataclass(frozen=True, slots=True)
class Backlog:
    """Unfinished jobs. `lag_seconds`: how long the oldest waiting job has waited; 0 where none waits."""

    waiting: int
    running: int
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class JobPage:
    """`total`: jobs that the filters let through, whatever the page."""

    jobs: list[Job]
    total: int


@transaction.atomic
def accept(
    *,
    kind: Kind,
    node_id: str,
    session_id: str | None = None,
    parameters: dict[str, Any],
    total: int,
    parts: Iterable[bytes] = (),
) -> Job:
    """Store a job of `total` units in the transaction of its cause; a worker gets it when that commits.

    Raises QuotaUsedUp, and Unauthorized where the caller's key is no longer valid.
    """
    job_id = f"job-{uuid.uuid4().hex}-{time_ns() // 1_000_000}"
    key_id, limits = callers.current().key_id, quotas.limits()
    if limits.jobs is not None:
        quotas.hold("jobs", key_id=key_id)
        _check_quota(job_id, key_id, limits)
    logs.about(job_id=job_id, node_id=node_id)
    SESSIONS.execute_one(
        _ACCEPT,
        {
            "id": job_id,
            "kind": kind.value,
            "node_id": node_id,
            "session_id": session_id,
            "key_id": key_id,
            "trace_id": logs.trace_id(),
            "parameters": json_text(parameters),
            "total": total,
        },
    )
    for number, content in enumerate(parts):
        JobPart.objects.create(job_id=job_id, number=number, content=content)
    deliver_on_commit(job_id)
    return find(job_id)


def _check_quota(job_id: str, key_id: str | None, limits: Limits) -> None:
    """Raises QuotaUsedUp where the other unfinished jobs of the key leave no place for this one."""
    [(others,)] = SESSIONS.execute(_OTHERS_OF_KEY, {"key_id": key_id, "id": job_id})
    quotas.check("jobs", others, limits, key_id=key_id)


def _visible_jobs() -> QuerySet[Job]:
    caller = callers.current()
    jobs = Job.objects.all()
    if caller.nodes is not None:
        jobs = jobs.filter(reduce(or_, (Q(node_id__startswith=prefix) for prefix in caller.nodes), Q(pk__in=[])))
    return jobs if caller.is_admin else jobs.filter(key_id=caller.key_id)


def find(job_id: str, *, locked: bool = False) -> Job:
    """A job that the caller may see: its own ones; an administrator those of its nodes. Raises JobNotFound.

    `locked`: until the end of the transaction nobody else changes it.
    """
    jobs = _visible_jobs().select_for_update(no_key=True) if locked else _visible_jobs()
    job = None if "\0" in job_id else jobs.filter(id=job_id).first()
    if job is None:
        raise JobNotFound(job_id)
    logs.about(job_id=job_id, node_id=job.node_id)
    return job


def page(
    *, skip: int, limit: int, state: State | None = None, kind: Kind | None = None, node_id: str | None = None
) -> JobPage:
    """Jobs, the last accepted first, without their results, which may be long."""
    filters = {"state": state, "kind": kind, "node_id": node_id}
    jobs = _visible_jobs().filter(**{name: value for name, value in filters.items() if value is not None})
    return JobPage(list(jobs.defer("result", "parameters").order_by("-number")[skip : skip + limit]), jobs.count())


@transaction.atomic
def cancel(*, job_id: str) -> Job:
    """End an unfinished job. The effects of its completed steps stay, and no step commits after this returned.

    A running step finds the job cancelled when it records its progress, and rolls back. Cancelling a cancelled job
    changes nothing. Raises JobNotFound, JobFinished where the job is done or failed, and Unauthorized.
    """
    # Locked: a retry between the change, which a failed job does not need, and the answer would make this a refusal of
    # a waiting job.
    job = find(job_id, locked=True)
    if _change(job, _CANCEL):
        deliver_freed_on_commit(job_id)
    if job.state != State.CANCELLED:
        raise JobFinished(job_id, job.state)
    return job


@transaction.atomic
def retry(*, job_id: str) -> Job:
    """Resume a failed or cancelled job where it stopped; an unfinished job stays as it is.

    Counts among the jobs of the key that created it, whichever key retries it.

    Raises JobNotFound, JobFinished where the job is done, QuotaUsedUp, and Unauthorized.
    """
    # Decides by the state as it is when the row is locked: the job may have ended while this waited for it. And answers
    # with it: a cancel in between would be told as if a cancelled job had not been resumed.
    job = find(job_id, locked=True)
    limits = quotas.limits_of(job.key_id)
    if limits.jobs is not None:
        # With the job's row: who holds the quota waits for no row of a job that exists already.
        quotas.hold("jobs", key_id=job.key_id)
    if _change(job, _RETRY):
        if limits.jobs is not None:
            _check_quota(job_id, job.key_id, limits)
        deliver_on_commit(job_id)
    if job.state == State.DONE:
        raise JobFinished(job_id, job.state)
    return job


def _change(job: Job, statement: str) -> bool:
    """Whether the statement changes the job, whose row is locked. Raises Unauthorized."""
    row = SESSIONS.execute_one(statement, {"id": job.id})
    if row is None:
        return False
    for name, value in zip(_CHANGED, row, strict=True):
        setattr(job, name, value)
    return True


def purge(*, limit: int = 500) -> int:
    """Delete up to `limit` jobs that finished more than a week ago; returns how many."""
    return len(SESSIONS.execute(_PURGE, {"limit": limit}))


def deliver_freed_on_commit(job_id: str) -> None:
    """Deliver the jobs that wait for this job, which the running transaction finishes.

    Searches for them after the commit. A search before it could miss a job: accepted after the search, taken by a
    worker and put aside because this job was still running, it would wait for the relay.
    """
    transaction.on_commit(lambda: deliver(row[0] for row in SESSIONS.execute(_FREED, {"id": job_id})))


def backlog() -> Backlog:
    """The jobs that wait for a worker, and those that workers have begun, at this moment."""
    [row] = SESSIONS.execute(_BACKLOG, {})
    return Backlog(*row)


def count_failed(*, hours: int) -> int:
    """How many jobs failed within this time and were not retried since."""
    [(number,)] = SESSIONS.execute(_COUNT_FAILED, {"hours": hours})
    return int(number)


def failed_lately(*, hours: int = 24, limit: int = 100) -> list[str]:
    """Ids of the jobs that `count_failed` counts, the latest failure first."""
    return [job_id for (job_id,) in SESSIONS.execute(_LIST_FAILED, {"hours": hours, "limit": limit})]
