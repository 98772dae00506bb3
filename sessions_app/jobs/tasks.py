"""What Celery may be asked to do with sessions."""

from celery import shared_task

from sessions_app.jobs.running import run


@shared_task
def run_job(job_id: str) -> None:
    """Work on a job for a while. May be asked for at any time, any number of times: the job's row decides."""
    run(job_id)
