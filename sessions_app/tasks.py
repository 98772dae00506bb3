"""Background work. Each task may run at any time, twice, or not for a while: nothing a client sees depends on it."""

from celery import shared_task

from sessions_app import idempotency, operations


@shared_task
def delete_expired_sessions() -> int:
    """Delete the rows of sessions whose time has run out, in small batches; answers how many."""
    deleted = 0
    while batch := operations.delete_expired():
        deleted += batch
    return deleted


@shared_task
def delete_old_idempotency_keys() -> int:
    """Forget keys that are older than a day, in small batches; answers how many."""
    deleted = 0
    while batch := idempotency.delete_old():
        deleted += batch
    return deleted
