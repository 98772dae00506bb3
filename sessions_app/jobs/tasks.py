"""The Celery task that runs jobs."""

from celery import shared_task

from sessions_app.jobs.running import run


@shared_task
def run_job(job_id: str) -> None:
    """Work on a job for a slice of time. Safe to send at any time, any number of times: the job's row decides."""
    run(job_id)
