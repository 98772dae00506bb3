"""Delivering jobs to workers, at least once.

When the transaction that accepted a job commits, a Celery message carries the job's id to a worker. Where that message
is lost (a crash in between, a broker that is down or loses data), the relay finds the job in the table. A worker that
gets a message twice, or for a finished job, sees that in the row.
"""

import logging
from collections.abc import Iterable
from functools import partial

from django.db import transaction

from foundation.background import BrokerUnavailable, send
from foundation.breaker import Breaker
from foundation.postgresql.locks import lock_number
from sessions_app.stores import SESSIONS

log = logging.getLogger(__name__)

_LOCK_PREFIX = "job:"
TASK = "sessions_app.jobs.tasks.run_job"

# How long the relay waits for the message that was sent when the job was accepted.
GRACE = "interval '10 seconds'"

# The advisory lock of a due job shows whether a worker is working on it: the worker's connection holds the lock, and a
# killed worker has no connection. A job whose message only waits in a long queue is sent again at growing intervals.
_RELAY = f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM sessions_app_job WHERE state IN ('waiting', 'running') AND due_at <= now()
        ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), examined AS MATERIALIZED (
        SELECT id, pg_try_advisory_xact_lock({lock_number(f"'{_LOCK_PREFIX}' || id")}) AS abandoned FROM due
    )
    UPDATE sessions_app_job AS job SET due_at = now() + CASE
        WHEN abandoned THEN LEAST(GREATEST(now() - waiting_since, interval '30 seconds'), interval '5 minutes')
        ELSE interval '5 seconds' END
    FROM examined WHERE job.id = examined.id RETURNING job.id, abandoned
"""

_breaker = Breaker(failures=1, pause=1.0)


def lock_name(job_id: str) -> str:
    """The advisory lock that the worker of this job holds."""
    return f"{_LOCK_PREFIX}{job_id}"


def deliver_on_commit(*job_ids: str) -> None:
    """Deliver jobs when the running transaction commits."""
    transaction.on_commit(partial(deliver, job_ids))


def deliver(job_ids: Iterable[str]) -> None:
    """Deliver jobs now. Never fails: the rows are stored, and the relay delivers what this cannot."""
    for job_id in job_ids:
        if not _breaker.admits():
            return
        try:
            send(TASK, job_id)
        except BrokerUnavailable as error:
            _breaker.failed()
            log.warning("Could not send job %s to the broker; the relay will deliver it: %s", job_id, error)
        else:
            _breaker.succeeded()


def relay(*, limit: int = 500) -> int:
    """Deliver up to `limit` due jobs that no worker is working on; returns how many.

    Two relays at once share the work: each takes the rows that the other has not locked.
    """
    with transaction.atomic():
        examined = SESSIONS.execute(_RELAY, {"limit": limit})
    # After the commit: while this transaction holds the advisory locks, a worker would find them taken and leave.
    abandoned = [job_id for job_id, is_abandoned in examined if is_abandoned]
    deliver(abandoned)
    return len(abandoned)
