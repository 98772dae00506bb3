"""Background work: a job is a row, committed together with its cause. Celery only notifies workers of it."""
