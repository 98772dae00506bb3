"""What each kind of job does in one step, inside the transaction that also moves the job on."""

from collections.abc import Callable

from sessions_app.api import shapes
from sessions_app.api.learning import finalize_training
from sessions_app.api.observing import observe_sequence
from sessions_app.jobs.models import Job, JobPart, Kind

# Given the job as the last step left it: the units that are done after this step, and the result so far, as JSON.
Step = Callable[[Job], tuple[int, bytes]]


def _observe_sequence(job: Job) -> tuple[int, bytes]:
    """All of it at once: a sequence is observed as a whole or not at all."""
    parts = JobPart.objects.filter(job_id=job.id)
    body = b"".join(bytes(part.content) for part in parts.order_by("number"))
    answer = observe_sequence(_session_of(job), shapes.ObserveSequence.model_validate_json(body))
    parts.delete()
    return job.total, answer


def _finalize_training(job: Job) -> tuple[int, bytes]:
    return job.total, finalize_training(_session_of(job))


def _session_of(job: Job) -> str:
    assert job.session_id is not None
    return str(job.session_id)


STEPS: dict[str, Step] = {
    Kind.OBSERVE_SEQUENCE: _observe_sequence,
    Kind.FINALIZE_TRAINING: _finalize_training,
}
