"""Telling workers about jobs, at least once.

The news of a job travels through Celery when the transaction that accepted the job has committed. What is lost there (a
crash in between, a broker that is down or forgets) the relay finds in the table. A worker that gets news twice, or of
a job that is over, finds that out from the row.
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

# How long the relay leaves a job to the message that was sent when the job was accepted.
GRACE = "interval '10 seconds'"

# For each job that is due, its advisory lock tells whether somebody works on it: the worker's connection holds it, and
# a worker that was killed holds nothing. A message that only waits in a long queue is sent again at growing distances.
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
    """Of the advisory lock that is held by whoever works on the job."""
    return f"{_LOCK_PREFIX}{job_id}"


def deliver_on_commit(*job_ids: str) -> None:
    """Tell a worker about jobs once the running transaction has committed."""
    transaction.on_commit(partial(deliver, job_ids))


def deliver(job_ids: Iterable[str]) -> None:
    """Tell a worker about jobs now. Never fails: the rows are there, and the relay delivers what this cannot."""
    for job_id in job_ids:
        if not _breaker.admits():
            return
        try:
            send(TASK, job_id)
        except BrokerUnavailable as error:
            _breaker.failed()
            log.warning("The broker does not take job %s, the relay will deliver it later: %s", job_id, error)
        else:
            _breaker.succeeded()


def relay(*, limit: int = 500) -> int:
    """Deliver up to `limit` jobs that are due and that nobody works on; answers how many.

    Two at once share the work: each takes the rows that the other has not locked.
    """
    with transaction.atomic():
        examined = SESSIONS.execute(_RELAY, {"limit": limit})
    # After the commit: as long as this transaction holds the locks, a worker would think that somebody is at work.
    abandoned = [job_id for job_id, is_abandoned in examined if is_abandoned]
    deliver(abandoned)
    return len(abandoned)
